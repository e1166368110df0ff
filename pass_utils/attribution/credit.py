"""The credit of an image: title, author, source and licence (TASL), and a note of changes.

Title and Flickr page come from YFCC100M. What is not known is null until a list is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

import pyarrow as pa
import pyarrow.compute as pc

from .._util.text import encode_hidden, readable_all, sentence
from ..errors import AttributionError
from ..hashes import HASH_MEANS, are_hashes
from ..releases import (
    AUTHORS_LINE,
    DATASET_LICENSE,
    DATASET_LICENSE_URL,
    DATASET_TITLE,
    LICENSE,
    LICENSE_URL,
    SOURCE_URL,
    SPDX,
    UNKNOWN_CREATOR,
    WITHHELD_USERNAME,
    Release,
    doi_url,
    find_release,
)

_VARYING = ("hash", "creator", "creator_username", "source_url", "title", "page_url")
COLUMNS = pa.schema([(name, pa.string()) for name in _VARYING])


@dataclass(frozen=True)
class Credit:
    """The credit of one image. `str()` of it is `text`.

    Attributes:
        hash: The image's hash.
        creator: Its photographer's name as people read it; None where PASS has none.
        creator_username: The same as PASS stores it, form-encoded.
        source_url: Where the file is in YFCC100M.
        license, license_url, spdx: The licence's name, its text, its SPDX identifier.
        changes: What was done to the image, in the user's words; None for nothing.
        title: Known with YFCC100M's metadata only, else None.
        page_url: Its page on Flickr, known with YFCC100M's metadata only, else None.
    """

    hash: str
    creator: str | None
    creator_username: str | None
    source_url: str
    license: str = LICENSE
    license_url: str = LICENSE_URL
    spdx: str = SPDX
    changes: str | None = None
    title: str | None = None
    page_url: str | None = None

    @property
    def link(self) -> str:
        """Where people find the image: its Flickr page if known, else the file."""
        return self.page_url or self.source_url

    @property
    def text(self) -> str:
        """The credit as one line, as one would write it by hand."""
        what = "Photo" if self.title is None else f'"{self.title}"'
        return f"{what} by {self.creator or UNKNOWN_CREATOR} ({self.link}){text_end(self.changes)}"

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Credit {self.hash}: {self.text}>"

    def _repr_html_(self) -> str:
        """The credit in a notebook, with links."""
        what = "Photo" if self.title is None else f"<cite>{escape(self.title)}</cite>"
        changes = f" Changes: {escape(sentence(self.changes))}" if self.changes else ""
        return (
            f'<a href="{escape(self.link)}">{what}</a> by '
            f"<bdi>{escape(self.creator or UNKNOWN_CREATOR)}</bdi>, licensed under "
            f'<a href="{escape(self.license_url)}">{escape(self.license)}</a>.{changes}'
        )


FIELDS = tuple(Credit.__dataclass_fields__)


def text_end(changes: str | None) -> str:
    """How the line of every credit ends: licence and changes."""
    end = f", licensed under {LICENSE} ({LICENSE_URL})."
    return f"{end} Changes: {sentence(changes)}" if changes else end


def credit_batch(
    hashes: pa.StringArray,
    usernames: pa.StringArray,
    titles: pa.StringArray | None = None,
    pages: pa.StringArray | None = None,
) -> pa.RecordBatch:
    """The credits of a batch of images, in `COLUMNS`.

    Raises:
        AttributionError: a hash is not one of PASS's.
    """
    good = are_hashes(hashes)
    if not pc.all(good).as_py():
        found = hashes[pc.index(good, False).as_py()].as_py()
        raise AttributionError(
            f"hash: expected {HASH_MEANS}, found {found!r}. Is this a dataset of PASS rows?"
        )
    creators = readable_all(usernames)
    creators = pc.if_else(pc.equal(creators, ""), None, creators)
    first, second = (pc.utf8_slice_codeunits(hashes, start, start + 3) for start in (0, 3))
    sources = pc.binary_join_element_wise(SOURCE_URL, first, "/", second, "/", hashes, ".jpg", "")
    nulls = pa.nulls(len(hashes), pa.string())
    if pages is not None:  # the address of a page has the name or number of a user
        withheld = pc.fill_null(pc.equal(usernames, WITHHELD_USERNAME), False)
        pages = pc.if_else(withheld, None, pages)
    columns = [hashes, creators, encode_hidden(usernames), sources, titles or nulls, pages or nulls]
    return pa.RecordBatch.from_arrays(columns, schema=COLUMNS)


def credit_records(batch: pa.RecordBatch, changes: str | None) -> Iterator[Credit]:
    """The credits of a batch one by one."""
    columns = (batch.column(name).to_pylist() for name in COLUMNS.names)
    for hash, creator, username, source, title, page in zip(*columns, strict=True):
        yield Credit(hash, creator, username, source, changes=changes, title=title, page_url=page)


def dataset_credit(release: str | Release | None = None) -> str:
    """Returns the line that credits the dataset: title, release, authors, DOI and licence.

    >>> dataset_credit("v3")[:76]
    'PASS (Pictures without humAns for Self-Supervision), release v3 (2022-04-07)'

    Args:
        release: Its name, such as `"v3"`, or its record; None for the default release.

    Raises:
        ReleaseError: there is no such release.
    """
    release = find_release(release)
    return (
        f"{DATASET_TITLE}, release {release.name} ({release.date}), by {AUTHORS_LINE} "
        f"({doi_url(release)}), licensed under {DATASET_LICENSE} ({DATASET_LICENSE_URL})."
    )
