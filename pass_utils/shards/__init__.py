"""Shards: their bytes, their members, and the place of an image in one. Private."""
