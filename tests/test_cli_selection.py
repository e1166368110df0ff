"""What the shared options speak of, as rows and in words."""

from __future__ import annotations

import json
import shutil
import sys

import datasets
import pytest

from pass_utils.cli._selection import load, selection_of
from pass_utils.releases import RELEASES, dummy_folder


def test_a_folder_that_is_known_to_hold_a_release_is_opened_as_that_one(run, tmp_path):
    shutil.copytree(dummy_folder("v3"), tmp_path / "pass")
    (tmp_path / "pass" / ".pass-utils.json").write_text(
        json.dumps({"record": RELEASES["v3"].record})
    )
    told = json.loads(run("info", tmp_path / "pass", "--json").out)
    assert told["images"] == 23
    for command in (
        ("info",),
        ("credits", tmp_path / "a.csv"),
        ("credits", tmp_path / "a.csv", "--shards", "0"),
    ):
        done = run(command[0], tmp_path / "pass", *command[1:], "--release", "v2")
        assert (done.code, done.out) == (1, "")
        assert (
            "expected a folder for record 5570664 (v2), found files of record 6615455" in done.err
        )
    for shards in ((), ("--shards", "0")):
        assert run("credits", tmp_path / "pass", tmp_path / "a.txt", *shards).code == 0
        assert "release v3" in (tmp_path / "a.txt").read_text()


@pytest.mark.parametrize(
    ("shards", "filters", "said"),
    [
        (None, {}, None),
        ([1], {}, "from shard 1"),
        ([0, 3], {"min_side": 375}, "from shards 0 and 3; shorter side at least 375 pixels"),
        (
            None,
            {"max_pixels": 1234567, "max_aspect": 1.5},
            "width times height at most 1,234,567; width by height at most 1.5",
        ),
    ],
)
def test_a_selection_is_described_for_people(shards, filters, said):
    assert selection_of(None, shards, filters).words() == said


@pytest.mark.parametrize(
    ("terminal", "quiet", "shown"),
    [(True, False, True), (True, True, False), (False, False, False)],
)
def test_progress_is_for_terminals_unless_quiet(monkeypatch, terminal, quiet, shown):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    assert len(load(dummy_folder("v2"), None, [0], quiet=quiet)) == 3
    assert datasets.utils.logging.is_progress_bar_enabled() == shown
