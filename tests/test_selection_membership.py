"""filter_hashes: the rows of lists on every kind of dataset, with nothing else changed."""

from __future__ import annotations

import logging
import pickle

import datasets
import pytest
from datasets import Dataset, DatasetDict, load_dataset

from pass_utils import DatasetError, SelectionError, credits, filter_hashes, write_parquet
from pass_utils.releases import WITHHELD_CREATOR, WITHHELD_USERNAME, dummy_folder

OPTIONS = {"data_dir": str(dummy_folder("v2")), "name": "v2", "split": "train"}
ABSENT = "f" * 20


def open_all() -> dict[str, object]:
    ds = load_dataset("pass", **OPTIONS)
    return {
        "in place": ds,
        "embedded": load_dataset("pass", embed_images=True, **OPTIONS),
        "selected": ds.shuffle(seed=1).select(range(20)),
        "streaming": load_dataset("pass", streaming=True, **OPTIONS),
        "renamed stream": load_dataset("pass", streaming=True, **OPTIONS).rename_column(
            "image", "photo"
        ),
        "renamed": ds.rename_column("image", "photo"),
    }


def raw(dataset) -> list[dict]:
    """The rows with their images as they are stored."""
    name = "photo" if "photo" in dataset.column_names else "image"
    return list(dataset.cast_column(name, datasets.Image(decode=False)))


@pytest.mark.parametrize("kind", range(6))
def test_the_rows_of_a_list_stay_with_all_that_they_had(kind, tmp_path):
    name, ds = list(open_all().items())[kind]
    rows = raw(list(open_all().values())[kind])  # another: 2.21 reads some streams once
    wanted = {row["hash"] for row in rows[3:9]}
    listed = tmp_path / "list.txt"
    listed.write_text("\n".join(wanted))
    kept = filter_hashes(ds, include=listed)
    assert type(kept) is type(ds), name
    assert kept.features == ds.features
    assert raw(kept) == rows[3:9]
    ds = list(open_all().values())[kind]
    assert raw(filter_hashes(ds, exclude=wanted)) == [*rows[:3], *rows[9:]]
    ds = list(open_all().values())[kind]
    both = filter_hashes(ds, include=listed, exclude=rows[4]["hash"])
    assert raw(both) == [rows[3], *rows[5:9]]


def test_dicts_are_filtered_split_by_split_and_hashes_are_counted_over_all(caplog):
    ds = load_dataset("pass", **OPTIONS)
    hashes = ds["hash"][:]
    parts = DatasetDict({"train": ds.select(range(12)), "test": ds.select(range(12, 24))})
    kept = filter_hashes(parts, include=[hashes[1], hashes[20]])
    assert {name: part["hash"][:] for name, part in kept.items()} == {
        "train": [hashes[1]],
        "test": [hashes[20]],
    }
    assert not caplog.records
    filter_hashes(parts, include=[hashes[1], ABSENT], exclude=["e" * 16, "d" * 16])
    assert caplog.messages == [
        f"include: 1 of 2 hashes are not in the dataset: {ABSENT}; exclude: 2 of 2 hashes are not "
        f"in the dataset: {'d' * 16}, {'e' * 16}."
    ]


def test_of_many_hashes_that_are_not_there_the_first_are_named(caplog):
    ds = load_dataset("pass", **OPTIONS)
    lacking = [f"{number:032x}" for number in range(1, 9)]
    assert len(filter_hashes(ds, include=lacking)) == 0
    assert "include: 8 of 8 hashes" in caplog.text
    assert caplog.text.count("0" * 20) == 5
    assert ", ..." in caplog.text
    caplog.clear()
    assert (
        list(filter_hashes(load_dataset("pass", streaming=True, **OPTIONS), include=lacking)) == []
    )
    assert not caplog.records  # a stream does not know


def test_a_filtered_stream_can_be_pickled_and_read_twice():
    stream = load_dataset("pass", streaming=True, **OPTIONS)
    wanted = [row["hash"] for row in stream.take(4)]
    kept = pickle.loads(pickle.dumps(filter_hashes(stream, include=wanted)))
    assert [row["hash"] for row in kept] == [row["hash"] for row in kept] == wanted


