"""Exports of images that were re-encoded, and of files of this machine."""

from __future__ import annotations

import datasets
import pyarrow.parquet as pq
import pytest
from conftest import image_hash, jpeg
from datasets import Dataset, Features, Image, Value, load_dataset

from pass_utils import ExportError, write_imagefolder, write_parquet, write_webdataset
from pass_utils.export.originals import local_folders
from pass_utils.releases import FEATURES, dummy_folder

REENCODED = (
    r"image: expected the original bytes of PASS images, found (an image|\d+ images) with new bytes"
)
RECIPE = r"input_columns=\[\.\.\.\].*remove_columns.*Image\(decode=False\).*changes="


@pytest.fixture
def ds() -> Dataset:
    return load_dataset("pass", data_dir=str(dummy_folder("v2")), split="train")


@pytest.fixture
def stream() -> datasets.IterableDataset:
    return load_dataset("pass", data_dir=str(dummy_folder("v2")), split="train", streaming=True)


def originals() -> dict[str, bytes]:
    ds = load_dataset("pass", data_dir=str(dummy_folder("v2")), split="train", embed_images=True)
    return {row["hash"]: row["image"]["bytes"] for row in raw(ds)}


def raw(ds) -> list[dict]:
    return list(ds.cast_column("image", Image(decode=False)))


def exported(folder) -> dict[str, bytes]:
    back = load_dataset(str(folder), split="train")
    return {row["hash"]: row["image"]["bytes"] for row in raw(back)}


