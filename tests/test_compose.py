"""Datasets and streams that went through the operations of `datasets` first: the public functions
give the right rows of them, or one error of ours.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from PIL import Image
from support.folders import image_hash, write_csv
from support.jpegs import save
from support.tars import write_tar

from pass_utils import (
    DatasetError,
    add_resolution,
    credits,
    croissant_jsonld,
    filter_resolution,
    write_imagefolder,
    write_parquet,
    write_report,
    write_webdataset,
)
from pass_utils._datasets import known_features, open_splits, stream_tables
from pass_utils.releases import FEATURES

SIZES = [(10 + number % 7, 12 + number % 5) for number in range(24)]
LOCATED = (9, 17, 22)  # rows with coordinates; there are none among the first


@pytest.fixture(scope="module", autouse=True)
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A release of three shards with eight small images each."""
    folder = tmp_path_factory.mktemp("small")
    rows = []
    for shard in range(3):
        files = {}
        for number in range(8 * shard, 8 * shard + 8):
            name = image_hash(number)
            files[f"PASS_dataset/{shard}/{name}.jpg"] = save(Image.new("RGB", SIZES[number]))
            place = (f"{number}.5", f"-{number}.25") if number in LOCATED else ("", "")
            date = f"2011-01-{number + 1:02} 10:11:12.0" if number % 3 else ""
            rows.append((number, f"user+{number}", date, "Attribution License", name, *place))
        write_tar(folder / f"PASS.{shard}.tar", files)
    write_csv(folder / "pass_metadata.csv", rows)
    OPTIONS.update(data_dir=str(folder), shards=[0, 1, 2], split="train")
    yield
    OPTIONS.clear()


OPTIONS: dict[str, Any] = {}


def dataset(**options: Any) -> datasets.Dataset:
    return load_dataset("pass", **OPTIONS, **options)


def stream() -> datasets.IterableDataset:
    return load_dataset("pass", **OPTIONS, streaming=True)


def even(row: dict[str, Any]) -> bool:
    return int(row["hash"][0], 16) % 2 == 0


def add_letter(row: dict[str, Any]) -> dict[str, Any]:
    return {"letter": row["hash"][0]}


def add_letters(batch: dict[str, Any]) -> dict[str, Any]:
    return {"letter": [hash[0] for hash in batch["hash"]]}


def late(row: dict[str, Any], index: int) -> dict[str, Any]:
    """A column that has no value in the first rows."""
    return {"late": None if index < 12 else 0.5}


