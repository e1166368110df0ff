"""Sizes of a column of images: where they are read, how often, and what is remembered."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pytest
from conftest import image_hash, write_csv, write_tar
from datasets import load_dataset
from PIL import Image
from support.jpegs import exif, insert, save

from pass_utils import ImageError, ShardError
from pass_utils.images import resolutions as module
from pass_utils.images.resolutions import (
    dataset_resolutions,
    image_resolutions,
    table_resolutions,
)
from pass_utils.metadata import open_metadata
from pass_utils.shards import reads as many_reads
from pass_utils.shards.source import ShardFile

SIZES = [(number % 40 + 1, number % 23 + 1) for number in range(60)]


def picture(number: int) -> bytes:
    return save(Image.new("L", SIZES[number]))


@pytest.fixture
def shards(tmp_path) -> Path:
    """Three shards of 20 pictures with the sizes in SIZES."""
    folder = tmp_path / "pass"
    folder.mkdir()
    for shard in range(3):
        numbers = range(20 * shard, 20 * shard + 20)
        write_tar(
            folder / f"PASS.{shard}.tar", [(f"{image_hash(n)}.jpg", picture(n)) for n in numbers]
        )
    write_csv(
        folder / "pass_metadata.csv",
        [(n, "user", "", "Attribution License", image_hash(n), "", "") for n in range(60)],
    )
    return folder


def load(folder: Path, **options) -> datasets.Dataset:
    return load_dataset(
        "pass", data_dir=str(folder), split="train", **{"shards": [0, 1, 2], **options}
    )


def sizes_of(dataset, **options) -> list[tuple[int, int]]:
    return list(map(tuple, dataset_resolutions(dataset, "image", **options).tolist()))


@pytest.fixture
def reads(monkeypatch) -> list[tuple[str, int, int]]:
    """Every read of a shard: its name, offset and size; none in a thread, so that they are in
    order.
    """
    seen = []
    monkeypatch.setattr(many_reads, "_SLOW", float("inf"))
    pread, read_at = ShardFile.pread, ShardFile.read_at

    def record_read_at(self, offset, buffer):
        seen.append((Path(self.name).name, offset, len(buffer)))
        return read_at(self, offset, buffer)

    monkeypatch.setattr(ShardFile, "read_at", record_read_at)
    monkeypatch.setattr(
        ShardFile,
        "pread",
        lambda self, *place: seen.append((Path(self.name).name, *place)) or pread(self, *place),
    )
    return seen


@pytest.mark.slow
@pytest.mark.parametrize("embed_images", [False, True])
@pytest.mark.parametrize("num_proc", [None, 2])
def test_sizes_come_by_row_whatever_was_selected(shards, embed_images, num_proc, monkeypatch):
    monkeypatch.setattr(module, "_ROWS_AT_A_TIME", 7)
    ds = load(shards, embed_images=embed_images)
    rows = np.random.default_rng(0).permutation(60)[:30].tolist() + [5, 5, 59]
    assert sizes_of(ds.select(rows), num_proc=num_proc) == [SIZES[row] for row in rows]
    assert sizes_of(ds, num_proc=num_proc) == SIZES
    assert sizes_of(ds.select(range(10, 50)).with_format("numpy")) == SIZES[10:50]
    assert sizes_of(ds.select([])) == []


def test_shards_are_read_in_the_order_of_the_tar_and_once(shards, reads):
    ds, some = load(shards).shuffle(seed=1).flatten_indices(), load(shards, shards=[2, 0])
    reads.clear()
    want = sizes_of(ds)
    assert len(reads) == 60
    for shard in range(3):
        offsets = [offset for name, offset, _ in reads if name == f"PASS.{shard}.tar"]
        assert len(offsets) == 20
        assert offsets == sorted(offsets)
    reads.clear()
    assert sizes_of(ds) == want
    assert sizes_of(some) == SIZES[40:] + SIZES[:20]
    assert reads == []


def test_only_what_is_not_known_yet_is_read(shards, reads):
    ds = load(shards)
    reads.clear()
    sizes_of(ds.select(range(5)))
    assert len(reads) == 5
    assert sizes_of(ds.select([1, 30, 2])) == [SIZES[1], SIZES[30], SIZES[2]]
    assert len(reads) == 6
    assert sizes_of(ds) == SIZES
    assert len(reads) == 60


def test_no_more_than_the_first_kilobytes_of_a_picture_are_read(tmp_path, reads):
    noise = save(Image.effect_noise((300, 200), 90).convert("RGB"), quality=95)
    (tmp_path / "pass").mkdir()
    write_tar(tmp_path / "pass" / "PASS.0.tar", {f"{image_hash(0)}.jpg": noise})
    write_csv(
        tmp_path / "pass" / "pass_metadata.csv",
        [(0, "user", "", "Attribution License", image_hash(0), "", "")],
    )
    ds = load(tmp_path / "pass", shards=[0])
    reads.clear()
    assert sizes_of(ds) == [(300, 200)]
    assert reads == [("PASS.0.tar", 512, 4096)]
    assert len(noise) > 20_000


def test_sizes_are_forgotten_when_the_tar_changes(shards, cache):
    before = sizes_of(load(shards))
    files = set((cache / "pass").glob("sizes-*"))
    assert len(files) == 3
    write_tar(shards / "PASS.0.tar", [(f"{image_hash(n)}.jpg", picture(59 - n)) for n in range(20)])
    os.utime(shards / "PASS.0.tar", ns=(1, 1))
    assert sizes_of(load(shards)) == [SIZES[59 - n] for n in range(20)] + before[20:]
    after = set((cache / "pass").glob("sizes-*"))
    assert len(after) == 3
    assert len(files & after) == 2


def test_a_damaged_cache_is_made_anew(shards, cache, reads):
    ds = load(shards)
    assert sizes_of(ds) == SIZES
    for damage in (b"", b"ARROW1", b"x" * 1000):
        for file in (cache / "pass").glob("*.arrow"):
            file.write_bytes(damage)
        reads.clear()
        assert sizes_of(ds) == SIZES
        assert len(reads) == 60
        open_metadata.__globals__["_open"].cache_clear()
        assert len(open_metadata(shards / "pass_metadata.csv", cache / "pass")) == 60


def test_a_dataset_in_memory_is_read_by_this_process(monkeypatch):
    monkeypatch.setattr(module, "ProcessPoolExecutor", None)
    monkeypatch.setattr(module, "_ROWS_AT_A_TIME", 3)
    data = {"image": [{"bytes": picture(n), "path": None} for n in range(8)]}
    ds = datasets.Dataset.from_dict(data, features=datasets.Features({"image": datasets.Image()}))
    assert sizes_of(ds, num_proc=2) == SIZES[:8]


def test_a_shard_that_changed_under_the_dataset_is_an_error(shards):
    ds = load(shards)
    os.utime(shards / "PASS.1.tar", ns=(1, 1))
    with pytest.raises(
        ShardError, match=r"PASS\.1\.tar: expected the file that the dataset was opened with"
    ):
        dataset_resolutions(ds, "image")


def test_what_was_read_before_an_error_is_remembered(shards, reads, monkeypatch):
    ds = load(shards)
    os.utime(shards / "PASS.2.tar", ns=(1, 1))
    with pytest.raises(ShardError):
        dataset_resolutions(ds, "image")
    reads.clear()
    assert sizes_of(ds.select(range(40))) == SIZES[:40]
    assert reads == []


def test_a_cache_that_cannot_be_written_costs_no_more_than_a_warning(shards, monkeypatch, caplog):
    def full(batch, path):
        raise OSError("No space left on device")

    monkeypatch.setattr(module, "write_batch", full)
    with caplog.at_level(logging.WARNING):
        assert sizes_of(load(shards)) == SIZES
    assert (
        "the resolutions of the images cannot be cached here (No space left on device)"
        in caplog.text
    )


def test_a_broken_picture_in_a_shard_is_named_by_its_place(shards):
    write_tar(
        shards / "PASS.1.tar",
        {f"{image_hash(20)}.jpg": picture(20), f"{image_hash(21)}.jpg": b"no picture"},
    )
    with pytest.raises(
        ImageError,
        match=f"^image {image_hash(21)}: expected an image file, found 10 bytes .*not in",
    ):
        dataset_resolutions(load(shards), "image")
    with pytest.raises(
        ImageError,
        match=f"^image {image_hash(21)}: expected an image file, found 10 bytes that begin with",
    ):
        dataset_resolutions(load(shards, embed_images=True), "image")


def images(*rows: dict | None, large: bool = False) -> pa.StructArray:
    kind = pa.struct({"bytes": pa.large_binary() if large else pa.binary(), "path": pa.string()})
    return pa.array(rows, kind)


@pytest.mark.parametrize("large", [False, True])
def test_all_ways_in_which_datasets_stores_an_image_are_understood(tmp_path, shards, large):
    (tmp_path / "a.jpg").write_bytes(insert(picture(30), exif(6)))
    png = save(Image.new("L", (3, 4)), "PNG")
    place = load(shards).data.column("image")[45].as_py()["path"]
    array = images(
        {"bytes": picture(7), "path": "x.jpg"},
        None,
        {"bytes": None, "path": str(tmp_path / "a.jpg")},
        {"bytes": None, "path": None},
        {"bytes": png, "path": None},
        {"bytes": None, "path": place},
        {"bytes": picture(8), "path": None},
        large=large,
    )
    want = [SIZES[7], (0, 0), SIZES[30][::-1], (0, 0), (3, 4), SIZES[45], SIZES[8]]
    assert list(map(tuple, image_resolutions(array).tolist())) == want
    assert list(map(tuple, image_resolutions(array.slice(2, 4)).tolist())) == want[2:6]
    assert list(map(tuple, image_resolutions(array.slice(1), np.array([4, 5, 0])).tolist())) == [
        want[5],
        want[6],
        want[1],
    ]


def test_broken_and_missing_images_are_negative_and_named_in_the_error():
    broken = {"bytes": b"GIF89a", "path": None}
    array = images({"bytes": picture(0), "path": None}, broken, {"bytes": None, "path": "/no.jpg"})
    assert image_resolutions(array).tolist() == [list(SIZES[0]), [-1, -1], [-1, -1]]
    table = pa.table({"image": array, "hash": ["a1", "b2", "c3"]})
    with pytest.raises(
        ImageError,
        match="^image b2: expected an image file, found 6 bytes .* 1 more are broken. To leave "
        r"out: `ds.filter\(lambda hash: hash not in \('b2', 'c3',\), input_columns=\"hash\"\)`",
    ) as caught:
        table_resolutions(table, "image")
    assert caught.value.hashes == ("b2", "c3")
    with pytest.raises(ImageError, match="^an image: expected an image file, found 6 bytes"):
        table_resolutions(table.drop_columns(["hash"]), "image")
    with pytest.raises(ImageError, match="^/no.jpg: /no.jpg: expected an image file here, found"):
        table_resolutions(table.slice(2).drop_columns(["hash"]), "image")


def test_dataset_resolutions_skips_broken_images_or_names_all_of_them():
    rows = {
        "hash": [image_hash(n) for n in range(9)],
        "image": [{"bytes": b"no" if n % 4 == 2 else picture(n), "path": None} for n in range(9)],
    }
    ds = datasets.Dataset.from_dict(rows).cast_column("image", datasets.Image())
    want = [(-1, -1) if n % 4 == 2 else SIZES[n] for n in range(9)]
    assert sizes_of(ds, on_broken="skip") == want
    with pytest.raises(ImageError, match=f"^image {image_hash(2)}: .* 1 more are broken") as caught:
        dataset_resolutions(ds, "image")
    assert caught.value.hashes == (image_hash(2), image_hash(6))
    good = ds.filter(lambda hash: hash not in caught.value.hashes, input_columns="hash")
    assert sizes_of(good) == [size for size in want if size[0] > 0]
    with pytest.raises(ImageError, match="^image of row 2: expected an image file, found 2 bytes"):
        dataset_resolutions(ds.remove_columns("hash"), "image")


def test_bytes_in_arrow_are_not_copied(monkeypatch):
    array = images(*({"bytes": picture(n), "path": None} for n in range(60)))
    data = array.field("bytes").buffers()[2]
    seen = []
    header_resolution = module.header_resolution
    monkeypatch.setattr(
        module, "header_resolution", lambda view: seen.append(view) or header_resolution(view)
    )
    image_resolutions(array)
    addresses = [np.frombuffer(view, np.uint8).ctypes.data for view in seen]
    assert addresses[0] == data.address
    assert all(data.address <= address < data.address + data.size for address in addresses)


def test_a_dataset_of_ones_own_has_sizes(tmp_path):
    files = []
    for number in range(5):
        files.append(str(tmp_path / f"{number}.jpg"))
        Path(files[-1]).write_bytes(picture(number))
    ds = datasets.Dataset.from_dict(
        {"picture": files}, features=datasets.Features({"picture": datasets.Image()})
    )
    assert list(map(tuple, dataset_resolutions(ds, "picture").tolist())) == SIZES[:5]
    mixed = datasets.concatenate_datasets([ds, ds.select([3, 1])])
    assert list(map(tuple, dataset_resolutions(mixed, "picture", num_proc=2).tolist())) == [
        *SIZES[:5],
        SIZES[3],
        SIZES[1],
    ]
