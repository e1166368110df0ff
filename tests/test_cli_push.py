"""`pass-utils push`: what it prints, what it brings up, and how it ends."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from conftest import Ended
from datasets import load_dataset
from support.hub import TOKEN, Fault, Hub, connect

from pass_utils.hub import push as pushing
from pass_utils.releases import dummy_folder


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Iterator[Hub]:
    """A Hub without repositories."""
    with Hub(tmp_path / "kept") as hub:
        connect(hub, monkeypatch, tmp_path / "home")
        yield hub


@pytest.fixture
def push(hub, run) -> Callable[..., Ended]:
    """Runs `pass-utils push`."""
    return partial(run, "push")


def test_it_pushes_what_the_options_choose_and_the_card_says_so(push, hub):
    options = [
        "--release",
        "v3",
        "--shards",
        "0,3-5",
        "--min-side",
        200,
        "--private",
        "--config-name",
        "large",
        "--changes",
        "cropped",
    ]
    code, out, err = push(dummy_folder("v3"), "me/pass", *options)
    assert (code, err) == (0, "")
    page, sent = out.splitlines()
    assert page == f"{hub.host}/datasets/me/pass"
    assert re.fullmatch(r"files that changed: \d+\.\d kB; that were there: 0 B", sent)
    card = hub.files("me/pass")["README.md"].decode()
    assert (
        "They were chosen: from shards 0, 3, 4 and 5; shorter side at least 200 pixels.\n" in card
    )
    assert "The images were changed: cropped.\n" in card
    _, *others = hub.files("me/pass")["large/CREDITS.csv"].decode().splitlines()
    assert others
    assert all("cropped" in line for line in others)
    assert "release v3 of 2022-04-07" in card
    assert "large/train-00000-of-00001.parquet" in hub.files("me/pass")
    assert hub.repositories["me/pass"].private


def test_a_dry_run_changes_nothing(push, hub):
    code, out, err = push(dummy_folder("v2"), "me/pass", "--max-shard-size", "100kB", "--dry-run")
    assert (code, err) == (0, "")
    assert re.fullmatch(
        r"me/pass: 24 rows, about \d+\.\d kB, as train-00000-of-00005.parquet to "
        r"train-00004-of-.*\n"
        r"to send: 24 images, about \d+\.\d kB; there already: 0; to remove: 0\n",
        out,
    )
    told = json.loads(
        push(dummy_folder("v2"), "me/pass", "--max-shard-size", "100kB", "--dry-run", "--json").out
    )
    assert (told["repository"], told["rows"], len(told["files"])) == ("me/pass", 24, 5)
    assert told["bytes"] == sum(file["size"] for file in told["files"]) == told["bytes_to_send"]
    assert (told["new"], told["kept"], told["removed"]) == (24, 0, 0)
    assert {request.method for request in hub.requests} == {"GET"}
    assert hub.repositories == {}


def test_a_dry_run_says_which_images_are_there_already(push, hub):
    folder = dummy_folder("v2")
    push(folder, "me/pass", "--shards", "0-4", "-q")
    there = len(load_dataset("me/pass", "metadata", split="train"))

    def compared(*options: str) -> tuple[int, ...]:
        told = json.loads(push(folder, "me/pass", *options, "--dry-run", "--json").out)
        return told["new"], told["kept"], told["removed"]

    commits = hub.log("me/pass")
    assert compared() == (24 - there, there, 0)
    assert compared("--shards", "3-9")[2] > 0
    assert sum(compared("--shards", "3-9")[1:]) == there
    assert compared("--resize", "64") == (24, 0, 0)
    assert compared("--config-name", "other") == (24, 0, 0)
    assert hub.log("me/pass") == commits


def test_programs_are_told_the_page(push, hub):
    code, out, err = push(dummy_folder("v2"), "me/pass", "--json", "-q")
    assert (code, err) == (0, "")
    told = json.loads(out)
    files = hub.files("me/pass")
    names = ("data/train-00000-of-00001", "metadata/train-00000-of-00001")
    size = sum(len(files[f"{name}.parquet"]) for name in names) + len(files["CREDITS.csv"])
    assert told == {
        "repository": "me/pass",
        "rows": 24,
        "page": f"{hub.host}/datasets/me/pass",
        "changed_bytes": size,
        "unchanged_bytes": 0,
    }
    again = json.loads(push(dummy_folder("v2"), "me/pass", "--json", "-q").out)
    assert (again["changed_bytes"], again["unchanged_bytes"]) == (0, size)


@pytest.mark.parametrize(
    "arguments", [["me/pass"], [dummy_folder("v2"), "me/pass", "--min-side", "x"]]
)
def test_what_cannot_be_understood_is_a_matter_of_usage(push, hub, arguments):
    code, _, err = push(*arguments)
    assert code == 2
    assert "Usage" in err
    assert hub.requests == []


def test_a_refusal_is_one_line_that_says_what_to_do(push, hub):
    hub.always = lambda request: Fault(status=403) if "create" in request.path else None
    code, out, err = push(dummy_folder("v2"), "you/pass")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "a repository of your own" in err
    assert TOKEN not in err


def test_ctrl_c_tells_how_to_go_on(push, monkeypatch):
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pushing, "push", interrupt)
    assert push(dummy_folder("v2"), "me/pass") == (
        130,
        "",
        "pass-utils: interrupted. Run the same command again to go on: uploaded files are kept.\n",
    )
