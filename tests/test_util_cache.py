"""Caches of what was learnt of files: where they are, and what is taken from them."""

from __future__ import annotations

import datasets

from pass_utils import filter_resolution
from pass_utils._util.cache import cache_dir


def test_cache_dir_is_below_the_cache_of_datasets_or_the_one_given(cache, tmp_path):
    assert cache_dir() == cache / "pass"
    assert cache_dir(tmp_path) == tmp_path / "pass"
    assert cache_dir(dataset=datasets.Dataset.from_dict({"a": [1]})) == cache / "pass"


def test_metadata_and_sizes_are_kept_below_the_cache_dir_of_load_dataset(folder, cache, tmp_path):
    mine = tmp_path / "mine"
    ds = datasets.load_dataset(
        "pass", data_dir=str(folder()), shards=[0, 1], split="train", cache_dir=str(mine)
    )
    assert len(filter_resolution(ds.shuffle(seed=0), min_side=1)) == 5
    assert len(filter_resolution(ds.filter(lambda row: True), min_side=1)) == 5
    kept = sorted(path.name.split("-")[0] for path in (mine / "pass").glob("*.arrow"))
    assert kept == ["metadata", "sizes", "sizes"]
    assert list(cache.glob("pass/*.arrow")) == []
