"""Bytes of a file as they come in, the same bytes written and hashed out, while the next ones are
made.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, BinaryIO

_BEHIND = 16 << 20  # bytes
# pieces of a file to be written, at the most: Arrow gives one of about a megabyte for a page
_WAITING = 32


class Sink:
    """A file that is being written, by a thread that also hashes what it writes; `size` counts its
    bytes. A context manager.

    What is given must not change afterwards, since it is written a little later. All of it is, when
    the block ends.
    """

    closed = False  # Arrow asks

    def __init__(self, write: Callable[[Any], Any]) -> None:
        self.size = 0
        self._write = write
        self._digest = hashlib.sha256()
        self._writer = ThreadPoolExecutor(1, "write")
        self._waiting: deque[Future[None]] = deque()

    def write(self, data: Any) -> int:
        """Have all of `data` written, a buffer of bytes.

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
        """Nothing: what was written is safe when the file is whole."""

    @property
    def sha256(self) -> str:
        """The SHA-256 of what was written, in hex."""
        self._wait()
        return self._digest.hexdigest()

    def __enter__(self) -> Sink:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc_info: object) -> None:
        self._writer.shutdown(cancel_futures=kind is not None)
        if kind is None:
            self._wait()


class WriteBehind:
    """Has the system bring what is written to the device while more is written, so that the end has
    little to wait for.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._written = self._sent = 0

    def write(self, data: Any) -> None:
        """Write all of it."""
        self._written += self._file.write(data)
        if self._written - self._sent >= _BEHIND and hasattr(os, "posix_fadvise"):
            # Linux begins to write dirty pages that are said not to be needed, and keeps them until
            # they are clean.
            os.posix_fadvise(
                self._file.fileno(), self._sent, self._written - self._sent, os.POSIX_FADV_DONTNEED
            )
            self._sent = self._written
