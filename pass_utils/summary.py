"""A dataset in, the figures that describe it out."""

from __future__ import annotations

from typing import NamedTuple

import datasets
import pyarrow as pa
import pyarrow.compute as pc

from .storage import image_sizes

_ROWS_AT_A_TIME = 100_000
_COLUMNS = ["image", "creator_username", "gps_latitude", "date_taken"]


class Summary(NamedTuple):
    """Figures of a dataset: counts of rows, bytes of the image files, and the years of the first and the last picture."""

    images: int
    image_bytes: int
    creators: int
    with_date: int
    with_place: int
    first_year: int | None
    last_year: int | None


def summarize(dataset: datasets.Dataset) -> Summary:
    """The figures of a dataset of PASS rows, without opening a picture."""
    creators = pa.array([], pa.string())
    image_bytes = with_date = with_place = 0
    years: list[int] = []
    batches = dataset.select_columns(_COLUMNS).with_format("arrow").iter(_ROWS_AT_A_TIME) if len(dataset) else ()
    for table in batches:
        for chunk in table["image"].chunks:
            image_bytes += pc.sum(image_sizes(chunk)).as_py() or 0
        creators = pc.unique(pa.chunked_array([creators, *table["creator_username"].drop_null().chunks], pa.string()))
        with_date += len(table) - table["date_taken"].null_count
        with_place += len(table) - table["gps_latitude"].null_count
        bounds = pc.min_max(pc.year(table["date_taken"])).as_py()
        years += [year for year in bounds.values() if year is not None]
    return Summary(
        images=len(dataset),
        image_bytes=image_bytes,
        creators=len(creators),
        with_date=with_date,
        with_place=with_place,
        first_year=min(years, default=None),
        last_year=max(years, default=None),
    )
