"""Pictures by place, path, URL or bytes: their sizes without reading, their bytes as they are."""

from __future__ import annotations

import fsspec
import pyarrow as pa
import pytest
from conftest import image_hash, jpeg
from datasets import load_dataset

from pass_utils import ImageError, ShardError
from pass_utils.images.files import TYPE, embed, stored_sizes, suffix


def pictures(*rows) -> pa.StructArray:
    return pa.array(rows, TYPE)


@pytest.fixture
def mixed(tmp_path, folder) -> pa.StructArray:
    """A picture of each kind, a row without one, and one of which nothing is known."""
    (tmp_path / "here.png").write_bytes(b"here")
    with fsspec.open("memory://pictures/there.gif", "wb") as file:
        file.write(b"there")
    ds = load_dataset("pass", data_dir=str(folder([[0]])), shards=[0], split="train")
    return pictures(
        {"bytes": b"bytes", "path": None},
        {"bytes": b"named", "path": "/some/where/named.jpg"},
        {"bytes": None, "path": str(tmp_path / "here.png")},
        {"bytes": None, "path": "memory://pictures/there.gif"},
        {"bytes": None, "path": ds.data["image"][0].as_py()["path"]},
        None,
        {"bytes": None, "path": None},
    )


def test_every_kind_of_picture_is_embedded_as_it_is(mixed):
    assert embed(mixed).to_pylist() == [
        {"bytes": b"bytes", "path": None},
        {"bytes": b"named", "path": "named.jpg"},
        {"bytes": b"here", "path": "here.png"},
        {"bytes": b"there", "path": "there.gif"},
        {"bytes": jpeg(image_hash(0)), "path": f"{image_hash(0)}.jpg"},
        None,
        {"bytes": None, "path": None},
    ]


def test_sizes_are_known_without_reading(mixed):
    size = len(jpeg(image_hash(0)))
    assert stored_sizes(pa.chunked_array([mixed])).tolist() == [5, 5, 4, 5, size, 0, 0]
    chunks = pa.chunked_array([mixed[:3], mixed[3:]])
    assert stored_sizes(chunks, pa.array([4, 0, 5, 0]).to_numpy()).tolist() == [size, 5, 0, 5]


def test_bytes_that_are_there_are_not_copied():
    rows = pictures(*({"bytes": b"x" * 1000, "path": None} for _ in range(10)))
    before, after = (array.field("bytes").buffers()[2].address for array in (rows, embed(rows)))
    assert before == after


def test_pictures_of_several_shards_are_read_in_the_order_of_the_rows(folder):
    ds = load_dataset(
        "pass", data_dir=str(folder([range(4), range(4, 9)])), shards=[0, 1], split="train"
    )
    order = [8, 0, 7, 1, 3, 3, 4]
    column = ds.data["image"].combine_chunks().take(pa.array(order))
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    assert [row["bytes"] for row in embed(column).to_pylist()] == [
        jpeg(image_hash(number)) for number in order
    ]


def test_a_shard_that_changed_is_refused(folder):
    shards = folder([range(4)])
    ds = load_dataset("pass", data_dir=str(shards), shards=[0], split="train")
    column = pa.concat_arrays(ds.data["image"].chunks)
    with (shards / "PASS.0.tar").open("ab") as tar:
        tar.write(bytes(512))
    with pytest.raises(ShardError, match="expected the file that the dataset was opened with"):
        embed(column)


@pytest.mark.parametrize("path", ["/no/where.jpg", "memory://no/where.jpg", "wrong://x/y.jpg"])
def test_a_picture_that_cannot_be_read_is_named(path):
    for ask in (embed, lambda array: stored_sizes(pa.chunked_array([array]))):
        with pytest.raises(ImageError, match=rf"^{path}: expected an image file here, found none"):
            ask(pictures({"bytes": None, "path": path}))


@pytest.mark.parametrize(
    ("head", "name", "expected"),
    [
        (b"\xff\xd8\xff\xe0", "a.png", "jpg"),
        (b"\x89PNG\r\n\x1a\n", None, "png"),
        (b"RIFF\0\0\0\0WEBPVP8 ", None, "webp"),
        (b"II*\0", None, "tiff"),
        (b"what", "a.b.AVIF", "avif"),
        (b"what", "a.p/../h", "bin"),
        (b"what", "a.tötö", "bin"),
        (b"what", None, "bin"),
        (b"", "noending", "bin"),
    ],
)
def test_the_ending_is_that_of_the_content(head, name, expected):
    assert suffix(memoryview(head), name) == expected
