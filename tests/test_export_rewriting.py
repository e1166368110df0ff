"""Exports at training size, without some columns, and with a constant label."""

from __future__ import annotations

import csv
import io
import json
import logging
import tarfile
from concurrent.futures import ProcessPoolExecutor

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import image_hash
from datasets import ClassLabel, Dataset, DatasetDict, load_dataset
from PIL import Image
from support.jpegs import jpeg

from pass_utils import (
    DatasetError,
    ExportError,
    ImageError,
    write_imagefolder,
    write_parquet,
    write_webdataset,
)
from pass_utils.export.outputs import Output
from pass_utils.export.resume import STATE_FILE
from pass_utils.images.resizing import Resize
from pass_utils.releases import FEATURES, dummy_folder

CHANGES = "resized to a shorter side of at most 64 pixels, re-encoded as JPEG at quality 80"
SMALL = {"resize": 64, "quality": 80}
WRITE = {
    "parquet": write_parquet,
    "webdataset": write_webdataset,
    "imagefolder": write_imagefolder,
}
SIZES = {
    "parquet": {"max_shard_size": "8KB", "row_group_rows": 4},
    "webdataset": {"max_shard_size": "30KB"},
    "imagefolder": {},
}
kinds = pytest.mark.parametrize("kind", WRITE)


def open_pass(**options):
    return load_dataset("pass", "v2", data_dir=dummy_folder("v2"), split="train", **options)


def originals():
    """The bytes of the images of the miniature, by hash."""
    ds = open_pass(embed_images=True).cast_column("image", datasets.Image(decode=False))
    return {row["hash"]: row["image"]["bytes"] for row in ds}


def exported(kind, folder):
    """The images of an export by hash, and the other columns."""
    if kind == "parquet":
        tables = [pq.read_table(path) for path in sorted(folder.glob("*.parquet"))]
        rows = pa.concat_tables(tables).to_pylist()
        return {row["hash"]: (row.pop("image")["bytes"], row) for row in rows}
    if kind == "imagefolder":
        lines = (folder / "train/metadata.jsonl").read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        return {
            row["hash"]: ((folder / "train" / row.pop("file_name")).read_bytes(), row)
            for row in rows
        }
    members = {}
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as tar:
            members |= {member.name: tar.extractfile(member).read() for member in tar}
    return {
        name[:-4]: (data, json.loads(members[f"{name[:-4]}.json"]))
        for name, data in members.items()
        if name.endswith(".jpg")
    }


def credited(folder):
    """What CREDITS.csv says was done to each image, by hash."""
    with (folder / "CREDITS.csv").open(encoding="utf-8-sig", newline="") as file:
        return {row["hash"]: row["changes"] for row in csv.DictReader(file)}


def state(folder):
    return json.loads((folder / STATE_FILE).read_text())


@kinds
def test_images_are_resized_and_credits_and_state_say_so(tmp_path, kind):
    WRITE[kind](open_pass(), tmp_path, **SMALL)
    expected = {name: Resize(64, 80).jpeg(data) for name, data in originals().items()}
    found = exported(kind, tmp_path)
    assert {name: data for name, (data, _) in found.items()} == expected
    assert credited(tmp_path) == dict.fromkeys(expected, CHANGES)
    facts = state(tmp_path)["splits"]["train"]["facts"]
    assert (facts["changes"], facts["resize"], facts["quality"]) == (CHANGES, 64, 80)


def test_changes_of_the_user_and_the_resize_both_stand(tmp_path):
    write_parquet(open_pass(), tmp_path, **SMALL, changes="cropped")
    assert set(credited(tmp_path).values()) == {f"cropped; {CHANGES}"}


def test_a_resize_does_not_excuse_images_that_were_re_encoded_before(tmp_path):
    ds = open_pass().map(lambda row: {"wide": row["image"].width > 400})
    with pytest.raises(ExportError, match="expected the original bytes of PASS images"):
        write_parquet(ds, tmp_path, **SMALL)
    write_parquet(ds, tmp_path, **SMALL, changes="re-encoded")
    assert set(credited(tmp_path).values()) == {f"re-encoded; {CHANGES}"}


