"""Options that commands share: what they take, and that they are the same everywhere."""

from __future__ import annotations

from dataclasses import fields

import click
import pytest

from pass_utils import releases
from pass_utils.cli._options import BOUNDS, DEFAULT_RELEASE, RELEASES
from pass_utils.cli.main import COMMANDS
from pass_utils.releases import dummy_folder
from pass_utils.selection.resolution import Bounds


def test_the_filter_options_are_the_bounds_of_filter_resolution():
    assert set(BOUNDS) == {field.name for field in fields(Bounds)}


@pytest.mark.parametrize(
    "shards", ["x", "1-", "-1", "1,,2", "", "5-3", "0,5-3", "0-99999999999", "0,0", "0-3,2"]
)
def test_bad_shard_numbers_are_a_matter_of_usage(run, shards):
    done = run("info", dummy_folder("v2"), f"--shards={shards}")
    assert done.code == 2
    assert "expected shard numbers" in done.err
    assert "such as 0,3-5" in done.err


@pytest.mark.parametrize("bound", ["nan", "inf", "-inf", "0", "x"])
def test_bounds_that_no_number_keeps_to_are_a_matter_of_usage(run, bound):
    for option in ("--min-aspect", "--max-aspect"):
        done = run("info", dummy_folder("v2"), f"{option}={bound}")
        assert done.code == 2
        assert f"Invalid value for '{option}'" in done.err


def test_the_releases_are_those_of_pass():
    assert tuple(releases.RELEASES) == RELEASES
    assert DEFAULT_RELEASE in RELEASES


def test_an_option_of_one_name_means_the_same_in_every_command():
    said: dict[str, set[tuple[str, str]]] = {}
    for command in COMMANDS:
        for option in command.params:
            if isinstance(option, click.Option):
                for name in option.opts:
                    text = str(option.help).partition("  [default")[0]
                    said.setdefault(name, set()).add((text, " ".join(option.opts)))
    different = {name for name, meanings in said.items() if len(meanings) > 1}
    # --exclude takes creators as well in a list of credits; each command names what it writes
    assert different == {"--exclude", "--out", "-o"}
    for command in COMMANDS:
        names = {option.name for option in command.params}
        assert "verbose" in names
        assert not {"as_json", "filters", "folder"} <= names or "quiet" in names
