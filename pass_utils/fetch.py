"""A release in, a folder of whole, verified files out.

`plan` decides from what is in the folder what has to be done, `fetch` does it. A file arrives as `NAME.part`, is hashed
while it does, and takes its name only when size and SHA-256 agree.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import shutil
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .errors import DownloadError
from .folders import Present, check_release, fingerprint, lock, look, read_file, write_state
from .progress import Progress
from .releases import File, Release, choose_shards, find_release
from .remote import RemoteFile, Stopped, check_online

if TYPE_CHECKING:
    from hashlib import _Hash

logger = logging.getLogger(__name__)


class State(Enum):
    """What is in the folder of a file."""

    WHOLE = "whole"  # verified before, and not touched since
    UNVERIFIED = "unverified"  # the right size, never hashed
    PARTIAL = "partial"  # some bytes, to go on from
    MISSING = "missing"
    WRONG = "wrong"  # too large, or not what it should be


class Task(NamedTuple):
    """A file of a release, what there is of it, and how many of its bytes need not be fetched."""

    file: File
    state: State
    have: int

    @property
    def to_go(self) -> int:
        """Bytes to fetch."""
        return self.file.size - self.have


class Plan(NamedTuple):
    """What has to be done so that a folder holds the chosen files of a release."""

    release: Release
    tasks: tuple[Task, ...]

    @property
    def to_go(self) -> int:
        """Bytes to fetch."""
        return sum(task.to_go for task in self.tasks)


def plan(release: Release, files: Iterable[File], present: Mapping[str, Present]) -> Plan:
    """What to do about each file, given what is there; touches neither disk nor network."""
    return Plan(release, tuple(_task(file, present.get(file.name, Present())) for file in files))


def _task(file: File, found: Present) -> Task:
    if found.size == file.size:
        return Task(file, State.WHOLE if found.verified else State.UNVERIFIED, file.size)
    if found.size is not None:
        return Task(file, State.WRONG, 0)
    if found.part is None:
        return Task(file, State.MISSING, 0)
    if found.part > file.size:
        return Task(file, State.WRONG, 0)
    return Task(file, State.PARTIAL, found.part)


def look_and_plan(
    folder: str | os.PathLike[str], release: str | Release = "v2", *, shards: Iterable[int] | None = None
) -> Plan:
    """What `download` with the same arguments would do."""
    release = find_release(release)
    files = [release.metadata, *choose_shards(release, shards).values()]
    return plan(release, files, look(Path(folder).expanduser().absolute(), files))


def download(
    folder: str | os.PathLike[str],
    release: str | Release = "v2",
    *,
    shards: Iterable[int] | None = None,
    base_url: str | None = None,
    connections: int = 2,
    quiet: bool = False,
) -> Path:
    """Have the CSV and the chosen shards of a release in a folder, whole and verified, and return the folder.

    Goes on where an earlier call stopped, whatever stopped it. `base_url` is a mirror laid out as Zenodo's `/records`; the
    environment's `PASS_BASE_URL` names one too. `connections` is how many files are fetched at the same time.

    Raises:
        ReleaseError: there is no such release or shard.
        RemoteError: the server does not give a file.
        DownloadError: the folder is in use, holds another release, or has no room; or a file is wrong twice.
    """
    release = find_release(release)
    files = [release.metadata, *choose_shards(release, shards).values()]
    return fetch(release, files, folder, base_url=base_url, connections=connections, quiet=quiet)


def fetch(
    release: Release,
    files: Iterable[File],
    folder: str | os.PathLike[str],
    *,
    base_url: str | None = None,
    connections: int = 2,
    quiet: bool = False,
) -> Path:
    """Have these files of a release in a folder, whole and verified, and return the folder."""
    where = Path(folder).expanduser().absolute()
    files = list(files)
    made = plan(release, files, look(where, files))
    if all(task.state is State.WHOLE for task in made.tasks):
        return where
    if made.to_go:
        check_online(", ".join(task.file.name for task in made.tasks if task.to_go))
    try:
        where.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise DownloadError(f"{where}: expected a folder that can be made and written, found: {err.strerror}.") from err
    with lock(where):
        check_release(where, release)
        made = plan(release, files, look(where, files))
        _check_space(where, made)
        write_state(where, record=release.record)
        todo = [task for task in made.tasks if task.state is not State.WHOLE]
        total = sum(task.file.size for task in todo)
        with Progress(total, title=f"PASS {release.name}", quiet=quiet) as progress:
            fetcher = _Fetcher(where, release, base_url, progress)
            fetcher.run(todo, connections)
    return where


def _check_space(folder: Path, made: Plan) -> None:
    free = shutil.disk_usage(folder).free
    if made.to_go > free:
        raise DownloadError(
            f"{folder}: expected {made.to_go:,} bytes of free space for what is missing, found {free:,}. Make room, or fetch "
            "part of it with `shards=[...]` (`--shards 0,3-5`)."
        )


class _Fetcher:
    """Carries out the tasks of a plan with several connections; the first trouble stops them all."""

    def __init__(self, folder: Path, release: Release, base_url: str | None, progress: Progress) -> None:
        self.folder, self.release, self.base_url, self.progress = folder, release, base_url, progress
        self.stopped = threading.Event()
        self.state_lock = threading.Lock()

    def run(self, tasks: list[Task], connections: int) -> None:
        with ThreadPoolExecutor(max(1, connections)) as pool:
            futures = [pool.submit(self.bring, task) for task in tasks]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                self.stopped.set()
                pool.shutdown(cancel_futures=True)
                failures = [err for future in futures if not future.cancelled() and (err := future.exception()) is not None]
                first = next((err for err in failures if not isinstance(err, Stopped)), None)
                if first is not None:
                    raise first from None
                raise

    def bring(self, task: Task) -> None:
        """Have one file whole and verified."""
        try:
            self._bring(task)
        except Stopped:
            raise
        except OSError as err:
            self.stopped.set()
            if err.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DownloadError(
                    f"{self.folder}: expected room for {task.file.name}, found the disk full. Make room for "
                    f"{task.to_go:,} bytes, and run the same command again: it goes on where this one stopped."
                ) from err
            raise DownloadError(f"{self.folder / task.file.name}: expected to write it, found: {err}.") from err
        except BaseException:
            self.stopped.set()
            raise

    def _bring(self, task: Task) -> None:
        file = task.file
        path, part, bad = (self.folder / f"{file.name}{suffix}" for suffix in ("", ".part", ".bad"))
        self.progress.start(file.name, file.size)
        if task.state is State.UNVERIFIED:
            found = self._hash(path, hashlib.sha256(), file).hexdigest()
            if found == file.sha256:
                self._keep(file, path)
                return
            self._set_aside(path, bad, file, f"sha256 {file.sha256}, found {found}")
        elif task.state is State.WRONG:
            for wrong in filter(Path.exists, (path, part)):
                self._set_aside(wrong, bad, None, f"{file.size:,} bytes, found {wrong.stat().st_size:,}")
        for _ in range(2):
            found = self._fill(file, part)
            if found == file.sha256:
                part.replace(path)
                self._keep(file, path)
                return
            self._set_aside(part, bad, file, f"sha256 {file.sha256}, found {found}")
        raise DownloadError(
            f"{path}: expected sha256 {file.sha256}, found {found}, after fetching it twice. What came is kept as {bad.name}; "
            "check release and server, and run the same command again."
        )

    def _keep(self, file: File, path: Path) -> None:
        with self.state_lock:
            write_state(self.folder, verified={file.name: fingerprint(path, file.sha256)})
        self.progress.finish(file.name)

    def _set_aside(self, wrong: Path, bad: Path, counted: File | None, trouble: str) -> None:
        wrong.replace(bad)
        logger.warning("%s: expected %s; kept as %s, and fetched again", wrong, trouble, bad.name)
        if counted is not None:
            self.progress.advance(counted.name, -counted.size)

    def _fill(self, file: File, part: Path) -> str:
        """Append to the `.part` what it lacks, and return the SHA-256 of all of it."""
        with part.open("ab") as out:
            have = out.tell()
            digest = self._hash(part, hashlib.sha256(), file)
            if have < file.size:
                url = self.release.url(file, self.base_url)
                with RemoteFile(url, file.size, stopped=self.stopped) as remote:
                    for data in remote.read(have, file.size - have):
                        out.write(data)
                        digest.update(data)
                        self._advance(file, len(data))
            out.flush()
            os.fsync(out.fileno())
        return digest.hexdigest()

    def _hash(self, path: Path, digest: _Hash, file: File) -> _Hash:
        for data in read_file(path):
            digest.update(data)
            self._advance(file, len(data))
        return digest

    def _advance(self, file: File, count: int) -> None:
        self.progress.advance(file.name, count)
        if self.stopped.is_set():
            raise Stopped
