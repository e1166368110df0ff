"""Splitting by creator and limiting how many images each creator has, against plain Python."""

from __future__ import annotations

import hashlib

import datasets
import pytest
from conftest import image_hash, write_csv
from datasets import load_dataset

import pass_utils
from pass_utils import DatasetError, SelectionError, limit_per_creator, split_by_creator
from pass_utils.releases import WITHHELD_USERNAME, dummy_folder

CREATORS = ["anna", None, "bo", "c", "d", "e", "f", "g"]


def fraction(seed, key):
    """The keyed hash of a creator or an image as a fraction of its range."""
    return int(hashlib.sha256(f"{seed}:{key}".encode()).hexdigest(), 16) / 2**256


def made(count=400, first=0):
    """Rows without images: every eighth without a creator's name."""
    numbers = range(first, first + count)
    return datasets.Dataset.from_dict(
        {
            "number": list(numbers),
            "hash": list(map(image_hash, numbers)),
            "creator_username": [CREATORS[number % len(CREATORS)] for number in numbers],
        },
        features=datasets.Features(
            number=datasets.Value("int64"),
            hash=datasets.Value("string"),
            creator_username=datasets.Value("string"),
        ),
    )


def side_of(row, share, seed):
    """The split of a row by Python alone."""
    key = row["hash"] if row["creator_username"] is None else row["creator_username"]
    return "test" if fraction(seed, key) < share else "train"


@pytest.mark.parametrize(("share", "seed"), [(0.05, 0), (0.5, 0), (0.5, -3), (0.9, 7)])
def test_creators_and_unnamed_images_go_where_plain_python_puts_them(share, seed):
    ds = made()
    split = split_by_creator(ds, share, seed=seed)
    assert type(split) is datasets.DatasetDict
    assert list(split) == ["train", "test"]
    for side, part in split.items():
        expected = [row["number"] for row in ds if side_of(row, share, seed) == side]
        assert part["number"][:] == expected
    assert 0 < split["test"].filter(lambda row: row["creator_username"] is None).num_rows < 50


def test_who_is_in_the_test_split_of_a_seed_never_changes():
    """Else a newer version would mix the two splits of an older one."""
    numbered = made(100).map(lambda row: {"creator_username": f"creator {row['number']}"})
    test = split_by_creator(numbered)["test"]["number"][:]
    assert test == [2, 9, 13, 21, 43, 58, 69, 83, 86, 90]


def test_no_creator_crosses_a_split_and_withdrawn_images_change_no_other():
    ds = made()
    before = split_by_creator(ds, 0.4)
    left = ds.select([number for number in range(400) if number % 3])
    after = split_by_creator(left, 0.4)
    for side in before:
        kept = [number for number in before[side]["number"][:] if number % 3]
        assert after[side]["number"][:] == kept
    names = [set(part["creator_username"][:]) - {None} for part in after.values()]
    assert names[0]
    assert names[1]
    assert not names[0] & names[1]


def test_a_split_is_a_selection_that_copies_nothing_in_any_format_and_order():
    ds = made().shuffle(seed=1).with_format("numpy")
    split = split_by_creator(ds, 0.5)
    assert split["test"].data is ds.data or split["test"].data.table == ds.data.table
    assert split["test"].format["type"] == "numpy"
    assert [int(n) for n in split["test"]["number"][:]] == [
        row["number"] for row in made().shuffle(seed=1) if side_of(row, 0.5, 0) == "test"
    ]


def test_a_stream_is_split_into_the_same_rows(bundled):
    release, folder = bundled
    ds = load_dataset("pass", release, data_dir=str(folder), split="train")
    stream = load_dataset("pass", release, data_dir=str(folder), split="train", streaming=True)
    known, streamed = split_by_creator(ds, 0.4), split_by_creator(stream, 0.4)
    assert type(streamed) is datasets.IterableDatasetDict
    for side in ("train", "test"):
        assert [row["hash"] for row in streamed[side]] == known[side]["hash"][:] != []
        assert streamed[side].features == ds.features


def test_the_releases_are_split_alike():
    parts = {}
    for release in ("v2", "v3"):
        ds = load_dataset("pass", release, data_dir=dummy_folder(release), split="train")
        parts[release] = {
            side: set(part["hash"][:]) for side, part in split_by_creator(ds, 0.3).items()
        }
    withdrawn = set.union(*parts["v2"].values()) - set.union(*parts["v3"].values())
    assert withdrawn
    for side in ("train", "test"):
        assert parts["v3"][side] == parts["v2"][side] - withdrawn


