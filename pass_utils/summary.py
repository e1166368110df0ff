"""A dataset in, the figures that describe it out."""

from __future__ import annotations

from dataclasses import dataclass

import datasets
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .images import stored_sizes
from .sizes import Sizes, dataset_sizes

_ROWS_AT_A_TIME = 100_000
_COLUMNS = ["image", "creator_username", "gps_latitude", "date_taken"]


@dataclass(frozen=True)
class Quartiles:
    """The least value, the quarters and the greatest value: a quarter of the pictures has at most `lower`, half `median`."""

    min: int
    lower: int
    median: int
    upper: int
    max: int


@dataclass(frozen=True)
class Summary:
    """Figures of a dataset: counts of pictures, bytes of their files, width and height in pixels, years of the pictures.

    What cannot be said of an empty dataset is None.
    """

    images: int
    image_bytes: int
    creators: int
    width: Quartiles | None
    height: Quartiles | None
    landscape: int
    portrait: int
    square: int
    with_date: int
    with_place: int
    year: Quartiles | None


def summarize(dataset: datasets.Dataset) -> Summary:
    """The figures of a dataset of PASS rows, for which no picture is decoded.

    Raises:
        ImageError: an image is broken.
    """
    creators = pa.array([], pa.string())
    image_bytes = with_place = 0
    years: list[npt.NDArray[np.int64]] = [np.zeros(0, np.int64)]
    batches = dataset.select_columns(_COLUMNS).with_format("arrow").iter(_ROWS_AT_A_TIME) if len(dataset) else ()
    for table in batches:
        image_bytes += int(stored_sizes(table["image"]).sum())
        creators = pc.unique(pa.chunked_array([creators, *table["creator_username"].drop_null().chunks], pa.string()))
        with_place += len(table) - table["gps_latitude"].null_count
        years.append(pc.year(table["date_taken"].drop_null()).to_numpy())
    sizes = dataset_sizes(dataset, "image")
    sizes = sizes[sizes[:, 0] > 0]
    return Summary(
        images=len(dataset),
        image_bytes=image_bytes,
        creators=len(creators),
        width=quartiles(sizes[:, 0]),
        height=quartiles(sizes[:, 1]),
        **orientations(sizes),
        with_date=sum(map(len, years)),
        with_place=with_place,
        year=quartiles(np.concatenate(years)),
    )


def quartiles(values: npt.NDArray[np.int32] | npt.NDArray[np.int64]) -> Quartiles | None:
    """The quartiles of these values, None of none."""
    if not len(values):
        return None
    return Quartiles(*(int(value) for value in np.quantile(values, [0, 0.25, 0.5, 0.75, 1], method="inverted_cdf")))


def orientations(sizes: Sizes) -> dict[str, int]:
    """How many of these sizes are landscape, portrait and square."""
    wider = np.sign(sizes[:, 0] - sizes[:, 1])
    return {name: int((wider == sign).sum()) for name, sign in (("landscape", 1), ("portrait", -1), ("square", 0))}
