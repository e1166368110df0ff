"""Rows that an export left out since their image cannot be decoded: named, and not credited."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .._datasets import select_rows
from .resume import Written

logger = logging.getLogger(__name__)

_ROWS_AT_A_TIME = 100_000
_NAMED = 5  # rows that a message names


def warn_skipped(where: str, split: str, files: Iterable[Written]) -> list[str]:
    """Warn of the rows of a split that were left out.

    Args:
        where: What is written, for the message.
        split: The name of the split.
        files: All that were written of it.

    Returns:
        The rows, by hash.
    """
    skipped = [name for file in files for name in file.skipped]
    if skipped:
        logger.warning(
            "%s: left out %s of the split %s, whose image cannot be decoded: %s%s.",
            where,
            "a row" if len(skipped) == 1 else f"{len(skipped):,} rows",
            split,
            ", ".join(skipped[:_NAMED]),
            ", ..." if len(skipped) > _NAMED else "",
        )
    return skipped


def without(table: pa.Table, skipped: Iterable[str]) -> pa.Table:
    """The rows of a table that were not left out.

    Args:
        table: Rows; where they have no hashes, all are kept.
        skipped: The rows that were left out, by hash.
    """
    names = list(skipped)
    if not names or "hash" not in table.column_names:
        return table
    hashes = table["hash"].cast(pa.string())
    return table.filter(pc.invert(pc.is_in(hashes, pa.array(names, pa.string()))))


def select_written(dataset: datasets.Dataset, skipped: Iterable[str]) -> datasets.Dataset:
    """The rows of a dataset that were not left out.

    Args:
        dataset: What was exported; where it has no hashes, all rows are kept.
        skipped: The rows that were left out, by hash.
    """
    names = list(skipped)
    if not names or "hash" not in dataset.features:
        return dataset
    rows = dataset.select_columns("hash").with_format("arrow")
    left = pa.array(names, pa.string())
    masks = [
        pc.is_in(table["hash"].cast(pa.string()), left).to_numpy()
        for table in rows.iter(_ROWS_AT_A_TIME)
    ]
    return select_rows(dataset, np.flatnonzero(~np.concatenate(masks)))
