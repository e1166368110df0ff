"""A folder in, what is wrong with its files out."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from .errors import ShardError
from .folders import fingerprint, look, read_file, write_state
from .progress import Progress
from .releases import File, Release, choose_shards, find_release
from .shards import ShardFile, read_members


class Finding(NamedTuple):
    """Something wrong with a file, in words."""

    name: str
    trouble: str


def verify(
    folder: str | os.PathLike[str],
    release: str | Release = "v2",
    *,
    shards: Iterable[int] | None = None,
    quick: bool = False,
    force: bool = False,
    quiet: bool = True,
) -> list[Finding]:
    """What is wrong with the files of a release that are in a folder; an empty list when nothing is.

    Compares sizes and SHA-256; with `quick` sizes only, and walks the headers of the tars. A file that was verified before and
    not touched since is not read again, unless `force`. A file that is not there is a finding when `shards` names it, or when
    none is there.

    Raises:
        ReleaseError: there is no such release or shard.
    """
    release = find_release(release)
    where = Path(folder).expanduser().absolute()
    files = [release.metadata, *choose_shards(release, shards).values()]
    present = look(where, files)
    missing = [file for file in files if present[file.name].size is None]
    findings = [Finding(file.name, "expected here, found none") for file in missing if shards is not None or missing == files]
    todo = [file for file in files if file not in missing and (force or not present[file.name].verified)]
    check = _check_quickly if quick else _check_whole
    with Progress(sum(file.size for file in todo), title="verify", quiet=quiet) as progress, ThreadPoolExecutor() as pool:
        for file, trouble in zip(todo, pool.map(lambda file: check(where / file.name, file, progress), todo), strict=True):
            if trouble:
                findings.append(Finding(file.name, trouble))
            elif not quick:
                with contextlib.suppress(OSError):  # a folder that may not be written is verified again the next time
                    write_state(where, verified={file.name: fingerprint(where / file.name, file.sha256)})
    return sorted(findings)


def _check_quickly(path: Path, file: File, progress: Progress) -> str | None:
    size = path.stat().st_size
    if size != file.size:
        return f"expected {file.size:,} bytes, found {size:,}"
    if path.suffix == ".tar":
        try:
            with ShardFile(path, random_access=True) as shard:
                for _ in read_members(shard):
                    pass
        except ShardError as err:
            return str(err)
    return None


def _check_whole(path: Path, file: File, progress: Progress) -> str | None:
    size = path.stat().st_size
    if size != file.size:
        return f"expected {file.size:,} bytes, found {size:,}"
    digest = hashlib.sha256()
    progress.start(file.name, file.size)
    for data in read_file(path):
        digest.update(data)
        progress.advance(file.name, len(data))
    progress.finish(file.name)
    return None if digest.hexdigest() == file.sha256 else f"expected sha256 {file.sha256}, found {digest.hexdigest()}"
