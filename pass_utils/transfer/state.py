"""What is remembered of a folder of PASS, and the lock that keeps others from downloading into it.

`.pass-utils.json` keeps which record the folder is of and which files were verified;
`.pass-utils.lock` is the lock; `.pass-utils.json.lock` is had while the state changes.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .._util.atomic import atomic_write
from .._util.files import read_regular_file
from .._util.lock import LockedError, file_lock
from .._util.stamp import FileStamp
from .._util.text import plain_line
from ..errors import DownloadError

logger = logging.getLogger(__name__)

STATE_FILE = ".pass-utils.json"
LOCK_FILE = ".pass-utils.lock"
_STATE_LOCK_FILE = f"{STATE_FILE}.lock"
_MAX_STATE_BYTES = 1 << 20  # of a state file; one has about 2,000


def verified_stamp(status: os.stat_result, sha256: str) -> list[int | str]:
    """Returns what must not change for a verified file to stay verified.

    Args:
        status: of the file that was hashed.
        sha256: in hex, of the file that it should be.
    """
    return [*FileStamp.of(status), sha256]


def read_state(folder: Path) -> dict[str, Any]:
    """Returns what is remembered of a folder: its `record`, its last `holder`, and the stamps of
    `verified` files.

    What is damaged counts as forgotten: a file is hashed once more, and no more than that.
    """
    state: dict[str, Any] = {"record": None, "holder": "another process", "verified": {}}
    with contextlib.suppress(OSError, ValueError, RecursionError):
        kept = json.loads(read_regular_file(folder / STATE_FILE, _MAX_STATE_BYTES))
        for key, kind in (("record", int), ("holder", str), ("verified", dict)):
            if isinstance(kept, dict) and isinstance(kept.get(key), kind):
                state[key] = kept[key]
    return state


def write_state(
    folder: Path, *, verified: Mapping[str, Any] | None = None, **facts: object
) -> None:
    """Remembers more of a folder.

    Args:
        folder: the folder, which must exist.
        verified: stamps by file name, added to what is remembered; None forgets a file.
        facts: `record` or `holder`.

    Raises:
        DownloadError: the folder cannot be written.
    """
    path = folder / STATE_FILE
    try:
        # read, changed and written by one at a time, of all processes and threads
        with file_lock(folder / _STATE_LOCK_FILE, wait=lambda: None):
            state = read_state(folder) | facts
            known = state["verified"] | (verified or {})
            state["verified"] = {name: kept for name, kept in known.items() if kept is not None}
            with atomic_write(path) as part:
                part.write_text(json.dumps(state, indent=1), encoding="utf-8")
    except OSError as err:
        raise DownloadError(
            f"{path}: expected to write it, found: {err}. Fix that, and run the same again."
        ) from err


@contextlib.contextmanager
def lock_folder(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Makes the folder where it is not there, and keeps other processes from downloading into it.

    Args:
        folder: the folder.
        wait: wait for a process that downloads into it, and log which one that is, once; otherwise
            refuse. The lock of a process that has ended counts for nothing.

    Raises:
        DownloadError: another process downloads into it, or it cannot be written.
    """

    def holder() -> str:
        return plain_line(read_state(folder)["holder"])

    def log() -> None:
        logger.warning("%s: waiting for %s, which fetches into it.", folder, holder())

    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(file_lock(folder / LOCK_FILE, wait=log if wait else None))
            write_state(folder, holder=f"process {os.getpid()} on {socket.gethostname()}")
        except LockedError as err:
            raise DownloadError(
                f"{folder}: expected a folder that nobody fetches into, found {holder()} doing so. "
                "Wait until it has ended."
            ) from err
        except OSError as err:
            raise DownloadError(
                f"{folder}: expected a folder that can be made and written, found: {err}. Fix "
                "that, or choose another folder."
            ) from err
        yield
