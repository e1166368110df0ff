"""A folder in, what it holds of a release out, and what is known of it.

`.pass-utils.json` keeps which record the folder holds and which files were verified;
`.pass-utils.lock` keeps two processes from fetching into it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import stat
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .._util.atomic import atomic_write
from .._util.lock import LockedError, file_lock
from .._util.stamp import FileStamp
from ..errors import DownloadError, ReleaseError
from ..releases import METADATA_FILE, RELEASES, File, Release, choose_shards, find_release

if TYPE_CHECKING:
    from hashlib import _Hash

STATE_FILE = ".pass-utils.json"
LOCK_FILE = ".pass-utils.lock"
_CHUNK = 1 << 20  # bytes


def find_files(
    folder: str | os.PathLike[str], release: str | Release, *, shards: Iterable[int] | None = None
) -> list[str]:
    """The absolute paths of a release's CSV and of the chosen shards in a folder.

    Raises:
        ReleaseError: the folder or a file is not there, or the release has no such shard.
        DownloadError: what is there is known to be of another release.
    """
    release = find_release(release)
    chosen = choose_shards(release, shards)
    where = Path(folder).expanduser().absolute()
    if not where.is_dir():
        raise ReleaseError(
            f"{where}: expected a folder with PASS.<n>.tar and {METADATA_FILE}, found none. Is the "
            "path right?"
        )
    names = [METADATA_FILE, *(file.name for file in chosen.values())]
    missing = [name for name in names if not (where / name).is_file()]
    if missing:
        present = [
            number for number, file in release.shards.items() if (where / file.name).is_file()
        ]
        numbers = ",".join(map(str, present))
        advice = (
            f"Open what is there with `shards={present}` or `--shards {numbers}`, or run"
            if present
            else "Run"
        )
        wanted = "" if shards is None else f" --shards {','.join(map(str, chosen))}"
        raise ReleaseError(
            f"{where}: expected the CSV and {len(chosen)} "
            f"{'shard' if len(chosen) == 1 else 'shards'} of release {release.name}, missing "
            f"{', '.join(missing)}. {advice} `pass-utils download {where} --release "
            f"{release.name}{wanted}`."
        )
    release_in(where, release)
    return [str(where / name) for name in names]


def file_stamp(path: str) -> FileStamp:
    """The stamp of the file as it is now."""
    return FileStamp.of(Path(path).stat())


class Present(NamedTuple):
    """What `look` found of a file: its size and whether it was verified, and the size of its
    `.part`; None if not there.
    """

    size: int | None = None
    verified: bool = False
    part: int | None = None


def look(folder: Path, files: Iterable[File]) -> dict[str, Present]:
    """What is in a folder of these files.

    Raises:
        DownloadError: the folder may not be read.
    """
    verified = read_state(folder)["verified"]
    present = {}
    try:
        for file in files:
            status, part = _status(folder / file.name), _status(folder / f"{file.name}.part")
            present[file.name] = Present(
                size=status and status.st_size,
                verified=status is not None
                and verified.get(file.name) == fingerprint(status, file.sha256),
                part=part and part.st_size,
            )
    except OSError as err:
        raise _unreadable(folder, err) from err
    return present


def _status(path: Path) -> os.stat_result | None:
    """What the system knows of a file; None where there is none."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def fingerprint(status: os.stat_result, sha256: str) -> list[int | str]:
    """What must not change for a verified file to stay verified."""
    return [*FileStamp.of(status), sha256]


def read_file(path: Path) -> Iterator[memoryview]:
    """The bytes of a file, in one buffer that is used again."""
    view = memoryview(bytearray(_CHUNK))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(view):
            yield view[:count]


def hash_file(path: Path, seen: Callable[[int], None]) -> _Hash:
    """The SHA-256 of a file, to which more can be added; `seen` is told of each piece how large it
    is, and may raise.
    """
    digest = hashlib.sha256()
    for data in read_file(path):
        digest.update(data)
        seen(len(data))
    return digest


