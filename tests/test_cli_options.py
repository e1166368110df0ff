"""Options that commands share: what they take, and that they are the same everywhere."""

from __future__ import annotations

from dataclasses import fields

import pytest

from pass_utils.cli.options import BOUNDS
from pass_utils.releases import dummy_folder
from pass_utils.resolution import Bounds


def test_the_filter_options_are_the_bounds_of_filter_resolution():
    assert set(BOUNDS) == {field.name for field in fields(Bounds)}


@pytest.mark.parametrize("shards", ["x", "1-", "-1", "1,,2", "", "5-3", "0,5-3", "0-99999999999"])
def test_bad_shard_numbers_are_a_matter_of_usage(run, shards):
    done = run("info", dummy_folder("v2"), f"--shards={shards}")
    assert done.code == 2
    assert "expected shard numbers" in done.err
    assert "such as 0,3-5" in done.err
