"""Resuming streams, as the table in docs/opening.md promises it for the installed `datasets`."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest
from datasets import load_dataset

from pass_utils.releases import dummy_folder

PAGE = Path(__file__).parent.parent / "docs" / "opening.md"
VERSION = tuple(map(int, datasets.__version__.split(".")[:2]))
COLUMN = 1 + sum(first <= VERSION for first in ((3, 0), (4, 8), (5, 0)))
ROWS = 24
MANY_RANGES, FEW_RANGES = 1 << 14, 1 << 28  # 34 ranges, and one for each of ten shards


def table_rows() -> list[list[str]]:
    """The cells of the table."""
    section = PAGE.read_text().partition("\n## Resume\n")[2].partition("\n## ")[0]
    return [line.strip("| ").split(" | ") for line in re.findall(r"^\| .*\|$", section, re.M)]


def table() -> dict[str, str]:
    """What the page promises for this version, by what one does."""
    rows = table_rows()
    return {row[0]: row[COLUMN].strip(" |") for row in rows}


def reports() -> dict[str, str]:
    """Who reports what is not exact, by what one does."""
    return {row[0]: row[5] if len(row) > 5 else "" for row in table_rows()}


def stream(buffer_size: int | None = None, range_size: int = MANY_RANGES) -> Any:
    folder = str(dummy_folder("v2"))
    ds = load_dataset(
        "pass", "v2", data_dir=folder, split="train", streaming=True, range_size=range_size
    )
    return ds.shuffle(seed=0, buffer_size=buffer_size) if buffer_size else ds


def describe(found: list[str]) -> str:
    lost, doubled = ROWS - len(set(found)), len(found) - len(set(found))
    return {
        (False, False): "exact",
        (True, False): "loses rows",
        (True, True): "loses and doubles rows",
    }[(lost > 0, doubled > 0)]


def resumed(make: Callable[[], Any]) -> str:
    """The worst of resuming after some numbers of rows."""
    outcomes = set()
    for count in (1, 5, 8, 9, 16):
        first = make()
        rows = iter(first)
        found = [next(rows)["hash"] for _ in range(count)]
        second = make()
        second.load_state_dict(first.state_dict())
        outcomes.add(describe(found + [row["hash"] for row in second]))
    return max(outcomes, key=len)


def saved_before_a_row() -> str:
    first = stream()
    rows = iter(first)
    for _ in range(10):
        next(rows)
    second, third = stream(), stream()
    second.load_state_dict(first.state_dict())
    third.load_state_dict(second.state_dict())
    return {ROWS - 10: "exact", ROWS: "starts over"}[len(list(third))]


def loader(
    buffer_size: int | None = None, range_size: int = MANY_RANGES, *, persistent: bool = False
) -> Any:
    stateful = pytest.importorskip("torchdata.stateful_dataloader")
    ds = stream(buffer_size, range_size).select_columns(["hash"])
    return stateful.StatefulDataLoader(
        ds, batch_size=2, num_workers=2, persistent_workers=persistent
    )


def resumed_loader(*arguments: Any) -> str:
    outcomes = set()
    for count in (1, 3, 5):
        first = loader(*arguments)
        batches = iter(first)
        found = [hash for _ in range(count) for hash in next(batches)["hash"]]
        state = first.state_dict()
        del batches
        second = loader(*arguments)
        second.load_state_dict(state)
        try:
            outcomes.add(describe(found + [hash for batch in second for hash in batch["hash"]]))
        except IndexError:
            outcomes.add("raises IndexError")
    return max(outcomes, key=len)


def persistent_workers() -> str:
    first = loader()
    batches = iter(first)
    for _ in range(5):
        next(batches)
    second = loader(persistent=True)
    second.load_state_dict(first.state_dict())
    epochs = [sum(len(batch["hash"]) for batch in second) for _ in range(3)]
    assert epochs[0] == ROWS - 10
    return "exact" if epochs[1:] == [ROWS, ROWS] else "later epochs are short"


SITUATIONS: dict[str, Callable[[], str]] = {
    "read row by row": lambda: resumed(stream),
    'the same, after `.filter(..., input_columns=["hash"])`': lambda: resumed(
        lambda: stream(range_size=FEW_RANGES).filter(lambda hash: True, input_columns=["hash"])
    ),
    "the same, after `.map(...)`": lambda: resumed(
        lambda: stream(range_size=FEW_RANGES).map(lambda row: {"seen": 1})
    ),
    "`.shuffle(buffer_size=1)`": lambda: resumed(lambda: stream(1)),
    "`.shuffle(buffer_size=10)` or more": lambda: resumed(lambda: stream(10)),
    "restored, and saved before a row is read": saved_before_a_row,
    "`StatefulDataLoader` with workers": lambda: resumed_loader(),
    "the same, `.shuffle(buffer_size=1)`, ten ranges a worker or more": lambda: resumed_loader(1),
    "the same, fewer than ten ranges a worker": lambda: resumed_loader(1, FEW_RANGES),
    "the same, `persistent_workers=True`": persistent_workers,
}


@pytest.mark.slow
@pytest.mark.parametrize("situation", SITUATIONS)
def test_resuming_does_what_the_table_says_for_this_version(situation):
    assert SITUATIONS[situation]() == table()[situation]


@pytest.mark.parametrize(
    ("situation", "make"),
    [
        ("read row by row", stream),
        ("the same, after `.map(...)`", lambda: stream().map(lambda row: {"seen": 1})),
        ("`.shuffle(buffer_size=1)`", lambda: stream(1)),
        ("`.shuffle(buffer_size=10)` or more", lambda: stream(10)),
    ],
)
def test_datasets_warns_of_a_restored_shuffle_and_of_nothing_else(
    situation, make, caplog, monkeypatch
):
    monkeypatch.setattr(logging.getLogger("datasets"), "propagate", True)
    first, second = make(), make()
    rows = iter(first)
    for _ in range(20):  # the state of a buffer is that of the beginning at first
        next(rows)
    second.load_state_dict(first.state_dict())
    next(iter(second), None)
    warned = "Loading a state dict of a shuffle buffer" in caplog.text
    assert warned == (reports()[situation] == "`datasets` warns")


def test_every_row_of_the_table_is_tested():
    assert [name for name in table() if name not in ("you do", "---")] == list(SITUATIONS)
