"""Pictures in memory, and in the order of their creators' names."""

from __future__ import annotations

import itertools

import pyarrow as pa
import pytest
from conftest import image_hash

from pass_utils.attribution import order as listing
from pass_utils.attribution.order import Listing, letter_of


def batch(*names: str | None, first: int = 0) -> pa.RecordBatch:
    hashes = [image_hash(first + place) for place in range(len(names))]
    return pa.RecordBatch.from_arrays(
        [pa.array(hashes, pa.string()), pa.array(names, pa.string())], ["hash", "creator_username"]
    )


def rows(batches) -> list[dict]:
    return pa.Table.from_batches(batches).to_pylist()


def test_pictures_come_out_as_they_came_in():
    parts = [batch("b", None, "a"), batch("a", "b", first=3)]
    made = Listing(parts)
    assert len(made) == 5
    assert rows(made.batches()) == rows(parts)


def test_by_creator_they_are_in_the_order_of_the_alphabet_with_counts():
    names = ["zoe", "%C3%A9mile", "7up", "", "zoe", "Zoe", "%E5%B1%B1", "~anna", "z%6Fe", None]
    made = Listing([batch(*names)])
    order = made.by_creator()
    assert order.names == ["~anna", "émile", "Zoe", "zoe", "7up", "山", ""]
    assert order.counts.tolist() == [1, 1, 1, 3, 1, 1, 2]
    assert [(row["hash"], row["pictures"]) for row in rows(made.batches(order))] == [
        (image_hash(place), count)
        for place, count in [
            (7, 1),
            (1, 1),
            (5, 1),
            (0, 3),
            (4, None),
            (8, None),
            (2, 1),
            (6, 1),
            (3, 2),
            (9, None),
        ]
    ]


@pytest.mark.slow
def test_names_of_one_letter_stand_together_whatever_they_begin_with():
    names = [chr(code) for code in range(0x110000) if chr(code).isalnum()]
    order = Listing([batch(*names)]).by_creator()
    letters = [letter_of(name) for name in order.names]
    assert [letter for letter, _ in itertools.groupby(letters)] == [*"ABCDEFGHIJKLMNOPQRSTUVWXYZ0#"]


def test_a_picture_that_comes_twice_can_be_there_once():
    parts = [batch("b", "a"), batch("c", "d"), batch("e", first=2)]
    made = Listing(parts, once=True)
    assert rows(made.batches()) == [
        {"hash": image_hash(place), "creator_username": name}
        for place, name in enumerate(["b", "a", "e"])
    ]


def test_batches_are_cut_anywhere(monkeypatch):
    monkeypatch.setattr(listing, "_ROWS_AT_A_TIME", 2)
    made = Listing([batch("b", "a", "b", "b", "a")])
    batches = list(made.batches(made.by_creator()))
    assert [len(part) for part in batches] == [2, 2, 1]
    assert [row["pictures"] for row in rows(batches)] == [2, None, 3, None, None]


def test_pictures_of_a_creator_stay_in_the_order_in_which_they_came():
    made = Listing([batch(*["b", "a"] * 100)])
    order = made.by_creator()
    assert order.rows.tolist() == [*range(1, 200, 2), *range(0, 200, 2)]


def test_of_no_pictures_there_are_none():
    made = Listing([])
    assert (len(made), list(made.batches()), list(made.batches(made.by_creator()))) == (0, [], [])