@pytest.mark.parametrize("write", [write_parquet, write_webdataset, write_imagefolder])
def test_export_refuses_images_that_map_re_encoded(ds, tmp_path, write):
    mapped = ds.map(lambda row: {"wide": row["image"].width > 400})
    with pytest.raises(ExportError, match=rf"{REENCODED}.*{RECIPE}"):
        write(mapped, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_export_refuses_re_encoded_images_after_a_selection_or_without_a_known_release(
    ds, tmp_path
):
    mapped = ds.map(lambda row: {"wide": row["image"].width > 400})
    foreign = Dataset(mapped.data)
    assert foreign.info.dataset_name is None
    for dataset in (mapped.select([3, 1]), mapped.shuffle(seed=1), foreign, foreign.select([2])):
        with pytest.raises(ExportError, match=REENCODED):
            write_parquet(dataset, tmp_path / "out")
    mixed = datasets.concatenate_datasets([ds.select(range(20)), mapped.select([22])])
    with pytest.raises(ExportError, match=f"found an image with .*hash {ds[22]['hash']}"):
        write_parquet(mixed, tmp_path / "out")
    write_parquet(mixed.select(range(20)), tmp_path / "out")


def test_export_refuses_a_stream_of_re_encoded_images_before_it_writes(stream, tmp_path):
    filtered = stream.filter(lambda row: row["gps_latitude"] is not None)
    with pytest.raises(ExportError, match=REENCODED):
        write_parquet(filtered, tmp_path / "out")
    assert not [path for path in (tmp_path / "out").iterdir() if not path.name.endswith(".lock")]


def test_the_recipes_keep_the_original_bytes(ds, tmp_path):
    """Those of the error's message."""
    by_columns = ds.map(lambda name: {"letters": len(name)}, input_columns=["creator_username"])
    wide = ds.map(lambda row: {"wide": row["image"].width > 400}, remove_columns=ds.column_names)
    added = ds.add_column("wide", wide["wide"][:])
    for index, dataset in enumerate((by_columns, added)):
        write_parquet(dataset, tmp_path / str(index))
        assert exported(tmp_path / str(index)) == originals()


LOCATED = "gps_latitude"
ON_STREAMS = {
    "filter": lambda stream: stream.filter(lambda row: row[LOCATED] is not None),
    "filter by a column": lambda stream: stream.filter(
        lambda degrees: degrees is not None, input_columns=[LOCATED]
    ),
    "map": lambda stream: stream.map(lambda row: {LOCATED: row[LOCATED] or 0.0}),
    "rename_column": lambda stream: stream.rename_column(LOCATED, "latitude"),
}


@pytest.mark.parametrize("change", ON_STREAMS.values(), ids=ON_STREAMS)
def test_the_recipe_for_streams_keeps_the_original_bytes(stream, tmp_path, change):
    """And without it `datasets` encodes the images anew, on every version."""
    with pytest.raises(ExportError, match=REENCODED):
        write_parquet(change(stream), tmp_path / "re-encoded")
    features = stream.features
    if change is ON_STREAMS["rename_column"]:
        names = {LOCATED: "latitude"}
        features = datasets.Features({names.get(name, name): features[name] for name in features})
    undecoded = change(stream.cast_column("image", Image(decode=False)))
    write_parquet(undecoded.cast(features), tmp_path / "stream")
    found = exported(tmp_path / "stream")
    assert 0 < len(found) <= len(originals())
    assert found == {hash: originals()[hash] for hash in found}
    (file,) = (tmp_path / "stream").rglob("*.parquet")
    assert datasets.Features.from_arrow_schema(pq.read_schema(file)) == features


def test_changes_allow_new_bytes_and_stand_in_credits_and_state(ds, tmp_path):
    mapped = ds.map(lambda row: {"image": row["image"].resize((32, 32))})
    write_parquet(mapped, tmp_path, changes="resized to 32 x 32")
    assert load_dataset(str(tmp_path), split="train")[0]["image"].size == (32, 32)
    assert (tmp_path / "CREDITS.csv").read_text().count("resized to 32 x 32") == 24
    assert '"changes": "resized to 32 x 32"' in (tmp_path / ".pass-utils-export.json").read_text()
    with pytest.raises(ExportError, match="found other changes"):
        write_parquet(mapped, tmp_path, changes="resized")


def test_foreign_images_may_have_bytes_without_a_name(tmp_path):
    features = Features({"image": Image(), "hash": Value("string")})
    rows = [{"bytes": jpeg(name), "path": None} for name in "ab"]
    ds = Dataset.from_dict({"image": rows, "hash": [image_hash(0), "b"]}, features=features)
    write_parquet(ds, tmp_path)
    assert [row["image"]["bytes"] for row in raw(load_dataset(str(tmp_path), split="train"))] == [
        jpeg("a"),
        jpeg("b"),
    ]


def pass_rows(path: str, hash: str) -> Dataset:
    """A row with the columns of PASS, whose image is a file."""
    row = {name: [None] for name in FEATURES}
    row |= {"image": [{"bytes": None, "path": path}], "hash": [hash], "creator_username": ["a"]}
    return Dataset.from_dict(row, features=FEATURES)


@pytest.mark.parametrize("prefix", ["", "file://", "zip://a.jpg::"])
def test_export_refuses_rows_of_pass_that_name_a_local_file(ds, tmp_path, prefix):
    secret = tmp_path / "\x1b[31m\u202esecret.jpg"
    secret.write_bytes(jpeg("secret"))
    row = pass_rows(f"{prefix}{secret}", image_hash(1))
    known = Dataset(row.data, info=ds.info)
    for dataset in (row, known, known.to_iterable_dataset()):
        with pytest.raises(
            ExportError, match=r"expected images of PASS in its shards, found a file.*secret\.jpg"
        ) as raised:
            write_parquet(dataset, tmp_path / "out", changes="cropped")
        assert str(raised.value).isprintable()
    assert list(tmp_path.rglob("*.parquet")) == []


def test_an_image_folder_of_pass_can_be_exported_again(ds, tmp_path):
    write_imagefolder(ds, tmp_path / "first")
    back = load_dataset("imagefolder", data_dir=str(tmp_path / "first"), split="train")
    assert local_folders(back) == [f"{tmp_path}/first/train/00000/"]
    write_parquet(back, tmp_path / "second")
    assert exported(tmp_path / "second") == originals()


@pytest.mark.parametrize("content", [b"BM, dear diary", b"root:x:0:0", b""])
def test_export_refuses_files_that_are_no_images(tmp_path, content):
    (tmp_path / "a.jpg").write_bytes(jpeg("a"))
    (tmp_path / "b.jpg").write_bytes(content)
    paths = [{"bytes": None, "path": str(tmp_path / name)} for name in ("a.jpg", "b.jpg")]
    single = Dataset.from_dict({"image": paths}, features=Features({"image": Image()}))
    listed = Dataset.from_dict(
        {"image": paths[:1], "more": [paths]},
        features=Features({"image": Image(), "more": [Image()]}),
    )
    for index, dataset in enumerate((single, listed, single.to_iterable_dataset())):
        with pytest.raises(ExportError, match=r"b\.jpg: expected an image, found a file whose"):
            write_parquet(dataset, tmp_path / str(index))
    assert list(tmp_path.rglob("*.parquet")) == []
    assert local_folders(single) == [f"{tmp_path}/"]
    assert local_folders(single.select([])) == []


def test_names_of_files_and_folders_bring_no_terminal_escape(tmp_path):
    folder = tmp_path / "a\x1b[31m\u202eb"
    folder.mkdir()
    (folder / "c\u202e.jpg").write_bytes(b"no image")
    paths = [{"bytes": None, "path": str(folder / "c\u202e.jpg")}]
    ds = Dataset.from_dict({"image": paths}, features=Features({"image": Image()}))
    assert local_folders(ds) == [f"{tmp_path}/a[31mb/"]
    with pytest.raises(ExportError, match=r"a\[31mb/c\.jpg: expected an image") as raised:
        write_parquet(ds, tmp_path / "out")
    assert str(raised.value).isprintable()


def test_datasets_opened_in_place_read_no_local_folders(ds):
    assert local_folders(ds) == []
