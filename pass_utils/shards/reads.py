"""Many small reads of a shard on disk: in a loop while they are fast, in threads when slow.

From the page cache a read takes a microsecond, less than a thread needs to begin with one. From a
cold disk, a network file system or a spinning disk it takes up to some milliseconds, and many reads
that wait at the same time hide that.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from .source import ShardFile

_THREADS = 64
_SLOW = 50e-6  # seconds of a read, above which threads are worth it
_FEW = 8  # reads that are tried before it is known whether they are slow

Blocks = npt.NDArray[np.uint8]


class ManyReads:
    """Reads many places of a shard at once; a context manager.

    Args:
        source: the shard.
    """

    def __init__(self, source: ShardFile) -> None:
        self.source = source
        self._pool: ThreadPoolExecutor | None = None
        self._slow = False

    def read(self, offsets: npt.NDArray[np.int64], size: int) -> Blocks:
        """Returns `size` bytes from each offset on, shape (offsets, size); zeros behind the end of
        the shard.
        """
        found = np.zeros((len(offsets), size), np.uint8)
        view = memoryview(found.data).cast("B")
        rows = [
            (offset, view[index * size : (index + 1) * size])
            for index, offset in enumerate(offsets.tolist())
        ]
        done = 0
        while done < len(rows) and not self._slow:
            part = rows[done : done + _FEW]
            self._slow = self._read(part) > _SLOW
            done += len(part)
        if done < len(rows):
            self._pool = self._pool or ThreadPoolExecutor(_THREADS, "pass-reads")
            step = max(1, -(-(len(rows) - done) // _THREADS))
            parts = [rows[begin : begin + step] for begin in range(done, len(rows), step)]
            # one hiccup is not a slow disk: the fastest thread says what a read takes
            self._slow = min(self._pool.map(self._read, parts)) > _SLOW
        return found

    def _read(self, rows: list[tuple[int, memoryview]]) -> float:
        """Fill the rows; the seconds that one of them took."""
        begin = time.perf_counter()
        for offset, row in rows:
            self.source.read_at(offset, row)
        return (time.perf_counter() - begin) / len(rows)

    def close(self) -> None:
        """Ends the threads."""
        if self._pool is not None:
            self._pool.shutdown()

    def __enter__(self) -> ManyReads:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
