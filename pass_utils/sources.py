"""A shard on disk or behind a URL in, its bytes at any offset out."""

from __future__ import annotations

from collections.abc import Iterator

from .errors import ShardError
from .remote import RemoteFile

_GAP = 1 << 20  # bytes that are read over rather than asked for anew
_TAIL = 1 << 18  # bytes asked for at a time where a member goes on behind the end of its range


class RemoteShard:
    """A shard behind a URL as a `Source` that is read forward, for the sake of bytes up to `end`; a context manager.

    Raises:
        RemoteError: the server does not give the bytes.
        ShardError: bytes were asked for that the shard does not have.
    """

    def __init__(self, url: str, size: int, *, end: int | None = None) -> None:
        self.name, self.size = url, size
        self._end = size if end is None else end
        self._remote = RemoteFile.shared(url, size)
        self._stream: Iterator[bytes] = iter(())
        self._chunk, self._begin = b"", 0  # what came last, and its offset

    def pread(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on, fewer only where the shard ends."""
        size = max(0, min(size, self.size - offset))
        at = offset - self._begin
        if size and not 0 <= at <= at + size <= len(self._chunk):
            data = bytearray(size)
            self.readinto(offset, memoryview(data))
            self._chunk = bytes(data) + self._chunk[offset + size - self._begin :]  # much of a look around is read again
            self._begin, at = offset, 0
        return self._chunk[at : at + size] if size else b""

    def readinto(self, offset: int, buffer: memoryview) -> None:
        """Fill `buffer` with the bytes from `offset` on."""
        if offset + len(buffer) > self.size:
            raise ShardError(
                f"{self.name}: expected {len(buffer):,} bytes at {offset:,}, found the end of the file at {self.size:,}. "
                "Check release and URL.",
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
