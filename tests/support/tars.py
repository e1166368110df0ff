"""Tars: complete ones by tarfile, in memory and on disk, single headers by hand, and a shard that
remembers what was read of it.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path


def make_tar(
    files: Iterable[tuple[str, bytes]], *, format: int = tarfile.USTAR_FORMAT, end: bool = True
) -> bytes:
    """A tar of `(name, data)` files; without its end-of-archive blocks when `end` is false."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format, encoding="utf-8") as tar:
        for name, data in files:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        length = tar.offset
    return buffer.getvalue() if end else buffer.getvalue()[:length]


def write_tar(path: Path, files: Mapping[str, bytes] | Iterable[tuple[str, bytes]]) -> None:
    """Write a tar of `(name, data)` files, or of the data by name."""
    path.write_bytes(make_tar(files.items() if isinstance(files, Mapping) else files))


def make_header(
    name: bytes,
    size: int | bytes = 0,
    *,
    type: bytes = b"0",
    fields: Mapping[int, bytes] | None = None,
) -> bytes:
    """A header block: `size` as a number or as its twelve bytes, `fields` by their offset, and the
    right checksum.
    """
    block = bytearray(512)
    size = b"%011o\0" % size if isinstance(size, int) else size
    for offset, value in {
        0: name,
        124: size,
        156: type,
        257: b"ustar\x0000",
        **(fields or {}),
    }.items():
        block[offset : offset + len(value)] = value
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def pad(data: bytes) -> bytes:
    """The bytes and the zeros that fill their last block."""
    return data + bytes(-len(data) % 512)


class MemoryShard:
    """A `Source` over bytes; `reads` holds the (offset, size) of each read, and more than `limit`
    of them fail.
    """

    def __init__(self, data: bytes, *, limit: int = 1_000_000) -> None:
        self.name = "PASS.7.tar"
        self.size = len(data)
        self.reads: list[tuple[int, int]] = []
        self._data = data
        self._limit = limit

    def pread(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on, fewer only where the data end."""
        assert offset >= 0
        assert size >= 0
        self.reads.append((offset, size))
        assert len(self.reads) <= self._limit, "reads without end"
        return self._data[offset : offset + size]

    def read_at(self, offset: int, buffer: memoryview) -> int:
        """Fill the buffer as far as the data reach; how far that is."""
        data = self.pread(offset, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readinto(self, offset: int, buffer: memoryview) -> None:
        """Fill `buffer` with the bytes from `offset` on."""
        buffer[:] = self._data[offset : offset + len(buffer)]

    def close(self) -> None:
        """Nothing to let go of."""
