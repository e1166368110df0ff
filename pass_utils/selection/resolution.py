"""A dataset in, the part of it whose pictures have the wanted size out, without decoding one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import datasets
import numpy as np
import pyarrow as pa

from .._datasets import AnyDataset, format_type, image_column, open_splits
from ..errors import ResolutionError
from ..images.sizes import Sizes, dataset_sizes, image_sizes
from .bounds import Bounds

logger = logging.getLogger(__name__)

_ROWS_AT_A_TIME = 128  # of a stream; about four tables of images
_PATIENCE = 10_000  # pictures of a stream that none fits before that is worth a warning
_TABLES_ARE_STREAMED = int(datasets.__version__.partition(".")[0]) >= 4
_SIDES = {"width": np.int32, "height": np.int32}


def filter_resolution(
    dataset: AnyDataset,
    *,
    min_width: int | None = None,
    max_width: int | None = None,
    min_height: int | None = None,
    max_height: int | None = None,
    min_side: int | None = None,
    max_side: int | None = None,
    min_pixels: int | None = None,
    max_pixels: int | None = None,
    min_aspect: float | None = None,
    max_aspect: float | None = None,
    num_proc: int | None = None,
) -> AnyDataset:
    """The rows of `dataset` whose picture keeps to all bounds, which are inclusive, in the same
    order; no picture is decoded.

    Sizes are in pixels and of the picture turned upright, as `image_size` gives them. `min_width`,
    `max_width`, `min_height` and `max_height` hold for one side; `min_side` for the shorter,
    `max_side` for the longer one; `min_pixels` and `max_pixels` for width times height;
    `min_aspect` and `max_aspect` for width by height. No image, no match.

    A `Dataset` comes back as a selection, which copies nothing; `num_proc` processes read the
    headers of its images. Of a dataset opened in place they are remembered, so that the next call
    reads no shard. An `IterableDataset` is filtered as it is read. A dict of either is filtered
    split by split.

    Where nothing fits, the result is empty and a warning names the largest sizes that there are; on
    its way through a stream the warning comes after 10,000 pictures.

    Raises:
        DatasetError: it is no dataset, or has no column of images.
        ResolutionError: no bound, or bounds that contradict each other.
        ImageError: an image is broken.
        ShardError: a shard is gone or has changed.
    """
    bounds = Bounds(
        min_width,
        max_width,
        min_height,
        max_height,
        min_side,
        max_side,
        min_pixels,
        max_pixels,
        min_aspect,
        max_aspect,
    )
    _check_processes(num_proc)
    filtered = open_splits(dataset).map(lambda part: _filter_one(part, bounds, num_proc))
    return cast(AnyDataset, filtered)


def add_resolution(dataset: AnyDataset, *, num_proc: int | None = None) -> AnyDataset:
    """The rows of `dataset` with the columns `width` and `height` (int32, pixels, None without an
    image) behind the others.

    Sizes are found as by `filter_resolution`, by `num_proc` processes. To a selection of an
    embedded dataset `datasets` adds columns by writing the selected rows anew, images included: add
    them first, and select then.

    Raises:
        DatasetError: it is no dataset, or has no column of images.
        ResolutionError: the dataset has such a column already.
        ImageError: an image is broken.
        ShardError: a shard is gone or has changed.
    """
    _check_processes(num_proc)
    return cast(AnyDataset, open_splits(dataset).map(lambda part: _add_one(part, num_proc)))


def _check_processes(num_proc: int | None) -> None:
    if num_proc is not None and (
        not isinstance(num_proc, int) or isinstance(num_proc, bool) or num_proc < 1
    ):
        raise ResolutionError(
            f"num_proc: expected a number of processes, at least 1, found {num_proc!r}."
        )


def _filter_one(dataset: Any, bounds: Bounds, num_proc: int | None) -> Any:
    column = image_column(dataset.features)
    if isinstance(dataset, datasets.IterableDataset):
        return _map_tables(dataset, column, _Filter(column, bounds), dataset.features)
    sizes = dataset_sizes(dataset, column, num_proc=num_proc)
    fits = bounds.fit(sizes)
    if not fits.any() and len(dataset):
        logger.warning(
            "%s", _nothing_fits(f"{len(dataset):,} pictures", sizes.max(axis=0), sizes.max())
        )
    rows = np.flatnonzero(fits)
    together = len(rows) > 0 and rows[-1] - rows[0] + 1 == len(rows)
    # else `datasets` looks at each for itself
    return dataset.select(range(rows[0], rows[-1] + 1) if together else rows)


def _add_one(dataset: Any, num_proc: int | None) -> Any:
    column = image_column(dataset.features)
    there = [side for side in _SIDES if side in dataset.features]
    if there:
        raise ResolutionError(
            f"expected no column {there[0]} yet, found one. `remove_columns({there})` makes room."
        )
    if isinstance(dataset, datasets.IterableDataset):
        features = datasets.Features(
            {**dataset.features, **{side: datasets.Value("int32") for side in _SIDES}}
        )
        return _map_tables(dataset, column, _Add(column), features)
    sizes = dataset_sizes(dataset, column, num_proc=num_proc)
    for side, values in zip(_SIDES, _columns(sizes), strict=True):
        dataset = dataset.add_column(side, values)
    return dataset


def _columns(sizes: Sizes) -> list[pa.Int32Array]:
    return [pa.array(side, pa.int32(), mask=side == 0) for side in sizes.T]


def _map_tables(
    dataset: datasets.IterableDataset,
    column: str,
    function: Callable[[pa.Table], pa.Table],
    features: datasets.Features,
) -> datasets.IterableDataset:
    """The stream with its Arrow tables passed through `function`; images stay undecoded on the way,
    formats as they were.
    """
    undecoded = dataset.cast_column(column, datasets.Image(decode=False))
    format = format_type(dataset)
    if _TABLES_ARE_STREAMED:
        mapped = undecoded.with_format("arrow").map(
            function, batched=True, batch_size=_ROWS_AT_A_TIME
        )
        return mapped.cast(features).with_format(format)
    rows = undecoded.with_format(None) if format else undecoded
    on_rows, rows.info.features = _OnRows(function, undecoded.features), None
    mapped = rows.map(on_rows, batched=True, batch_size=_ROWS_AT_A_TIME).cast(features)
    # there, with_format(None) would undo the decoding
    return mapped.with_format(format) if format else mapped


@dataclass
class _OnRows:
    """A function of tables as one of batches of Python rows.

    `datasets` before 4 needs it: some streams have no tables there that can be put together, and in
    2.21 a mapped stream of tables, or of rows with features, ends at once when it is read a second
    time.
    """

    function: Callable[[pa.Table], pa.Table]
    features: datasets.Features

    def __call__(self, batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        table = pa.table(self.features.encode_batch(batch), schema=self.features.arrow_schema)
        return dict(self.function(table).to_pydict())


def _table_sizes(table: pa.Table, column: str) -> Sizes:
    return np.concatenate([np.zeros((0, 2), np.int32), *map(image_sizes, table[column].chunks)])


@dataclass
class _Add:
    """A table in, the same with width and height out."""

    column: str

    def __call__(self, table: pa.Table) -> pa.Table:
        for side, values in zip(_SIDES, _columns(_table_sizes(table, self.column)), strict=True):
            table = table.append_column(side, values)
        return table


@dataclass
class _Filter:
    """A table in, its rows that fit out, as slices of it: to copy the images would take longer than
    to look at them.
    """

    column: str
    bounds: Bounds
    seen: int = 0
    # width, height, side of those seen, as long as none has fitted
    largest: tuple[int, int, int] = (0, 0, 0)

    def __call__(self, table: pa.Table) -> pa.Table:
        sizes = _table_sizes(table, self.column)
        fits = self.bounds.fit(sizes)
        if fits.all():
            self.seen = -1
            return table
        if fits.any():
            self.seen = -1
            edges = np.flatnonzero(np.diff(fits, prepend=False, append=False)).tolist()
            return pa.concat_tables(
                [table.slice(a, b - a) for a, b in zip(edges[::2], edges[1::2], strict=True)]
            )
        self._count(sizes)
        return table.slice(0, 0)

    def _count(self, sizes: Sizes) -> None:
        if self.seen < 0:
            return
        before, self.seen = self.seen, self.seen + len(sizes)
        found = (*sizes.max(axis=0).tolist(), int(sizes.max()))
        self.largest = tuple(map(max, self.largest, found))
        if before < _PATIENCE <= self.seen:
            *sides, side = self.largest
            logger.warning("%s", _nothing_fits(f"the first {self.seen:,} pictures", sides, side))


def _nothing_fits(pictures: str, sides: Any, side: int) -> str:
    width, height = sides
    return (
        f"expected pictures that keep to the bounds, found none among {pictures}: the largest "
        f"width is {width}, the largest height {height}, the longest side {side} pixels."
    )
