"""Regular files: SHA-256, bounded reading, and appending without following links."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import _Hash

_CHUNK = 1 << 20  # bytes


def read_file(path: Path) -> Iterator[memoryview]:
    """Yields the bytes of a file, in one buffer that is used again."""
    view = memoryview(bytearray(_CHUNK))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(view):
            yield view[:count]


def hash_file(path: Path, count: Callable[[int], None] = lambda _: None) -> _Hash:
    """Returns the SHA-256 of a file, to which more can be added.

    Args:
        path: the file.
        count: called with the size of each piece in bytes; may raise.
    """
    digest = hashlib.sha256()
    for data in read_file(path):
        digest.update(data)
        count(len(data))
    return digest


def read_regular_file(path: Path, limit: int) -> bytes:
    """Returns the bytes of a small file; does not wait for a pipe or a device.

    Args:
        path: the file.
        limit: bytes that it may have.

    Raises:
        OSError: it cannot be read, is no regular file, or is larger.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"more than {limit:,} bytes", os.fspath(path))
    return data


def open_to_append(path: Path) -> FileIO:
    """Opens a file for appending, unbuffered; makes it where it is not there.

    Raises:
        OSError: it cannot be written, or is a symbolic link, a pipe or a device.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags, 0o666)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))
    except OSError as err:
        if err.errno in (errno.ELOOP, errno.ENXIO):  # a link; a pipe that nobody reads
            raise OSError(errno.EINVAL, "not a regular file", os.fspath(path)) from err
        raise
    return FileIO(descriptor, "ab")
