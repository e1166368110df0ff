"""Hashes and usernames in, credits out: who took a picture, where it came from, and under which
licence.

Creative Commons asks whoever shows or passes on a picture for its title, author, source and
licence, and a note of changes. PASS supplies author and licence; the source follows from the hash;
title and Flickr page come from YFCC100M, given a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from .._util.text import readable, readable_all, tidy
from ..errors import AttributionError
from ..hashes import HASH_MEANS, Keys, are_hashes
from ..releases import (
    AUTHORS_LINE,
    DATASET_LICENSE,
    DATASET_LICENSE_URL,
    DATASET_TITLE,
    LICENSE,
    LICENSE_URL,
    SOURCE_URL,
    SPDX,
    Release,
    doi_url,
    find_release,
)

UNKNOWN = "unknown Flickr user"  # where PASS has no name

# What differs from picture to picture.
COLUMNS = pa.schema(
    [
        (name, pa.string())
        for name in ("hash", "creator", "creator_username", "source_url", "title", "page_url")
    ]
)


@dataclass(frozen=True)
class Credit:
    """The credit of one picture.

    `hash` names the picture, `creator` its photographer for people, `creator_username` as PASS
    stores it (None where it has none). `source_url` is where the picture lies in YFCC100M;
    `license`, `license_url` and `spdx` name its licence by name, by address, and for machines.
    `changes` is what the user says was done to it. `title` and `page_url` are known with YFCC100M's
    metadata only.
    """

    hash: str
    creator: str
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
        """Where people find the picture: its Flickr page if known, else the file."""
        return self.page_url or self.source_url

    @property
    def text(self) -> str:
        """The credit as one line, as one would write it by hand."""
        row = {name: [value] for name, value in asdict(self).items() if name in COLUMNS.names}
        line: str = text_lines(pa.RecordBatch.from_pydict(row, schema=COLUMNS), self.changes)[
            0
        ].as_py()
        return line

    def __str__(self) -> str:
        return self.text


FIELDS = tuple(Credit.__dataclass_fields__)


def credit_batch(
    hashes: pa.StringArray,
    usernames: pa.StringArray,
    titles: pa.StringArray | None = None,
    pages: pa.StringArray | None = None,
) -> pa.RecordBatch:
    """The credits of these pictures, in `COLUMNS`.

    Raises:
        AttributionError: a hash is not one of PASS's.
    """
    try:
        Keys.of(hashes)
    except ValueError as err:
        found = hashes[pc.index(are_hashes(hashes), False).as_py()].as_py()
        raise AttributionError(
            f"hash: expected {HASH_MEANS}, found {found!r}. Is this a dataset of PASS rows?"
        ) from err
    creators = pc.fill_null(readable_all(usernames), "")
    creators = pc.if_else(pc.equal(creators, ""), UNKNOWN, creators)
    first, second = (pc.utf8_slice_codeunits(hashes, start, start + 3) for start in (0, 3))
    sources = pc.binary_join_element_wise(SOURCE_URL, first, "/", second, "/", hashes, ".jpg", "")
    nothing = pa.nulls(len(hashes), pa.string())
    columns = [
        hashes,
        creators,
        usernames,
        sources,
        nothing if titles is None else titles,
        nothing if pages is None else pages,
    ]
    return pa.RecordBatch.from_arrays(columns, schema=COLUMNS)


def credit_records(batch: pa.RecordBatch, changes: str | None) -> Iterator[Credit]:
    """The credits of a batch one by one."""
    columns = (batch.column(name).to_pylist() for name in COLUMNS.names)
    for hash, creator, username, source, title, page in zip(*columns, strict=True):
        yield Credit(hash, creator, username, source, changes=changes, title=title, page_url=page)


def nameless(batch: pa.RecordBatch) -> pa.BooleanArray:
    """Of which pictures PASS has no name; a creator may really be called `UNKNOWN`."""
    unknown = pc.equal(batch.column("creator"), UNKNOWN)
    names = readable_all(batch.column("creator_username").filter(unknown))
    return pc.replace_with_mask(unknown, unknown, pc.not_equal(pc.fill_null(names, ""), UNKNOWN))


def is_named(credit: Credit) -> bool:
    """Whether PASS has a name for the picture's creator."""
    return credit.creator != UNKNOWN or readable(credit.creator_username or "") == UNKNOWN


def check_text(name: str, value: Any) -> None:
    """What a user gives as text has to be such.

    Raises:
        AttributionError: it is something else, or cannot be written in UTF-8.
    """
    if not isinstance(value, str):
        raise AttributionError(
            f"{name}: expected text, found {type(value).__name__} {value!r}. Give a string."
        )
    try:
        value.encode()
    except UnicodeEncodeError as err:
        raise AttributionError(
            f"{name}: expected text that UTF-8 can hold, found {value!r}. Write it in UTF-8."
        ) from err


def check_changes(changes: str | None) -> str | None:
    """The user's words, None where nothing of them can be seen.

    Raises:
        AttributionError: they are no text.
    """
    if changes is None:
        return None
    check_text("changes", changes)
    return changes if tidy(pa.array([changes], pa.string()))[0].as_py() else None


def links(batch: pa.RecordBatch) -> pa.StringArray:
    """Where people find each picture: its Flickr page if known, else the file."""
    return pc.coalesce(batch.column("page_url"), batch.column("source_url"))


def text_lines(batch: pa.RecordBatch, changes: str | None) -> pa.StringArray:
    """Each credit as a line of plain text: title, author, source, licence, changes."""
    title = pc.binary_join_element_wise('"', batch.column("title"), '"', "")
    what = pc.fill_null(title, "Photo")
    end = f"), licensed under {LICENSE} ({LICENSE_URL})." + (
        f" Changes: {sentence(changes)}" if changes else ""
    )
    return pc.binary_join_element_wise(
        what, " by ", batch.column("creator"), " (", links(batch), end, ""
    )


def sentence(changes: str) -> str:
    """The user's words on one line, with a full stop."""
    line: str = tidy(pa.array([changes], pa.string()))[0].as_py()
    return line if line.endswith((".", "!", "?")) else f"{line}."


def dataset_credit(release: str | Release | None = None) -> str:
    """The line that credits the dataset itself: title, `release`, authors, DOI and licence.

    >>> dataset_credit("v3")[:76]
    'PASS (Pictures without humAns for Self-Supervision), release v3 (2022-04-07)'

    Raises:
        ReleaseError: there is no such release.
    """
    release = find_release(release)
    return (
        f"{DATASET_TITLE}, release {release.name} ({release.date}), by {AUTHORS_LINE} "
        f"({doi_url(release)}), licensed under {DATASET_LICENSE} ({DATASET_LICENSE_URL})."
    )