def halve(row: dict[str, Any]) -> dict[str, Any]:
    return {"image": row["image"].resize((row["image"].width // 2, row["image"].height // 2))}


def wider(*more: str) -> datasets.Features:
    return datasets.Features({**FEATURES, **{name: datasets.Value("string") for name in more}})


RAW = datasets.Features({**FEATURES, "image": datasets.Image(decode=False)})

# what both kinds have
SHARED: dict[str, Callable[[Any], Any]] = {
    "as opened": lambda ds: ds,
    "filter": lambda ds: ds.filter(even),
    "filter by a column": lambda ds: ds.filter(lambda hash: hash > "8", input_columns="hash"),
    "map": lambda ds: ds.map(add_letter),
    "map with features": lambda ds: ds.map(add_letter, features=wider("letter")),
    "map of a column": lambda ds: ds.map(lambda hash: {"letter": hash[0]}, input_columns=["hash"]),
    "batched map": lambda ds: ds.map(add_letters, batched=True, batch_size=5),
    "batched map with features": lambda ds: ds.map(
        add_letters, batched=True, batch_size=5, features=wider("letter")
    ),
    "map that gives values late": lambda ds: ds.map(late, with_indices=True),
    "map, then filter": lambda ds: ds.map(add_letter).filter(even),
    "filter, then map": lambda ds: ds.filter(even).map(add_letter),
    "map without coordinates": lambda ds: ds.map(
        add_letter, remove_columns=["gps_latitude", "gps_longitude"]
    ),
    "rename_column": lambda ds: ds.rename_column("gps_latitude", "latitude"),
    "rename_columns": lambda ds: ds.rename_columns({"date_taken": "date", "gps_latitude": "n"}),
    "rename the images": lambda ds: ds.rename_column("image", "photo"),
    "remove_columns": lambda ds: ds.remove_columns(["gps_latitude", "date_taken"]),
    "select_columns": lambda ds: ds.select_columns(["hash", "image", "creator_username"]),
    "cast": lambda ds: ds.cast(
        datasets.Features({**FEATURES, "gps_latitude": datasets.Value("float64")})
    ),
    "cast to undecoded": lambda ds: ds.cast(RAW),
    "cast_column": lambda ds: ds.cast_column("image", datasets.Image(decode=False)),
    "cast_column to a mode": lambda ds: ds.cast_column("image", datasets.Image(mode="L")),
    "shuffle": lambda ds: ds.shuffle(seed=3),
    "take": lambda ds: ds.take(7),
    "skip": lambda ds: ds.skip(7),
    "skip, then take": lambda ds: ds.skip(5).take(9),
    "filter, then take": lambda ds: ds.filter(even).take(5),
    "shard": lambda ds: ds.shard(num_shards=2, index=1),
    "interleave": lambda ds: datasets.interleave_datasets([ds.take(6), ds.skip(6).take(6)]),
    "interleave of unlike ones": lambda ds: datasets.interleave_datasets(
        [ds.filter(even).take(4), ds.shuffle(seed=1).take(4)]
    ),
    "concatenate": lambda ds: datasets.concatenate_datasets([ds.take(5), ds.skip(20)]),
    "concatenate of mapped ones": lambda ds: datasets.concatenate_datasets(
        [
            part.cast_column("image", datasets.Image(decode=False)).map(add_letter)
            for part in (ds.take(5), ds.skip(5))
        ]
    ),
    "with_format arrow": lambda ds: ds.with_format("arrow"),
    "with_format numpy": lambda ds: ds.with_format("numpy"),
    "filter, then with_format": lambda ds: ds.filter(even).with_format("numpy"),
    "our own filter, then theirs": lambda ds: filter_resolution(ds, min_side=12).filter(even),
    "their filter, then ours": lambda ds: filter_resolution(ds.filter(even), max_side=15),
    "our columns, then theirs": lambda ds: add_resolution(ds).rename_columns(
        {"width": "w", "height": "h"}
    ),
}
OF_DATASETS: dict[str, Callable[[Any], Any]] = {
    "select": lambda ds: ds.select([3, 1, 1, 20]),
    "sort": lambda ds: ds.sort("hash"),
    "repeat": lambda ds: ds.repeat(2),
    "add_column": lambda ds: ds.add_column("n", list(range(len(ds)))),
    "add_column to a selection": lambda ds: ds.select([4, 2]).add_column("n", [0, 1]),
    "flatten": lambda ds: ds.flatten(),
    "flatten_indices": lambda ds: ds.select([9, 2]).flatten_indices(),
    "map of images": lambda ds: ds.map(halve),
    "with_transform": lambda ds: ds.with_transform(lambda batch: {"x": batch["hash"]}),
    "train_test_split": lambda ds: ds.train_test_split(test_size=0.25, seed=0)["test"],
    "class_encode_column": lambda ds: ds.map(add_letter).class_encode_column("letter"),
}
OF_STREAMS: dict[str, Callable[[Any], Any]] = {
    "repeat": lambda ds: ds.repeat(2),
    "map of images": lambda ds: ds.map(halve),
    "shuffle of a filtered one": lambda ds: ds.filter(even).shuffle(seed=0, buffer_size=8),
    "shuffle with a buffer": lambda ds: ds.shuffle(seed=0, buffer_size=5),
}


def cases(*kinds: str) -> list[Any]:
    found = []
    for kind, opened, operations in (
        ("in place", dataset, {**SHARED, **OF_DATASETS}),
        ("embedded", lambda: dataset(embed_images=True), {"map": SHARED["map"], **OF_DATASETS}),
        ("stream", stream, {**SHARED, **OF_STREAMS}),
    ):
        if kinds and kind not in kinds:
            continue
        found += [
            pytest.param(opened, operation, id=f"{kind}: {name}")
            for name, operation in operations.items()
        ]
    return found


def image_name(features: Any) -> str:
    return "photo" if "photo" in features else "image"


def apply(opened: Callable[[], Any], operation: Callable[[Any], Any]) -> Any:
    try:
        return operation(opened())
    except AttributeError as err:
        if isinstance(err.obj, (datasets.Dataset, datasets.IterableDataset)):
            pytest.skip(f"datasets {datasets.__version__} has no {err.name}")
        raise
    except ValueError as err:
        if "can't be aligned" in str(err):  # which 2.21 says of streams with the same columns
            pytest.skip(f"datasets {datasets.__version__} cannot do it: {str(err)[:40]}")
        raise


def fresh(ds: Any) -> Any:
    """The same stream, not read yet: in 2.21 a mapped one gives its rows once only."""
    return copy.deepcopy(ds) if isinstance(ds, datasets.IterableDataset) else ds


def rows_of(ds: Any) -> list[dict[str, Any]]:
    """What `datasets` gives, with width and height instead of the image."""
    rows = []
    for row in fresh(ds).with_format(None):
        row = dict(row)
        image = row.pop(image_name(row))
        if isinstance(image, dict):
            image = datasets.Image().decode_example(image)
        assert isinstance(image, Image.Image)
        rows.append({**row, "size": image.size})
    return rows


@pytest.mark.parametrize(("opened", "operation"), cases())
def test_open_splits_finds_rows_and_features(opened, operation):
    ds = apply(opened, operation)
    splits = open_splits(fresh(ds))
    assert splits.image_column == image_name(splits.features)
    (part,) = splits.parts.values()
    want = rows_of(ds)
    assert rows_of(part) == want
    names = [name for name in splits.features if name != splits.image_column]
    assert all({"size", *names} == row.keys() for row in want)
    if isinstance(part, datasets.IterableDataset):
        tables = list(stream_tables(fresh(part), rows=5))
        assert {table.schema.remove_metadata() for table in tables} == {
            splits.features.arrow_schema.remove_metadata()
        }
        read = [row for table in tables for row in table.select(names).to_pylist()]
        assert read == [{name: row[name] for name in names} for row in want]


@pytest.mark.parametrize(("opened", "operation"), cases())
def test_filter_and_add_resolution_give_the_right_rows(opened, operation):
    ds = apply(opened, operation)
    want = rows_of(ds)
    kept = filter_resolution(fresh(ds), min_side=12)
    assert type(kept) is type(ds)
    assert rows_of(kept) == [row for row in want if min(row["size"]) >= 12]
    found = rows_of(add_resolution(fresh(ds)))
    assert [(row["width"], row["height"]) for row in found] == [row["size"] for row in want]
    assert [{name: row[name] for name in want[0]} for row in found] == want


@pytest.mark.parametrize(("opened", "operation"), cases("stream"))
def test_write_parquet_writes_the_rows_of_a_stream(opened, operation, tmp_path):
    check_parquet(apply(opened, operation), tmp_path / "out")


@pytest.mark.parametrize("name", ["filter", "map", "map without coordinates", "interleave"])
def test_write_parquet_writes_the_rows_of_a_dataset(name, tmp_path):
    check_parquet(SHARED[name](dataset()), tmp_path / "out")


def check_parquet(ds: Any, folder: Path) -> None:
    write_parquet(fresh(ds), folder, quiet=True, changes="composed")
    (file,) = folder.glob("*.parquet")
    features = open_splits(fresh(ds)).features
    written = datasets.Dataset(pq.read_table(file)).cast(features)
    assert rows_of(written) == rows_of(ds)


@pytest.mark.parametrize("opened", [dataset, stream])
@pytest.mark.parametrize(
    "name", ["filter", "map", "batched map", "rename_column", "shuffle", "interleave"]
)
def test_credits_are_those_of_the_rows(opened, name):
    ds = SHARED[name](opened())
    assert [credit.hash for credit in credits(fresh(ds))] == [row["hash"] for row in rows_of(ds)]


@pytest.mark.parametrize("write", [write_webdataset, write_imagefolder])
@pytest.mark.parametrize("name", ["filter", "map", "rename_column", "interleave"])
def test_samples_are_those_of_the_rows(write, name, tmp_path):
    ds = SHARED[name](dataset())
    assert sum(
        file.rows for file in write(ds, tmp_path / "out", quiet=True, changes="composed")
    ) >= len(ds)
    with pytest.raises(DatasetError, match="expected a Dataset, found a stream"):
        write(SHARED[name](stream()), tmp_path / "none", quiet=True, changes="composed")


@pytest.mark.parametrize("name", ["filter", "map", "cast_column", "with_format arrow"])
def test_a_report_and_croissant_describe_the_rows(name, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib draws; `pip install 'pass-utils[report]'`")
    ds = SHARED[name](dataset())
    assert write_report(ds, tmp_path / "r.html", images=2, quiet=True).images == len(ds)
    assert croissant_jsonld(ds)["name"] == "PASS"


@pytest.mark.skipif(datasets.__version__ < "3", reason="a mapped stream gives its rows once there")
@pytest.mark.parametrize("name", ["filter", "map", "map that gives values late"])
def test_a_composed_stream_is_read_twice_alike(name):
    ds = filter_resolution(SHARED[name](stream()), min_side=12)
    first = rows_of(ds)
    assert first
    assert rows_of(ds) == first


@pytest.mark.parametrize(
    "operation",
    [
        lambda ds: ds.select_columns(["hash", "image"]).batch(batch_size=4),
        lambda ds: ds.remove_columns("image"),
        lambda ds: ds.map(lambda row: {"n": 1}, remove_columns=list(FEATURES)),
        lambda ds: ds.filter(lambda row: False).map(add_letter).remove_columns("image"),
    ],
    ids=["batch", "remove the images", "map to something else", "no rows"],
)
@pytest.mark.parametrize("opened", [dataset, stream])
def test_what_has_no_images_any_more_is_one_error(opened, operation, tmp_path):
    ds = apply(opened, operation)
    for call in (
        lambda ds: filter_resolution(ds, min_side=1),
        lambda ds: add_resolution(ds),
        lambda ds: write_parquet(ds, tmp_path / "out", quiet=True, changes="composed"),
    ):
        with pytest.raises(DatasetError, match="expected a column of type Image, found"):
            call(fresh(ds))


def test_values_of_another_type_than_the_first_are_one_error(tmp_path):
    def odd(row: dict[str, Any], index: int) -> dict[str, Any]:
        return {"odd": 1 if index < 20 else "text"}

    ds = stream().map(odd, with_indices=True)
    for call in (
        lambda ds: write_parquet(ds, tmp_path / "out", quiet=True, changes="composed"),
        lambda ds: list(stream_tables(open_splits(ds).parts["train"], rows=4)),
    ):
        with pytest.raises(DatasetError, match=r"expected rows of its features, .*stream.cast"):
            call(fresh(ds))


@pytest.mark.skipif(
    int(datasets.__version__.partition(".")[0]) < 4, reason="datasets 2 and 3 stream no tables"
)
def test_tables_of_another_type_than_the_first_are_one_error():
    def odd(table: pa.Table) -> pa.Table:
        number = int(table["creator_username"][0].as_py().removeprefix("user+"))
        return table.append_column("odd", pa.array([1 if number < 20 else "text"] * len(table)))

    tables = stream().with_format("arrow").map(odd, batched=True, batch_size=4)
    with pytest.raises(DatasetError, match=r"expected rows of its features, .*stream.cast"):
        list(stream_tables(open_splits(tables).parts["train"], rows=4))


def test_saved_datasets_and_splits_are_what_they_were(tmp_path):
    ds = dataset().filter(even)
    ds.save_to_disk(tmp_path / "one")
    saved = datasets.load_from_disk(str(tmp_path / "one"))
    want = rows_of(filter_resolution(ds, min_side=12))
    assert rows_of(filter_resolution(saved, min_side=12)) == want
    both = dataset().train_test_split(test_size=0.5, seed=0)
    both.save_to_disk(tmp_path / "both")
    kept = filter_resolution(datasets.load_from_disk(str(tmp_path / "both")), min_side=12)
    for split in ("train", "test"):
        assert rows_of(kept[split]) == rows_of(filter_resolution(both[split], min_side=12))
    streams = datasets.IterableDatasetDict({"train": stream().filter(even), "test": stream()})
    assert rows_of(filter_resolution(streams, min_side=12)["train"]) == want
    written = write_parquet(streams, tmp_path / "out", quiet=True, changes="composed")
    assert sum(file.rows for file in written) == len(ds) + 24


def test_features_of_a_mapped_stream_are_those_of_pass_and_of_the_new_columns():
    def types(ds: Any) -> dict[str, Any]:
        """The image column apart: a mapped stream of 2.21 does not decode it."""
        return {**known_features(ds), "image": datasets.Image()}

    assert types(stream().map(add_letter)) == wider("letter")
    nowhere = stream().filter(lambda row: row["gps_latitude"] is None)
    assert types(nowhere.map(add_letter)) == wider("letter")  # also without any coordinate
    assert types(stream().map(late, with_indices=True)) == {
        **FEATURES,
        "late": datasets.Value("float64"),
    }
    raw = stream().cast_column("image", datasets.Image(decode=False))
    both = [raw.take(3).map(add_letter), raw.skip(3).map(add_letter)]
    assert known_features(datasets.interleave_datasets(both)) == datasets.Features(
        {**wider("letter"), "image": datasets.Image(decode=False)}
    )
    assert isinstance(known_features(stream().map(halve))["image"], datasets.Image)


def test_a_stream_whose_images_became_arrays_is_one_error(tmp_path):
    arrays = stream().with_format("numpy").map(add_letter)
    for call in (
        lambda ds: filter_resolution(ds, min_side=1),
        lambda ds: write_parquet(ds, tmp_path / "out", quiet=True, changes="composed"),
    ):
        with pytest.raises(DatasetError, match="expected (a column of type Image|rows of its)"):
            call(fresh(arrays))
