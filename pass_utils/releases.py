"""Facts about PASS: releases with their files and checksums, licences, authors, links.

What `pass.py` knows, typed; this is the only module that imports it. `pass` is a keyword, so
`import pass` is a SyntaxError and importlib has to do it.
"""

from __future__ import annotations

import contextlib
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


class UrlList(NamedTuple):
    """A list of all images of a release, a URL in each line, and where it is."""

    file: File
    url: str


RELEASES: dict[str, Release] = script.RELEASES
# Lists that the authors publish, by release.
URL_LISTS = {
    "v3": UrlList(
        File(
            "pass_urls.txt",
            158356435,
            "cc692c3e7094b7e51e218c8bc2e351acdbb419e861976be10472f16ba872566b",
        ),
        "https://www.robots.ox.ac.uk/~vgg/research/pass/pass_urls.txt",
    )
}
METADATA_FILE: str = script.METADATA_FILE
# the CSV's name, the dataset's, Arrow type
METADATA_COLUMNS: tuple[tuple[str, str, Any], ...] = script.METADATA_COLUMNS
IMAGE_NAME: re.Pattern[str] = script.IMAGE_NAME
FEATURES: Any = script.FEATURES

# The release that is meant where none is named and no folder or dataset says otherwise; set in
# pass.py, so that every `datasets` has the same.
DEFAULT_RELEASE: str = script.PASS.DEFAULT_CONFIG_NAME

# The licence of each photo: Flickr's "Attribution License" of 2004 to 2014, which YFCC100M's own
# rows name with this URL; 4.0 came to Flickr in 2025.
LICENSE = "CC BY 2.0"
LICENSE_URL = "https://creativecommons.org/licenses/by/2.0/"
SPDX = "CC-BY-2.0"
# The licence of the dataset: the selection and its metadata.
DATASET_LICENSE = "CC BY 4.0"
DATASET_LICENSE_URL = "https://creativecommons.org/licenses/by/4.0/"
DATASET_SPDX = "CC-BY-4.0"
DATASET_TITLE = "PASS (Pictures without humAns for Self-Supervision)"
DATASET_AUTHORS = ("Yuki M. Asano", "Christian Rupprecht", "Andrew Zisserman", "Andrea Vedaldi")
AUTHORS_LINE = f"{', '.join(DATASET_AUTHORS[:-1])} and {DATASET_AUTHORS[-1]}"
UNKNOWN_CREATOR = "unknown Flickr user"  # in credits for people, where PASS has no name
# in place of the name of a creator who does not want to be named; as PASS would store it, and read
WITHHELD_USERNAME = "name+withheld+at+the+creator%27s+request"
WITHHELD_CREATOR = "name withheld at the creator's request"
# YFCC100M's images, one by one; `source_url` appends h[:3]/h[3:6]/h.jpg
SOURCE_URL = "https://multimedia-commons.s3-us-west-2.amazonaws.com/data/images/"


def find_release(release: str | Release | None = None) -> Release:
    """Returns the record of a release.

    Args:
        release: its name (`"v2"`, `"v3"`), the record itself, or None for the default release.

    Raises:
        ReleaseError: there is no release of that name.
    """
    if isinstance(release, Release):
        return release
    if release is None:
        release = DEFAULT_RELEASE
    if release not in RELEASES:
        raise ReleaseError(f"release: expected one of {', '.join(RELEASES)}, found {release!r}.")
    return RELEASES[release]


def newest_release() -> Release:
    """Returns the release of the latest date."""
    return max(RELEASES.values(), key=lambda release: release.date)


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
    numbers: list[Any] = (
        list(shards) if isinstance(shards, Iterable) and not isinstance(shards, str) else [shards]
    )
    known = release.shards
    if (
        not isinstance(shards, Iterable)
        or not numbers
        or any(not _is_integer(number) or number not in known for number in numbers)
        or len(set(numbers)) != len(numbers)
    ):
        raise ReleaseError(
            f"shards: expected different numbers from {min(known)} to {max(known)}, as in "
            f"`shards=[0, 3]`, found {numbers if isinstance(shards, Iterable) else shards!r}."
        )
    return {int(number): known[number] for number in numbers}


def _is_integer(number: Any) -> bool:
    """Whether it is a whole number by type, as of NumPy, and no boolean."""
    return hasattr(number, "__index__") and not isinstance(number, bool)


def file_url(release: Release, file: File, base_url: str | None = None) -> str:
    """Returns the URL of a file of a release.

    Args:
        release: the release.
        file: one of its files, or the list that its authors publish elsewhere.
        base_url: a mirror; None for the environment's `PASS_BASE_URL`, and else Zenodo.

    Raises:
        ReleaseError: the mirror's URL is none of http or https.
    """
    listed = URL_LISTS.get(release.name)
    if listed is not None and file == listed.file:
        return listed.url
    base = base_url or os.environ.get("PASS_BASE_URL") or script.BASE_URL
    if not re.match(r"https?://[^/]", str(base), re.IGNORECASE):
        raise ReleaseError(
            "base_url: expected the URL of a mirror, such as https://example.org/records, found "
            "one that does not begin with https:// or http://. Check it, or the environment's "
            "PASS_BASE_URL."
        )
    return release.url(file, base)


def doi_url(release: Release) -> str:
    """Returns the link that leads to the release on Zenodo."""
    return f"https://doi.org/{release.doi}"


def source_url(hash: str) -> str:
    """Returns the URL of a single image in YFCC100M's public bucket.

    >>> source_url("0123456789abcdef")
    'https://multimedia-commons.s3-us-west-2.amazonaws.com/data/images/012/345/0123456789abcdef.jpg'
    """
    return f"{SOURCE_URL}{hash[:3]}/{hash[3:6]}/{hash}.jpg"


def miniature_of(csv: Path) -> Release | None:
    """Returns the release whose bundled miniature has this metadata CSV, wherever it was copied to;
    None for any other CSV.
    """
    for release in RELEASES.values():
        ours = dummy_folder(release) / METADATA_FILE
        with contextlib.suppress(OSError):
            if ours.stat().st_size == csv.stat().st_size and ours.read_bytes() == csv.read_bytes():
                return release
    return None


def dummy_folder(release: str | Release | None = None) -> Path:
    """Returns the folder of the miniature of a release that comes with the package.

    It has ten small shards and their CSV, laid out as PASS is, with drawings for photographs.

    Args:
        release: its name, such as `"v3"`, or its record; None for the default release.

    Raises:
        ReleaseError: there is no such release.
    """
    here = Path(__file__).parent
    installed, checkout = here / "dummy", here.parent / "dummy"
    return (installed if installed.is_dir() else checkout) / find_release(release).version
