"""Caches of what was learnt of files: where they are, and what is taken from them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import datasets
import pyarrow as pa
import pytest

from pass_utils import filter_resolution
from pass_utils._util.cache import cache_dir, read_batch, write_batch


def test_cache_dir_is_below_the_cache_of_datasets_or_the_one_given(cache, tmp_path):
    assert cache_dir() == cache / "pass"
    assert cache_dir(tmp_path) == tmp_path / "pass"
    assert cache_dir(dataset=datasets.Dataset.from_dict({"a": [1]})) == cache / "pass"


def test_members_metadata_and_sizes_are_kept_below_the_cache_dir_of_load_dataset(
    folder, cache, tmp_path
):
    mine = tmp_path / "mine"
    ds = datasets.load_dataset(
        "pass", data_dir=str(folder()), shards=[0, 1], split="train", cache_dir=str(mine)
    )
    assert len(filter_resolution(ds.shuffle(seed=0), min_side=1)) == 5
    assert len(filter_resolution(ds.filter(lambda row: True), min_side=1)) == 5
    kept = sorted(path.name.split("-")[0] for path in (mine / "pass").glob("*.arrow"))
    assert kept == ["members", "members", "metadata", "sizes", "sizes"]
    assert list(cache.glob("pass/*.arrow")) == []


BATCH = pa.RecordBatch.from_pydict({"number": range(10_000), "text": list(map(str, range(10_000)))})


def damage(path: Path, kind: str, at: int) -> None:
    data = bytearray(path.read_bytes())
    if kind == "bit":
        data[at] ^= 1
    elif kind == "page":
        begin = at // 4096 * 4096
        data[begin : begin + 4096] = bytes(len(data[begin : begin + 4096]))
    elif kind == "cut":
        del data[at:]
    else:
        data[at:at] = b"more"
    path.write_bytes(data)


def test_a_batch_is_read_as_it_was_written_and_takes_no_memory(tmp_path):
    write_batch(BATCH, tmp_path / "a-b-1.arrow")
    before = pa.total_allocated_bytes()
    read = read_batch(tmp_path / "a-b-1.arrow")
    assert read is not None
    assert read.equals(BATCH)
    assert pa.total_allocated_bytes() - before < 1000


@pytest.mark.parametrize("kind", ["bit", "page", "cut", "more"])
@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9, 0.999, 1])
def test_a_cache_file_with_a_damaged_byte_anywhere_is_not_read(tmp_path, kind, share):
    path = tmp_path / "a-b-1.arrow"
    write_batch(BATCH, path)
    whole = path.read_bytes()
    at = int(share * (len(whole) - 1))
    damage(path, kind, at)
    assert path.read_bytes() != whole
    assert read_batch(path) is None
    write_batch(BATCH, path)
    assert path.read_bytes() == whole


def test_what_is_no_cache_file_is_not_read(tmp_path):
    pipe, folder, empty = tmp_path / "pipe", tmp_path / "folder", tmp_path / "empty"
    os.mkfifo(pipe)
    folder.mkdir()
    empty.touch()
    for path in (pipe, folder, empty, tmp_path / "none"):
        assert read_batch(path) is None


def test_the_bytes_of_a_cache_file_are_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    done: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda _: done.append("fsync"))
    replace = Path.replace
    monkeypatch.setattr(
        Path, "replace", lambda path, target: done.append("rename") or replace(path, target)
    )
    write_batch(BATCH, tmp_path / "a-b-1.arrow")
    assert done == ["fsync", "rename"]


@pytest.mark.parametrize("kind", ["bit", "page"])
def test_damaged_caches_of_members_metadata_and_sizes_are_made_anew(folder, cache, tmp_path, kind):
    shards = folder([range(0, 300)])
    find = (
        "import sys, datasets, pass_utils; datasets.disable_progress_bars(); "
        "ds = datasets.load_dataset('pass', data_dir=sys.argv[1], shards=[0], split='train', "
        "embed_images=len(sys.argv) > 2); print(ds['creator_username'][:], "
        "pass_utils.filter_resolution(ds, min_width=12)['hash'][:])"
    )

    def run(*more: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", find, str(shards), *more],
            env={**os.environ, "HF_DATASETS_CACHE": str(cache)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    expected = run()
    kept = sorted((cache / "pass").glob("*.arrow"))
    assert [path.name.split("-")[0] for path in kept] == ["members", "metadata", "sizes"]
    whole = [path.read_bytes() for path in kept]
    for path in kept:
        damage(path, kind, 3000)
    shutil.rmtree(
        next((cache / "pass").glob("v2-*"))
    )  # so that members and metadata are wanted again
    assert run() == expected
    assert [path.read_bytes() for path in kept] == whole
