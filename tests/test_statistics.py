"""What a report counts, against what was counted by hand."""

from __future__ import annotations

from collections import Counter

import datasets
import numpy as np
import pytest
from conftest import image_hash
from datasets import load_dataset
from hypothesis import given
from hypothesis import strategies as st
from support.reporting import dataset, picture, row

from pass_utils.export.writing import write_parquet
from pass_utils.releases import dummy_folder
from pass_utils.statistics import (
    Quartiles,
    StatisticsBuilder,
    dataset_statistics,
    quantiles,
    quartiles,
)

ROWS = [
    row(0, (60, 40), name="ada", place=(51.5, -0.1), date="2008-06-01T14:59:59"),
    row(1, (60, 40), name="ada", place=(52.0, -4.9), date="2008-06-30T14:00:01"),
    row(2, (40, 60), name="a%64a", place=(-33.9, 151.2), date="2010-12-24T23:30:00"),
    row(3, (50, 50), name="bo", place=(90.0, 180.0), date="2010-01-01T00:00:00"),
    row(4, (30, 20), name=None, place=(-90.0, -180.0)),
    row(5, (60, 40), name="", place=(float("nan"), 3.0)),
    row(6, (60, 40), name="%00", place=(91.0, 1.0), date="0950-02-02T03:00:00"),
]


def test_sizes_are_counted_and_described():
    resolutions = dataset_statistics([dataset(*ROWS)]).resolutions
    assert resolutions.counts == {(60, 40): 4, (30, 20): 1, (40, 60): 1, (50, 50): 1}
    assert next(iter(resolutions.counts)) == (60, 40)
    assert resolutions.width == Quartiles(min=30, lower=40, median=60, upper=60, max=60)
    assert resolutions.height == Quartiles(min=20, lower=40, median=40, upper=50, max=60)
    assert (resolutions.landscape, resolutions.portrait, resolutions.square) == (5, 1, 1)


def test_creators_who_read_alike_are_one_and_those_who_cannot_be_read_none():
    statistics = dataset_statistics([dataset(*ROWS)])
    assert (statistics.images, statistics.creators, statistics.without_creator) == (7, 2, 3)
    assert statistics.image_bytes == sum(len(row["image"]["bytes"]) for row in ROWS)


def test_dates_are_counted_by_year_month_and_hour_but_for_those_without_a_time():
    dates = dataset_statistics([dataset(*ROWS)]).dates
    assert dates.years == {950: 1, 2008: 2, 2010: 2}
    assert {number: count for number, count in enumerate(dates.months.tolist()) if count} == {
        0: 1,
        1: 1,
        5: 2,
        11: 1,
    }
    assert {number: count for number, count in enumerate(dates.hours.tolist()) if count} == {
        3: 1,
        14: 2,
        23: 1,
    }
    assert dates.images == 5


def test_places_are_counted_in_cells_of_five_degrees_and_no_place_on_earth_in_none():
    nowhere = [row(7, place=(10.0, 181.0)), row(8, place=(-90.5, 10.0))]
    places = dataset_statistics([dataset(*ROWS, *nowhere)]).locations
    assert places.shape == (36, 72)
    found = {
        (row * 5 - 90, column * 5 - 180): places[row, column]
        for row, column in zip(*np.nonzero(places), strict=True)
    }
    assert found == {(50, -5): 2, (-35, 150): 1, (85, -180): 1, (-90, -180): 1}


@pytest.mark.parametrize("at_a_time", [2, 100])
def test_parts_are_counted_together_however_the_rows_lie(monkeypatch, at_a_time):
    monkeypatch.setattr("pass_utils.statistics._ROWS_AT_A_TIME", at_a_time)
    rows = dataset(*ROWS)
    parts = [
        rows.select([6, 1, 3]),
        rows.select([0, 2]),
        rows.select([]),
        rows.filter(lambda name: name is None or name == "", input_columns="creator_username"),
    ]
    together, whole = dataset_statistics(parts), dataset_statistics([rows.shuffle(seed=1)])
    assert together.resolutions == whole.resolutions
    assert (together.image_bytes, together.creators, together.without_creator) == (
        whole.image_bytes,
        whole.creators,
        whole.without_creator,
    )
    assert together.dates.years == whole.dates.years
    assert np.array_equal(together.dates.hours, whole.dates.hours)
    assert np.array_equal(together.locations, whole.locations)


def test_in_place_embedded_and_written_datasets_have_the_same_statistics(tmp_path):
    folder = str(dummy_folder("v2"))
    in_place = load_dataset("pass", data_dir=folder, split="train")
    embedded = load_dataset("pass", data_dir=folder, split="train", embed_images=True)
    write_parquet(in_place, tmp_path / "out", quiet=True)
    written = load_dataset(str(tmp_path / "out"), split="train")
    first = dataset_statistics([in_place])
    assert (
        first.images,
        first.creators,
        first.image_bytes,
        first.dates.images,
        first.locations.sum(),
    ) == (24, 8, 384_061, 21, 7)
    for other in (embedded, written):
        found = dataset_statistics([other])
        assert (found.resolutions, found.image_bytes, found.creators) == (
            first.resolutions,
            first.image_bytes,
            first.creators,
        )
        assert np.array_equal(found.locations, first.locations)


