"""What a report counts, against what was counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from datasets import load_dataset
from support.reporting import dataset, picture, row

from pass_utils import ReportError
from pass_utils.export.writing import write_parquet
from pass_utils.releases import dummy_folder
from pass_utils.statistics import Quartiles, take_census

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
    shapes = take_census([dataset(*ROWS)]).shapes
    assert shapes.counts == {(60, 40): 4, (30, 20): 1, (40, 60): 1, (50, 50): 1}
    assert next(iter(shapes.counts)) == (60, 40)
    assert shapes.width == Quartiles(min=30, lower=40, median=60, upper=60, max=60)
    assert shapes.height == Quartiles(min=20, lower=40, median=40, upper=50, max=60)
    assert (shapes.landscape, shapes.portrait, shapes.square) == (5, 1, 1)


def test_creators_who_read_alike_are_one_and_those_who_cannot_be_read_none():
    census = take_census([dataset(*ROWS)])
    assert (census.pictures, census.creators, census.nameless) == (7, 2, 3)
    assert census.bytes == sum(len(row["image"]["bytes"]) for row in ROWS)


def test_dates_are_counted_by_year_month_and_hour_but_for_those_without_a_time():
    dates = take_census([dataset(*ROWS)]).dates
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
    assert dates.pictures == 5


def test_places_are_counted_in_cells_of_five_degrees_and_no_place_on_earth_in_none():
    nowhere = [row(7, place=(10.0, 181.0)), row(8, place=(-90.5, 10.0))]
    places = take_census([dataset(*ROWS, *nowhere)]).places
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
    together, whole = take_census(parts), take_census([rows.shuffle(seed=1)])
    assert together.shapes == whole.shapes
    assert (together.bytes, together.creators, together.nameless) == (
        whole.bytes,
        whole.creators,
        whole.nameless,
    )
    assert together.dates.years == whole.dates.years
    assert np.array_equal(together.dates.hours, whole.dates.hours)
    assert np.array_equal(together.places, whole.places)


def test_in_place_embedded_and_written_datasets_have_the_same_census(tmp_path):
    folder = str(dummy_folder("v2"))
    in_place = load_dataset("pass", data_dir=folder, split="train")
    embedded = load_dataset("pass", data_dir=folder, split="train", embed_images=True)
    write_parquet(in_place, tmp_path / "out", quiet=True)
    written = load_dataset(str(tmp_path / "out"), split="train")
    first = take_census([in_place])
    assert (
        first.pictures,
        first.creators,
        first.bytes,
        first.dates.pictures,
        first.places.sum(),
    ) == (24, 8, 384_061, 21, 7)
    for other in (embedded, written):
        found = take_census([other])
        assert (found.shapes, found.bytes, found.creators) == (
            first.shapes,
            first.bytes,
            first.creators,
        )
        assert np.array_equal(found.places, first.places)


def test_columns_that_are_not_there_are_not_counted():
    bare = dataset(*ROWS).remove_columns(["date_taken", "gps_latitude"])
    census = take_census([bare])
    assert (census.pictures, census.dates, census.places) == (7, None, None)


def test_empty_columns_are_counted_as_such():
    rows = dataset(row(0), row(1))
    untyped = rows.remove_columns(["date_taken", "gps_latitude"])
    for name in ("date_taken", "gps_latitude"):
        untyped = untyped.add_column(name, [None, None])
    for part in (rows, untyped, rows.select([])):
        census = take_census([part])
        assert (census.dates.years, census.dates.pictures, census.places.sum()) == ({}, 0, 0)


def test_rows_without_a_picture_have_no_size():
    rows = dataset(row(0), {**row(1), "image": None})
    census = take_census([rows])
    assert (census.pictures, census.shapes.counts, census.bytes) == (
        2,
        {(60, 40): 1},
        len(picture(60, 40)),
    )


def test_dates_that_are_none_are_refused():
    rows = dataset(row(0)).remove_columns("date_taken").add_column("date_taken", ["last summer"])
    with pytest.raises(
        ReportError,
        match="date_taken: expected values of type timestamp.us., found string .* Cast the column",
    ):
        take_census([rows])