def test_a_dict_of_one_split_is_taken_and_one_of_several_is_refused():
    ds = made(20)
    split = split_by_creator({"train": ds}, 0.5)
    assert len(split["train"]) + len(split["test"]) == 20
    with pytest.raises(DatasetError, match="expected one split, found 2, a and b among them"):
        split_by_creator({"a": ds, "b": ds})


def test_a_dataset_without_rows_is_split_into_two_without():
    split = split_by_creator(made(8).select([]))
    assert {side: len(part) for side, part in split.items()} == {"train": 0, "test": 0}


@pytest.mark.parametrize("share", [0, 1, 1.5, -0.1, True, "0.1", None, float("nan")])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(SelectionError, match="test_size: expected a share above 0 and below 1"):
        split_by_creator(made(8), share)


def test_columns_and_seeds_that_make_no_sense_are_refused():
    ds = made(16)
    with pytest.raises(DatasetError, match="expected a column creator_username, found number"):
        split_by_creator(ds.select_columns(["number"]))
    with pytest.raises(DatasetError, match="expected a column hash, found creator_username"):
        split_by_creator(ds.select_columns(["creator_username"]))
    with pytest.raises(DatasetError, match="expected a column hash, found creator_username"):
        limit_per_creator(ds.select_columns(["creator_username"]), 2)
    with pytest.raises(DatasetError, match="creator_username: expected text, found int64"):
        split_by_creator(
            ds.remove_columns("creator_username").rename_column("number", "creator_username")
        )
    for function in (split_by_creator, limit_per_creator):
        with pytest.raises(SelectionError, match="seed: expected a whole number, found 'a'"):
            function(ds, 1 if function is limit_per_creator else 0.5, seed="a")
    for count in (0, -1, 1.5, True, None):
        with pytest.raises(SelectionError, match="count: expected a number, at least 1"):
            limit_per_creator(ds, count)


@pytest.mark.parametrize(("count", "seed"), [(1, 0), (3, 0), (3, 5), (1000, 0)])
def test_each_creator_keeps_the_images_of_smallest_keyed_hash(count, seed):
    ds = made()
    by_creator = {}
    for row in ds:
        by_creator.setdefault(row["creator_username"], []).append(row)
    expected = {row["number"] for row in by_creator.pop(None)}
    for rows in by_creator.values():
        rows.sort(key=lambda row: fraction(seed, row["hash"]))
        expected |= {row["number"] for row in rows[:count]}
    assert limit_per_creator(ds, count, seed=seed)["number"][:] == sorted(expected)


@pytest.fixture
def by_two(folder):
    """A folder of sixteen images by two creators and some without a name."""
    made = folder([range(8), range(8, 16)])
    dates, licence = "2011-01-01 10:11:12.0", "Attribution License"
    creators = ["anna", "bo", "bo", ""]
    rows = [(n, creators[n % 4], dates, licence, image_hash(n), "", "") for n in range(16)]
    write_csv(made / "pass_metadata.csv", rows)
    return {"data_dir": str(made), "split": "train", "shards": [0, 1]}


def test_the_limit_is_that_of_opening_with_per_creator(by_two):
    ds = load_dataset("pass", "v2", **by_two)
    opened = load_dataset("pass", "v2", **by_two, per_creator=3, seed=5)
    limited = limit_per_creator(ds, 3, seed=5)
    assert limited["creator_username"][:].count(None) == 4
    assert limited["hash"][:] == opened["hash"][:]
    assert len(limited) == 10
    assert limit_per_creator({"train": ds}, 3, seed=5)["train"]["hash"][:] == opened["hash"][:]


def test_a_stream_is_limited_as_it_is_opened_and_the_error_names_the_option(by_two):
    stream = load_dataset("pass", "v2", **by_two, streaming=True)
    with pytest.raises(DatasetError, match=r"per_creator=2, seed=0, streaming=True"):
        limit_per_creator(stream, 2)
    advised = load_dataset("pass", "v2", **by_two, per_creator=2, seed=0, streaming=True)
    ds = load_dataset("pass", "v2", **by_two)
    assert [row["hash"] for row in advised] == limit_per_creator(ds, 2)["hash"][:]


def test_the_functions_are_public():
    assert pass_utils.split_by_creator is split_by_creator
    assert pass_utils.limit_per_creator is limit_per_creator


def test_images_whose_names_are_withheld_have_no_creator_in_common():
    ds = datasets.Dataset.from_dict(
        {"hash": ["a" * 16, "b" * 16, "c" * 16], "creator_username": [WITHHELD_USERNAME] * 3}
    )
    assert len(limit_per_creator(ds, 1)) == 3
