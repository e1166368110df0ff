"""A place for a file in, the whole file there out, or nothing: with a folder of pages beside it where there is one."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from .errors import AttributionError

_PAGE = re.compile(r"[A-Za-z0-9-]+-[0-9]+\.html")


@contextlib.contextmanager
def whole_file(path: Path, pages: Path | None = None) -> Iterator[tuple[BinaryIO, Path]]:
    """A file to write to, and a folder for its pages; both take their names when all went well, and leave no trace otherwise.

    A folder of pages from an earlier time makes way, also when there are no pages now.

    Raises:
        AttributionError: they cannot be written, or the folder holds something else.
    """
    part, folder = (path.with_name(f"{path.name}.{uuid4().hex}{end}") for end in (".part", ".pages.part"))
    try:
        if pages is not None:
            _check_pages(pages)
            folder.mkdir()
        with part.open("wb") as file:
            yield file, folder
        if pages is not None:
            if pages.exists():
                pages.replace(folder.with_suffix(".old.part"))
            if any(folder.iterdir()):
                folder.replace(pages)
        part.replace(path)
    except OSError as err:
        raise AttributionError(f"{path}: expected to write it, found: {err}. Mend that, or choose another place.") from err
    finally:
        part.unlink(missing_ok=True)
        for leftover in (folder, folder.with_suffix(".old.part")):
            shutil.rmtree(leftover, ignore_errors=True)


def _check_pages(folder: Path) -> None:
    foreign = [entry.name for entry in folder.iterdir() if not _PAGE.fullmatch(entry.name)] if folder.is_dir() else []
    if foreign or (folder.exists() and not folder.is_dir()):
        raise AttributionError(
            f"{folder}: expected none, or the pages of an earlier list, found {', '.join(foreign[:3]) or 'a file'}. Choose "
            "another name for the list."
        )
