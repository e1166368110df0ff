"""Download of a release, or of a subset of it, into a folder."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from .._util.cache import cache_dir
from ..errors import SelectionError
from ..releases import METADATA_FILE, Release
from ..selection.manifest import MANIFEST_FILE, Manifest
from ..selection.record import Hashes, Selection
from ..selection.sample import choose_hashes
from .fetch import fetch
from .folder import downloads_folder, folder_path, release_in
from .planning import chosen_files
from .subset import fetch_subset, find_tars
from .withdrawn import check_release_list, still_there

logger = logging.getLogger(__name__)

_CONNECTIONS = 2  # to Zenodo


def download(
    folder: str | os.PathLike[str],
    release: str | Release | None = None,
    *,
    shards: Iterable[int] | None = None,
    sample: int | None = None,
    seed: int = 0,
    include: Hashes | None = None,
    exclude: Hashes | None = None,
    drop_withdrawn: str | None = None,
    release_list: Hashes | None = None,
    has_gps: bool | None = None,
    min_date: str | date | None = None,
    max_date: str | date | None = None,
    per_creator: int | None = None,
    source: str | os.PathLike[str] | None = None,
    base_url: str | None = None,
    connections: int | None = None,
    quiet: bool | None = None,
) -> Path:
    """Downloads a release, or a subset of it, into a folder, and verifies it.

    Without a choice of images these are the CSV and the chosen shards. With one it is a subset: the
    images come one by one from YFCC100M's public bucket, or from shards on this machine, and are
    packed into `PASS.subset.tar`, beside a CSV of their rows and the manifest `PASS.subset.json`.
    Either folder opens with `load_dataset("pass", data_dir=folder)`.

    Resumes where an earlier call stopped, whatever stopped it; with nothing to do, asks nothing of
    the network. Images that are not available are logged and listed in the manifest; the next call
    asks for them once more.

    Args:
        folder: Where to; made if it is not there. A subset needs a folder of its own.
        release: Its name, such as `"v3"`, or its record; None for the one that the folder holds,
            else that of the manifest given as `include`, and else the default release.
        shards: The numbers of the shards; None for all.
        sample: How many images: those with the smallest SHA-256 of `"<seed>:<hash>"` among all
            that the other choices leave.
        seed: The key of `sample` and `per_creator`, a whole number.
        include: The images to choose from: hashes, or files that list them (text, URLs, CSV,
            Parquet, JSON lines, the manifest of a subset), as a path or an iterable.
        exclude: The images to leave out, likewise, or a CSV of removals, as for `filter_hashes`.
        drop_withdrawn: The name of a later release: what it withdrew is left out.
        release_list: The list of that release's images; None to fetch it.
        has_gps: True for images with a location, False for those without.
        min_date: The first day on which an image may have been taken, such as `"2010-01-31"`.
        max_date: The last day, likewise.
        per_creator: How many images of each creator at most.
        source: A folder with shards to take the images of a subset from; None to fetch them one
            by one.
        base_url: A mirror laid out as Zenodo's `/records`; None for the environment's
            `PASS_BASE_URL`, and else Zenodo.
        connections: How many files are fetched at the same time; None for 2 shards or 16 images.
        quiet: Show no progress; None for what `datasets`' progress bars do.

    Returns:
        The folder, absolute.

    Raises:
        ReleaseError: there is no such release or shard.
        SelectionError: a list cannot be read, or the choices make no sense together.
        RemoteError: the server does not give a file.
        DownloadError: the folder is in use, holds something else, or has no room; or a file is
            wrong twice.
    """
    selection = Selection(
        include=include,  # type: ignore[arg-type]  # read there
        exclude=exclude,  # type: ignore[arg-type]
        drop_withdrawn=drop_withdrawn,
        has_gps=has_gps,
        min_date=min_date,  # type: ignore[arg-type]
        max_date=max_date,  # type: ignore[arg-type]
        per_creator=per_creator,
        sample=sample,
        seed=seed,
    )
    check_release_list(selection, release_list)
    listed = None if selection.include is None else selection.include.release
    release = release_in(folder, listed if release is None else release)
    if selection.is_subset:
        if shards is not None:
            raise SelectionError(
                "shards: expected none beside a choice of images, since only the shards know which "
                "images are in them; to take the images from shards here, name their folder as "
                "`source` (`--from`)."
            )
        download_subset(
            folder,
            release,
            selection,
            source=source,
            release_list=release_list,
            base_url=base_url,
            connections=connections,
            quiet=quiet,
        )
        return folder_path(folder)
    refused = {"exclude": exclude, "drop_withdrawn": drop_withdrawn, "source": source}
    for name, value in refused.items():
        if value is not None:
            raise SelectionError(
                f"{name}: expected it beside a choice such as `sample=3000`, since shards are "
                "fetched complete. Leave images out when you open the folder."
            )
    return fetch(
        release,
        chosen_files(release, shards),
        folder,
        base_url=base_url,
        connections=connections or _CONNECTIONS,
        quiet=quiet,
    )


def download_subset(
    folder: str | os.PathLike[str],
    release: Release,
    selection: Selection,
    *,
    source: str | os.PathLike[str] | None = None,
    release_list: Hashes | None = None,
    base_url: str | None = None,
    connections: int | None = None,
    retry_missing: bool = True,
    wait: bool = False,
    cache_root: str | os.PathLike[str] | None = None,
    quiet: bool | None = None,
) -> Manifest:
    """Downloads a subset, as `download` does; the release's CSV is kept in the cache.

    Args:
        folder: Where to.
        release: The release.
        selection: The images.
        source: A folder with shards, or None.
        release_list: As for `download`.
        base_url: A mirror for the CSV, or None.
        connections: How many images are fetched at the same time, or None.
        retry_missing: Ask once more for what a complete subset lacks.
        wait: Wait for another process that downloads into the folder; else refuse.
        cache_root: The cache, None for that of `datasets`.
        quiet: Show no progress; None for what `datasets`' progress bars do.

    Returns:
        The manifest of the subset.
    """
    kept = cache_dir(cache_root)

    @functools.cache
    def csv() -> Path:
        if source is not None:
            return folder_path(source) / METADATA_FILE
        return fetch_metadata(release, base_url=base_url, cache_root=cache_root, quiet=quiet)

    def choose() -> list[str]:
        still = still_there(
            selection, release_list, csv(), base_url=base_url, cache_root=cache_root
        )
        return choose_hashes(csv(), kept, selection, still)

    made = fetch_subset(
        folder,
        release,
        selection,
        choose,
        csv,
        tars=None if source is None else find_tars(source, release),
        connections=connections,
        retry_missing=retry_missing,
        wait=wait,
        quiet=quiet,
    )
    if made.missing:
        logger.warning(
            "%s: %s of %s images are not available, such as %s: %s. %s lists them.",
            folder_path(folder),
            f"{len(made.missing):,}",
            f"{len(made.missing) + len(made.images):,}",
            *made.missing[0],
            MANIFEST_FILE,
        )
    return made


def fetch_metadata(
    release: Release,
    *,
    base_url: str | None = None,
    cache_root: str | os.PathLike[str] | None = None,
    quiet: bool | None = None,
) -> Path:
    """Downloads the CSV of a release into the cache, and returns its path.

    Args:
        release: The release.
        base_url: A mirror, or None.
        cache_root: The cache, None for that of `datasets`.
        quiet: Show no progress; None for what `datasets`' progress bars do.
    """
    folder = downloads_folder(release, cache_root)
    files = [release.metadata]
    return fetch(release, files, folder, base_url=base_url, quiet=quiet, wait=True) / METADATA_FILE
