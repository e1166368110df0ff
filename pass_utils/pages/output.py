"""Atomic output of a file, and of a folder of pages beside it: both are complete, or unchanged."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .._util.scratch import scratch_folder
from ..errors import PassError

# The names of the files that a folder of pages may hold; the first ones are those of 0.1.0.
PAGE_NAME = re.compile(
    r"([A-Z]|0-9|other)-[1-9][0-9]*\.html|credits-[1-9][0-9]*\.html|hashes(-[0-9a-f]{1,3})?\.html"
)


def pages_folder(path: Path) -> Path:
    """The folder for the pages of a file; `C.htm` and `C.html` have one each."""
    return path.with_name(f"{path.name}_files")


@contextlib.contextmanager
def atomic_output(
    path: Path, *, pages: bool = False, error: type[PassError]
) -> Iterator[tuple[BinaryIO, Path]]:
    """Yields a file to write to, and a folder for its pages, which get their names on success.

    Until then, and when anything fails, all is as it was before. A symbolic link is replaced, not
    followed. What a killed process left is removed by the next one that writes the same file.

    Args:
        path: The file, which need not exist; its folder must.
        pages: Whether it may have a `pages_folder`. Then the pages of an earlier time are replaced,
            and removed if there are none now.
        error: The class of errors.

    Raises:
        PassError: `error`: they cannot be written, `path` is no regular file, or the folder holds
            other files than pages.
    """
    folder = pages_folder(path)
    try:
        if path.is_dir():
            raise error(f"{path}: expected the name of a file, found a folder. Name a file in it.")
        if path.exists() and not path.is_file():
            raise error(
                f"{path}: expected the name of a file, found a device or a pipe. Choose another "
                "name."
            )
        if pages:
            _check_pages(folder, error)
        with scratch_folder(path) as work:
            new_pages = work / "pages"
            new_pages.mkdir()
            with (work / "file").open("xb") as file:
                yield file, new_pages
                file.flush()
                os.fsync(file.fileno())
            if pages:
                _replace(work, path, folder)
            else:
                (work / "file").replace(path)
    except OSError as err:
        raise error(
            f"{path}: expected to write it, found: {err}. Fix that, or choose another place."
        ) from err


def _replace(work: Path, path: Path, folder: Path) -> None:
    """Give file and pages their names; when that fails, the old pages have theirs again."""
    new, old = work / "pages", work / "old"
    try:
        if os.path.lexists(folder):
            folder.replace(old)
        if any(new.iterdir()):
            new.replace(folder)
        (work / "file").replace(path)
    except BaseException:
        if not new.exists():
            folder.replace(new)
        if old.exists():
            old.replace(folder)
        raise


def _check_pages(folder: Path, error: type[PassError]) -> None:
    is_folder = folder.is_dir() and not folder.is_symlink()
    foreign = [
        entry.name
        for entry in (sorted(folder.iterdir()) if is_folder else [])
        if not PAGE_NAME.fullmatch(entry.name) or entry.is_symlink() or not entry.is_file()
    ]
    if foreign or (os.path.lexists(folder) and not is_folder):
        raise error(
            f"{folder}: expected none, or the pages of an earlier list, found "
            f"{', '.join(foreign[:3]) or 'a file or a link'}. Choose another name for the list."
        )
