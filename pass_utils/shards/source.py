"""A shard on disk or behind a URL in, its bytes at any offset out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from .._util.stamp import FileStamp
from ..errors import ShardError
from ..net.ranges import RemoteFile

_GAP = 1 << 20  # bytes that are read over rather than asked for anew
_TAIL = 1 << 18  # bytes asked for at a time where a member goes on behind the end of its range


class Source(Protocol):
    """A shard whose bytes can be read: a file here, or a URL in `remote`."""

    name: str
    size: int

    def pread(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on, fewer only where the shard ends."""

    def readinto(self, offset: int, buffer: memoryview) -> None:
        """Fill `buffer` with the bytes from `offset` on.

        Raises:
            ShardError: the shard ends before.
        """

    def close(self) -> None:
        """Let go of the file or the connection."""


class ShardFile:
    """A shard on disk as a `Source`; a context manager.

    `stamp` changes when the file does (eight hex digits of its size and modification time). With
    `random_access` the system is told that little of the file will be read, here and there, so that
    it does not read ahead.

    Raises:
        ShardError: there is no such file, or it gives fewer bytes than it has.
    """

    def __init__(self, path: str | os.PathLike[str], *, random_access: bool = False) -> None:
        self.name = os.fspath(path)
        try:
            self._file = Path(path).open("rb", buffering=0)  # noqa: SIM115  (close() closes it)
        except OSError as err:
            raise ShardError(
                f"{self.name}: expected a shard here, found none ({err.strerror}). Put it back, or "
                "load the dataset again with the folder that holds it.",
                shard=self.name,
            ) from err
        if random_access and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
        status = os.fstat(self._file.fileno())
        self.size = status.st_size
        self.stamp = FileStamp.of(status).hex

    def prefetch(self, offset: int, size: int) -> None:
        """Have the system read these bytes while something else is done; they will be asked for
        soon.
        """
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._file.fileno(), offset, size, os.POSIX_FADV_WILLNEED)

    def pread(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on, fewer only where the file ends."""
        self._file.seek(offset)
        data: bytes = self._file.read(size)
        while 0 < len(data) < size:
            more = self._file.read(size - len(data))
            if not more:
                break
            data += more
        return data

    def readinto(self, offset: int, buffer: memoryview) -> None:
        """Fill `buffer` with the bytes from `offset` on.

        Raises:
            ShardError: the shard ends before.
        """
        self._file.seek(offset)
        filled = 0
        while filled < len(buffer):
            count = self._file.readinto(buffer[filled:])
            if not count:
                raise ShardError(
                    f"{self.name}: expected {len(buffer):,} bytes at {offset:,}, found {filled:,}; "
                    "the file was cut while it was read. Fetch it again.",
                    shard=self.name,
                    offset=offset,
                )
            filled += count

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> ShardFile:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class RemoteShard:
    """A shard behind a URL as a `Source` that is read forward, for the sake of bytes up to `end`; a
    context manager.

    Raises:
        RemoteError: the server does not give the bytes.
        ShardError: bytes were asked for that the shard does not have.
    """

    def __init__(self, url: str, size: int, *, end: int | None = None) -> None:
        self._remote = RemoteFile.shared(url, size)
        self.name, self.size = self._remote.name, size
        self._end = size if end is None else end
        self._stream: Iterator[bytes] = iter(())
        self._chunk, self._begin = b"", 0  # what came last, and its offset

    def pread(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on, fewer only where the shard ends."""
        size = max(0, min(size, self.size - offset))
        at = offset - self._begin
        if size and not 0 <= at <= at + size <= len(self._chunk):
            data = bytearray(size)
            self.readinto(offset, memoryview(data))
            # much of a look around is read again
            self._chunk = bytes(data) + self._chunk[offset + size - self._begin :]
            self._begin, at = offset, 0
        return self._chunk[at : at + size] if size else b""

    def readinto(self, offset: int, buffer: memoryview) -> None:
        """Fill `buffer` with the bytes from `offset` on.

        Raises:
            ShardError: the shard ends before.
        """
        if offset + len(buffer) > self.size:
            raise ShardError(
                f"{self.name}: expected {len(buffer):,} bytes at {offset:,}, found the end of the "
                f"file at {self.size:,}. Check release and URL.",
                shard=self.name,
                offset=offset,
            )
        while buffer:
            part = self._from(offset)[: len(buffer)]
            buffer[: len(part)] = part
            offset, buffer = offset + len(part), buffer[len(part) :]

    def close(self) -> None:
        """Let go of the connection."""
        self._remote.close(for_good=self._end >= self.size)

    def __enter__(self) -> RemoteShard:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _from(self, offset: int) -> memoryview:
        """Some bytes from `offset` on, at least one."""
        while not self._begin <= offset < self._begin + len(self._chunk):
            if not 0 <= offset - self._begin - len(self._chunk) <= _GAP:
                self._chunk, self._begin, self._stream = b"", offset, iter(())
            self._begin += len(self._chunk)
            self._chunk = next(self._stream, b"")
            if not self._chunk:
                end = self._end if self._begin < self._end else min(self._begin + _TAIL, self.size)
                self._stream = self._remote.read(self._begin, end - self._begin)
        return memoryview(self._chunk)[offset - self._begin :]