@kinds
def test_processes_and_executors_write_the_same_files(tmp_path, kind):
    sizes = SIZES[kind]
    one = WRITE[kind](open_pass(), tmp_path / "one", **SMALL, **sizes)
    two = WRITE[kind](open_pass(), tmp_path / "two", **SMALL, **sizes, num_proc=2)
    with ProcessPoolExecutor(1) as pool:
        other = WRITE[kind](open_pass(), tmp_path / "other", **SMALL, **sizes, executor=pool)
    assert one == two == other
    assert kind == "imagefolder" or len(one) > 1


def test_a_stream_is_resized_into_the_same_files(tmp_path):
    options = {**SMALL, **SIZES["parquet"], "drop_columns": "gps", "label_column": "label"}
    written = write_parquet(open_pass(), tmp_path / "in-place", **options)
    streamed = write_parquet(open_pass(streaming=True), tmp_path / "stream", **options)
    assert written == streamed
    assert credited(tmp_path / "stream") == credited(tmp_path / "in-place")


def test_file_sizes_are_planned_for_the_resized_images(tmp_path):
    """Files of 100 kB hold ten to twenty images of 6 kB, of which each had 60."""
    noise = np.random.default_rng(0)
    images = []
    for _ in range(60):
        coarse = Image.fromarray(noise.integers(0, 255, (8, 11, 3), np.uint8))
        grain = Image.fromarray(noise.integers(0, 255, (375, 500), np.uint8)).convert("RGB")
        buffer = io.BytesIO()
        Image.blend(coarse.resize((500, 375), 3), grain, 0.06).save(buffer, "JPEG", quality=93)
        images.append({"bytes": buffer.getvalue(), "path": "a.png"})
    ds = Dataset.from_dict({"image": images}, features=datasets.Features(image=datasets.Image()))
    assert min(len(image["bytes"]) for image in images) > 50_000
    written = write_parquet(
        ds, tmp_path, resize=128, max_shard_size="100KB", row_group_rows=5, credits=False
    )
    assert 4 <= len(written) <= 6
    assert all(40_000 < file.size < 150_000 for file in written[:-1])


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({**SMALL, "resize": 65}, r"another resize \(64\)\."),
        ({**SMALL, "quality": 81}, r"another quality \(80\)\."),
        ({}, r"another resize \(64\), another quality \(80\)\."),
        ({**SMALL, "changes": "cropped"}, r"other changes"),
        ({**SMALL, "drop_columns": ["gps"]}, r"another drop_columns \(None\)\."),
        ({**SMALL, "label_column": "label"}, r"another label_column \(None\)\."),
    ],
)
def test_an_export_with_other_options_is_refused_with_the_reason(tmp_path, options, found):
    write_parquet(open_pass(), tmp_path, **SMALL)
    with pytest.raises(ExportError, match=f"with the same options, found {found}"):
        write_parquet(open_pass(), tmp_path, **options)


def test_an_interrupted_export_resumes_with_the_resized_files_that_are_complete(
    tmp_path, monkeypatch
):
    options = {**SMALL, **SIZES["parquet"]}
    whole = write_parquet(open_pass(), tmp_path / "whole", **options)
    resized = []

    def fail(self, data):
        resized.append(data)
        if len(resized) == 15:
            raise KeyboardInterrupt
        return real(self, data)

    real = Resize.jpeg
    monkeypatch.setattr(Resize, "jpeg", fail)
    with pytest.raises(KeyboardInterrupt):
        write_parquet(open_pass(), tmp_path / "out", **options)
    complete = len(state(tmp_path / "out")["splits"]["train"]["files"])
    assert 0 < complete < len(whole)
    resized.clear()
    resized += [b""] * 15
    assert write_parquet(open_pass(), tmp_path / "out", **options) == whole
    assert len(resized) - 15 == sum(file.rows for file in whole[complete:])


def with_broken(streaming=False):
    """Rows of PASS, of which the third and the last have no image that can be decoded."""
    images = [{"bytes": jpeg(str(number)), "path": f"{number}.jpg"} for number in range(9)]
    images[2]["bytes"] = images[2]["bytes"][:40]
    images[8]["bytes"] = b"\xff\xd8\xffno image"
    rows = {
        "image": images,
        "hash": list(map(image_hash, range(9))),
        "creator_username": [f"user{number}" for number in range(9)],
    }
    features = datasets.Features({name: FEATURES[name] for name in rows})
    ds = Dataset.from_dict(rows, features=features)
    return ds.to_iterable_dataset() if streaming else ds


