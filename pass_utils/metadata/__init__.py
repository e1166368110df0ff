"""The metadata CSV: read and checked, and as a memory-mapped table that finds rows by hash."""

from .reading import read_rows
from .table import Metadata, open_metadata

__all__ = ["Metadata", "open_metadata", "read_rows"]
