"""A release in, a folder of whole, verified files out.

`plan` decides from what is in the folder what has to be done, `fetch` does it. A file arrives as
`NAME.part`, is hashed while it does, and takes its name only when size and SHA-256 agree.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import partial
from pathlib import Path
from typing import NamedTuple

from .._util.progress import Progress
from .._util.threads import map_threaded
from ..errors import DownloadError
from ..net.ranges import RemoteFile
from ..net.session import check_online
from ..releases import File, Release, choose_shards, file_url
from .folder import Present, fingerprint, hash_file, lock, look, release_in, write_state

logger = logging.getLogger(__name__)


class State(Enum):
    """What is in the folder of a file."""

    WHOLE = "whole"  # verified before, and not touched since
    UNVERIFIED = "unverified"  # the right size, never hashed
    PARTIAL = "partial"  # some bytes, to go on from
    MISSING = "missing"
    WRONG = "wrong"  # another size than the file should have, or more than it


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

    @property
    def todo(self) -> list[Task]:
        """The tasks with something to do."""
        return [task for task in self.tasks if task.state is not State.WHOLE]


def plan(release: Release, files: Iterable[File], present: Mapping[str, Present]) -> Plan:
    """What to do about each file, given what is there; touches neither disk nor network."""
    return Plan(release, tuple(_task(file, present.get(file.name, Present())) for file in files))


def _task(file: File, found: Present) -> Task:
    if found.size == file.size:
        return Task(file, State.WHOLE if found.verified else State.UNVERIFIED, file.size)
    have = found.part or 0
    if have > file.size:
        return Task(file, State.WRONG, 0)
    if found.size is not None:
        return Task(file, State.WRONG, have)
    return Task(file, State.PARTIAL if have else State.MISSING, have)


def look_and_plan(
    folder: str | os.PathLike[str],
    release: str | Release | None = None,
    *,
    shards: Iterable[int] | None = None,
) -> Plan:
    """What `download` with the same arguments would do.

    Raises:
        ReleaseError: there is no such release or shard.
        DownloadError: the folder holds another release, or may not be read.
    """
    release = release_in(folder, release)
    return _look_and_plan(
        Path(folder).expanduser().absolute(), release, _choose_files(release, shards)
    )


def _look_and_plan(folder: Path, release: Release, files: list[File]) -> Plan:
    release_in(folder, release)  # who fetched into it meanwhile may have made it another's
    return plan(release, files, look(folder, files))


def _choose_files(release: Release, shards: Iterable[int] | None) -> list[File]:
    return [release.metadata, *choose_shards(release, shards).values()]


def download(
    folder: str | os.PathLike[str],
    release: str | Release | None = None,
    *,
    shards: Iterable[int] | None = None,
    base_url: str | None = None,
    connections: int = 2,
    quiet: bool | None = None,
) -> Path:
    """Downloads the CSV and the chosen shards of a release into a folder, and verifies them.

    Resumes where an earlier call stopped, whatever stopped it; with nothing to do, asks nothing of
    the network.

    Args:
        folder: where to; made if it is not there.
        release: its name, such as `"v3"`, or its record; None for the one that the folder holds,
            and else the default release.
        shards: the numbers of the shards; None for all.
        base_url: a mirror laid out as Zenodo's `/records`; None for the environment's
            `PASS_BASE_URL`, and else Zenodo.
        connections: how many files are fetched at the same time.
        quiet: show no progress; None for what `datasets`' progress bars do.

    Returns:
        The folder, absolute.

    Raises:
        ReleaseError: there is no such release or shard.
        RemoteError: the server does not give a file.
        DownloadError: the folder is in use, holds another release, or has no room; or a file is
        wrong twice.
    """
    release = release_in(folder, release)
    files = _choose_files(release, shards)
    return fetch(release, files, folder, base_url=base_url, connections=connections, quiet=quiet)


def fetch(
    release: Release,
    files: Iterable[File],
    folder: str | os.PathLike[str],
    *,
    base_url: str | None = None,
    connections: int = 2,
    quiet: bool | None = None,
) -> Path:
    """Have these files of a release in a folder, whole and verified, and return the folder."""
    where = Path(folder).expanduser().absolute()
    files = list(files)
    made = _look_and_plan(where, release, files)
    if not made.todo:
        return where
    if made.to_go:
        check_online(", ".join(task.file.name for task in made.tasks if task.to_go))
        _check_space(where, made.to_go)
    with lock(where):
        # again: who held the lock until now may have fetched something
        made = _look_and_plan(where, release, files)
        write_state(where, record=release.record)
        with Progress(
            sum(task.file.size for task in made.todo), title=f"PASS {release.name}", quiet=quiet
        ) as progress:
            fetcher = _Fetcher(where, release, base_url, progress)
            map_threaded(
                fetcher.bring, made.todo, threads=max(1, connections), stopped=progress.stopped
            )
    return where


def _check_space(folder: Path, needed: int) -> None:
    disk = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(disk).free
    if needed > free:
        raise DownloadError(
            f"{folder}: expected {needed:,} bytes of free space for what is missing, found "
            f"{free:,}. Make room, or fetch "
            "part of it with `shards=[...]` (`--shards 0,3-5`)."
        )


class _Fetcher:
    """Carries out the tasks of a plan, each by itself.

    Who has been stopped must change nothing more, since another process may be at it by then. So
    counting, which raises `Stopped`, comes before every change, and writing is not buffered.
    """

    def __init__(
        self, folder: Path, release: Release, base_url: str | None, progress: Progress
    ) -> None:
        self.folder, self.release, self.base_url, self.progress = (
            folder,
            release,
            base_url,
            progress,
        )

    def bring(self, task: Task) -> None:
        """Have one file whole and verified.

        Raises:
            DownloadError: it cannot be written, the disk is full, or it came wrong twice.
        """
        file = task.file
        self.progress.start(file.name, file.size)
        try:
            self._bring(file, unverified=task.state is State.UNVERIFIED)
        except OSError as err:
            if err.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise DownloadError(
                    f"{self.folder / file.name}: expected to read and write it, found: {err}. Mend "
                    "that."
                ) from err
            left = file.size - (look(self.folder, [file])[file.name].part or 0)
            raise DownloadError(
                f"{self.folder}: expected room for {file.name}, found the disk full. Make room for "
                f"{left:,} bytes, and run "
                "the same command again: it goes on where this one stopped."
            ) from err
        self.progress.finish(file.name)

    def _bring(self, file: File, *, unverified: bool) -> None:
        path, part = self.folder / file.name, self.folder / f"{file.name}.part"
        for arrived, sizes in ((path, (file.size,)), (part, range(file.size + 1))):
            if arrived.is_file() and (size := arrived.stat().st_size) not in sizes:
                self._set_aside(file, arrived, f"{file.size:,} bytes, found {size:,}")
        if unverified:
            status = path.stat()  # of what is hashed, not of what may take its place meanwhile
            found = hash_file(path, self._count(file)).hexdigest()
            if self._accept(file, path, status, found):
                return
        for _ in range(2):
            found = self._fill(file, part)
            if self._accept(file, part, part.stat(), found):
                return
        raise DownloadError(
            f"{path}: expected sha256 {file.sha256}, found {found}, after fetching it twice. What "
            f"came is kept as {file.name}.bad; check release and server, and run the same command "
            "again."
        )

    def _fill(self, file: File, part: Path) -> str:
        """Append to the `.part` what it lacks, and return the SHA-256 of all of it."""
        count = self._count(file)
        with part.open("ab", buffering=0) as out:
            have = out.tell()
            digest = hash_file(part, count)
            if have < file.size:
                check_online(file.name)
                with RemoteFile(
                    file_url(self.release, file, self.base_url),
                    file.size,
                    stopped=self.progress.stopped,
                ) as remote:
                    for data in remote.read(have, file.size - have):
                        count(len(data))
                        digest.update(data)
                        while data:  # a disk that fills up takes a part
                            data = data[out.write(data) :]
            os.fsync(out.fileno())
        count(0)
        return digest.hexdigest()

    def _accept(self, file: File, arrived: Path, status: os.stat_result, found: str) -> bool:
        """Give what arrived its name, and remember it as verified, or set it aside; whether it was
        right.
        """
        if found != file.sha256:
            self._set_aside(file, arrived, f"sha256 {file.sha256}, found {found}")
            self._count(file)(-status.st_size)
            return False
        arrived.replace(self.folder / file.name)
        write_state(self.folder, verified={file.name: fingerprint(status, file.sha256)})
        return True

    def _set_aside(self, file: File, wrong: Path, trouble: str) -> None:
        bad = self.folder / f"{file.name}.bad"
        wrong.replace(bad)
        logger.warning("%s: expected %s; kept as %s", wrong, trouble, bad.name)

    def _count(self, file: File) -> Callable[[int], None]:
        """Takes the bytes of a file that went by, and raises `Stopped` when there should be no
        more.
        """
        return partial(self.progress.advance, file.name)
