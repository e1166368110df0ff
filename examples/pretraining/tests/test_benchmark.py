"""The scenes of the benchmark open like PASS."""

from __future__ import annotations

import benchmark
import datasets

import pass_utils  # noqa: F401


def test_drawn_scenes_open_as_a_release(tmp_path):
    benchmark.make_scenes(tmp_path, 12)
    ds = datasets.load_dataset(
        "pass", "v3", data_dir=str(tmp_path), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert sorted(ds["hash"]) == [f"{index:032x}" for index in range(12)]
    assert {row["image"].size for row in ds} == {(128, 128)}
    assert len({row["image"].tobytes() for row in ds}) == 12
