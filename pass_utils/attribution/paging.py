"""Pages of a long credit list: which photos are on which, and where a name or a hash is found."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..hashes import Rows
from ..releases import UNKNOWN_CREATOR
from .order import CreatorOrder, letter_of

_HASHES_PER_PAGE = 4  # times the credits of a page: a hash takes a line, a credit takes more
_LETTERS = {"0": "0–9", "#": "other"}


class Page(NamedTuple):
    """A page of photos, or the part of it that is under one letter.

    Attributes:
        name: Its file's name.
        start, stop: Which photos are on it, in the order of creators.
        first, last: The creators that it begins and ends with.
    """

    name: str
    start: int
    stop: int
    first: str
    last: str


class HashPage(NamedTuple):
    """A page that leads from hashes with one prefix to the pages that these photos are on.

    Attributes:
        name: Its file's name.
        prefix: How the hashes begin.
        hashes: In alphabetical order.
        pages: The index of the page that each is on.
    """

    name: str
    prefix: str
    hashes: pa.StringArray
    pages: Rows


def plan_pages(order: CreatorOrder, size: int) -> list[Page]:
    """Cuts photos, sorted by creator, into pages of `size`; only the last one may have fewer."""
    total = len(order.rows)
    return [
        _part(order, number, start, min(start + size, total))
        for number, start in enumerate(range(0, total, size))
    ]


def plan_letters(order: CreatorOrder, size: int) -> list[tuple[str, list[Page]]]:
    """The parts of the pages under each letter that creators begin with, by that letter."""
    letters = []
    stop = 0
    for letter, creators in itertools.groupby(
        zip(order.names, order.counts.tolist(), strict=True), lambda one: letter_of(one[0] or "")
    ):
        start, stop = stop, stop + sum(count for _, count in creators)
        parts = [
            _part(order, number, max(start, number * size), min(stop, (number + 1) * size))
            for number in range(start // size, (stop - 1) // size + 1)
        ]
        letters.append((_LETTERS.get(letter, letter), parts))
    return letters


def _part(order: CreatorOrder, number: int, start: int, stop: int) -> Page:
    ends = np.cumsum(order.counts)
    first, last = (
        order.names[index] or UNKNOWN_CREATOR
        for index in np.searchsorted(ends, [start, stop - 1], side="right")
    )
    return Page(f"credits-{number + 1}.html", start, stop, first, last)


def plan_hash_pages(order: CreatorOrder, size: int) -> Iterator[HashPage]:
    """Pages by prefix of the hash: the shortest one that makes them no longer than other pages.

    Args:
        order: The images by creator.
        size: How many of them `plan_pages` has on a page.
    """
    length = 0
    while len(order.rows) > _HASHES_PER_PAGE * size * 16**length:
        length += 1
    page_of = np.empty(len(order.rows), dtype=np.int64)
    page_of[order.rows] = np.arange(len(order.rows)) // size
    rows = pc.sort_indices(order.hashes)
    hashes, pages = order.hashes.take(rows), page_of[rows.to_numpy()]
    start = 0
    for prefix, group in itertools.groupby(
        pc.utf8_slice_codeunits(hashes, 0, length).to_pylist() if length else [""] * len(hashes)
    ):
        stop = start + sum(1 for _ in group)
        name = f"hashes-{prefix}.html" if prefix else "hashes.html"
        yield HashPage(name, prefix, hashes.slice(start, stop - start), pages[start:stop])
        start = stop
