"""File stamps: what tells that a file is still the one that it was, without reading it."""

from __future__ import annotations

import os
import zlib
from typing import NamedTuple


class FileStamp(NamedTuple):
    """Size in bytes, time of the last change in ns, and inode of a file."""

    size: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileStamp:
        """The stamp of a file of which the system says this.

        Args:
            status: as `os.stat` and `os.fstat` return it.
        """
        return cls(status.st_size, status.st_mtime_ns, status.st_ino)

    @property
    def hex(self) -> str:
        """Eight hex digits of size and time: the same for a copy that keeps them.

        >>> FileStamp(1024, 1_700_000_000_000_000_000, 7).hex
        'cbaa75b5'
        """
        return f"{zlib.crc32(f'{self.size}:{self.mtime_ns}'.encode()):08x}"
