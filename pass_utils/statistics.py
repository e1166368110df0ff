"""Statistics of a dataset: resolutions, dates, locations and creators of its images, as counts.

They are the same for `pass-utils info`, reports, and the card of a repository on the Hub. Rows are
counted batch by batch and no image is decoded; what is kept does not grow with the rows, but for
the different creators.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import datasets
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ._datasets import image_columns, stored_chunks, stored_indices, stored_table
from ._util.text import readable_all
from .images.files import stored_sizes
from .images.resolutions import dataset_hashes, dataset_resolutions, image_resolutions

CELL = 5  # degrees; some 550 km at the equator
_ROWS_AT_A_TIME = 100_000
_NAMED = 100  # broken images whose hashes are kept
_HASH, _CREATOR, _DATE = "hash", "creator_username", "date_taken"
_LATITUDE, _LONGITUDE = "gps_latitude", "gps_longitude"

Counts = npt.NDArray[np.int64]


def quantiles(counts: Mapping[int, int], parts: Sequence[float]) -> list[int]:
    """The quantiles of values that were counted.

    Args:
        counts: How often each value occurs.
        parts: Fractions from 0 (the least value) to 1 (the greatest).

    Returns:
        For each fraction the least value that so large a part of all does not exceed, which
        numpy calls `inverted_cdf`; an empty list where nothing was counted.

    >>> quantiles({100: 1, 375: 98, 500: 1}, (0, 0.25, 0.5, 0.995, 1))
    [100, 375, 375, 500, 500]
    """
    values = sorted(counts)
    if not values:
        return []
    ends = np.cumsum([counts[value] for value in values])
    wanted = np.maximum(1, np.ceil(np.array(parts) * ends[-1]))
    return [values[index] for index in np.searchsorted(ends, wanted)]


@dataclass(frozen=True)
class Quartiles:
    """The least value, the quartiles and the greatest value: a quarter of the images has at most
    `lower`, half of them at most `median`.
    """

    min: int
    lower: int
    median: int
    upper: int
    max: int


def quartiles(counts: Mapping[int, int]) -> Quartiles | None:
    """The quartiles of values that were counted; None where nothing was."""
    return Quartiles(*quantiles(counts, (0, 0.25, 0.5, 0.75, 1))) if counts else None


@dataclass(frozen=True)
class Resolutions:
    """Widths and heights of images in pixels, upright.

    Attributes:
        counts: How many images there are of each (width, height), the most frequent ones first.
    """

    counts: Mapping[tuple[int, int], int]

    def _count(self, measure: Any) -> Counter[int]:
        counter: Counter[int] = Counter()
        for resolution, count in self.counts.items():
            counter[measure(resolution)] += count
        return counter

    @cached_property
    def width(self) -> Quartiles | None:
        """The quartiles of the widths."""
        return quartiles(self._count(lambda resolution: resolution[0]))

    @cached_property
    def height(self) -> Quartiles | None:
        """The quartiles of the heights."""
        return quartiles(self._count(lambda resolution: resolution[1]))

    @cached_property
    def shorter_sides(self) -> Counter[int]:
        """How many images there are of each shorter side."""
        return self._count(min)

    @cached_property
    def longer_sides(self) -> Counter[int]:
        """How many images there are of each longer side."""
        return self._count(max)

    @cached_property
    def _shapes(self) -> Counter[int]:
        return self._count(lambda resolution: np.sign(resolution[0] - resolution[1]))

    @property
    def landscape(self) -> int:
        """How many are wider than high."""
        return self._shapes[1]

    @property
    def portrait(self) -> int:
        """How many are higher than wide."""
        return self._shapes[-1]

    @property
    def square(self) -> int:
        """How many are as wide as high."""
        return self._shapes[0]


@dataclass(frozen=True)
class Dates:
    """Images with a date.

    Attributes:
        years: How many there are of each year, the earliest first.
        months: How many of each month, January first.
        hours: How many of each hour of the day; a date at 0:00:00 to the second has none.
    """

    years: Mapping[int, int]
    months: Counts
    hours: Counts

    @property
    def images(self) -> int:
        """How many have a date."""
        return sum(self.years.values())


@dataclass(frozen=True)
class Statistics:
    """What was counted of a dataset.

    Attributes:
        images: Rows, which have an image each.
        image_bytes: Bytes of the image files.
        creators: Different names that can be read.
        without_creator: Images without such a name.
        resolutions: Widths and heights.
        dates: Years, months and hours; None where the dataset has no column of dates.
        locations: Shape (36, 72): images by cells of 5 degrees, from 90 degrees south to north and
            from 180 degrees west to east; None where the dataset has no columns of coordinates.
        broken: Images of which no width and height can be read.
        broken_hashes: The hashes of the first hundred of these, where the rows have any.
    """

    images: int
    image_bytes: int
    creators: int
    without_creator: int
    resolutions: Resolutions
    dates: Dates | None
    locations: Counts | None
    broken: int = 0
    broken_hashes: tuple[str, ...] = ()

    @property
    def with_date(self) -> int:
        """Images with a date."""
        return 0 if self.dates is None else self.dates.images

    @property
    def with_location(self) -> int:
        """Images with coordinates."""
        return 0 if self.locations is None else int(self.locations.sum())

    @property
    def year(self) -> Quartiles | None:
        """The quartiles of the years; None where no image has a date."""
        return None if self.dates is None else quartiles(self.dates.years)

    def to_json(self) -> dict[str, Any]:
        """The figures that a number or five say, for `--json`."""
        of = self.resolutions
        spreads = {"width": of.width, "height": of.height, "year": self.year}
        return {
            "images": self.images,
            "image_bytes": self.image_bytes,
            "creators": self.creators,
            "without_creator": self.without_creator,
            "landscape": of.landscape,
            "portrait": of.portrait,
            "square": of.square,
            "with_date": self.with_date,
            "with_location": self.with_location,
            "broken": self.broken,
            **{name: values and asdict(values) for name, values in spreads.items()},
        }


class StatisticsBuilder:
    """Counts rows as they come, datasets or tables of them; `build` gives what was counted so far.

    Of a dataset with a column `image` those images are counted, else those of all columns of
    images. Columns of other types than PASS's are passed over.
    """

    def __init__(self) -> None:
        self._images = self._bytes = self._with_creator = self._broken = 0
        self._creators: set[str] = set()
        self._hashes: list[str] = []
        self._resolutions: Counter[int] = Counter()  # width << 32 | height
        self._years: Counter[int] | None = None
        self._months, self._hours = np.zeros(12, np.int64), np.zeros(24, np.int64)
        self._cells: Counts | None = None

    def add_dataset(self, dataset: datasets.Dataset) -> None:
        """Count the rows of a dataset; widths and heights are remembered as by `filter_resolution`.

        Args:
            dataset: Any with a column of images.

        Raises:
            DatasetError: it has none.
            ShardError: a shard is gone or has changed.
        """
        self.add_metadata(dataset)
        for column in _counted_columns(dataset.features):
            for images, stored, _ in stored_chunks(dataset, column):
                self._add_bytes(pa.chunked_array([images]), stored)
            found = dataset_resolutions(dataset, column, on_broken="skip")
            self._add_resolutions(found)
            broken = np.flatnonzero(found[:, 0] < 0)
            self._add_hashes(dataset_hashes(dataset, broken[:_NAMED]))

    def add_metadata(self, dataset: datasets.Dataset) -> None:
        """Count the rows of a dataset without their images.

        Args:
            dataset: Any.
        """
        for table in _metadata_tables(dataset):
            self._add_metadata(table)

    def add(self, table: pa.Table, features: datasets.Features) -> None:
        """Count the rows of a table whose images are as `datasets` stores them, with their bytes or
        by path.

        Args:
            table: At most some thousand rows, since the images are looked at together.
            features: Of the table.

        Raises:
            DatasetError: there is no column of images.
            PassError: a shard is gone or has changed, or a file is gone.
        """
        self._add_metadata(table)
        for column in _counted_columns(features):
            self._add_bytes(table[column], None)
            begin = 0
            for images in table[column].chunks:
                found = image_resolutions(images)
                self._add_resolutions(found)
                if _HASH in table.column_names:
                    broken = pa.array(np.flatnonzero(found[:, 0] < 0) + begin)
                    self._add_hashes(map(str, table[_HASH].take(broken).to_pylist()))
                begin += len(images)

    def _add_metadata(self, table: pa.Table) -> None:
        known = _countable(table.schema)
        self._images += len(table)
        if _CREATOR in known:
            names = table[_CREATOR].cast(pa.string()).drop_null()
            texts, counts = pc.value_counts(names).flatten()
            texts = readable_all(texts)
            seen = pc.not_equal(texts, "")
            self._with_creator += pc.sum(counts.filter(seen)).as_py() or 0
            self._creators.update(texts.filter(seen).to_pylist())
        if _DATE in known:
            date = table[_DATE].cast(pa.timestamp("us"), safe=False).drop_null()
            self._years = self._years or Counter()
            years, counts = pc.value_counts(pc.year(date)).flatten()
            self._years.update(dict(zip(years.to_pylist(), counts.to_pylist(), strict=True)))
            self._months += np.bincount(_numpy(pc.month(date)) - 1, minlength=12)
            timed = date.filter(pc.not_equal(pc.floor_temporal(date, unit="day"), date))
            self._hours += np.bincount(_numpy(pc.hour(timed)), minlength=24)
        if {_LATITUDE, _LONGITUDE} <= known:
            cells = _cells(
                *(_numpy(table[name].cast(pa.float64())) for name in (_LATITUDE, _LONGITUDE))
            )
            self._cells = cells if self._cells is None else self._cells + cells

    def _add_bytes(self, images: pa.ChunkedArray, rows: Any) -> None:
        self._bytes += int(stored_sizes(images, rows, on_missing="skip").sum())

    def _add_resolutions(self, found: npt.NDArray[np.int32]) -> None:
        self._broken += int((found[:, 0] < 0).sum())
        found = found[found[:, 0] > 0].astype(np.int64)
        both, counts = np.unique((found[:, 0] << 32) | found[:, 1], return_counts=True)
        self._resolutions.update(dict(zip(both.tolist(), counts.tolist(), strict=True)))

    def _add_hashes(self, hashes: Iterable[str]) -> None:
        self._hashes += islice(hashes, _NAMED - len(self._hashes))

    def build(self) -> Statistics:
        """The statistics of all rows that were added."""
        resolutions = {
            (both >> 32, both & 0xFFFFFFFF): count
            for both, count in sorted(
                self._resolutions.items(), key=lambda counted: (-counted[1], counted[0])
            )
        }
        dates = self._years is not None
        return Statistics(
            images=self._images,
            image_bytes=self._bytes,
            creators=len(self._creators),
            without_creator=self._images - self._with_creator,
            resolutions=Resolutions(resolutions),
            dates=Dates(dict(sorted((self._years or {}).items())), self._months, self._hours)
            if dates
            else None,
            locations=self._cells,
            broken=self._broken,
            broken_hashes=tuple(self._hashes),
        )


def dataset_statistics(parts: Iterable[datasets.Dataset]) -> Statistics:
    """The statistics of all images of some datasets together.

    Args:
        parts: Datasets with a column of images each.

    Raises:
        DatasetError: one has none.
        ShardError: a shard is gone or has changed.
    """
    builder = StatisticsBuilder()
    for part in parts:
        builder.add_dataset(part)
    return builder.build()


def countable_type(name: str, kind: pa.DataType) -> bool:
    """Whether the values of a column of PASS, such as `date_taken`, can be counted by this type."""
    if pa.types.is_null(kind):
        return True
    if name == _DATE:
        return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))
    if name in (_LATITUDE, _LONGITUDE):
        return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _countable(schema: pa.Schema) -> set[str]:
    columns = {_CREATOR, _DATE, _LATITUDE, _LONGITUDE}.intersection(schema.names)
    return {name for name in columns if countable_type(name, schema.field(name).type)}


def _counted_columns(features: datasets.Features) -> list[str]:
    columns = image_columns(features)
    return ["image"] if "image" in columns else columns


def _metadata_tables(dataset: datasets.Dataset) -> Iterator[pa.Table]:
    """The rows without their images, in the order in which they are stored.

    `datasets` would look at each row for itself wherever some are left out.
    """
    columns = [_CREATOR, _DATE, _LATITUDE, _LONGITUDE]
    stored = stored_table(dataset)
    stored = stored.select([name for name in columns if name in dataset.column_names])
    indices = stored_indices(dataset)
    if not stored.num_columns:  # then only the number of rows is asked for
        yield pa.table({"": pa.nulls(len(dataset))})
        return
    wanted = None if indices is None else np.sort(indices)
    for begin in range(0, max(len(stored), 1), _ROWS_AT_A_TIME):
        table = stored.slice(begin, _ROWS_AT_A_TIME)
        if wanted is not None:
            first, last = np.searchsorted(wanted, [begin, begin + _ROWS_AT_A_TIME])
            table = table.combine_chunks().take(pa.array(wanted[first:last] - begin))
        yield table


def _numpy(values: pa.ChunkedArray) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = values.to_numpy()  # null is NaN
    return array


def _cells(latitude: npt.NDArray[np.float64], longitude: npt.NDArray[np.float64]) -> Counts:
    """How many locations are in each cell; what is no location on Earth is in none."""
    on_earth = (np.abs(latitude) <= 90) & (np.abs(longitude) <= 180)
    rows, columns = 180 // CELL, 360 // CELL
    row = np.minimum((latitude[on_earth] + 90) // CELL, rows - 1).astype(np.int64)
    column = ((longitude[on_earth] + 180) // CELL).astype(np.int64) % columns
    return np.bincount(row * columns + column, minlength=rows * columns).reshape(rows, columns)
