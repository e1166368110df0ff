"""Hashes and creators of all images in memory, to count, deduplicate, look up and sort them.

An image takes some 60 bytes. Lists in the dataset's order need none of this.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .._util.text import readable_all
from ..hashes import Rows

_ROWS_AT_A_TIME = 20_000


class CreatorOrder(NamedTuple):
    """Images sorted by creator.

    Attributes:
        hashes: Of all images, in the order in which they came.
        rows: The images in the new order, as indices of `hashes`.
        names: The creators in alphabetical order; None, the last one, for images without a name.
        counts: How many images each of them has.
    """

    hashes: pa.StringArray
    rows: Rows
    names: list[str | None]
    counts: Rows

    @property
    def creators(self) -> int:
        """How many creators have a name."""
        return sum(name is not None for name in self.names)


class ImageTable:
    """Hashes and usernames of images, in the order in which they came; `len()` is their number.

    Args:
        batches: With the columns `hash` and `creator_username`.
        unique: Whether an image that comes several times is there the first time only.
    """

    def __init__(self, batches: Iterable[pa.RecordBatch], *, unique: bool = False) -> None:
        hashes: list[pa.StringArray] = []
        usernames: list[pa.StringArray] = []
        for batch in batches:
            hashes.append(batch.column("hash"))
            usernames.append(batch.column("creator_username"))
        self.hashes = pa.concat_arrays(hashes) if hashes else pa.array([], pa.string())
        del hashes
        encoded = pa.chunked_array(usernames, pa.string()).dictionary_encode().combine_chunks()
        del usernames
        self._usernames = (
            pa.concat_arrays(encoded.chunks) if isinstance(encoded, pa.ChunkedArray) else encoded
        )
        if unique:
            first = pc.index_in(self.hashes, self.hashes.unique()).to_numpy()
            rows = pa.array(np.unique(first, return_index=True)[1])
            self.hashes, self._usernames = self.hashes.take(rows), self._usernames.take(rows)
        pa.default_memory_pool().release_unused()  # what the batches took

    def __len__(self) -> int:
        return len(self.hashes)

    def by_creator(self) -> CreatorOrder:
        """The images sorted by creator; names that read alike count as one."""
        texts = pc.fill_null(readable_all(self._usernames.dictionary), "").to_pylist()
        names = sorted({*texts, ""}, key=_sorting_key)
        ranks = {name: rank for rank, name in enumerate(names)}
        # the last one is for null
        rank_of = np.array([*(ranks[text] for text in texts), ranks[""]])
        rank = rank_of[
            pc.fill_null(self._usernames.indices, len(texts)).to_numpy(zero_copy_only=False)
        ]
        counts = np.bincount(rank, minlength=len(names))
        return CreatorOrder(
            self.hashes,
            np.argsort(rank, kind="stable"),
            [name or None for name, count in zip(names, counts, strict=True) if count],
            counts[counts > 0],
        )

    def batches(self, order: CreatorOrder | None = None) -> Iterator[pa.RecordBatch]:
        """The images as they came, or sorted.

        Args:
            order: What `by_creator` returned. The batches then have the column `images`: at the
                first image of each creator how many there are, null elsewhere.
        """
        if order is None:
            yield from self._take(np.arange(len(self)))
        else:
            images = np.zeros(len(self), dtype=np.int64)
            images[np.cumsum(order.counts) - order.counts] = order.counts
            yield from self._take(order.rows, images)

    def _take(self, order: Rows, images: Rows | None = None) -> Iterator[pa.RecordBatch]:
        for start in range(0, len(order), _ROWS_AT_A_TIME):
            part = slice(start, start + _ROWS_AT_A_TIME)
            rows = pa.array(order[part])
            columns = [self.hashes.take(rows), self._usernames.take(rows).cast(pa.string())]
            names = ["hash", "creator_username"]
            if images is not None:
                columns.append(pa.array(images[part], mask=images[part] == 0))
                names.append("images")
            yield pa.RecordBatch.from_arrays(columns, names=names)


def _sorting_key(text: str) -> tuple[int, str, str, str]:
    """The key by which names are sorted: A to Z without regard to case and accents, digits, other
    scripts, and no name.

    Names of one letter are together, also those whose first character is not beside that letter,
    such as ı.
    """
    letter = letter_of(text)
    return "0#".find(letter) + 1 if text else 3, letter, _alphabetical(text), text


def letter_of(text: str) -> str:
    """Under which letter people look for a name: A to Z, 0 for all digits, # for all else.

    >>> [letter_of(text) for text in ("émile", "~ zoe", "7up", "山田", "")]
    ['E', 'Z', '0', '#', '#']
    """
    first = _alphabetical(text)[:1].upper()
    return first if "A" <= first <= "Z" else "0" if "0" <= first <= "9" else "#"


def _alphabetical(text: str) -> str:
    """A name as it is sorted: without case, accents and what stands before its first letter or
    digit.
    """
    plain = "".join(
        char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char)
    ).casefold()
    start = next((index for index, char in enumerate(plain) if char.isalnum()), 0)
    return plain[start:]
