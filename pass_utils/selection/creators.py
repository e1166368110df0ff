"""Split a dataset by creator, or limit how many images of each creator it has, by keyed hash.

A creator is in the test split if SHA-256 of `"<seed>:<creator>"`, taken as a fraction between 0 and
1, is below `test_size`. So no creator is in both splits, and withdrawing images, or adding some,
moves no other image from one split to the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .._datasets import (
    AnyDataset,
    keep_rows,
    map_stream,
    open_splits,
    select_rows,
    stored_indices,
    stored_table,
)
from ..errors import DatasetError, SelectionError
from ..releases import WITHHELD_USERNAME
from .record import check_seed, check_test_size, is_whole
from .sample import Mask, Ranks, first_of_each, hash_ranks

CREATOR, HASH = "creator_username", "hash"
_ROWS_AT_A_TIME = 128  # of a stream; about four tables of images


def split_by_creator(
    dataset: datasets.Dataset | datasets.IterableDataset | dict[str, Any],
    test_size: float = 0.05,
    *,
    seed: int = 0,
) -> Any:
    """Split a dataset into `train` and `test` without a creator in common.

    A creator goes to `test` if SHA-256 of `"<seed>:<creator>"` is below `test_size` of its range,
    and an image without a creator's name if that of `"<seed>:<hash>"` is. So the split is the same
    on every machine and of every selection: when images are withdrawn, no other image changes its
    split. `test_size` is a share of the creators, so that of the images differs from it by some.

    Args:
        dataset: A Dataset or an IterableDataset, or a dict with one of them, that has the columns
            `creator_username` and `hash`.
        test_size: The share of creators in `test`, above 0 and below 1.
        seed: The key of the hash: another seed, another split.

    Returns:
        A DatasetDict of two selections, which copy nothing, in the order of the dataset; of a
        stream an IterableDatasetDict, each split of which reads the entire stream.

    Raises:
        DatasetError: it is no dataset, has several splits already, or lacks a column.
        SelectionError: `test_size` is no number between 0 and 1, or `seed` no whole number.
    """
    share = check_test_size(test_size)
    check_seed(seed)
    (name, part), *others = open_splits(dataset).parts.items()
    if others:
        raise DatasetError(
            f"dataset: expected one split, found {len(others) + 1}, {name} and {others[0][0]} "
            "among them. Give one of them, or put them together with "
            "`datasets.concatenate_datasets(list(ds.values()))`."
        )
    _check_columns(part.column_names or [])
    if isinstance(part, datasets.IterableDataset):
        sides = {
            side: map_stream(
                part,
                _OfSplit(share, seed, test=side == "test"),
                part.features,
                rows=_ROWS_AT_A_TIME,
            )
            for side in ("train", "test")
        }
        return datasets.IterableDatasetDict(sides)
    in_test = _in_test(partial(_column, part), share, seed)
    return datasets.DatasetDict(
        {
            "train": select_rows(part, np.flatnonzero(~in_test)),
            "test": select_rows(part, np.flatnonzero(in_test)),
        }
    )


def limit_per_creator(dataset: AnyDataset, count: int, *, seed: int = 0) -> AnyDataset:
    """The rows of a dataset, at most so many of each creator, in the same order.

    Kept are the images of which SHA-256 of `"<seed>:<hash>"` is smallest, as by the option
    `per_creator` of `load_dataset("pass", ...)`. Images without a creator's name are all kept.

    Args:
        dataset: A Dataset, or a dict of them by split, that has the columns `creator_username` and
            `hash`.
        count: How many images of each creator, at most; in a dict, of each split.
        seed: The key of the hash: another seed, other images.

    Returns:
        The same kind of dataset, with selections, which copy nothing.

    Raises:
        DatasetError: it is no dataset, a stream, or lacks a column.
        SelectionError: `count` is less than one, or `seed` no whole number.
    """
    if not is_whole(count) or count < 1:
        raise SelectionError(f"count: expected a number, at least 1, found {count!r}.")
    check_seed(seed)
    splits = open_splits(dataset, resolve=False)
    if splits.streamed:
        raise DatasetError(
            "dataset: expected a Dataset, found a stream, whose rows come one after the other. "
            f'Choose them as it is opened: `load_dataset("pass", per_creator={count}, '
            f"seed={seed}, streaming=True)`."
        )
    return cast(AnyDataset, splits.map(lambda part: _limit_one(part, count, seed)))


def _limit_one(dataset: datasets.Dataset, count: int, seed: int) -> datasets.Dataset:
    _check_columns(dataset.column_names)
    ranks = hash_ranks(_column(dataset, HASH), seed)
    return select_rows(dataset, first_of_each(_column(dataset, CREATOR), ranks, count))


def _check_columns(names: list[str]) -> None:
    for name in (CREATOR, HASH):
        if name not in names:
            raise DatasetError(
                f"dataset: expected a column {name}, found {', '.join(names) or 'none'}. Keep it "
                "when you map or select columns."
            )


def _column(dataset: datasets.Dataset, name: str) -> pa.Array:
    """A column of text, read from where it is stored, whatever the dataset's format is."""
    column, indices = _text(stored_table(dataset), name), stored_indices(dataset)
    return column if indices is None else column.take(pa.array(indices))


def _text(table: pa.Table, name: str) -> pa.Array:
    """A column of a table as one array of strings; a name that is withheld is none."""
    column = table.column(name)
    kind = column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)):
        raise DatasetError(f"{name}: expected text, found {kind}. Is this a dataset of PASS rows?")
    texts = pa.concat_arrays([*column.cast(pa.string()).chunks, pa.array([], pa.string())])
    return pc.if_else(pc.equal(texts, WITHHELD_USERNAME), None, texts) if name == CREATOR else texts


def _in_test(column: Any, share: float, seed: int) -> Mask:
    """Which rows belong to the test split; each creator is hashed once."""
    creators = column(CREATOR).dictionary_encode()
    below = _below(hash_ranks(creators.dictionary, seed), share)
    unnamed = creators.indices.is_null().to_numpy(zero_copy_only=False)
    codes = pc.fill_null(creators.indices, 0).to_numpy(zero_copy_only=False)
    in_test: Mask = below[codes] if len(below) else np.zeros(len(codes), np.bool_)
    if unnamed.any():
        hashes = column(HASH).filter(pa.array(unnamed))
        in_test[unnamed] = _below(hash_ranks(hashes, seed), share)
    return in_test


def _below(ranks: Ranks, share: float) -> Mask:
    mask: Mask = ranks < np.uint64(int(share * (1 << 64)))
    return mask


@dataclass
class _OfSplit:
    """Keeps the rows of a table that belong to one of the two splits."""

    share: float
    seed: int
    test: bool

    def __call__(self, table: pa.Table) -> pa.Table:
        in_test = _in_test(partial(_text, table), self.share, self.seed)
        return keep_rows(table, in_test if self.test else ~in_test)
