"""Verification: the files of a folder compared with the sizes and checksums of a release."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from .._util.files import hash_file
from .._util.progress import Progress
from .._util.threads import map_threaded
from ..errors import DownloadError, ShardError
from ..releases import File, Release
from ..shards.source import ShardFile
from ..shards.walk import walk_members
from .folder import files_of, folder_path, release_in, scan
from .journal import is_subset
from .state import verified_stamp, write_state

# bytes: the rest of a block, two of zeros, and what fills up tar's records of 20 blocks
_LONGEST_END = 24 * 512


class Finding(NamedTuple):
    """Something wrong with the file `name`; `problem` says in words what was expected and what was
    found.
    """

    name: str
    problem: str


def verify(
    folder: str | os.PathLike[str],
    release: str | Release | None = None,
    *,
    shards: Iterable[int] | None = None,
    quick: bool = False,
    force: bool = False,
    quiet: bool | None = None,
) -> list[Finding]:
    """Compares the files in a folder with the sizes and SHA-256 of a release.

    A file that is not there is a finding when `shards` names it, or when none is there.

    Args:
        folder: a folder with files of a release.
        release: its name, such as `"v3"`, or its record; None for the one that the folder holds.
        shards: the numbers of the shards to compare, with the CSV; None for all.
        quick: compare sizes only, and walk the headers of the tars.
        force: read also what was verified before and not touched since.
        quiet: show no progress; None for what `datasets`' progress bars do.

    Returns:
        What is wrong, as pairs of `name` and `problem`, sorted; an empty list when nothing is.

    Raises:
        ReleaseError: there is no such release or shard.
        DownloadError: the folder holds another release, or may not be read.
    """
    where = folder_path(folder)
    release = release_in(where, release)
    files = files_of(where, release, shards)
    present = scan(where, files)
    missing = [file for file in files if present[file.name].size is None]
    findings = [
        Finding(file.name, "expected here, found none")
        for file in missing
        if shards is not None or missing == files or is_subset(where)
    ]
    todo = [
        file for file in files if file not in missing and (force or not present[file.name].verified)
    ]
    with Progress(sum(file.size for file in todo), title="verify", quiet=quiet) as progress:
        check = partial(_check, where, quick=quick, progress=progress)
        problems = map_threaded(check, todo, threads=os.cpu_count() or 1, stopped=progress.stopped)
    findings += [
        Finding(file.name, problem) for file, problem in zip(todo, problems, strict=True) if problem
    ]
    return sorted(findings)


def _check(folder: Path, file: File, *, quick: bool, progress: Progress) -> str | None:
    """What is wrong with a file, in words; it is remembered as verified, or no longer."""
    path = folder / file.name
    progress.start(file.name, file.size)
    try:
        status = path.stat()  # of what is compared, not of what may take its place meanwhile
        problem = _compare(path, file, quick=quick, count=partial(progress.advance, file.name))
    except ShardError as err:
        problem = str(err).removeprefix(f"{path}: ")
    except OSError as err:
        problem = f"expected to read it, found: {err}"
    progress.finish(file.name)
    if problem or not quick:
        # a folder that may not be written is verified again the next time
        with contextlib.suppress(DownloadError):
            stamp = None if problem else verified_stamp(status, file.sha256)
            write_state(folder, verified={file.name: stamp})
    return problem


def _compare(path: Path, file: File, *, quick: bool, count: Callable[[int], None]) -> str | None:
    if (size := path.stat().st_size) != file.size:
        return f"expected {file.size:,} bytes, found {size:,}"
    if quick:
        return _walk(path, count) if path.suffix == ".tar" else None
    found = hash_file(path, count).hexdigest()
    return None if found == file.sha256 else f"expected sha256 {file.sha256}, found {found}"


def _walk(path: Path, count: Callable[[int], None]) -> str | None:
    """Read the headers of a tar, each of which says where the next one is."""
    with ShardFile(path, random_access=True) as shard:
        end = 0
        for found in walk_members(shard, progress=lambda _, size: count(size)):
            end = found.end
        if shard.size - end > _LONGEST_END:
            return f"expected members up to byte {shard.size:,}, found only zeros from {end:,} on"
    return None