def release_in(folder: str | os.PathLike[str], asked: str | Release | None = None) -> Release:
    """Returns the release that a folder is of: the one place where that is decided.

    What was asked for, if the folder can be of it; else the release that it holds; else the default
    one. It holds the release that `download` put there, or, where `download` did not make it, the
    one whose files have the sizes of those that are there. Changes nothing.

    Args:
        folder: a folder, which need not exist, or the CSV in it.
        asked: the name or the record of a release; None for the folder's own.

    Raises:
        ReleaseError: there is no release of that name.
        DownloadError: the folder holds another release than the one asked for, or files of several,
            or may not be read.
    """
    where = Path(folder).expanduser().absolute()
    csv = where if where.is_file() else where / METADATA_FILE
    wanted = find_release(asked)
    known = {release.record: release for release in (*RELEASES.values(), wanted)}
    record: int | None = read_state(csv.parent)["record"]
    signs = {} if record is not None else _signs(csv, known.values())
    fitting = set(known) if record is None else {record}
    fitting.intersection_update(*signs.values())
    if wanted.record in fitting:
        return wanted
    if asked is None and len(fitting) == 1 and fitting <= known.keys():
        return known[fitting.pop()]
    if fitting:
        found = f"record {min(fitting)}"
    else:
        found = "several releases: " + ", ".join(
            f"{name} of {'/'.join(sorted(known[record].name for record in records))}"
            for name, records in signs.items()
        )
    raise DownloadError(
        f"{where}: expected a folder for record {wanted.record} ({wanted.name}), "
        f"found files of {found}. "
        "Choose another folder, or the release that this one holds."
    )


def _signs(csv: Path, releases: Iterable[Release]) -> dict[str, set[int]]:
    """Which releases have a file of this name and size: their records, by the names of those files
    that are there.
    """
    signs: dict[str, set[int]] = {}
    for release in releases:
        for file in release.files:
            path = csv if file.name == METADATA_FILE else csv.with_name(file.name)
            try:
                status = _status(path)
            except OSError as err:
                raise _unreadable(csv.parent, err) from err
            if status is not None and status.st_size == file.size:
                signs.setdefault(file.name, set()).add(release.record)
    return signs


def _unreadable(folder: Path, err: OSError) -> DownloadError:
    return DownloadError(
        f"{folder}: expected a folder that can be read, found: {err}. Choose another folder."
    )


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Make the folder where it is not there, and keep other processes from fetching into it.

    Raises:
        DownloadError: another process does, or the folder cannot be written.
    """
    with contextlib.ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            held.enter_context(file_lock(folder / LOCK_FILE))
            write_state(folder, holder=f"process {os.getpid()} on {socket.gethostname()}")
        except LockedError as err:
            raise DownloadError(
                f"{folder}: expected a folder that nobody fetches into, found "
                f"{read_state(folder)['holder']} doing so. "
                "Wait until it has ended."
            ) from err
        except OSError as err:
            raise DownloadError(
                f"{folder}: expected a folder that can be made and written, found: {err}. Mend it, "
                "or choose another folder."
            ) from err
        yield


# what is remembered is read, changed and written by one thread at a time
_state_lock = threading.Lock()


def read_state(folder: Path) -> dict[str, Any]:
    """What is remembered of the folder: its `record`, its last `holder`, and the fingerprints of
    `verified` files.

    What is damaged counts as forgotten: a file is hashed once more, and no more than that.
    """
    state: dict[str, Any] = {"record": None, "holder": "another process", "verified": {}}
    with contextlib.suppress(OSError, ValueError, RecursionError):
        kept = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
        for key, kind in (("record", int), ("holder", str), ("verified", dict)):
            if isinstance(kept, dict) and isinstance(kept.get(key), kind):
                state[key] = kept[key]
    return state


def write_state(
    folder: Path, *, verified: Mapping[str, Any] | None = None, **facts: object
) -> None:
    """Remember more of the folder; `verified` is added to what is remembered, and None forgets a
    file.

    Raises:
        DownloadError: the folder cannot be written.
    """
    path = folder / STATE_FILE
    with _state_lock:
        state = read_state(folder) | facts
        known = state["verified"] | (verified or {})
        state["verified"] = {name: kept for name, kept in known.items() if kept is not None}
        try:
            with atomic_write(path) as part:
                part.write_text(json.dumps(state, indent=1), encoding="utf-8")
        except OSError as err:
            raise DownloadError(
                f"{path}: expected to write it, found: {err}. Mend that, and run the same again."
            ) from err
