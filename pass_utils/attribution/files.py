"""A place for a file in, the whole file there out, or nothing: with a folder of pages beside it
where there is one.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .._util.atomic import temporary_sibling
from ..errors import AttributionError, PassError
from .html import PAGE_NAME


@contextlib.contextmanager
def whole_list(
    path: Path, pages: Path | None = None, *, error: type[PassError] = AttributionError
) -> Iterator[tuple[BinaryIO, Path]]:
    """A file to write to, and a folder for its pages; both take their names when all went well, and
    leave no trace otherwise.

    A folder of pages from an earlier time makes way, also when there are no pages now, once the
    file has its name. A link to a file that can have no pages stays a link.

    Raises:
        PassError: the one given by `error`: they cannot be written, the file is none, or the folder
        holds something else.
    """
    if pages is None and path.is_symlink():
        path = Path(os.path.realpath(path))
    part, folder, old = (temporary_sibling(path) for _ in range(3))
    try:
        if path.is_dir():
            raise error(f"{path}: expected the name of a file, found a folder. Name a file in it.")
        if path.exists() and not path.is_file():
            raise error(
                f"{path}: expected the name of a file, found a device or a pipe. Choose another "
                "name."
            )
        if pages is not None:
            _check_pages(pages)
            folder.mkdir()
        with part.open("wb") as file:
            yield file, folder
        if pages is None:
            part.replace(path)
        else:
            _replace(part, path, folder, pages, old)
    except OSError as err:
        raise error(
            f"{path}: expected to write it, found: {err}. Mend that, or choose another place."
        ) from err
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)


def _replace(part: Path, path: Path, folder: Path, pages: Path, old: Path) -> None:
    """Give file and pages their names; when that fails, the old pages have theirs again."""
    try:
        if os.path.lexists(pages):
            pages.replace(old)
        if any(folder.iterdir()):
            folder.replace(pages)
        part.replace(path)
    except BaseException:
        if not folder.exists():
            pages.replace(folder)
        if old.exists():
            old.replace(pages)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _check_pages(folder: Path) -> None:
    there = sorted(folder.iterdir()) if folder.is_dir() else []
    foreign = [
        entry.name for entry in there if not (PAGE_NAME.fullmatch(entry.name) and entry.is_file())
    ]
    if foreign or (os.path.lexists(folder) and not folder.is_dir()):
        raise AttributionError(
            f"{folder}: expected none, or the pages of an earlier list, found "
            f"{', '.join(foreign[:3]) or 'a file'}. Choose "
            "another name for the list."
        )