def test_rows_without_a_hash_are_in_no_list():
    ds = Dataset.from_dict({"hash": ["a" * 16, None, "none of PASS", "b" * 16], "n": range(4)})
    assert filter_hashes(ds, include="a" * 16)["n"][:] == [0]
    assert filter_hashes(ds, exclude="a" * 16)["n"][:] == [1, 2, 3]


@pytest.mark.parametrize("kind", range(6))
def test_names_are_withheld_and_images_removed_by_a_csv_of_removals(kind, tmp_path, caplog):
    rows, ds = raw(list(open_all().values())[kind]), list(open_all().values())[kind]
    removals = tmp_path / "removals.csv"
    removals.write_text(
        f"hash,action,reason\n{rows[2]['hash']},remove,asked by mail\n"
        f'{rows[5]["hash"]},withhold_name,"name, only"\n'
    )
    kept = filter_hashes(ds, exclude=removals)
    rows[5]["creator_username"] = WITHHELD_USERNAME
    assert raw(kept) == [*rows[:2], *rows[3:]]
    assert not caplog.records
    again = filter_hashes(list(open_all().values())[kind], exclude=removals)
    named = [credit.creator for credit in credits(again)]
    assert named[4] == WITHHELD_CREATOR
    assert named.count(WITHHELD_CREATOR) == 1


def test_a_withheld_name_is_in_no_file_of_an_export(tmp_path):
    ds = load_dataset("pass", **OPTIONS)
    row = next(row for row in raw(ds) if row["creator_username"] == "tide+table+%F0%9F%8C%8A")
    hashes = [
        each["hash"] for each in raw(ds) if each["creator_username"] == row["creator_username"]
    ]
    removals = tmp_path / "removals.csv"
    removals.write_text("hash,action,reason\n" + "".join(f"{h},withhold_name,\n" for h in hashes))
    kept = filter_hashes(ds, exclude=str(removals))
    assert kept.cache_files == ds.cache_files  # nothing was written
    write_parquet(kept, tmp_path / "out", quiet=True)
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert "CREDITS.csv" in {path.name for path in files}
    assert not [path for path in files if b"tide" in path.read_bytes()]
    back = load_dataset(str(tmp_path / "out"), split="train")
    assert back["creator_username"][:].count(WITHHELD_USERNAME) == len(hashes) == 4


def test_a_folder_is_opened_without_the_names_that_removals_withhold(tmp_path):
    whole = load_dataset("pass", **OPTIONS)
    first, second = whole["hash"][:2]
    removals = tmp_path / "removals.csv"
    removals.write_text(f"hash,action,reason\n{first},remove,\n{second},withhold_name,\n")
    for options in ({}, {"streaming": True}, {"embed_images": True}):
        ds = load_dataset("pass", exclude=str(removals), **OPTIONS, **options)
        rows = raw(ds)
        assert (len(rows), rows[0]["hash"]) == (23, second)
        assert [row["creator_username"] for row in rows].count(WITHHELD_USERNAME) == 1
        assert rows[0]["creator_username"] == WITHHELD_USERNAME
    removals.write_text(f"hash,action,reason\n{second},withhold_name,\n")
    only_names = load_dataset("pass", exclude=str(removals), **OPTIONS)
    assert len(only_names) == 24
    assert only_names["creator_username"][1] == WITHHELD_USERNAME


def test_what_cannot_be_filtered_is_refused():
    ds = load_dataset("pass", **OPTIONS)
    with pytest.raises(SelectionError, match="expected lists of hashes as `include` or `exclude`"):
        filter_hashes(ds)
    with pytest.raises(SelectionError, match="include: expected at least one hash, found none"):
        filter_hashes(ds, include=[])
    with pytest.raises(DatasetError, match="expected a column `hash` of text, found image"):
        filter_hashes(ds.select_columns(["image"]), include=ABSENT)
    with pytest.raises(DatasetError, match="expected a column `hash` of text, found int64"):
        filter_hashes(Dataset.from_dict({"hash": [1]}), include=ABSENT)


def test_filtering_logs_nothing_where_all_is_there(caplog):
    caplog.set_level(logging.INFO, logger="pass_utils")
    ds = load_dataset("pass", **OPTIONS)
    caplog.clear()
    assert len(filter_hashes(ds, exclude=ds["hash"][0])) == 23
    assert not caplog.records