def test_columns_that_are_not_there_are_not_counted():
    bare = dataset(*ROWS).remove_columns(["date_taken", "gps_latitude"])
    statistics = dataset_statistics([bare])
    assert (statistics.images, statistics.dates, statistics.locations) == (7, None, None)


def test_empty_columns_are_counted_as_such():
    rows = dataset(row(0), row(1))
    untyped = rows.remove_columns(["date_taken", "gps_latitude"])
    for name in ("date_taken", "gps_latitude"):
        untyped = untyped.add_column(name, [None, None])
    for part in (rows, untyped, rows.select([])):
        statistics = dataset_statistics([part])
        assert (statistics.dates.years, statistics.dates.images, statistics.locations.sum()) == (
            {},
            0,
            0,
        )


def test_rows_without_a_picture_have_no_size():
    rows = dataset(row(0), {**row(1), "image": None})
    statistics = dataset_statistics([rows])
    assert (statistics.images, statistics.resolutions.counts, statistics.image_bytes) == (
        2,
        {(60, 40): 1},
        len(picture(60, 40)),
    )


def test_columns_of_other_types_are_not_counted():
    rows = dataset(row(0, name="ada", place=(1.0, 2.0), date="2009-01-01T01:00:00"))
    odd = rows.remove_columns(["creator_username", "date_taken", "gps_latitude"])
    for name, value in (("creator_username", 7), ("date_taken", "May"), ("gps_latitude", "1 N")):
        odd = odd.add_column(name, [value])
    counted = dataset_statistics([odd])
    assert (counted.images, counted.creators, counted.without_creator) == (1, 0, 1)
    assert (counted.dates, counted.locations) == (None, None)


def broken_rows() -> datasets.Dataset:
    return dataset(
        row(0),
        row(1, image=b"no image"),
        {**row(2), "image": {"bytes": None, "path": "/nowhere.jpg"}},
        {**row(3), "image": None},
    )


def test_broken_images_are_counted_and_named():
    counted = dataset_statistics([broken_rows().select([3, 2, 1, 0])])
    assert (counted.images, counted.broken) == (4, 2)
    assert set(counted.broken_hashes) == {image_hash(1), image_hash(2)}
    assert counted.resolutions.counts == {(60, 40): 1}
    assert counted.image_bytes == len(picture(60, 40)) + len(b"no image")
    unnamed = dataset_statistics([broken_rows().remove_columns("hash")])
    assert (unnamed.broken, unnamed.broken_hashes) == (2, ())


@pytest.mark.parametrize("at_a_time", [1, 2, 100])
def test_tables_give_the_statistics_of_their_dataset(at_a_time):
    for rows in (dataset(*ROWS), broken_rows()):
        builder = StatisticsBuilder()
        for table in rows.with_format("arrow").iter(at_a_time):
            builder.add(table, rows.features)
        built, whole = builder.build(), dataset_statistics([rows])
        assert built.to_json() == whole.to_json()
        assert built.resolutions.counts == whole.resolutions.counts
        assert built.broken_hashes == whole.broken_hashes
        assert np.array_equal(built.locations, whole.locations)
        assert np.array_equal(built.dates.months, whole.dates.months)


def test_tables_in_place_and_several_columns_of_images_are_counted():
    in_place = load_dataset("pass", data_dir=str(dummy_folder("v2")), split="train")
    builder = StatisticsBuilder()
    for table in in_place.with_format("arrow").iter(10):
        builder.add(table, in_place.features)
    assert builder.build().to_json() == dataset_statistics([in_place]).to_json()
    pairs = {"left": [picture(3, 4)], "right": [picture(5, 6)]}
    pair = datasets.Dataset.from_dict(
        {side: [{"bytes": image, "path": None} for image in files] for side, files in pairs.items()}
    ).cast(datasets.Features({side: datasets.Image() for side in pairs}))
    assert dataset_statistics([pair]).resolutions.counts == {(3, 4): 1, (5, 6): 1}
    assert dataset_statistics([pair.rename_column("left", "image")]).resolutions.counts == {
        (3, 4): 1
    }


def test_the_statistics_of_no_rows_are_zeros():
    nothing = StatisticsBuilder().build()
    assert nothing.to_json() == {
        **dict.fromkeys(["images", "image_bytes", "creators", "without_creator", "landscape"], 0),
        **dict.fromkeys(["portrait", "square", "with_date", "with_location", "broken"], 0),
        **dict.fromkeys(["width", "height", "year"]),
    }


@given(st.lists(st.integers(1, 5000), min_size=1), st.lists(st.floats(0, 1), min_size=1))
def test_quantiles_are_those_of_numpy(values, parts):
    want = np.quantile(values, parts, method="inverted_cdf").tolist()
    assert quantiles(Counter(values), parts) == want


def test_nothing_has_no_quantiles():
    assert quantiles({}, (0, 1)) == []
    assert quartiles({}) is None


def test_sides_are_counted_by_length():
    resolutions = dataset_statistics([dataset(*ROWS)]).resolutions
    assert resolutions.shorter_sides == {40: 5, 50: 1, 20: 1}
    assert resolutions.longer_sides == {60: 5, 50: 1, 30: 1}
