"""Downloads a release into a folder: resumes, verifies, and gives only verified files their name.

`planning` decides from what is in the folder what has to be done, `fetch` does it. A file arrives
as `NAME.part`, is hashed while it does, and takes its name only when size and SHA-256 agree.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from .._util.files import hash_file, open_to_append
from .._util.progress import Progress
from .._util.threads import map_threaded
from ..errors import DownloadError
from ..net.ranges import RemoteFile
from ..net.session import check_online
from ..releases import File, Release, file_url
from .folder import folder_path, release_in, scan
from .planning import Plan, Task, check_shards_folder, plan
from .state import lock_folder, verified_stamp, write_state

logger = logging.getLogger(__name__)


def fetch(
    release: Release,
    files: Iterable[File],
    folder: str | os.PathLike[str],
    *,
    base_url: str | None = None,
    connections: int = 2,
    quiet: bool | None = None,
    wait: bool = False,
) -> Path:
    """Downloads these files of a release into a folder, and verifies them.

    Args:
        release: the release.
        files: some of its files.
        folder: where to; made if it is not there.
        base_url: as in `download`.
        connections: as in `download`.
        quiet: as in `download`.
        wait: wait for another process that downloads into the folder, and use what it got; else
            refuse.

    Returns:
        The folder, absolute.

    Raises:
        RemoteError: the server does not give a file.
        DownloadError: as for `download`.
    """
    where = folder_path(folder)
    files = list(files)
    made = _plan(where, release, files)
    if not made.todo:
        return where
    if made.bytes_to_fetch:
        check_online(", ".join(task.file.name for task in made.tasks if task.bytes_to_fetch))
        _check_space(where, made.bytes_to_fetch)
    with lock_folder(where, wait=wait):
        # again: who had the lock until now may have fetched something
        made = _plan(where, release, files)
        write_state(where, record=release.record)
        with Progress(
            sum(task.file.size for task in made.todo), title=f"PASS {release.name}", quiet=quiet
        ) as progress:
            fetcher = _Fetcher(where, release, base_url, progress)
            map_threaded(
                fetcher.download_file,
                made.todo,
                threads=max(1, connections),
                stopped=progress.stopped,
            )
    return where


def _plan(folder: Path, release: Release, files: list[File]) -> Plan:
    release_in(folder, release)  # who fetched into it meanwhile may have made it another's
    check_shards_folder(folder, release)
    return plan(release, files, scan(folder, files))


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

    def download_file(self, task: Task) -> None:
        """Downloads and verifies one file, resuming its `.part`.

        Raises:
            DownloadError: it cannot be written, the disk is full, or it came wrong twice.
        """
        file = task.file
        self.progress.start(file.name, file.size)
        try:
            self._download(file)
        except OSError as err:
            if err.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise DownloadError(
                    f"{self.folder / file.name}: expected to read and write it, found: {err}. Fix "
                    "that."
                ) from err
            left = file.size - (scan(self.folder, [file])[file.name].part or 0)
            raise DownloadError(
                f"{self.folder}: expected room for {file.name}, found the disk full. Make room for "
                f"{left:,} bytes, and run "
                "the same command again: it resumes where this one stopped."
            ) from err
        self.progress.finish(file.name)

    def _download(self, file: File) -> None:
        path, part = self.folder / file.name, self.folder / f"{file.name}.part"
        if self._prepare(file):
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

    def _prepare(self, file: File) -> bool:
        """Set aside what cannot be of the file, and resume from a tar that is cut short; whether
        there is one of the right size, to be hashed.
        """
        path, part = self.folder / file.name, self.folder / f"{file.name}.part"
        size, _, arrived, cut_short = scan(self.folder, [file])[file.name]
        if arrived is not None and arrived > file.size:
            self._set_aside(file, part, f"{file.size:,} bytes, found {arrived:,}")
            arrived = None
        if size is None or size == file.size:
            return size is not None
        if cut_short and size > (arrived or 0):
            if arrived:
                self._set_aside(file, part, f"the longer beginning, found {arrived:,} bytes")
            logger.info("%s: has %s of %s bytes; resumed from there", path, size, file.size)
            path.replace(part)
        else:
            self._set_aside(file, path, f"{file.size:,} bytes, found {size:,}")
        return False

    def _fill(self, file: File, part: Path) -> str:
        """Append to the `.part` what it lacks, and return the SHA-256 of all of it."""
        count = self._count(file)
        with open_to_append(part) as out:
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
        write_state(self.folder, verified={file.name: verified_stamp(status, file.sha256)})
        return True

    def _set_aside(self, file: File, wrong: Path, expected: str) -> None:
        bad = self.folder / f"{file.name}.bad"
        wrong.replace(bad)
        logger.warning("%s: expected %s; kept as %s", wrong, expected, bad.name)

    def _count(self, file: File) -> Callable[[int], None]:
        """Takes the bytes of a file that went by, and raises `Stopped` when there should be no
        more.
        """
        return partial(self.progress.advance, file.name)
