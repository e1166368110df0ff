"""Temporary folders beside an output, locked while in use; those of killed processes are removed.

`atomic_write` is for one file. Whoever writes several files that belong together, or runs for
minutes and may be killed, writes them here and renames them when all are complete.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from .atomic import temporary_sibling
from .lock import LockedError, file_lock

_LOCK_FILE = "lock"
_NAME = re.compile(r".+\.[0-9a-f]{32}\.part")  # as `temporary_sibling` has it
_ATTEMPTS = 5


@contextlib.contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """Yields an empty folder beside a file, on the same file system; it is removed at the end.

    Folders that killed processes left there for the same file are removed first. One whose process
    is alive, here or on another machine that sees its lock, is left alone.

    Args:
        path: the file that will be written, which need not exist; its folder must.

    Raises:
        OSError: the folder cannot be made.
    """
    remove_leftovers(path)
    with contextlib.ExitStack() as stack:
        folder = _locked_folder(path, stack)
        try:
            work = folder / "new"
            work.mkdir()
            yield work
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _locked_folder(path: Path, stack: contextlib.ExitStack) -> Path:
    for _ in range(_ATTEMPTS):
        folder = temporary_sibling(path)
        folder.mkdir()
        # another process may take the folder for a leftover before it is locked
        with contextlib.suppress(LockedError, FileNotFoundError):
            stack.enter_context(file_lock(folder / _LOCK_FILE))
            if (folder / _LOCK_FILE).exists():
                return folder
            stack.pop_all().close()
    raise OSError(f"{path}: another process removes temporary folders beside it")


def remove_leftovers(path: Path) -> None:
    """Removes what killed processes left beside a file when they wrote it.

    Args:
        path: the file; its temporary folders are found by its name.
    """
    begin = temporary_sibling(path).name.split(".")[:-2]
    prefix = ".".join(begin) + "."
    with contextlib.suppress(OSError):
        for folder in path.parent.iterdir():
            if not folder.name.startswith(prefix) or not _NAME.fullmatch(folder.name):
                continue
            if folder.is_symlink() or not (folder / _LOCK_FILE).is_file():
                continue
            with contextlib.suppress(LockedError, OSError), file_lock(folder / _LOCK_FILE):
                shutil.rmtree(folder, ignore_errors=True)
