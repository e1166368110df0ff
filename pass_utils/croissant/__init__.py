"""Croissant: descriptions of data for machines, as JSON-LD."""
