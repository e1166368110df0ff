"""Withdrawn images: the list of those that a release still has, and the rows of a dataset by it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from .._datasets import AnyDataset
from .._util.cache import cache_dir
from .._util.stamp import FileStamp
from ..errors import PassError, SelectionError
from ..hashes import Keys
from ..metadata import open_metadata
from ..releases import (
    METADATA_FILE,
    URL_LISTS,
    File,
    Release,
    dummy_folder,
    find_release,
    miniature_of,
    newest_release,
)
from ..selection.lists import read_hashes
from ..selection.membership import filter_keys, has_hashes
from ..selection.record import Hashes, Selection
from .fetch import fetch
from .folder import downloads_folder, folder_path

logger = logging.getLogger(__name__)

_Path = str | os.PathLike[str]


def drop_withdrawn(
    dataset: AnyDataset, release: str | Release | None = None, hashes: Hashes | None = None
) -> AnyDataset:
    """The rows of an older copy of PASS that a release still has, in the same order.

    v2 withdrew 472 images of people, v3 another 131. The list of the release is fetched once into
    the cache of `datasets`, verified, or taken from there: its CSV, or else the list of URLs that
    its authors publish. It must have as many different hashes as the release has images.

    Args:
        dataset: As for `filter_hashes`.
        release: Its name, such as `"v3"`, or its record; None for the newest one.
        hashes: The list of its images, where it is on this machine: the CSV or any other list that
            `filter_hashes` takes; None to fetch it.

    Returns:
        The same kind of dataset, as of `filter_hashes`.

    Raises:
        DatasetError: it is no dataset, or has no column of hashes.
        ReleaseError: there is no such release.
        SelectionError: the list is none of the release, or cannot be read.
        RemoteError, DownloadError: it cannot be fetched.
    """
    found = newest_release() if release is None else find_release(release)
    return filter_keys(dataset, include=read_release_list(found, hashes))[1]


def read_release_list(
    release: Release,
    hashes: Hashes | None = None,
    *,
    csv: _Path | None = None,
    base_url: str | None = None,
    cache_root: _Path | None = None,
    quiet: bool | None = None,
) -> Keys:
    """Returns the sorted keys of all images of a release.

    Args:
        release: The release.
        hashes: A list of them; None to take it from the cache, or to fetch it.
        csv: The CSV of the rows that are compared with it. Where it is that of a bundled
            miniature, the list is that of the release's miniature.
        base_url: A mirror laid out as Zenodo's `/records`, or None.
        cache_root: The cache, None for that of `datasets`.
        quiet: Show no progress; None for what `datasets`' progress bars do.

    Raises:
        SelectionError: the list does not have as many hashes as the release has images.
        RemoteError, DownloadError: it cannot be fetched.
    """
    if hashes is not None:
        keys = read_hashes(hashes).keys
        is_miniature = isinstance(hashes, (str, os.PathLike)) and _is_miniature(hashes, release)
        if keys is None or not (is_miniature or len(keys) == release.images):
            raise _incomplete(release, "the list that was given", len(keys or ()))
        return keys
    known = known_release_list(release, csv=csv, cache_root=cache_root)
    if known is not None:
        return known
    problems: list[str] = []
    for file in _files(release):
        try:
            folder = fetch(
                release,
                [file],
                downloads_folder(release, cache_root),
                base_url=base_url,
                quiet=quiet,
                wait=True,
            )
            keys = _read(folder / file.name, cache_root)
            if len(keys) == release.images:
                return keys
            problems.append(str(_incomplete(release, file.name, len(keys))))
        except PassError as err:
            if file is _files(release)[-1] and not problems:
                raise
            problems.append(str(err))
    raise SelectionError(" ".join(problems))


def known_release_list(
    release: Release, *, csv: _Path | None = None, cache_root: _Path | None = None
) -> Keys | None:
    """Returns the sorted keys of all images of a release, as far as they are on this machine; None
    where they are not, or not complete.

    Args:
        release: The release.
        csv: As for `read_release_list`.
        cache_root: Likewise.
    """
    if csv is not None and miniature_of(folder_path(csv)) is not None:
        return _read(dummy_folder(release) / METADATA_FILE, cache_root)
    for file in _files(release):
        path = downloads_folder(release, cache_root) / file.name
        if path.is_file() and path.stat().st_size == file.size:
            keys = _read(path, cache_root)
            if len(keys) == release.images:
                return keys
    return None


def still_there(
    selection: Selection,
    hashes: Hashes | None,
    csv: _Path,
    *,
    base_url: str | None = None,
    cache_root: _Path | None = None,
) -> Keys | None:
    """Returns the keys that `drop_withdrawn` of a selection asks for; None where it does not.

    Args:
        selection: What is chosen.
        hashes: The list that was given, or None.
        csv: The CSV that is chosen from.
        base_url: A mirror, or None.
        cache_root: The cache, None for that of `datasets`.

    Raises:
        SelectionError: there is a list without a release that it is of, or it is incomplete.
        RemoteError, DownloadError: the list cannot be fetched.
    """
    check_release_list(selection, hashes)
    if selection.drop_withdrawn is None:
        return None
    release = find_release(selection.drop_withdrawn)
    return read_release_list(release, hashes, csv=csv, base_url=base_url, cache_root=cache_root)


def check_release_list(selection: Selection, hashes: Hashes | None) -> None:
    """Checks that a list of a release is given beside the name of that release.

    Raises:
        SelectionError: it is not.
    """
    if hashes is not None and selection.drop_withdrawn is None:
        raise SelectionError(
            "release_list: expected it beside `drop_withdrawn` (`--drop-withdrawn`), which names "
            "the release that it is the list of; found it alone. Name the release, or use "
            "`include`."
        )


def _files(release: Release) -> list[File]:
    """The files that list the images of a release, the best first."""
    listed = URL_LISTS.get(release.name)
    return [release.metadata, *([] if listed is None else [listed.file])]


def _is_miniature(path: _Path, release: Release) -> bool:
    return miniature_of(folder_path(path)) == release


def _read(path: Path, cache_root: _Path | None) -> Keys:
    if path.name == METADATA_FILE:
        return open_metadata(path, cache_dir(cache_root)).keys
    status = path.stat()
    return _read_list(path, FileStamp.of(status))


@lru_cache(maxsize=2)
def _read_list(path: Path, stamp: FileStamp) -> Keys:
    keys = read_hashes(path).keys
    return Keys.concat([]) if keys is None else keys


def _incomplete(release: Release, what: str, found: int) -> SelectionError:
    return SelectionError(
        f"{what}: expected the {release.images:,} different hashes of release {release.name}, "
        f"found {found:,}. Images would be taken for withdrawn that are not: give the list of all "
        "images of the release."
    )


class Withdrawn(NamedTuple):
    """What the newest release has withdrawn of some rows of an older one.

    Attributes:
        release: The newest release.
        images: How many of the rows; None where its list is not on this machine.
    """

    release: Release
    images: int | None

    def __str__(self) -> str:
        name = self.release.name
        if self.images is None:
            return (
                f"not known, as the list of release {name} is not on this machine: "
                f"`--drop-withdrawn {name}` fetches it once."
            )
        if not self.images:
            return f"none of these images by release {name} ({self.release.date})."
        noun, are = ("image", "is") if self.images == 1 else ("images", "are")
        return (
            f"{self.images:,} of these {noun} {are} no longer in release {name} "
            f'({self.release.date}), which withdrew them: `drop_withdrawn(ds, "{name}")` or '
            f"`--drop-withdrawn {name}` leaves them out."
        )


def find_withdrawn(
    parts: Iterable[Any],
    release: Release | None,
    *,
    csv: _Path | None = None,
    cache_root: _Path | None = None,
) -> Withdrawn | None:
    """Returns what the newest release has withdrawn of some rows, as far as it can be known without
    a network.

    Args:
        parts: Datasets, no streams, with a column `hash`.
        release: The release that they come from; None where that is not known.
        csv: Their CSV, if known, as for `read_release_list`.
        cache_root: The cache, None for that of `datasets`.

    Returns:
        None where the rows are of the newest release, or of none.
    """
    newest = newest_release()
    if release is None or release.date >= newest.date:
        return None
    datasets = [part for part in parts if len(part) and has_hashes(part.features)]
    most = release.images - newest.images
    if sum(map(len, datasets)) == release.images:
        return Withdrawn(newest, most)
    keys = known_release_list(newest, csv=csv, cache_root=cache_root)
    if keys is None:
        return Withdrawn(newest, None)
    found = sum(len(part) - len(filter_keys(part, include=keys)[1]) for part in datasets)
    # more than were withdrawn: the rows are not of this release, but of a miniature of it
    return Withdrawn(newest, found if found <= most else None)


def warn_of_withdrawn(parts: Iterable[Any], release: Release | None) -> None:
    """Logs what the newest release has withdrawn of some rows, where that is known to be something.

    Args:
        parts: As for `find_withdrawn`.
        release: Likewise.
    """
    found = find_withdrawn(parts, release)
    if found is not None and found.images:
        logger.warning("%s", found)


_logged: set[str] = set()  # releases that were opened in this process


def log_withdrawn_since(release: Release) -> None:
    """Logs, once in a process, how many images of a release that is opened the newest one withdrew.

    Args:
        release: The release, all of which is opened.
    """
    newest = newest_release()
    withdrawn = release.images - newest.images
    if release.date < newest.date and withdrawn > 0 and release.name not in _logged:
        _logged.add(release.name)
        logger.warning("%s", Withdrawn(newest, withdrawn))
