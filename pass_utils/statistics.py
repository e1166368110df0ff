"""A dataset in, counts out: of the sizes, dates and places of its pictures, and of their creators.

Rows are counted batch by batch, and no picture is decoded. Kept for a row are the eight bytes of
its width and height.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import datasets
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ._datasets import stored_chunks, stored_indices, stored_table
from ._util.text import readable_all
from .errors import ReportError
from .images.files import stored_sizes
from .images.sizes import Sizes, dataset_sizes

CELL = 5  # degrees; some 550 km at the equator
_ROWS_AT_A_TIME = 100_000
_DATE, _LATITUDE, _LONGITUDE = "date_taken", "gps_latitude", "gps_longitude"
_COLUMNS = ("creator_username", _DATE, _LATITUDE, _LONGITUDE)

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Quartiles:
    """The least value, the quarters and the greatest value: a quarter of the pictures has at most
    `lower`, half `median`.
    """

    min: int
    lower: int
    median: int
    upper: int
    max: int


class Shapes(NamedTuple):
    """Sizes of pictures in pixels: how many there are of each (width, height), and what is to be
    said of all.
    """

    counts: dict[tuple[int, int], int]
    width: Quartiles | None
    height: Quartiles | None
    landscape: int
    portrait: int
    square: int


class Dates(NamedTuple):
    """Pictures with a date by year, by month (January first) and by hour; at 0:00:00 to the second
    the hour is not known.
    """

    years: dict[int, int]
    months: Counts
    hours: Counts

    @property
    def pictures(self) -> int:
        """How many have a date."""
        return sum(self.years.values())


@dataclass(frozen=True)
class Census:
    """What was counted of a dataset.

    `pictures` are its rows, `bytes` those of their files, `creators` the different names that can
    be read, and `nameless` the pictures without one. `shapes` tells of width and height in pixels,
    `dates` of years, months and hours. `places` has shape (36, 72): pictures by cells of 5 degrees,
    from 90 degrees south to north and from 180 degrees west to east. `dates` and `places` are None
    where the dataset has no such columns.
    """

    pictures: int
    bytes: int
    creators: int
    nameless: int
    shapes: Shapes
    dates: Dates | None
    places: Counts | None


def take_census(parts: Sequence[datasets.Dataset]) -> Census:
    """Count the pictures of all parts together; they have the columns `image` and
    `creator_username`.

    Raises:
        ImageError: an image is broken.
        ReportError: dates or places are of another kind.
    """
    creators = pa.array([], pa.string())
    nameless = 0
    years: Counter[int] = Counter()
    months, hours = np.zeros(12, np.int64), np.zeros(24, np.int64)
    cells = np.zeros((180 // CELL, 360 // CELL), np.int64)
    for table in _tables(parts):
        names = _cast(table, "creator_username", pa.string())
        texts, counts = pc.value_counts(names.drop_null()).flatten()
        texts = readable_all(texts)
        seen = pc.not_equal(texts, "")
        nameless += len(names) - (pc.sum(counts.filter(seen)).as_py() or 0)
        creators = pc.unique(pa.chunked_array([creators, texts.filter(seen)]))
        if _DATE in table.column_names:
            date = _cast(table, _DATE, pa.timestamp("us")).drop_null()
            years.update(dict(_pairs(pc.value_counts(pc.year(date)))))
            months += np.bincount(_numpy(pc.month(date)) - 1, minlength=12)
            timed = date.filter(pc.not_equal(pc.floor_temporal(date, unit="day"), date))
            hours += np.bincount(_numpy(pc.hour(timed)), minlength=24)
        if {_LATITUDE, _LONGITUDE} <= {*table.column_names}:
            cells += _cells(
                *(_numpy(_cast(table, name, pa.float64())) for name in (_LATITUDE, _LONGITUDE))
            )
    sizes = np.concatenate(
        [np.zeros((0, 2), np.int32), *(dataset_sizes(part, "image") for part in parts)]
    )
    sizes = sizes[sizes[:, 0] > 0]
    columns = {name for part in parts for name in part.column_names}
    return Census(
        pictures=sum(map(len, parts)),
        bytes=sum(map(_file_bytes, parts)),
        creators=len(creators),
        nameless=nameless,
        shapes=Shapes(
            _count_sizes(sizes),
            quartiles(sizes[:, 0]),
            quartiles(sizes[:, 1]),
            **_orientations(sizes),
        ),
        dates=Dates(dict(sorted(years.items())), months, hours) if _DATE in columns else None,
        places=cells if {_LATITUDE, _LONGITUDE} <= columns else None,
    )


def _tables(parts: Sequence[datasets.Dataset]) -> Iterator[pa.Table]:
    """The rows without their pictures, in the order in which they are stored.

    `datasets` would look at each row for itself wherever some are left out.
    """
    for part in parts:
        stored = stored_table(part).select([name for name in _COLUMNS if name in part.column_names])
        indices = stored_indices(part)
        wanted = None if indices is None else np.sort(indices)
        for begin in range(0, len(stored), _ROWS_AT_A_TIME):
            table = stored.slice(begin, _ROWS_AT_A_TIME)
            if wanted is not None:
                first, last = np.searchsorted(wanted, [begin, begin + _ROWS_AT_A_TIME])
                table = table.combine_chunks().take(pa.array(wanted[first:last] - begin))
            if len(table):
                yield table


def _cast(table: pa.Table, name: str, kind: pa.DataType) -> pa.ChunkedArray:
    try:
        return table[name].cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as err:
        raise ReportError(
            f"{name}: expected values of type {kind}, found {table[name].type} ({err}). Cast the "
            "column, or remove it."
        ) from err


def _numpy(values: pa.ChunkedArray) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = values.to_numpy()  # null is NaN
    return array


def _pairs(counted: pa.StructArray) -> Iterator[tuple[int, int]]:
    values, counts = counted.flatten()
    return zip(values.to_pylist(), counts.to_pylist(), strict=True)


def _cells(latitude: npt.NDArray[np.float64], longitude: npt.NDArray[np.float64]) -> Counts:
    """How many of these places are in each cell; what is no place on Earth is in none."""
    on_earth = (np.abs(latitude) <= 90) & (np.abs(longitude) <= 180)
    rows, columns = 180 // CELL, 360 // CELL
    row = np.minimum((latitude[on_earth] + 90) // CELL, rows - 1).astype(np.int64)
    column = ((longitude[on_earth] + 180) // CELL).astype(np.int64) % columns
    return np.bincount(row * columns + column, minlength=rows * columns).reshape(rows, columns)


def _count_sizes(sizes: npt.NDArray[np.int32]) -> dict[tuple[int, int], int]:
    """The most frequent sizes first."""
    both, counts = np.unique((sizes[:, 0].astype(np.int64) << 32) | sizes[:, 1], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    found = zip(
        (both[order] >> 32).tolist(),
        (both[order] & 0xFFFFFFFF).tolist(),
        counts[order].tolist(),
        strict=True,
    )
    return {(width, height): count for width, height, count in found}


def _file_bytes(part: datasets.Dataset) -> int:
    return sum(
        int(stored_sizes(pa.chunked_array([images]), stored).sum())
        for images, stored, _ in stored_chunks(part, "image")
    )


def quartiles(values: npt.NDArray[np.int32] | npt.NDArray[np.int64]) -> Quartiles | None:
    """The quartiles of these values, None of none."""
    if not len(values):
        return None
    return Quartiles(
        *(
            int(value)
            for value in np.quantile(values, [0, 0.25, 0.5, 0.75, 1], method="inverted_cdf")
        )
    )


def _orientations(sizes: Sizes) -> dict[str, int]:
    """How many of these sizes are landscape, portrait and square."""
    wider = np.sign(sizes[:, 0] - sizes[:, 1])
    return {
        name: int((wider == sign).sum())
        for name, sign in (("landscape", 1), ("portrait", -1), ("square", 0))
    }