@kinds
def test_an_image_that_cannot_be_decoded_is_an_error_with_its_hash(tmp_path, kind):
    with pytest.raises(ImageError, match=f"image {image_hash(2)}: expected an image") as caught:
        WRITE[kind](with_broken(), tmp_path, **SMALL)
    assert caught.value.hashes == (image_hash(2),)
    assert 'on_error="skip"' in str(caught.value)


@kinds
def test_images_that_cannot_be_decoded_are_left_out_counted_and_not_credited(
    tmp_path, kind, caplog
):
    left = (image_hash(2), image_hash(8))
    with caplog.at_level(logging.WARNING):
        written = WRITE[kind](with_broken(), tmp_path, **SMALL, on_error="skip")
    assert written[0].skipped == left
    assert {file.rows for file in written} == {7}
    assert caplog.messages == [
        f"{tmp_path}: left out 2 rows of the split train, whose image cannot be decoded: "
        f"{left[0]}, {left[1]}."
    ]
    expected = set(map(image_hash, range(9))) - set(left)
    assert set(exported(kind, tmp_path)) == set(credited(tmp_path)) == expected
    again = WRITE[kind](with_broken(), tmp_path, **SMALL, on_error="skip")
    assert again == written
    assert set(credited(tmp_path)) == expected


def test_a_stream_leaves_out_the_same_and_resumes_so(tmp_path, monkeypatch):
    options = {**SMALL, "on_error": "skip", "row_group_rows": 2, "max_shard_size": "2KB"}
    whole = write_parquet(with_broken(), tmp_path / "whole", **options)
    stream = write_parquet(with_broken(streaming=True), tmp_path / "stream", **options)
    assert stream == whole
    assert [file.rows for file in whole if file.skipped] == [1, 2]
    create = Output.create

    def fail(self, name):
        if name == "train-00003.parquet":
            raise KeyboardInterrupt
        return create(self, name)

    monkeypatch.setattr(Output, "create", fail)
    with pytest.raises(KeyboardInterrupt):
        write_parquet(with_broken(streaming=True), tmp_path / "cut", **options)
    monkeypatch.undo()
    assert write_parquet(with_broken(streaming=True), tmp_path / "cut", **options) == whole
    for name in ("stream", "cut"):
        assert credited(tmp_path / name) == credited(tmp_path / "whole")
        assert len(credited(tmp_path / name)) == 7


def test_rows_without_hashes_are_named_by_index_and_nulls_stay_null(tmp_path):
    ds = with_broken().remove_columns(["hash", "creator_username"])
    rows = ds.cast_column("image", datasets.Image(decode=False)).to_list()
    rows[0]["image"] = None
    ds = Dataset.from_list(rows, features=datasets.Features(image=datasets.Image()))
    (written,) = write_parquet(ds, tmp_path, **SMALL, on_error="skip")
    assert (written.rows, written.skipped) == (7, ("row 2", "row 8"))
    column = pq.read_table(tmp_path / written.name)["image"].to_pylist()
    assert column[0] is None
    assert [image["path"] for image in column[1:]] == [f"{n}.jpg" for n in (1, 3, 4, 5, 6, 7)]


