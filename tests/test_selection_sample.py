"""Choosing rows by hash and metadata, against what plain Python chooses."""

from __future__ import annotations

import hashlib
import itertools
from collections import defaultdict
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from conftest import image_hash
from hypothesis import given, settings
from hypothesis import strategies as st

from pass_utils import SelectionError
from pass_utils.hashes import Keys
from pass_utils.selection import sample
from pass_utils.selection.lists import read_hashes
from pass_utils.selection.record import Selection
from pass_utils.selection.sample import choose_rows, keyed_ranks, smallest

ROWS = st.lists(
    st.tuples(
        st.sampled_from([None, "anna", "bo", "c"]),
        st.sampled_from([None, 1.5]),
        st.sampled_from([None, datetime(2010, 1, 1), datetime(2010, 12, 31, 23, 59, 59, 999999)]),
    ),
    max_size=40,
)


def table(rows):
    """Keys and values of these rows, whose hashes are those of their numbers, sorted as PASS's
    metadata are; and the hashes in that order."""
    keys = Keys.of(pa.array(list(map(image_hash, range(len(rows)))), pa.string()))
    order = keys.order()
    creators, degrees, dates = zip(*rows, strict=True) if rows else ((), (), ())
    values = pa.RecordBatch.from_arrays(
        [
            pa.array(creators, pa.string()).dictionary_encode(),
            pa.array(degrees, pa.float32()),
            pa.array(degrees, pa.float32()),
            pa.array(dates, pa.timestamp("us")),
        ],
        names=["creator_username", "gps_latitude", "gps_longitude", "date_taken"],
    ).take(pa.array(order))
    return keys.take(order), values


def keyed(seed, hash):
    return hashlib.sha256(f"{seed}:{hash}".encode()).digest()


def expected(rows, selection, include=None, exclude=()):
    """The hashes that a selection chooses, by Python alone."""
    kept = []
    for number, (creator, degrees, taken) in enumerate(rows):
        hash = image_hash(number)
        if include is not None and hash not in include or hash in exclude:
            continue
        if selection.has_gps is not None and (degrees is not None) != selection.has_gps:
            continue
        if selection.min_date and not (taken and taken.date() >= selection.min_date):
            continue
        if selection.max_date and not (taken and taken.date() <= selection.max_date):
            continue
        kept.append((keyed(selection.seed, hash), hash, creator))
    kept.sort()
    if selection.per_creator is not None:
        seen = defaultdict(itertools.count)
        kept = [row for row in kept if row[2] is None or next(seen[row[2]]) < selection.per_creator]
    return {hash for _, hash, _ in kept[: selection.sample]}


@pytest.mark.slow
@given(
    rows=ROWS,
    numbers=st.none() | st.sets(st.integers(0, 50), min_size=1),
    excluded=st.sets(st.integers(0, 50)),
    has_gps=st.sampled_from([None, True, False]),
    days=st.sampled_from([(None, None), ("2010-01-02", None), (None, "2010-12-31")]),
    per_creator=st.none() | st.integers(1, 3),
    size=st.none() | st.integers(1, 20),
    seed=st.integers(-3, 3),
)
@settings(deadline=None, max_examples=200)
def test_rows_are_chosen_as_plain_python_chooses_them(
    rows, numbers, excluded, has_gps, days, per_creator, size, seed
):
    keys, values = table(rows)
    include = None if numbers is None else set(map(image_hash, numbers))
    exclude = set(map(image_hash, excluded))
    selection = Selection(
        include=None if include is None else read_hashes(include),
        exclude=read_hashes(exclude) if exclude else None,
        has_gps=has_gps,
        min_date=days[0],
        max_date=days[1],
        per_creator=per_creator,
        sample=size,
        seed=seed,
    )
    choice = choose_rows(keys, values, selection)
    chosen = keys.take(choice.rows).text().to_pylist()
    assert set(chosen) == expected(rows, selection, include, exclude)
    assert (np.diff(choice.rows) > 0).all()
    present = set(map(image_hash, range(len(rows))))
    lacking = set() if include is None else include - present
    assert set(choice.lacking.text().to_pylist()) == lacking


def test_samples_are_nested_and_change_by_withdrawn_images_and_their_successors_alone():
    hashes = [image_hash(number) for number in range(5000)]
    keys = Keys.of(pa.array(hashes)).unique()

    def chosen(keys, count, seed=51):
        return set(keys.take(smallest(keys, count, seed)).text().to_pylist())

    few, many = chosen(keys, 300), chosen(keys, 1000)
    assert few < many
    assert (len(few), len(many)) == (300, 1000)
    assert few == set(sorted(hashes, key=lambda hash: keyed(51, hash))[:300])
    assert chosen(keys, 300, seed=52) != few
    withdrawn = set(hashes[:131])
    left = Keys.of(pa.array(hashes[131:])).unique()
    assert withdrawn & few
    after = chosen(left, 300)
    assert after - few == set(
        sorted(many - few - withdrawn, key=lambda hash: keyed(51, hash))[: len(withdrawn & few)]
    )
    assert few - after == withdrawn & few
    assert chosen(keys, 5000) == chosen(keys, 9999) == set(hashes)


def test_equal_ranks_are_told_apart_by_the_rest_of_the_digest(monkeypatch):
    keys = Keys.of(pa.array([image_hash(number) for number in range(50)])).unique()
    wanted = smallest(keys, 20, 0).tolist()
    monkeypatch.setattr(sample, "keyed_ranks", lambda keys, seed: np.zeros(len(keys), np.uint64))
    assert smallest(keys, 20, 0).tolist() == wanted


def test_ranks_are_the_first_bits_of_the_digest_across_batches(monkeypatch):
    monkeypatch.setattr(sample, "_BATCH_ROWS", 7)
    hashes = [image_hash(number) for number in range(20)]
    ranks = keyed_ranks(Keys.of(pa.array(hashes)), -3).tolist()
    assert ranks == [int.from_bytes(keyed(-3, hash)[:8], "big") for hash in hashes]
    assert len(keyed_ranks(Keys.of(pa.array([], pa.string())), 0)) == 0


def test_the_last_day_of_the_calendar_is_a_bound():
    rows = [("a", None, datetime(2010, 1, 1) + timedelta(days=n)) for n in range(3)]
    keys, values = table(rows)
    assert len(choose_rows(keys, values, Selection(max_date=date.max)).rows) == 3


def test_a_list_without_hashes_cannot_choose():
    keys, values = table([("a", None, None)])
    with pytest.raises(SelectionError, match="include: expected at least one hash, found none"):
        choose_rows(keys, values, Selection(include=read_hashes([])))
    recorded = Selection.from_json(Selection(exclude=read_hashes(["f" * 16])).to_json())
    with pytest.raises(SelectionError, match="exclude: expected a list with its hashes"):
        choose_rows(keys, values, recorded)
    assert len(choose_rows(keys, values, Selection(exclude=read_hashes([]))).rows) == 1
