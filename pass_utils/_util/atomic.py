"""Atomic file writes: a temporary sibling, flushed to the disk, renamed on success."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

# that a temporary name has of its file's: with the rest of its own, it fits where that does
_NAME_CHARACTERS = 40


def temporary_sibling(path: Path) -> Path:
    """Returns a name beside a file that nobody else has: threads share a process id, and so may
    containers.
    """
    return path.with_name(f"{path.name[:_NAME_CHARACTERS]}.{uuid4().hex}.part")


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yields the path of a temporary sibling to write to, which replaces `path` when the block ends
    well, and is removed otherwise.

    Its bytes are on the disk before it has the name, so that a power cut leaves the old file or the
    new one. A symbolic link is replaced, not followed.

    Args:
        path: the file, which need not exist; its folder must.

    Raises:
        OSError: the file cannot be written.
    """
    part = temporary_sibling(path)
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
