"""The loading script `pass.py` in, its facts about PASS out, typed: the one place that imports it.

`pass` is a keyword, so `import pass` is a SyntaxError and importlib has to do it.
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import ReleaseError

if TYPE_CHECKING:
    # The shapes that pass.py gives File and Release, for type checkers, which cannot import it; a
    # test compares them.
    class File(NamedTuple):
        """A file of a release."""

        name: str
        size: int
        sha256: str

    class Release(NamedTuple):
        """What is known of a release before a byte of it is fetched."""

        name: str
        version: str
        record: int
        date: str
        images: int
        image_bytes: int
        files: tuple[File, ...]

        @property
        def doi(self) -> str: ...  # noqa: D102
        @property
        def metadata(self) -> File: ...  # noqa: D102
        @property
        def shards(self) -> dict[int, File]: ...  # noqa: D102
        @property
        def download_size(self) -> int: ...  # noqa: D102
        def url(self, file: File, base_url: str = ...) -> str: ...  # noqa: D102


script: Any = importlib.import_module("pass")

if not TYPE_CHECKING:
    File = script.File
    Release = script.Release

RELEASES: dict[str, Release] = script.RELEASES
METADATA_FILE: str = script.METADATA_FILE
# the CSV's name, the dataset's, Arrow type
METADATA_COLUMNS: tuple[tuple[str, str, Any], ...] = script.METADATA_COLUMNS
IMAGE_NAME: re.Pattern[str] = script.IMAGE_NAME
FEATURES: Any = script.FEATURES


def find_release(release: str | Release) -> Release:
    """The record of a release by its name (`"v2"`, `"v3"`), or the record itself when it is one.

    Raises:
        ReleaseError: there is no release of that name.
    """
    if isinstance(release, Release):
        return release
    if release not in RELEASES:
        raise ReleaseError(f"release: expected one of {', '.join(RELEASES)}, found {release!r}.")
    return RELEASES[release]


def release_of(dataset: Any) -> Release | None:
    """The release that `load_dataset("pass")` opened as this dataset, or that it was made of; None
    for any other dataset.
    """
    info = dataset.info
    return RELEASES.get(str(info.config_name)) if info.dataset_name == "pass" else None


def choose_shards(release: Release, shards: Iterable[Any] | None) -> dict[int, File]:
    """The chosen shards of a release by number, in the order asked for; all of them for None.

    Raises:
        ReleaseError: a number that the release does not have, one given twice, or none at all.
    """
    if shards is None:
        return release.shards
    numbers: list[Any] = [shards] if isinstance(shards, str) else list(shards)
    known = release.shards
    if (
        not numbers
        or any(isinstance(number, bool) or number not in known for number in numbers)
        or len(set(numbers)) != len(numbers)
    ):
        raise ReleaseError(
            f"shards: expected different numbers from {min(known)} to {max(known)}, as in "
            f"`shards=[0, 3]`, found {numbers}."
        )
    return {number: known[number] for number in numbers}


def file_url(release: Release, file: File, base_url: str | None = None) -> str:
    """Where a file lies: on the mirror given, else on the one in the environment's `PASS_BASE_URL`,
    else on Zenodo.
    """
    return release.url(file, base_url or os.environ.get("PASS_BASE_URL") or script.BASE_URL)


def dummy_folder(release: str | Release = "v2") -> Path:
    """The folder of the miniature of a `release` that comes with the package: ten small shards and
    their CSV.

    It holds drawings, not photographs, and is laid out as PASS is.
    """
    here = Path(__file__).parent
    installed, checkout = here / "dummy", here.parent / "dummy"
    return (installed if installed.is_dir() else checkout) / find_release(release).version
