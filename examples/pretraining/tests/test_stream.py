"""A stream trains and resumes: in the same rows, as far as `datasets` finds its place again."""

from __future__ import annotations

import pretrain
import pytest
import torch
from images import Source, Stream
from recipes import read_recipe
from runs import killed_before
from test_resume import assert_equal, read

import pass_utils

DUMMY = str(pass_utils.dummy_folder("v3"))
OPTIONS = ["swav-r50", "--smoke", "--stream", "--epochs", "3", "--save-every", "1"]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_killed_stream_resumes_bit_equal(workers, tmp_path):
    options = [*OPTIONS, "--workers", str(workers), "--out"]
    assert pretrain.main([*options, str(tmp_path / "unbroken")]) == 0
    with killed_before(3):
        pretrain.main([*options, str(tmp_path / "killed")])
        raise AssertionError("it was not killed")
    assert read(tmp_path / "killed")["step"] == 3
    assert pretrain.main([*options, str(tmp_path / "killed")]) == 0
    assert read(tmp_path / "unbroken")["step"] == 6
    drop_positions(tmp_path / "unbroken", tmp_path / "killed")
    assert_equal(tmp_path / "unbroken", tmp_path / "killed")


def drop_positions(*folders) -> None:
    """The positions of loaders have counters of what was read since they were made."""
    for folder in folders:
        torch.save({**read(folder), "stream": None}, folder / "checkpoint.pt")


def test_the_ranks_of_a_stream_have_different_images_in_each_epoch():
    recipe = read_recipe("moco-v2-r50", 23, smoke=True, changes={"batch_size": 4})
    seen = []
    for rank in range(2):
        stream = Stream(Source(data_dir=DUMMY, stream=True, range_size=4096))
        share = {"rank": rank, "world": 2, "workers": 0}
        batches = list(stream.batches(recipe, 0, step=0, last=12, **share))
        assert len(batches) == 12
        views = torch.cat([batch.views[0] for batch in batches])
        seen.append({bytes(view.numpy().tobytes()) for view in views})
        assert len(seen[-1]) == 24
        assert stream.epoch > 0
    assert not seen[0] & seen[1]


def test_a_stream_whose_parts_fill_no_batch_is_refused(tmp_path, capsys):
    options = [*OPTIONS, "--batch-size", "22", "--workers", "2", "--out", str(tmp_path)]
    assert pretrain.main(options) == 1
    assert "expected a batch of 22 images in the part of each" in capsys.readouterr().err
