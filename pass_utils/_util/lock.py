"""A file lock between processes: refuses at once, or waits for the holder.

The system frees it when its holder ends, however that ends, so a lock file that is left behind
locks nothing.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout


class LockedError(Exception):
    """Another process or thread has the lock."""


@contextlib.contextmanager
def file_lock(path: Path, *, wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Has the lock while the block runs.

    Args:
        path: the lock file. It is made where it is not there, and stays.
        wait: called once if another process or thread has the lock, before waiting until it is
            free; None to refuse at once.

    Raises:
        LockedError: another one has the lock, and `wait` is None.
        OSError: the lock file cannot be made, or is a link, a pipe or a device.
    """
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(path.lstat().st_mode):
            raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout as err:
        if wait is None:
            raise LockedError(os.fspath(path)) from err
        wait()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
