"""A place for a file in, the whole file there out, or nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

# that a part has of its file's name: with the rest of its own, it fits where that does
_NAME_CHARACTERS = 40


def part_beside(path: Path) -> Path:
    """A name beside a file that nobody else has: threads share a process id, and so may
    containers.
    """
    return path.with_name(f"{path.name[:_NAME_CHARACTERS]}.{uuid4().hex}.part")


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Where to write a file, which takes its name when the block ends well, and leaves nothing
    otherwise.
    """
    part = part_beside(path)
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
