"""_datasets: what is taken for a dataset, what its splits have in common, and the parts of
`datasets` that are private.
"""

from __future__ import annotations

import datasets
import numpy as np
import pyarrow as pa
import pytest
from conftest import jpeg
from datasets import load_dataset

from pass_utils import DatasetError
from pass_utils._datasets import (
    cast_table,
    format_type,
    images_in_memory,
    known_features,
    open_splits,
    progress_bars,
    stored_chunks,
    stored_indices,
    with_known_features,
)
from pass_utils.releases import FEATURES, RELEASES, dummy_folder

TWO = datasets.Features({"left": datasets.Image(), "right": datasets.Image()})


def in_place(release: str = "v2") -> datasets.Dataset:
    return load_dataset("pass", release, data_dir=str(dummy_folder(release)), split="train")


def streaming() -> datasets.IterableDataset:
    return load_dataset("pass", data_dir=str(dummy_folder()), split="train", streaming=True)


def in_memory(features: datasets.Features | None = None) -> datasets.Dataset:
    images = [{"bytes": jpeg("a"), "path": None}, None]
    return datasets.Dataset.from_dict(
        {"image": images, "n": [1, 2]},
        features=features
        or datasets.Features({"image": datasets.Image(), "n": datasets.Value("int32")}),
    )


def test_open_splits_takes_a_dataset_a_stream_and_every_dict_of_them():
    ds, stream = in_place(), streaming()
    for given, names in (
        (ds, ["train"]),
        (stream, ["train"]),
        (in_memory(), ["train"]),
        (ds.select(range(3)), ["train"]),
        (datasets.DatasetDict({"test": ds, "train": ds}), ["test", "train"]),
        (datasets.IterableDatasetDict({"test": stream}), ["test"]),
        ({"a.b": ds, "c_1": stream}, ["a.b", "c_1"]),
        (load_dataset("pass", data_dir=str(dummy_folder())), ["train"]),
    ):
        assert list(open_splits(given).parts) == names
    assert open_splits({"a": ds, "b": stream}).streamed
    assert not open_splits({"a": ds}).streamed


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("~/pass", "expected a Dataset, an IterableDataset or a dict of them by split, found str"),
        (None, "found NoneType. Open one with `load_dataset"),
        ({"train": [1]}, "found list"),
        ({}, "expected at least one split, found none"),
        (datasets.DatasetDict(), "expected at least one split, found none"),
        ({"a-b": in_memory()}, "split: expected a name of letters, digits, _ and ., found 'a-b'"),
        ({3: in_memory()}, "split: expected a name of letters, digits, _ and ., found 3"),
    ],
)
def test_open_splits_refuses_what_is_no_dataset(given, message):
    with pytest.raises(DatasetError, match=message):
        open_splits(given)


def test_open_splits_refuses_streams_where_none_can_be():
    for given in (streaming(), {"train": in_place(), "test": streaming()}):
        with pytest.raises(DatasetError, match="expected a Dataset, found a stream"):
            open_splits(given, streams=False)


def test_splits_map_gives_back_the_kind_of_container_that_was_opened():
    ds, stream = in_place(), streaming()

    def first(part):
        return part.take(1) if isinstance(part, datasets.IterableDataset) else part.select([0])

    assert len(open_splits(ds).map(first)) == 1
    assert len(list(open_splits(stream).map(first))) == 1
    for given in (
        datasets.DatasetDict({"b": ds, "a": ds}),
        datasets.IterableDatasetDict({"b": stream, "a": stream}),
        {"b": ds, "a": stream},
    ):
        mapped = open_splits(given).map(first)
        assert type(mapped) is type(given)
        assert [(name, len(list(part))) for name, part in mapped.items()] == [("b", 1), ("a", 1)]


def test_splits_have_one_release_when_all_are_of_it():
    v2, v3 = in_place(), in_place("v3")
    assert open_splits(v3).release == RELEASES["v3"]
    assert open_splits({"a": v2, "b": v2.select([1])}).release == RELEASES["v2"]
    assert open_splits({"a": v2, "b": v3}).release is None
    assert open_splits({"a": v2, "b": in_memory()}).release is None


