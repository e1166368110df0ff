"""`pass-utils push`: what it prints, what it brings up, and how it ends."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator

import pytest
from hub import TOKEN, Fault, Hub, connect

from pass_utils.cli.main import main
from pass_utils.cli.options import describe_selection
from pass_utils.hub import push as pushing
from pass_utils.releases import dummy_folder


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Iterator[Hub]:
    """A Hub without repositories."""
    with Hub(tmp_path / "kept") as hub:
        connect(hub, monkeypatch, tmp_path / "home")
        yield hub


@pytest.fixture
def run(hub, monkeypatch, capsys) -> Callable[..., tuple[int | str | None, str, str]]:
    """Runs `pass-utils push`, and says how it ended and what it printed."""

    def run(*arguments: object):
        monkeypatch.setattr(sys, "argv", ["pass-utils", "push", *map(str, arguments)])
        code: int | str | None = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        return (code, *capsys.readouterr())

    return run


def test_it_pushes_what_the_options_choose_and_the_card_says_so(run, hub):
    options = ["--release", "v3", "--shards", "0,3-5", "--min-side", 200, "--private", "--config-name", "large"]
    assert run(dummy_folder("v3"), "me/pass", *options) == (0, f"{hub.host}/datasets/me/pass\n", "")
    card = hub.files("me/pass")["README.md"].decode()
    assert "They were chosen: from shards 0, 3, 4 and 5; shorter side at least 200 pixels.\n" in card
    assert "release v3 of 2022-04-07" in card
    assert "large/train-00000-of-00001.parquet" in hub.files("me/pass")
    assert hub.repositories["me/pass"].private


def test_a_dry_run_asks_nobody(run, hub):
    code, out, err = run(dummy_folder("v2"), "me/pass", "--max-shard-size", "100kB", "--dry-run")
    assert (code, err) == (0, "")
    assert re.fullmatch(r"me/pass: 24 rows, about \d+\.\d kB, as train-00000-of-00005.parquet to train-00004-of-.*\n", out)
    assert hub.requests == []


@pytest.mark.parametrize("arguments", [["me/pass"], [dummy_folder("v2"), "me/pass", "--min-side", "x"]])
def test_what_cannot_be_understood_is_a_matter_of_usage(run, hub, arguments):
    code, _, err = run(*arguments)
    assert code == 2
    assert "Usage" in err
    assert hub.requests == []


def test_a_refusal_is_one_line_that_says_what_to_do(run, hub):
    hub.always = lambda request: Fault(status=403) if "create" in request.path else None
    code, out, err = run(dummy_folder("v2"), "you/pass")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "a repository of your own" in err
    assert TOKEN not in err


def test_ctrl_c_tells_how_to_go_on(run, monkeypatch):
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pushing, "push_to_hub", interrupt)
    assert run(dummy_folder("v2"), "me/pass") == (
        130,
        "",
        "pass-utils: interrupted. Run the same command again to go on: what is up stays there.\n",
    )


@pytest.mark.parametrize(
    ("shards", "bounds", "said"),
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
def test_a_selection_is_described_for_people(shards, bounds, said):
    assert describe_selection(shards, bounds) == said
