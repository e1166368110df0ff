"""Bytes from URLs: ranges of large files, resumed after every break; single images. Private."""
