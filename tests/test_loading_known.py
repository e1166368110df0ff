"""The images of a shard are known once it was walked, until it changes."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from conftest import image_hash
from datasets import load_dataset
from support.tars import write_tar

from pass_utils import ShardError
from pass_utils.loading import known
from pass_utils.loading.known import known_images
from pass_utils.shards.source import ShardFile


@pytest.fixture
def walks(monkeypatch):
    """The names of the shards that are walked, as they are."""
    names = []
    walk = known.walk_images

    def record(source, **options):
        names.append(Path(source.name).name)
        return walk(source, **options)

    monkeypatch.setattr(known, "walk_images", record)
    return names


def listed(shard, cache):
    """The images of a shard."""
    with ShardFile(shard) as source:
        batches = known_images(source, cache, progress=lambda headers, size: None)
        return [image for batch in batches for image in batch.rows()]


def test_a_part_of_the_shards_that_were_opened_is_opened_without_a_walk(folder, walks):
    where = folder([(0, 1), (2,), (3, 4, 5)])
    everything = load_dataset("pass", data_dir=str(where), shards=[0, 1, 2], split="train")
    assert walks == ["PASS.0.tar", "PASS.1.tar", "PASS.2.tar"]
    some = load_dataset("pass", data_dir=str(where), shards=[0, 2], split="train")
    assert len(walks) == 3
    assert some["hash"] == [image_hash(n) for n in (0, 1, 3, 4, 5)]
    places = everything.data["image"].to_pylist()
    assert some.data["image"].to_pylist() == places[:2] + places[3:]
    chosen = {"shards": [0, 1, 2], "exclude": [image_hash(4)]}
    other = load_dataset("pass", data_dir=str(where), split="train", **chosen)
    assert len(walks) == 3
    assert other["hash"] == [image_hash(n) for n in (0, 1, 2, 3, 5)]


def test_a_shard_that_changed_is_walked_again(tmp_path, walks):
    shard = tmp_path / "PASS.0.tar"
    write_tar(shard, [(f"{image_hash(0)}.jpg", b"0")])
    before = listed(shard, tmp_path / "cache")
    write_tar(shard, [(f"{image_hash(1)}.jpg", b"1" * 12_000)])
    after = listed(shard, tmp_path / "cache")
    assert [(image.hash, image.size) for image in (*before, *after)] == [
        (image_hash(0), 1),
        (image_hash(1), 12_000),
    ]
    assert listed(shard, tmp_path / "cache") == after
    assert len(walks) == 2


def test_a_shard_that_is_damaged_is_not_known(tmp_path, walks):
    shard = tmp_path / "PASS.0.tar"
    write_tar(shard, [(f"{image_hash(n)}.jpg", b"x" * 900) for n in range(3)])
    shard.write_bytes(shard.read_bytes()[:3500])
    for _ in range(2):
        with pytest.raises(ShardError, match="found the end of the file at 3,500"):
            listed(shard, tmp_path / "cache")
    assert len(walks) == 2
    assert not (tmp_path / "cache").exists()


def test_a_shard_without_images_is_known_too(tmp_path, walks):
    shard = tmp_path / "PASS.0.tar"
    write_tar(shard, [(".hidden", b"x")])
    assert listed(shard, tmp_path / "cache") == listed(shard, tmp_path / "cache") == []
    assert len(walks) == 1


def test_a_cache_that_cannot_be_written_is_a_warning(tmp_path, walks, caplog):
    shard = tmp_path / "PASS.0.tar"
    write_tar(shard, [(f"{image_hash(0)}.jpg", b"0")])
    with caplog.at_level(logging.WARNING):
        assert len(listed(shard, shard / "cache")) == 1
    assert "it will be walked again" in caplog.text