def test_the_image_column_is_the_only_one_or_the_one_called_image():
    assert open_splits(in_place()).image_columns == ["image"]
    two = datasets.Dataset.from_dict({"left": [], "right": []}, features=TWO)
    assert open_splits(two).image_columns == ["left", "right"]
    with pytest.raises(DatasetError, match=r"found several \(left, right\). Keep one with"):
        open_splits(two).image_column  # noqa: B018
    assert open_splits(two.rename_column("right", "image")).image_column == "image"
    assert open_splits(two.remove_columns("left")).image_column == "right"
    numbers = datasets.Dataset.from_dict({"n": [1]})
    with pytest.raises(DatasetError, match="expected a column of type Image, found n. Make one"):
        open_splits(numbers).image_columns  # noqa: B018


def test_splits_of_different_features_have_no_features_in_common():
    splits = open_splits({"a": in_place(), "b": in_place().remove_columns("hash")})
    with pytest.raises(DatasetError, match="the same features in all splits, found others in b"):
        splits.features  # noqa: B018


def test_streams_know_their_features_once_they_are_opened():
    stream = datasets.IterableDataset.from_generator(lambda: iter([{"n": 1}, {"n": 2}]))
    assert stream.features is None
    assert known_features(stream) == {"n": datasets.Value("int64")}
    known = with_known_features(stream)
    assert known.features == {"n": datasets.Value("int64")}
    assert stream.features is None
    assert list(known) == [{"n": 1}, {"n": 2}]
    assert open_splits(stream).features == {"n": datasets.Value("int64")}


def test_the_format_of_a_stream():
    assert format_type(streaming()) is None
    assert format_type(streaming().with_format("arrow")) == "arrow"


def test_stored_indices_are_those_of_a_selection():
    ds = in_place()
    assert stored_indices(ds) is None
    rows = stored_indices(ds.select([5, 3, 3]))
    assert rows.dtype == np.int64
    assert rows.tolist() == [5, 3, 3]


def test_stored_chunks_are_the_wanted_rows_without_a_copy():
    ds = datasets.concatenate_datasets([in_place().select(range(5)), in_place()])
    ds = ds.select([20, 1, 20, 3])
    found = [None] * 4
    for chunk, stored, rows in stored_chunks(ds, "hash"):
        for at, row in zip(stored.tolist(), rows.tolist(), strict=True):
            found[row] = chunk[at].as_py()
    assert found == list(ds["hash"])


def test_images_in_memory_are_those_with_bytes_outside_of_mapped_files(tmp_path):
    ds = in_memory()
    assert images_in_memory(ds, ["image"])
    assert not images_in_memory(ds, [])
    assert not images_in_memory(in_place(), ["image"])
    assert not images_in_memory(in_place().add_column("m", [1] * 24), ["image"])
    ds.save_to_disk(tmp_path / "saved")
    saved = datasets.load_from_disk(str(tmp_path / "saved"))
    assert not images_in_memory(saved, ["image"])
    assert images_in_memory(datasets.concatenate_datasets([saved, ds]), ["image"])


def test_cast_table_gives_the_columns_of_the_features_in_their_order():
    table = pa.table({"b": pa.array([1], pa.int64()), "c": ["x"], "a": [None]})
    features = datasets.Features(
        {
            "a": datasets.Value("float32"),
            "b": datasets.Value("int32"),
            "c": datasets.Value("string"),
        }
    )
    cast = cast_table(table, features)
    assert cast.schema.types == [pa.float32(), pa.int32(), pa.string()]
    assert cast.to_pylist() == [{"a": None, "b": 1, "c": "x"}]


def test_progress_bars_are_hidden_within_a_block_only():
    datasets.enable_progress_bars()
    try:
        for quiet, hidden in ((True, True), (False, False), (None, False)):
            with progress_bars(quiet):
                assert datasets.are_progress_bars_disabled() is hidden
            assert not datasets.are_progress_bars_disabled()
    finally:
        datasets.disable_progress_bars()
    with progress_bars(False):
        assert datasets.are_progress_bars_disabled()
    assert in_place().features == FEATURES
