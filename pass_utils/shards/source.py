"""Shards as byte sources: a file on disk, or a URL read by ranges; bytes at any offset."""

from __future__ import annotations

import io
import os
import stat
import threading
from collections.abc import Iterable, Iterator
from typing import Protocol

from .._util.stamp import FileStamp
from .._util.text import plain_line
from ..errors import ShardError
from ..net.ranges import RemoteFile

_GAP = 1 << 20  # bytes that are read over rather than asked for anew
_TAIL = 1 << 18  # bytes asked for at a time where a member goes on behind the end of its range
_TOGETHER = 64  # buffers that one system call fills
# where the bytes between neighbours go, which nobody reads: the rest of a block and a header
_BETWEEN = memoryview(bytearray(1024))


class Source(Protocol):
    """A shard whose bytes can be read: a file on disk, or a URL."""

    name: str
    size: int

    def pread(self, offset: int, size: int) -> bytes:
        """Returns `size` bytes from `offset` on, fewer only where the shard ends."""

    def readinto(self, offset: int, buffer: memoryview) -> None:
        """Fills `buffer` with the bytes from `offset` on.

        Raises:
            ShardError: the shard ends before.
        """

    def close(self) -> None:
        """Closes the file or the connection."""


def _open_without_waiting(path: str, flags: int) -> int:
    """Open a file; a named pipe, which is none, would wait for who writes into it."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


if hasattr(os, "preadv"):

    def _read_at(file: int, buffer: memoryview, offset: int) -> int:
        return os.preadv(file, [buffer], offset)

    _pread = os.pread
else:  # Windows: a read moves the offset that all users of the file share
    _lock = threading.Lock()

    def _read_at(file: int, buffer: memoryview, offset: int) -> int:
        data = _pread(file, len(buffer), offset)
        buffer[: len(data)] = data
        return len(data)

    def _pread(file: int, size: int, offset: int) -> bytes:
        with _lock:
            os.lseek(file, offset, os.SEEK_SET)
            return os.read(file, size)


class ShardFile:
    """A shard on disk as a `Source`; a context manager.

    Args:
        path: a regular file.
        random_access: tell the system that little will be read, here and there, so that it does
            not read ahead.

    Attributes:
        size: in bytes.
        mtime_ns: when the file was last changed.
        stamp: eight hex digits that change with the file's size and modification time.

    Raises:
        ShardError: there is no such file, or it gives fewer bytes than it has.
    """

    def __init__(self, path: str | os.PathLike[str], *, random_access: bool = False) -> None:
        self.name = os.fspath(path)
        try:
            self._file = io.FileIO(self.name, opener=_open_without_waiting)
            status = os.fstat(self._file.fileno())
        except (OSError, ValueError) as err:  # ValueError: a NUL in the path
            raise self._missing(getattr(err, "strerror", None) or str(err)) from err
        if not stat.S_ISREG(status.st_mode):
            self._file.close()
            raise self._missing("Not a regular file")
        if random_access and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
        self.size, self.mtime_ns = status.st_size, status.st_mtime_ns
        self.stamp = FileStamp.of(status).hex

    def _missing(self, why: str) -> ShardError:
        return ShardError(
            f"{plain_line(self.name, limit=1000)}: expected a shard here, found none ({why}). Put "
            "it back, or load the dataset again with the folder that holds it.",
            shard=self.name,
        )

    def read_at(self, offset: int, buffer: memoryview) -> int:
        """Reads bytes from `offset` on into `buffer`; threads and processes may share the file.

        Returns:
            How many were read: all, but where the file ends.
        """
        if not len(buffer):
            return 0
        count = filled = _read_at(self._file.fileno(), buffer, offset)
        while count and filled < len(buffer):
            count = _read_at(self._file.fileno(), buffer[filled:], offset + filled)
            filled += count
        return filled

    def pread(self, offset: int, size: int) -> bytes:
        """Returns `size` bytes from `offset` on, fewer only where the file ends."""
        data = _pread(self._file.fileno(), size, offset)
        while 0 < len(data) < size:
            more = _pread(self._file.fileno(), size - len(data), offset + len(data))
            if not more:
                break
            data += more
        return data

    def readinto(self, offset: int, buffer: memoryview) -> None:
        """Fills `buffer` with the bytes from `offset` on.

        Raises:
            ShardError: the shard ends before.
        """
        filled = self.read_at(offset, buffer)
        if filled < len(buffer):
            raise ShardError(
                f"{self.name}: expected {len(buffer):,} bytes at {offset:,}, found {filled:,}; "
                "the file was cut while it was read. Fetch it again.",
                shard=self.name,
                offset=offset,
            )

    def read_neighbours(self, parts: Iterable[tuple[int, memoryview]]) -> None:
        """Fills buffers with the bytes from their offsets on; those that follow each other with
        little between them are read together.

        Args:
            parts: offsets and buffers, best in the order of the offsets.

        Raises:
            ShardError: the shard ends before.
        """
        run: list[tuple[int, memoryview]] = []
        end = 0
        for offset, buffer in parts:
            if run and (not 0 <= offset - end <= len(_BETWEEN) or len(run) == _TOGETHER):
                self._read_run(run)
                run = []
            run.append((offset, buffer))
            end = offset + len(buffer)
        self._read_run(run)

    def _read_run(self, run: list[tuple[int, memoryview]]) -> None:
        """Fill buffers whose bytes follow each other."""
        if len(run) > 1 and hasattr(os, "preadv"):
            begin = end = run[0][0]
            buffers: list[memoryview] = []
            for offset, buffer in run:
                buffers += (_BETWEEN[: offset - end], buffer) if offset > end else (buffer,)
                end = offset + len(buffer)
            if os.preadv(self._file.fileno(), buffers, begin) == end - begin:
                return
        for offset, buffer in run:
            self.readinto(offset, buffer)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __enter__(self) -> ShardFile:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self.close()


class RemoteShard:
    """A shard behind a URL as a `Source` that is read forward; a context manager.

    Args:
        url: http or https.
        size: of the shard, in bytes.
        end: where the range that is read ends, in bytes: up to there in one request, behind it in
            small ones; None for the end of the shard.

    Raises:
        RemoteError: the server does not give the bytes.
        ShardError: bytes were asked for that the shard does not have.
    """

    def __init__(self, url: str, size: int, *, end: int | None = None) -> None:
        self._remote = RemoteFile.shared(url, size)
        self.name, self.size = self._remote.name, size
        self._end = size if end is None else end
        self._stream: Iterator[bytes] = iter(())
        self._chunk, self._begin = b"", 0  # the last bytes, and their offset

    def pread(self, offset: int, size: int) -> bytes:
        """Returns `size` bytes from `offset` on, fewer only where the shard ends."""
        size = max(0, min(size, self.size - offset))
        at = offset - self._begin
        if size and not 0 <= at <= at + size <= len(self._chunk):
            data = bytearray(size)
            self.readinto(offset, memoryview(data))
            # many of these bytes are read again
            self._chunk = bytes(data) + self._chunk[offset + size - self._begin :]
            self._begin, at = offset, 0
        return self._chunk[at : at + size] if size else b""

    def readinto(self, offset: int, buffer: memoryview) -> None:
        """Fills `buffer` with the bytes from `offset` on.

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
        """Closes the connection."""
        self._remote.close(for_good=self._end >= self.size)

    def __enter__(self) -> RemoteShard:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _from(self, offset: int) -> memoryview:
        """The bytes from `offset` on that have arrived, at least one."""
        while not self._begin <= offset < self._begin + len(self._chunk):
            if not 0 <= offset - self._begin - len(self._chunk) <= _GAP:
                self._chunk, self._begin, self._stream = b"", offset, iter(())
            self._begin += len(self._chunk)
            self._chunk = next(self._stream, b"")
            if not self._chunk:
                end = self._end if self._begin < self._end else min(self._begin + _TAIL, self.size)
                self._stream = self._remote.read(self._begin, end - self._begin)
        return memoryview(self._chunk)[offset - self._begin :]
