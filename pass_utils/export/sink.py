"""Sink: write and hash a file in a thread, while the caller makes the next bytes."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, BinaryIO

_UNSENT_BYTES = 16 << 20
# buffers that wait to be written, at most: Arrow gives one of about a megabyte for each page
_WAITING = 32


class Sink:
    """A file that is being written and hashed by a thread; a context manager.

    Buffers are written a little later, so they must not change after they were given; all are
    written when the block ends.

    Args:
        write: Writes a buffer to the file.

    Attributes:
        size: Bytes that were given so far.
    """

    closed = False  # Arrow asks

    def __init__(self, write: Callable[[Any], Any]) -> None:
        self.size = 0
        self._write = write
        self._digest = hashlib.sha256()
        self._writer = ThreadPoolExecutor(1, "write")
        self._waiting: deque[Future[None]] = deque()

    def write(self, data: Any) -> int:
        """Queue a buffer to be written.

        Args:
            data: Any object with the buffer protocol.

        Returns:
            Its length in bytes.

        Raises:
            OSError: what was given before could not be written.
        """
        self._waiting.append(self._writer.submit(self._put, data))
        self._wait(_WAITING)
        count = memoryview(data).nbytes
        self.size += count
        return count

    def _put(self, data: Any) -> None:
        self._write(data)
        self._digest.update(data)

    def _wait(self, left: int = 0) -> None:
        while len(self._waiting) > left:
            self._waiting.popleft().result()

    def flush(self) -> None:
        """Do nothing: Arrow asks for it, and the block's end writes everything."""

    @property
    def sha256(self) -> str:
        """SHA-256 of what was written, in hex."""
        self._wait()
        return self._digest.hexdigest()

    def __enter__(self) -> Sink:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc_info: object) -> None:
        self._writer.shutdown(cancel_futures=kind is not None)
        if kind is None:
            self._wait()


class WriteBehind:
    """Starts the write-back of dirty pages while more is written, so that the final fsync is short.

    Args:
        file: Open for writing.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._written = self._sent = 0

    def write(self, data: Any) -> None:
        """Write all of a buffer.

        Args:
            data: Any object with the buffer protocol.
        """
        self._written += self._file.write(data)
        if self._written - self._sent >= _UNSENT_BYTES and hasattr(os, "posix_fadvise"):
            # Linux begins to write dirty pages that are said not to be needed, and keeps them until
            # they are clean.
            os.posix_fadvise(
                self._file.fileno(), self._sent, self._written - self._sent, os.POSIX_FADV_DONTNEED
            )
            self._sent = self._written
