"""`ImageTable`: images in memory, sorted by creator."""

from __future__ import annotations

import itertools

import pyarrow as pa
import pytest
from conftest import image_hash

from pass_utils.attribution import order as order_module
from pass_utils.attribution.order import ImageTable, letter_of


def batch(*names: str | None, first: int = 0) -> pa.RecordBatch:
    hashes = [image_hash(first + index) for index in range(len(names))]
    return pa.RecordBatch.from_arrays(
        [pa.array(hashes, pa.string()), pa.array(names, pa.string())], ["hash", "creator_username"]
    )


def rows(batches) -> list[dict]:
    return pa.Table.from_batches(batches).to_pylist()


def test_an_image_table_has_the_rows_in_their_order():
    parts = [batch("b", None, "a"), batch("a", "b", first=3)]
    made = ImageTable(parts)
    assert len(made) == 5
    assert rows(made.batches()) == rows(parts)


def test_by_creator_sorts_alphabetically_and_counts_images():
    names = ["zoe", "%C3%A9mile", "7up", "", "zoe", "Zoe", "%E5%B1%B1", "~anna", "z%6Fe", None]
    made = ImageTable([batch(*names)])
    order = made.by_creator()
    assert order.names == ["~anna", "émile", "Zoe", "zoe", "7up", "山", None]
    assert order.creators == 6
    assert order.counts.tolist() == [1, 1, 1, 3, 1, 1, 2]
    assert [(row["hash"], row["images"]) for row in rows(made.batches(order))] == [
        (image_hash(index), count)
        for index, count in [
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
def test_by_creator_keeps_names_of_one_letter_together():
    names = [chr(code) for code in range(0x110000) if chr(code).isalnum()]
    order = ImageTable([batch(*names)]).by_creator()
    letters = [letter_of(name or "") for name in order.names]
    assert [letter for letter, _ in itertools.groupby(letters)] == [*"ABCDEFGHIJKLMNOPQRSTUVWXYZ0#"]


def test_a_unique_image_table_has_each_image_once():
    parts = [batch("b", "a"), batch("c", "d"), batch("e", first=2)]
    made = ImageTable(parts, unique=True)
    assert rows(made.batches()) == [
        {"hash": image_hash(index), "creator_username": name}
        for index, name in enumerate(["b", "a", "e"])
    ]


def test_batches_of_an_image_table_can_be_cut_anywhere(monkeypatch):
    monkeypatch.setattr(order_module, "_ROWS_AT_A_TIME", 2)
    made = ImageTable([batch("b", "a", "b", "b", "a")])
    batches = list(made.batches(made.by_creator()))
    assert [len(part) for part in batches] == [2, 2, 1]
    assert [row["images"] for row in rows(batches)] == [2, None, 3, None, None]


def test_by_creator_is_a_stable_sort():
    made = ImageTable([batch(*["b", "a"] * 100)])
    order = made.by_creator()
    assert order.rows.tolist() == [*range(1, 200, 2), *range(0, 200, 2)]


def test_an_image_table_can_be_empty():
    made = ImageTable([])
    assert (len(made), list(made.batches()), list(made.batches(made.by_creator()))) == (0, [], [])
