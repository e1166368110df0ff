"""Filter a dataset by the resolution of its images, or add it as columns, without decoding."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, cast

import datasets
import numpy as np
import pyarrow as pa

from .._datasets import (
    AnyDataset,
    image_column,
    keep_rows,
    map_stream,
    open_splits,
    select_rows,
)
from .._util.processes import process_count
from ..errors import ResolutionError
from ..images.resolutions import Resolutions, dataset_resolutions, table_resolutions
from .bounds import Bounds

logger = logging.getLogger(__name__)

_ROWS_AT_A_TIME = 128  # of a stream; about four tables of images
_WARN_AFTER = 10_000  # images of a stream of which none fits
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
    """The rows of a dataset whose image keeps to all bounds, in the same order.

    No image is decoded: width and height come from the headers, upright as `image_size` gives them.
    All bounds are inclusive. A row without an image keeps to none. Where no image fits, the result
    is empty and a warning names the largest width and height found; on its way through a stream the
    warning comes after 10,000 images.

    Args:
        dataset: A Dataset, an IterableDataset, or a dict of them by split.
        min_width: Pixels of the width, at least.
        max_width: Pixels of the width, at most.
        min_height: Pixels of the height, at least.
        max_height: Pixels of the height, at most.
        min_side: Pixels of the shorter side, at least.
        max_side: Pixels of the longer side, at most.
        min_pixels: Width times height, at least.
        max_pixels: Width times height, at most.
        min_aspect: Width divided by height, at least.
        max_aspect: Width divided by height, at most.
        num_proc: Processes that read the headers of a Dataset; one by default.

    Returns:
        The same kind of dataset. Of a Dataset it is a selection, which copies nothing; headers of
        one that was opened in place are cached, so that the next call reads no shard. A stream is
        filtered as it is read. A dict is filtered split by split.

    Raises:
        DatasetError: it is no dataset, or has no column of images.
        ResolutionError: no bound, or bounds that contradict each other.
        ImageError: images are broken; its `hashes` say which.
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
    process_count(num_proc, ResolutionError)
    filtered = open_splits(dataset).map(lambda part: _filter_one(part, bounds, num_proc))
    return cast(AnyDataset, filtered)


def add_resolution(dataset: AnyDataset, *, num_proc: int | None = None) -> AnyDataset:
    """The rows of a dataset with the columns `width` and `height` behind the others.

    To a selection of an embedded dataset `datasets` adds columns by writing the selected rows
    again, images included: add them first, and select then.

    Args:
        dataset: A Dataset, an IterableDataset, or a dict of them by split.
        num_proc: Processes that read the headers of a Dataset; one by default.

    Returns:
        The same kind of dataset. The new columns are int32, in pixels, and None without an image;
        they are found as by `filter_resolution`.

    Raises:
        DatasetError: it is no dataset, or has no column of images.
        ResolutionError: the dataset has such a column already.
        ImageError: images are broken; its `hashes` say which.
        ShardError: a shard is gone or has changed.
    """
    process_count(num_proc, ResolutionError)
    return cast(AnyDataset, open_splits(dataset).map(lambda part: _add_one(part, num_proc)))


def _filter_one(dataset: Any, bounds: Bounds, num_proc: int | None) -> Any:
    column = image_column(dataset.features)
    if isinstance(dataset, datasets.IterableDataset):
        return map_stream(dataset, _Filter(column, bounds), dataset.features, rows=_ROWS_AT_A_TIME)
    sizes = dataset_resolutions(dataset, column, num_proc=num_proc)
    fits = bounds.fit(sizes)
    if not fits.any() and len(dataset):
        logger.warning(
            "%s", _nothing_fits(f"{len(dataset):,} images", sizes.max(axis=0), sizes.max())
        )
    return select_rows(dataset, np.flatnonzero(fits))


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
        return map_stream(dataset, _Add(column), features, rows=_ROWS_AT_A_TIME)
    sizes = dataset_resolutions(dataset, column, num_proc=num_proc)
    # of a selection `datasets` writes the rows again, and could not write them as some formats
    # give them
    wider = dataset.with_format("arrow")
    for side, values in zip(_SIDES, _columns(sizes), strict=True):
        wider = wider.add_column(side, values)
    format = dataset.format
    if format["columns"] == dataset.column_names:
        format["columns"] = None
    return wider.with_format(
        format["type"],
        columns=format["columns"],
        output_all_columns=format["output_all_columns"],
        **format["format_kwargs"],
    )


def _columns(sizes: Resolutions) -> list[pa.Int32Array]:
    return [pa.array(side, pa.int32(), mask=side == 0) for side in sizes.T]


@dataclass
class _Add:
    """Appends the columns of width and height to a table."""

    column: str

    def __call__(self, table: pa.Table) -> pa.Table:
        for side, values in zip(
            _SIDES, _columns(table_resolutions(table, self.column)), strict=True
        ):
            table = table.append_column(side, values)
        return table


@dataclass
class _Filter:
    """Filters the rows of a table."""

    column: str
    bounds: Bounds
    seen: int = 0
    # width, height, side of those seen, as long as none has fitted
    largest: tuple[int, int, int] = (0, 0, 0)

    def __call__(self, table: pa.Table) -> pa.Table:
        sizes = table_resolutions(table, self.column)
        fits = self.bounds.fit(sizes)
        if fits.any():
            self.seen = -1
            return keep_rows(table, fits)
        self._count(sizes)
        return table.slice(0, 0)

    def _count(self, sizes: Resolutions) -> None:
        if self.seen < 0:
            return
        before, self.seen = self.seen, self.seen + len(sizes)
        found = (*sizes.max(axis=0).tolist(), int(sizes.max()))
        self.largest = tuple(map(max, self.largest, found))
        if before < _WARN_AFTER <= self.seen:
            *sides, side = self.largest
            logger.warning("%s", _nothing_fits(f"the first {self.seen:,} images", sides, side))


def _nothing_fits(images: str, sides: Any, side: int) -> str:
    width, height = sides
    return (
        f"expected images that keep to the bounds, found none among {images}: the largest "
        f"width is {width}, the largest height {height}, the longest side {side} pixels."
    )
