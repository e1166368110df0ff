"""What a credit format is, and what its writer is given besides the credits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..images.thumbnails import Thumbnail
from ..releases import LICENSE, LICENSE_URL, UNKNOWN_CREATOR, Release
from .credit import text_end
from .order import CreatorOrder

FindThumbnail = Callable[[str], Thumbnail | None]


class ListOptions(NamedTuple):
    """What a list states besides its credits, and how.

    Attributes:
        release: The release that the dataset's credit names.
        changes: What was done to the images, on one line.
        spreadsheet_safe: Whether cells are escaped that a spreadsheet would run as formulas.
        path: The file that the list will be.
        pages: An empty folder for the pages of a list that has several.
        order: The images by creator, where the format has them in memory.
        thumbnail: Finds the thumbnail of an image by its hash; None for a list without.
    """

    release: Release
    changes: str | None = None
    spreadsheet_safe: bool = False
    path: Path = Path("CREDITS")
    pages: Path = Path("CREDITS_files")
    order: CreatorOrder | None = None
    thumbnail: FindThumbnail | None = None


Batches = Iterable[pa.RecordBatch]
Writer = Callable[[Batches, ListOptions, BinaryIO], None]


class Format(NamedTuple):
    """A format of credit lists.

    Attributes:
        name: As in `write_attribution(..., format=name)`.
        suffix: How names of its files end, in upper or lower case.
        write: Writes batches of credits to a file. A batch that is grouped by creator has the
            column `images` too: at a creator's first image how many there are, null elsewhere.
        purpose: What it is for, in the words of the manual.
        grouped: Whether a list of so many images is grouped by creator unasked.
        in_memory: Whether hashes and creators of all images are gone through before the first is
            written, which `ListOptions.order` needs.
        unique: Whether an image that comes twice is listed once.
        pages: Whether a list may have a folder of pages.
        note: What to know before a list of so many images is written, with thumbnails of so many
            pixels or none; empty for nothing.
        options: Which options of `write_attribution` are for this format only.
    """

    name: str
    suffix: str
    write: Writer
    purpose: str
    grouped: Callable[[int], bool] = lambda count: False
    in_memory: bool = False
    unique: bool = False
    pages: bool = False
    note: Callable[[int, int | None], str] = lambda count, thumbnails: ""
    options: frozenset[str] = frozenset()


PHOTOS_LICENSE = f"Each photo is its photographer's, and licensed under {LICENSE} ({LICENSE_URL})."


def join(*parts: pa.StringArray | str) -> pa.StringArray:
    """Each row's parts, one after the other; null where one of them is."""
    return pc.binary_join_element_wise(*parts, "")


def joined(*parts: pa.StringArray | str) -> memoryview:
    """The bytes of all rows: the very memory in which Arrow puts them together."""
    lines = join(*parts)
    if not len(lines):
        return memoryview(b"")
    _, offsets, data = lines.buffers()
    first, last = np.frombuffer(offsets, dtype=np.int32)[[lines.offset, lines.offset + len(lines)]]
    return memoryview(data)[first:last]


def shown_creators(batch: pa.RecordBatch) -> pa.StringArray:
    """The creators' names as lists for people have them."""
    return pc.fill_null(batch.column("creator"), UNKNOWN_CREATOR)


def links(batch: pa.RecordBatch) -> pa.StringArray:
    """Where people find each image: its Flickr page if known, else the file."""
    return pc.coalesce(batch.column("page_url"), batch.column("source_url"))


def text_lines(batch: pa.RecordBatch, changes: str | None) -> pa.StringArray:
    """The `Credit.text` of each row."""
    what = pc.fill_null(join('"', batch.column("title"), '"'), "Photo")
    return join(what, " by ", shown_creators(batch), " (", links(batch), ")", text_end(changes))


def headings(
    batch: pa.RecordBatch, before: str, creators: pa.StringArray, after: str
) -> pa.StringArray | str:
    """What stands above the first image of each creator in a grouped batch: name and count."""
    if "images" not in batch.schema.names:
        return ""
    count = batch.column("images")
    noun = pc.if_else(pc.equal(count, 1), " photo)", " photos)")
    return pc.fill_null(join(before, creators, " (", count.cast(pa.string()), noun, after), "")
