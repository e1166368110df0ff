"""Parquet files: what is in them, how it lies there, and that `datasets` gives back what
went in.
"""

from __future__ import annotations

import datetime
import json

import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import image_hash, jpeg
from datasets import Dataset, Features, Image, IterableDataset, Sequence, Value, load_dataset

from pass_utils import write_parquet
from pass_utils.export.outputs import Output
from pass_utils.export.parquet import plan_parquet, write_file
from pass_utils.releases import FEATURES, dummy_folder


def raw(ds) -> list[dict]:
    """The rows, each picture as its bytes and the name of its file."""
    return list(ds.cast_column("image", Image(decode=False)))


def open_pass(folder, **options):
    shards = range(len(list(folder.glob("PASS.*.tar"))))
    return load_dataset("pass", data_dir=str(folder), shards=list(shards), split="train", **options)


@pytest.mark.parametrize(
    "way", [{}, {"embed_images": True}, {"streaming": True, "range_size": 4096}]
)
def test_rows_features_and_bytes_come_back_as_they_were(bundled, tmp_path, way):
    release, folder = bundled
    written = write_parquet(
        load_dataset("pass", release, data_dir=str(folder), split="train", **way),
        tmp_path / "out",
        max_shard_size="100KB",
        row_group_rows=3,
    )
    assert [file.name for file in written] == [
        f"train-{n:05}-of-{len(written):05}.parquet" for n in range(len(written))
    ]
    assert len(written) >= 4
    back = load_dataset(str(tmp_path / "out"), split="train")
    assert back.features == FEATURES
    assert list(back.features) == list(FEATURES)
    embedded = load_dataset("pass", release, data_dir=str(folder), split="train", embed_images=True)
    assert raw(back) == raw(embedded)
    assert back[0]["image"].size == embedded[0]["image"].size
    stream = load_dataset(str(tmp_path / "out"), split="train", streaming=True)
    assert raw(stream) == raw(embedded)


def test_the_same_rows_give_the_same_bytes_however_they_are_opened(folder, tmp_path):
    shards = folder([range(17), range(17, 40)])
    options = {"max_shard_size": "5KB", "row_group_rows": 4}
    sources = [
        open_pass(shards),
        open_pass(shards, embed_images=True),
        open_pass(shards, streaming=True, range_size=2048),
    ]
    sources += [sources[0].select(list(range(40))), sources[1].to_iterable_dataset(num_shards=3)]
    written = [
        write_parquet(source, tmp_path / str(number), **options)
        for number, source in enumerate(sources)
    ]
    assert len(written[0]) > 3
    assert all(files == written[0] for files in written)
    with pytest.raises(AssertionError):
        assert (
            write_parquet(sources[0].select(range(1, 40)), tmp_path / "other", **options)
            == written[0]
        )


def test_pictures_lie_plain_and_small_columns_side_by_side(folder, tmp_path):
    (file,) = write_parquet(open_pass(folder([range(30)])), tmp_path, row_group_rows=10)
    metadata = pq.read_metadata(tmp_path / file.name)
    assert [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)] == [
        10,
        10,
        10,
    ]
    names = ["image.bytes", "image.path", *list(FEATURES)[1:]]
    for number in range(metadata.num_row_groups):
        columns = [
            metadata.row_group(number).column(column) for column in range(metadata.num_columns)
        ]
        assert [column.path_in_schema for column in columns] == names
        assert [column.compression for column in columns] == ["UNCOMPRESSED"] + ["ZSTD"] * 6
        assert [column.has_dictionary_page for column in columns] == [False] + [True] * 6
        assert [column.is_stats_set for column in columns] == [False] + [True] * 6
        assert all(column.has_offset_index for column in columns)
        assert all(column.has_column_index for column in columns[1:])
        starts = [column.dictionary_page_offset or column.data_page_offset for column in columns]
        ends = [
            start + column.total_compressed_size
            for start, column in zip(starts, columns, strict=True)
        ]
        gaps = [start - end for start, end in zip(starts[1:], ends[:-1], strict=True)]
        assert 0 <= min(gaps) <= max(gaps) < 200  # one request reads all but the pictures


