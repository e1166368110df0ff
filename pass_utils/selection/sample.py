"""Choice of rows by hash and metadata: samples by keyed hash, lists, dates, locations, creators.

The sample of N images with a seed is the N of which SHA-256 of `"<seed>:<hash>"` is smallest. So
it is the same on every machine, lies within every larger sample of the same seed, and changes by
the withdrawn images and their successors alone when images are withdrawn.
"""

from __future__ import annotations

import hashlib
import logging
import os
from datetime import datetime, time
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import SelectionError
from ..hashes import Keys, Rows
from ..metadata import Metadata, open_metadata
from .record import Selection

logger = logging.getLogger(__name__)

_BATCH_ROWS = 1 << 16
_NAMED = 5  # hashes that a message names

Ranks = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]


def choose(
    csv: str | os.PathLike[str],
    cache: str | os.PathLike[str],
    selection: Selection,
    still: Keys | None = None,
) -> tuple[Metadata, Rows]:
    """Chooses rows of the metadata CSV of a release, or of a subset.

    Hashes of `include` that the CSV lacks are counted and named in a warning.

    Args:
        csv: The CSV.
        cache: The folder that keeps the parsed CSV.
        selection: What to choose; `shards` and `bounds` are not for the CSV to know.
        still: As for `choose_rows`.

    Returns:
        The metadata, and the chosen row numbers, ascending.

    Raises:
        MetadataError: the CSV is missing or damaged.
        SelectionError: nothing is chosen.
    """
    metadata = open_metadata(csv, cache)
    choice = choose_rows(metadata.keys, metadata.values, selection, still)
    if len(choice.lacking):
        names = ", ".join(choice.lacking.text()[:_NAMED].to_pylist())
        logger.warning(
            "include: %s of %s hashes are not among the %s rows of %s: %s%s.",
            f"{len(choice.lacking):,}",
            f"{len(selection.include or ()):,}",
            f"{len(metadata):,}",
            csv,
            names,
            ", ..." if len(choice.lacking) > _NAMED else "",
        )
    if not len(choice.rows):
        raise SelectionError(
            f"expected at least one image, found none of {len(metadata):,} that is "
            f"{selection.words()}. Ask for less."
        )
    return metadata, choice.rows


def choose_hashes(
    csv: str | os.PathLike[str],
    cache: str | os.PathLike[str],
    selection: Selection,
    still: Keys | None = None,
) -> list[str]:
    """Returns the hashes that `choose` chooses, sorted as text."""
    metadata, rows = choose(csv, cache, selection, still)
    texts = metadata.keys.take(rows).text()
    hashes: list[str] = texts.take(pc.sort_indices(texts)).to_pylist()
    return hashes


class Choice(NamedTuple):
    """Which rows of a table were chosen.

    Attributes:
        rows: The row numbers, ascending.
        lacking: The hashes of `include` that have no row.
    """

    rows: Rows
    lacking: Keys


def choose_rows(
    keys: Keys, values: pa.RecordBatch, selection: Selection, still: Keys | None = None
) -> Choice:
    """Chooses rows of a table of metadata.

    Args:
        keys: The hashes of the rows, sorted.
        values: The columns `creator_username`, `gps_latitude`, `gps_longitude` and `date_taken`.
        selection: What to choose; `shards` and `bounds` are for the caller, since no table of
            metadata knows them.
        still: The sorted keys of the release that `drop_withdrawn` names; None where it does not.

    Returns:
        The chosen rows.

    Raises:
        SelectionError: `include` has no hashes.
    """
    keep = np.ones(len(keys), np.bool_)
    lacking = keys.take(np.zeros(0, np.int64))
    listed = selection.keys_of("include")
    if listed is not None:
        rows = keys.find(listed)
        lacking = listed.take(np.flatnonzero(rows < 0))
        keep[:] = False
        keep[rows[rows >= 0]] = True
    excluded = selection.keys_of("exclude")
    if excluded is not None:
        rows = keys.find(excluded)
        keep[rows[rows >= 0]] = False
    if still is not None:
        keep &= still.find(keys) >= 0
    keep &= _by_values(values, selection)
    chosen = np.flatnonzero(keep)
    if selection.per_creator is not None:
        ranks = keyed_ranks(keys.take(chosen), selection.seed)
        creators = values.column("creator_username").take(pa.array(chosen))
        chosen = chosen[first_of_each(creators, ranks, selection.per_creator)]
    if selection.sample is not None:
        chosen = chosen[smallest(keys.take(chosen), selection.sample, selection.seed)]
    return Choice(chosen, lacking)