def test_images_in_lists_are_refused_since_they_would_keep_their_metadata(tmp_path):
    image = {"bytes": jpeg("a"), "path": "a.jpg"}
    features = datasets.Features(
        image=datasets.Image(), more=datasets.Sequence(datasets.Image(decode=False))
    )
    ds = Dataset.from_dict({"image": [image], "more": [[image]]}, features=features)
    with pytest.raises(ExportError, match="resize: expected images in columns of their own"):
        write_parquet(ds, tmp_path, resize=64)
    write_parquet(ds, tmp_path, resize=64, drop_columns=["more"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quality": 80}, "quality: expected none without resize"),
        ({"on_error": "skip"}, "on_error: expected none without resize"),
        ({"resize": 0}, "resize: expected pixels"),
        ({"label_column": ""}, "label_column: expected the name of a column, found ''"),
        ({"label_column": "hash"}, "label_column: expected no column hash yet, found one"),
        ({"drop_columns": ["place"]}, "drop_columns: expected names of columns, or gps, found 'pl"),
        ({"drop_columns": "image"}, "found image, without which there is nothing to see"),
        ({"drop_columns": ["gps", "hash"]}, "found hash, which is the key of a row"),
        ({"drop_columns": "creator_username"}, "found creator_username, since CC BY asks for"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_anything_is_written(
    tmp_path, options, message
):
    for write in WRITE.values():
        with pytest.raises(ExportError, match=message):
            write(open_pass(), tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


@kinds
def test_columns_are_dropped_and_the_bytes_of_images_stay(tmp_path, kind):
    WRITE[kind](open_pass(), tmp_path, drop_columns=["gps", "date_taken"])
    found = exported(kind, tmp_path)
    assert {name: data for name, (data, _) in found.items()} == originals()
    assert {frozenset(row) for _, row in found.values()} == {
        frozenset({"hash", "creator_username"})
    }
    assert set(credited(tmp_path).values()) == {""}
    if kind == "parquet":
        assert list(load_dataset(str(tmp_path), split="train").features) == [
            "image",
            "creator_username",
            "hash",
        ]


def test_gps_is_what_there_is_of_both_columns_and_a_column_of_that_name_first(tmp_path):
    ds = open_pass().remove_columns(["gps_longitude"])
    write_parquet(ds, tmp_path / "one", drop_columns="gps")
    assert "gps_latitude" not in load_dataset(str(tmp_path / "one"), split="train").features
    ds = open_pass().rename_column("date_taken", "gps")
    write_parquet(ds, tmp_path / "two", drop_columns="gps")
    features = load_dataset(str(tmp_path / "two"), split="train").features
    assert "gps" not in features
    assert "gps_latitude" in features
    ds = open_pass().remove_columns(["gps_latitude", "gps_longitude"])
    with pytest.raises(ExportError, match="found 'gps'; there are image"):
        write_parquet(ds, tmp_path / "three", drop_columns="gps")


def test_splits_that_lack_a_dropped_column_are_refused(tmp_path):
    ds = open_pass()
    splits = DatasetDict(train=ds, test=ds.remove_columns("date_taken"))
    with pytest.raises(ExportError, match="found 'date_taken'"):
        write_parquet(splits, tmp_path, drop_columns=["date_taken"])


@kinds
def test_the_label_is_zero_in_every_row(tmp_path, kind):
    WRITE[kind](open_pass(), tmp_path, label_column="label")
    assert {row["label"] for _, row in exported(kind, tmp_path).values()} == {0}
    assert {name: data for name, (data, _) in exported(kind, tmp_path).items()} == originals()


def test_a_parquet_file_has_the_label_as_a_class_of_one_name(tmp_path):
    write_parquet(open_pass(), tmp_path, label_column="label")
    features = load_dataset(str(tmp_path), split="train").features
    assert features == datasets.Features({**FEATURES, "label": ClassLabel(names=["pass"])})


def test_a_tar_has_the_label_where_the_webdataset_library_expects_it(tmp_path):
    write_webdataset(open_pass(), tmp_path, label_column="label")
    ds = load_dataset("webdataset", data_dir=str(tmp_path), split="train")
    assert set(ds["cls"][:]) == {0}
    assert {row["label"] for row in ds["json"][:]} == {0}


def test_an_image_folder_has_the_label_in_its_metadata_and_the_folder_of_the_class(tmp_path):
    write_imagefolder(open_pass(), tmp_path, label_column="label")
    assert [path.name for path in (tmp_path / "train").iterdir() if path.is_dir()] == ["pass"]
    ds = load_dataset("imagefolder", data_dir=str(tmp_path), split="train")
    assert set(ds["label"][:]) == {0}
    assert len(ds) == 24


def test_a_dataset_without_images_is_no_export_at_training_size(tmp_path):
    with pytest.raises(DatasetError, match="expected a column of type Image"):
        write_parquet(Dataset.from_dict({"a": [1]}), tmp_path, resize=64)
