"""Filter a dataset by lists of hashes, for which no image is read."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import datasets
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .._datasets import (
    AnyDataset,
    keep_rows,
    map_stream,
    open_splits,
    replace_column,
    select_rows,
    stored_chunks,
    stored_table,
)
from ..errors import DatasetError, SelectionError
from ..hashes import Keys, Rows, are_hashes
from ..releases import WITHHELD_USERNAME
from .lists import HashList
from .record import Hashes, Selection

logger = logging.getLogger(__name__)

HASH, CREATOR = "hash", "creator_username"
NAMED = 5  # hashes that a message names
_HASHES_AT_A_TIME = 1 << 18  # of a Dataset; 8 MB
_ROWS_AT_A_TIME = 128  # of a stream; about four tables of images

Mask = npt.NDArray[np.bool_]


def filter_hashes(
    dataset: AnyDataset, *, include: Hashes | None = None, exclude: Hashes | None = None
) -> AnyDataset:
    """The rows of a dataset whose hash is in a list, or is not in another one, in the same order.

    No image is read, decoded or copied. Of a Dataset, one warning counts the hashes of the lists
    that it does not have, and names the first; of a stream that is not known.

    Args:
        dataset: A Dataset, an IterableDataset, or a dict of them by split, with a column `hash`.
        include: The images to keep: hashes, or files that list them (text, URLs, CSV, Parquet,
            JSON lines, the manifest of a subset), as a path or an iterable.
        exclude: The images to leave out, likewise; or a CSV `hash,action,reason`, where the action
            `remove` leaves an image out, and `withhold_name` keeps it with "name withheld at the
            creator's request" in place of its creator.

    Returns:
        The same kind of dataset. Of a Dataset it is a selection; a stream is filtered as it is
        read; a dict is filtered split by split. Rows without a hash are in no list.

    Raises:
        DatasetError: it is no dataset, or has no column of hashes.
        SelectionError: no list, one that cannot be read, or one to include without hashes.
    """
    if include is None and exclude is None:
        raise SelectionError(
            "expected lists of hashes as `include` or `exclude`, found neither. Name one."
        )
    selection = Selection(
        include=include,  # type: ignore[arg-type]  # read there
        exclude=exclude,  # type: ignore[arg-type]
    )
    lists = {name: selection.keys_of(name) for name in ("include", "exclude", "withhold_names")}
    found, filtered = filter_keys(dataset, **{k: v for k, v in lists.items() if v is not None})
    if found is not None:
        _warn_of_lacking(found)
    return filtered


@dataclass
class Found:
    """A list of hashes, and which of them a dataset has."""

    keys: Keys
    met: Mask = field(default_factory=lambda: np.zeros(0, np.bool_))

    def __post_init__(self) -> None:
        self.met = np.zeros(len(self.keys), np.bool_)

    def meet(self, positions: Rows) -> None:
        """Note what was found at these positions of the list; -1 is none."""
        self.met[positions[positions >= 0]] = True


def filter_keys(
    dataset: AnyDataset,
    *,
    include: Keys | None = None,
    exclude: Keys | None = None,
    withhold_names: Keys | None = None,
) -> tuple[Mapping[str, Found] | None, AnyDataset]:
    """The rows of a dataset by sorted keys, as `filter_hashes` gives them.

    Args:
        dataset: As there.
        include: The keys to keep; None for all.
        exclude: The keys to leave out.
        withhold_names: The keys whose creator is not named.

    Returns:
        What was found of each list, None where there is a stream; and the rows.
    """
    splits = open_splits(dataset)
    for part in splits.parts.values():
        _check_column(part.features)
    given = {"include": include, "exclude": exclude, "withhold_names": withhold_names}
    lists = {name: Found(keys) for name, keys in given.items() if keys is not None}

    def filter_one(part: Any) -> Any:
        if isinstance(part, datasets.IterableDataset):
            return map_stream(part, _Filter(lists), part.features, rows=_ROWS_AT_A_TIME)
        keep = np.ones(len(part), np.bool_)
        for hashes, rows in _batches(part):
            keep[rows] = _keep(lists, hashes)
        return select_rows(_without_names(part, lists), np.flatnonzero(keep))

    filtered = cast(AnyDataset, splits.map(filter_one))
    return None if splits.streamed else lists, filtered


def dataset_keys(dataset: datasets.Dataset) -> Keys:
    """Returns the keys of the hashes of a dataset's rows, sorted, each once.

    Args:
        dataset: With a column `hash`.
    """
    parts = [_keys(hashes)[1] for hashes, _ in _batches(dataset)]
    return Keys.concat([Keys.of(pa.array([], pa.string())), *parts]).unique()


def _batches(dataset: datasets.Dataset) -> Iterator[tuple[pa.Array, Rows]]:
    """The hashes of a dataset and the rows that they are of, many at a time: a stored chunk has a
    thousand as a rule, and each search costs something.
    """
    hashes: list[pa.Array] = []
    numbers: list[Rows] = []
    count = 0
    for chunk, stored, rows in stored_chunks(dataset, HASH):
        hashes.append(chunk.take(pa.array(stored)))
        numbers.append(rows)
        count += len(rows)
        if count >= _HASHES_AT_A_TIME:
            yield pa.concat_arrays(hashes), np.concatenate(numbers)
            hashes, numbers, count = [], [], 0
    if numbers:
        yield pa.concat_arrays(hashes), np.concatenate(numbers)


def has_hashes(features: datasets.Features) -> bool:
    """Whether there is a column `hash` of text."""
    return getattr(features.get(HASH), "dtype", None) in ("string", "large_string")


def _check_column(features: datasets.Features) -> None:
    if not has_hashes(features):
        dtype = getattr(features.get(HASH), "dtype", None)
        raise DatasetError(
            f"dataset: expected a column `{HASH}` of text, found "
            f"{', '.join(features) if dtype is None else dtype}. Keep it when you map or select "
            "columns."
        )


def _keep(lists: Mapping[str, Found], hashes: pa.Array) -> Mask:
    """Which of these hashes the lists let stay."""
    keep = np.ones(len(hashes), np.bool_)
    valid, keys = _keys(hashes)
    for name, listed in lists.items():
        positions = np.full(len(hashes), -1, np.int64)
        positions[valid] = listed.keys.find(keys)
        listed.meet(positions)
        if name != "withhold_names":
            keep &= (positions >= 0) == (name == "include")
    return keep


def _keys(hashes: pa.Array) -> tuple[Mask, Keys]:
    """Which of some texts are hashes of PASS, and the keys of these."""
    texts = hashes.cast(pa.string())
    are = are_hashes(texts)
    valid: Mask = are.to_numpy(zero_copy_only=False)
    return valid, Keys.of(texts if valid.all() else texts.filter(are))


def _without_names(dataset: datasets.Dataset, lists: Mapping[str, Found]) -> datasets.Dataset:
    """The dataset without the names of some creators."""
    listed = lists.get("withhold_names")
    if listed is None or not len(listed.keys) or CREATOR not in dataset.features:
        return dataset
    table = stored_table(dataset)
    values = [
        _withheld(listed.keys, hashes, creators)
        for batch in table.select([HASH, CREATOR]).to_batches()
        for hashes, creators in [batch.columns]
    ]
    digest = HashList.of(listed.keys).digest
    column = pa.chunked_array(values, table.schema.field(CREATOR).type)
    return replace_column(dataset, CREATOR, column, digest)


def _withheld(keys: Keys, hashes: pa.Array, creators: pa.Array) -> pa.Array:
    valid, own = _keys(hashes)
    withheld = np.zeros(len(hashes), np.bool_)
    withheld[valid] = keys.find(own) >= 0
    if not withheld.any():
        return creators
    return pc.if_else(pa.array(withheld), pa.scalar(WITHHELD_USERNAME, creators.type), creators)


@dataclass
class _Filter:
    """Filters the rows of a table of a stream."""

    lists: Mapping[str, Found]

    def __call__(self, table: pa.Table) -> pa.Table:
        hashes = table[HASH].combine_chunks()
        if isinstance(hashes, pa.ChunkedArray):
            hashes = pa.concat_arrays(hashes.chunks or [pa.array([], hashes.type)])
        kept = keep_rows(table, _keep(self.lists, hashes))
        listed = self.lists.get("withhold_names")
        if listed is not None and len(listed.keys) and CREATOR in kept.column_names:
            chunks = [
                _withheld(listed.keys, *batch.columns)
                for batch in kept.select([HASH, CREATOR]).to_batches()
            ]
            index = kept.column_names.index(CREATOR)
            column = pa.chunked_array(chunks, kept.schema.field(index).type)
            kept = kept.set_column(index, kept.schema.field(index), column)
        return kept


def _warn_of_lacking(lists: Mapping[str, Found]) -> None:
    """Log in one line how many hashes of each list the dataset does not have."""
    found = []
    for name, listed in lists.items():
        lacking = listed.keys.take(np.flatnonzero(~listed.met))
        if len(lacking):
            names = ", ".join(lacking.take(np.arange(min(NAMED, len(lacking)))).text().to_pylist())
            more = ", ..." if len(lacking) > NAMED else ""
            found.append(
                f"{'exclude' if name == 'withhold_names' else name}: {len(lacking):,} of "
                f"{len(listed.keys):,} hashes are not in the dataset: {names}{more}"
            )
    if found:
        logger.warning("%s.", "; ".join(found))