@pytest.mark.skipif(
    int(pa.__version__.split(".")[0]) < 21, reason="pyarrow cuts pages by content from 21 on"
)
def test_pages_of_files_with_rows_in_common_are_alike(tmp_path):
    noise = [np.random.default_rng(number).bytes(90_000) for number in range(120)]
    features = Features({"image": Image()})
    ds = Dataset.from_dict(
        {"image": [{"bytes": data, "path": None} for data in noise]}, features=features
    )
    (whole,) = write_parquet(ds, tmp_path / "whole", row_group_rows=1000)
    (part,) = write_parquet(ds.select(range(1, 120)), tmp_path / "part", row_group_rows=1000)
    one, other = ((tmp_path / name / whole.name).read_bytes() for name in ("whole", "part"))
    assert one != other
    assert (
        one[-4_000_000:-1_000_000] in other
    )  # page headers included; at first they are not yet in step


def test_the_schema_holds_what_datasets_needs(folder, tmp_path):
    (file,) = write_parquet(open_pass(folder()), tmp_path)
    schema = pq.read_schema(tmp_path / file.name)
    assert (
        Features.from_dict(json.loads(schema.metadata[b"huggingface"])["info"]["features"])
        == FEATURES
    )
    assert schema.equals(FEATURES.arrow_schema)


def test_write_file_returns_what_it_wrote_and_reports_bytes(folder, tmp_path):
    import hashlib

    seen: list[int] = []
    task = plan_parquet(open_pass(folder([range(9)])), row_group_rows=2, split="test")[0]
    written = write_file(task, Output(tmp_path), seen.append)
    data = (tmp_path / "test-00000-of-00001.parquet").read_bytes()
    assert written == (
        "test-00000-of-00001.parquet",
        9,
        len(data),
        hashlib.sha256(data).hexdigest(),
        (),
    )
    assert len(seen) == 5
    assert 0 < sum(seen) < len(data)


def test_any_dataset_with_pictures_is_written(tmp_path):
    features = Features(
        {
            "label": Value("int64"),
            "picture": Image(),
            "width": Value("int32"),
            "words": Sequence(Value("string")),
            "mask": Image(),
            "at": Value("timestamp[ns, tz=UTC]"),
        }
    )
    (tmp_path / "here.jpg").write_bytes(jpeg("here"))
    rows = {
        "label": [1, None, 3],
        "picture": [PIL.Image.new("RGB", (3, 4), "red"), str(tmp_path / "here.jpg"), None],
        "width": [3, 8, None],
        "words": [["a", "b"], [], None],
        "mask": [None, None, {"bytes": b"mask", "path": "x/y.png"}],
        "at": [datetime.datetime(2011, 2, 3, tzinfo=datetime.timezone.utc)] * 3,
    }
    ds = Dataset.from_dict(rows, features=features)
    write_parquet(ds, tmp_path / "out", row_group_rows=2)
    back = load_dataset(str(tmp_path / "out"), split="train")
    assert list(back.features.items()) == list(features.items())
    assert back.remove_columns(["picture", "mask"])[:] == ds.remove_columns(["picture", "mask"])[:]
    assert back[0]["picture"].getpixel((0, 0)) == (255, 0, 0)
    plain = back.cast_column("picture", Image(decode=False)).cast_column(
        "mask", Image(decode=False)
    )
    assert plain[1:]["picture"] == [{"bytes": jpeg("here"), "path": "here.jpg"}, None]
    assert plain[:]["mask"] == [None, None, {"bytes": b"mask", "path": "y.png"}]


def test_a_stream_that_was_mapped_without_decoding_is_written(folder, tmp_path):
    stream = open_pass(folder([range(9)]), streaming=True)
    stream = stream.cast_column("image", Image(decode=False)).map(
        lambda row: {"letters": len(row["hash"])}
    )
    features = Features({**FEATURES, "letters": Value("int64")})
    write_parquet(stream.cast(features), tmp_path / "out", row_group_rows=4)
    back = load_dataset(str(tmp_path / "out"), split="train")
    assert back["letters"][:] == [len(image_hash(number)) for number in range(9)]
    assert [row["image"]["bytes"] for row in raw(back)] == [
        jpeg(image_hash(number)) for number in range(9)
    ]


def test_rows_that_are_none_make_one_file_with_the_features(tmp_path):
    empty = load_dataset("pass", data_dir=str(dummy_folder()), split="train").select([])
    for source, name in (
        (empty, "dataset"),
        (IterableDataset.from_generator(lambda: iter(()), features=FEATURES), "stream"),
    ):
        (file,) = write_parquet(source, tmp_path / name)
        assert (file.name, file.rows) == ("train-00000-of-00001.parquet", 0)
        assert Features.from_arrow_schema(pq.read_schema(tmp_path / name / file.name)) == FEATURES
