"""Where people are told that images were withdrawn: on opening, in `info`, and before a push."""

from __future__ import annotations

import json
import logging
import shutil

import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from support.hub import Hub, connect
from support.withdrawing import GONE, IMAGES, Made, make_releases

from pass_utils import drop_withdrawn, push_to_hub, split_by_creator
from pass_utils._util.cache import cache_dir
from pass_utils.releases import RELEASES, dummy_folder
from pass_utils.transfer import withdrawn

CSV = "pass_metadata.csv"
LINE = (
    "3 of these images are no longer in release v3 (2022-04-07), which withdrew them: "
    '`drop_withdrawn(ds, "v3")` or `--drop-withdrawn v3` leaves them out.'
)


@pytest.fixture
def made(tmp_path, monkeypatch) -> Made:
    monkeypatch.setattr(withdrawn, "_logged", set())
    return make_releases(tmp_path / "made", monkeypatch)


@pytest.fixture
def cached(made):
    """v3's CSV in the cache, as a download leaves it."""
    folder = cache_dir().parent / "downloads" / f"pass-{RELEASES['v3'].record}"
    folder.mkdir(parents=True)
    shutil.copyfile(made.v3 / CSV, folder / CSV)


def open_folder(folder, release="v2", **options):
    return load_dataset("pass", release, data_dir=str(folder), split="train", **options)


def test_all_of_an_older_release_is_opened_with_one_warning_in_a_process(made, caplog):
    open_folder(made.v3, "v3")
    open_folder(made.v2, shards=[0, 1])
    open_folder(made.v2, drop_withdrawn="v3", release_list=str(made.v3 / CSV))
    load_dataset("pass", data_dir=str(dummy_folder("v2")), split="train")
    assert caplog.messages == []
    open_folder(made.v2)
    open_folder(made.v2)
    open_folder(made.v2, streaming=True)
    assert caplog.messages == [LINE]


def test_all_of_an_older_release_is_streamed_with_the_same_warning(made, caplog):
    open_folder(made.v2, streaming=True)
    assert caplog.messages == [LINE]


def test_info_counts_what_was_withdrawn_where_it_can_know(made, cached, run):
    ended = run("info", made.v2, "--release", "v2", "--shards", "4,7,8")
    assert ended.out.endswith(f"  withdrawn   {LINE.replace('3 of', '2 of')}\n")
    document = json.loads(run("info", made.v2, "--shards", "4", "--json").out)
    assert document["withdrawn"] == {"release": "v3", "images": 1}
    document = json.loads(run("info", made.v2, "--drop-withdrawn", "--json").out)
    assert document["withdrawn"] == {"release": "v3", "images": 0}
    assert json.loads(run("info", made.v3, "--json").out)["withdrawn"] is None
    ended = run("info", made.v2, "--shards", "0")
    assert "  withdrawn   none of these images by release v3 (2022-04-07)." in ended.out


def test_info_says_how_to_know_where_it_cannot(made, run, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    ended = run("info", made.v2, "--shards", "4")
    assert (
        "  withdrawn   not known, as the list of release v3 is not on this machine: "
        "`--drop-withdrawn v3` fetches it once.\n"
    ) in ended.out
    document = json.loads(run("info", made.v2, "--shards", "4", "--json").out)
    assert document["withdrawn"] == {"release": "v3", "images": None}
    document = json.loads(run("info", made.v2, "--json").out)  # all of it: that is arithmetic
    assert document["withdrawn"] == {"release": "v3", "images": 3}
    document = json.loads(run("info", dummy_folder("v2"), "--json").out)
    assert document["withdrawn"] == {"release": "v3", "images": 1}


@pytest.fixture
def hub(tmp_path, monkeypatch):
    with Hub(tmp_path / "hub") as hub:
        connect(hub, monkeypatch, tmp_path / "home")
        yield hub


def test_a_push_of_withdrawn_rows_warns(made, cached, hub, caplog):
    ds, stream = open_folder(made.v2), open_folder(made.v2, streaming=True)
    for pushed in (ds.select(range(4, IMAGES)), split_by_creator(ds, 0.3), stream):
        caplog.clear()
        push_to_hub(pushed, "me/pass", quiet=True)
        assert caplog.messages.count(LINE) == 1
    caplog.clear()
    kept = drop_withdrawn(ds)
    push_to_hub(kept, "me/kept", quiet=True)
    push_to_hub(open_folder(made.v3, "v3"), "me/v3", quiet=True)
    push_to_hub(ds.remove_columns("hash").select([0]), "me/none", quiet=True)
    assert [message for message in caplog.messages if "no longer" in message] == []


def test_a_push_of_what_is_still_there_holds_no_withdrawn_image(made, hub, tmp_path):
    kept = drop_withdrawn(open_folder(made.v2), "v3", made.v3 / CSV)
    push_to_hub(kept, "me/pass", quiet=True)
    files = hub.files("me/pass")
    path = tmp_path / "pushed.parquet"
    path.write_bytes(files["data/train-00000-of-00001.parquet"])
    assert pq.read_table(path)["hash"].to_pylist() == made.still
    texts = [data for name, data in files.items() if not name.endswith(".parquet")]
    assert len(texts) >= 2
    assert [h for h in GONE if any(h.encode() in data for data in texts)] == []
    assert made.still[0].encode() in files["CREDITS.csv"]


def test_rows_of_a_miniature_are_not_taken_for_withdrawn(made, cached, caplog):
    caplog.set_level(logging.WARNING)
    withdrawn.warn_of_withdrawn([open_folder(dummy_folder("v2"))], RELEASES["v2"])
    assert caplog.messages == []
