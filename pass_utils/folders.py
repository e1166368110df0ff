"""A folder in, what it holds of a release out, and what is known of it.

`.pass-utils.json` keeps which record the folder holds and which files were verified; `.pass-utils.lock` keeps two processes
from fetching into it.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock, Timeout

from .errors import DownloadError, ReleaseError
from .releases import METADATA_FILE, RELEASES, File, Release, choose_shards, find_release

STATE_FILE = ".pass-utils.json"
LOCK_FILE = ".pass-utils.lock"
_CHUNK = 1 << 20  # bytes


def find_files(folder: str | os.PathLike[str], release: str | Release, *, shards: Iterable[int] | None = None) -> list[str]:
    """The absolute paths of a release's CSV and of the chosen shards in a folder.

    Raises:
        ReleaseError: the folder or a file is not there, or the release has no such shard.
    """
    release = find_release(release)
    chosen = choose_shards(release, shards)
    where = Path(folder).expanduser().absolute()
    if not where.is_dir():
        raise ReleaseError(f"{where}: expected a folder with PASS.<n>.tar and {METADATA_FILE}, found none. Is the path right?")
    names = [METADATA_FILE, *(file.name for file in chosen.values())]
    missing = [name for name in names if not (where / name).is_file()]
    if missing:
        present = [number for number, file in release.shards.items() if (where / file.name).is_file()]
        advice = f"Open what is there with `shards={present}`, or run" if present else "Run"
        raise ReleaseError(
            f"{where}: expected the CSV and {len(chosen)} shards of release {release.name}, missing {', '.join(missing)}. "
            f"{advice} `pass-utils download {where} --release {release.name}`."
        )
    return [str(where / name) for name in names]


class FileIdentity(NamedTuple):
    """What tells a file from another, and from itself when it has changed: path, size in bytes, time in ns."""

    path: str
    size: int
    mtime_ns: int


def file_identity(path: str) -> FileIdentity:
    """The identity of the file as it is now."""
    status = Path(path).stat()
    return FileIdentity(path, status.st_size, status.st_mtime_ns)


class Present(NamedTuple):
    """What `look` found of a file: its size and whether it was verified, and the size of its `.part`; None if not there."""

    size: int | None = None
    verified: bool = False
    part: int | None = None


def look(folder: Path, files: Iterable[File]) -> dict[str, Present]:
    """What is in a folder of these files."""
    verified = read_state(folder)["verified"]
    present = {}
    for file in files:
        path, part = folder / file.name, folder / f"{file.name}.part"
        known = path.is_file() and verified.get(file.name) == fingerprint(path, file.sha256)
        present[file.name] = Present(
            size=path.stat().st_size if path.is_file() else None,
            verified=known,
            part=part.stat().st_size if part.is_file() else None,
        )
    return present


def read_file(path: Path) -> Iterator[memoryview]:
    """The bytes of a file, in one buffer that is used again."""
    view = memoryview(bytearray(_CHUNK))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(view):
            yield view[:count]


def check_release(folder: Path, release: Release) -> None:
    """Refuse to mix releases in one folder."""
    record = read_state(folder)["record"]
    for other in RELEASES.values():
        for file in other.files:
            path = folder / file.name
            if record is None and other.record != release.record and path.is_file() and path.stat().st_size == file.size:
                record = other.record
    if record not in (None, release.record):
        raise DownloadError(
            f"{folder}: expected a folder for record {release.record} ({release.name}), found files of record {record}. "
            "Choose another folder."
        )


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Keep other processes from fetching into the folder."""
    file = FileLock(folder / LOCK_FILE)
    try:
        file.acquire(timeout=0)
    except Timeout as err:
        raise DownloadError(
            f"{folder}: expected a folder that nobody fetches into, found {read_state(folder)['holder']} doing so. "
            "Wait until it has ended."
        ) from err
    except OSError as err:
        raise DownloadError(f"{folder}: expected a folder that can be written, found: {err.strerror}.") from err
    try:
        write_state(folder, holder=f"process {os.getpid()} on {socket.gethostname()}")
        yield
    finally:
        file.release()


def fingerprint(path: Path, sha256: str) -> list[int | str]:
    """What must not change for a verified file to stay verified."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ino, sha256]


def read_state(folder: Path) -> dict[str, Any]:
    """What is remembered of the folder: its `record`, its last `holder`, and the fingerprints of `verified` files."""
    state: dict[str, Any] = {"record": None, "holder": "another process", "verified": {}}
    with contextlib.suppress(OSError, ValueError):
        kept = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
        if isinstance(kept, dict) and isinstance(kept.get("verified"), dict):
            state |= kept
    return state


def write_state(folder: Path, *, verified: Mapping[str, Any] | None = None, **facts: object) -> None:
    """Remember more of the folder; `verified` is added to what is remembered."""
    state = read_state(folder) | facts
    state["verified"] |= verified or {}
    part = folder / f"{STATE_FILE}.{os.getpid()}.part"
    part.write_text(json.dumps(state, indent=1), encoding="utf-8")
    part.replace(folder / STATE_FILE)