def _by_values(values: pa.RecordBatch, selection: Selection) -> Mask:
    """Which rows have the location and the date that were asked for."""
    keep = np.ones(len(values), np.bool_)
    if selection.has_gps is not None:
        located = pc.and_(
            values.column("gps_latitude").is_valid(), values.column("gps_longitude").is_valid()
        )
        keep &= _mask(located) == selection.has_gps
    taken = values.column("date_taken")
    if selection.min_date is not None:
        first = pa.scalar(selection.min_date).cast(taken.type)
        keep &= _mask(pc.greater_equal(taken, first))
    if selection.max_date is not None:
        last = pa.scalar(datetime.combine(selection.max_date, time.max)).cast(taken.type)
        keep &= _mask(pc.less_equal(taken, last))
    return keep


def _mask(values: pa.BooleanArray) -> Mask:
    mask: Mask = pc.fill_null(values, False).to_numpy(zero_copy_only=False)
    return mask


def keyed_ranks(keys: Keys, seed: int) -> Ranks:
    """Returns the first 64 bits of SHA-256 of `"<seed>:<hash>"` for each hash."""
    ranks = np.empty(len(keys), np.uint64)
    for start in range(0, len(keys), _BATCH_ROWS):
        rows = np.arange(start, min(start + _BATCH_ROWS, len(keys)))
        ranks[rows] = hash_ranks(keys.take(rows).text(), seed)
    return ranks


def hash_ranks(texts: pa.Array, seed: int) -> Ranks:
    """Returns the first 64 bits of SHA-256 of `"<seed>:<text>"` for each text; null is empty."""
    ranks = np.empty(len(texts), np.uint64)
    prefix, sha256 = f"{seed}:".encode(), hashlib.sha256
    for start in range(0, len(texts), _BATCH_ROWS):
        batch = texts.slice(start, _BATCH_ROWS).cast(pa.binary()).fill_null(b"").to_pylist()
        digests = b"".join([sha256(prefix + text).digest() for text in batch])
        ranks[start : start + len(batch)] = np.frombuffer(digests, dtype=">u8")[::4]
    return ranks


def smallest(keys: Keys, count: int, seed: int) -> Rows:
    """Returns the rows of the `count` hashes with the smallest keyed hash, ascending; all rows
    where there are no more.
    """
    if count >= len(keys):
        return np.arange(len(keys))
    ranks = keyed_ranks(keys, seed)
    last = np.partition(ranks, count - 1)[count - 1]
    chosen, tied = np.flatnonzero(ranks < last), np.flatnonzero(ranks == last)
    if len(chosen) + len(tied) > count:  # the other 192 bits decide
        texts = keys.take(tied).text().to_pylist()
        digests = [hashlib.sha256(f"{seed}:{text}".encode()).digest() for text in texts]
        order = sorted(range(len(tied)), key=digests.__getitem__)
        tied = tied[order[: count - len(chosen)]]
    return np.sort(np.concatenate([chosen, tied]))


def first_of_each(creators: pa.Array, ranks: Ranks, count: int) -> Rows:
    """Returns the rows that are among the `count` of smallest rank of their creator, ascending;
    those without a creator are all.
    """
    encoded = creators if pa.types.is_dictionary(creators.type) else creators.dictionary_encode()
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    order = np.lexsort((ranks, codes))
    ordered = codes[order]
    begins = np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))
    position = np.arange(len(order)) - np.repeat(begins, np.diff([*begins, len(order)]))
    return np.sort(order[(position < count) | (ordered < 0)])
