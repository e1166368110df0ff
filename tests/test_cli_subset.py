"""Subsets on the command line: download, show, and the options that choose images everywhere."""

from __future__ import annotations

import json
import shutil

import pytest
from support.bucket import Fault
from test_transfer_subset import bucket, online, rows, zenodo  # noqa: F401  (fixtures)

from pass_utils.releases import dummy_folder

FOLDER = dummy_folder("v2")


def test_a_sample_is_fetched_reported_and_opens_in_every_command(online, run, tmp_path):  # noqa: F811
    few = tmp_path / "few"
    ended = run("download", few, "--release", "v2", "--sample", 4, "--seed", 51, "-q")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"{few} holds 4 images of release v2, ")
    assert ended.out.endswith(": a sample of 4 with seed 51.\n")
    again = run("download", few, "--sample", 4, "--seed", 51, "--json")
    document = json.loads(again.out)
    assert document["selection"] == {"release": "v2", "sample": 4, "seed": 51}
    assert (document["images"], document["missing"]) == (4, [])
    assert [file["name"] for file in document["files"]] == ["pass_metadata.csv", "PASS.subset.tar"]
    assert json.loads(run("info", few, "--json").out)["images"] == 4
    assert run("verify", few).code == 0
    assert json.loads(run("credits", few, tmp_path / "c.csv", "--json").out)["credits"] == 4
    near = tmp_path / "near"
    run("download", near, "--release", "v2", "--sample", 4, "--seed", 51, "--from", FOLDER)
    assert (near / "PASS.subset.tar").read_bytes() == (few / "PASS.subset.tar").read_bytes()
    out = tmp_path / "out"
    assert run("export", "imagefolder", few, out, "-q").code == 0
    assert len(list(out.rglob("*.jpg"))) == 4


def test_missing_images_fail_the_command_unless_they_may_be_missing(online, run, tmp_path):  # noqa: F811
    chosen = sorted(online.images)[:5]
    listed = tmp_path / "list.txt"
    listed.write_text("\n".join(chosen))
    online.faults[chosen[1]] = [Fault(status=404)] * 2
    few = tmp_path / "few"
    arguments = ("download", few, "--release", "v2", "--include", listed, "-q")
    ended = run(*arguments)
    assert ended.code == 1
    assert "expected 5 images, found 1 of them not available. Run the same command" in ended.err
    accepted = run(*arguments, "--allow-missing", "--json")
    assert accepted.code == 0
    assert [each["hash"] for each in json.loads(accepted.out)["missing"]] == [chosen[1]]
    assert run(*arguments).code == 0
    assert [row["hash"] for row in rows(few)] == chosen


def test_a_planned_subset_asks_nothing_of_the_network(online, zenodo, run, tmp_path):  # noqa: F811
    arguments = ("download", tmp_path / "few", "--sample", 3000, "--release", "v3", "--dry-run")
    ended = run(*arguments)
    assert ended.code == 0
    assert ended.out.startswith(
        "at most 3,000 images of release v3 (a sample of 3,000 with seed 0)"
    )
    assert "about 372.1 MB, to fetch from http://127.0.0.1" in ended.out
    document = json.loads(run(*arguments, "--json").out)
    assert (document["images_at_most"], document["selection"]["sample"]) == (3000, 3000)
    assert not online.requests
    assert not zenodo.requests
    assert not (tmp_path / "few").exists()


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (("--sample", 3), 3),
        (("--include", "LIST"), 2),
        (("--exclude", "LIST"), 22),
        (("--include", "17adb3efa1542a240867fa5f8c185db"), 1),
        (("--has-gps",), 7),
        (("--no-gps",), 17),
        (("--max-date", "2008-06-09", "--min-date", "2008-06-09"), 1),
        (("--per-creator", 1), 7),  # of 8; the image chosen of one is in no shard
    ],
)
def test_the_options_choose_the_same_images_for_every_command(run, tmp_path, options, count):
    listed = tmp_path / "list.csv"
    listed.write_text("hash\n17adb3efa1542a240867fa5f8c185db\n15eb1b48c485a2227ed1b28af97c7624\n")
    options = [listed if option == "LIST" else option for option in options]
    assert json.loads(run("info", FOLDER, *options, "--json").out)["images"] == count
    done = run("credits", FOLDER, tmp_path / "c.txt", *options, "--shards", "0-9", "--json")
    assert json.loads(done.out)["credits"] == count


def test_an_image_is_shown_with_its_credit_and_written(run, tmp_path):
    hash = "17adb3efa1542a240867fa5f8c185db"
    out = tmp_path / "a.jpg"
    ended = run("show", hash, "--data-dir", FOLDER, "--save", out)
    assert ended.code == 0
    assert "  width             500\n" in ended.out
    assert "\nPhoto by north ridge (https://multimedia-commons" in ended.out
    document = json.loads(run("show", hash, "--data-dir", FOLDER, "--json").out)
    assert document["date_taken"] == "2004-05-17 00:44:29"
    assert document["bytes"] == out.stat().st_size
    ended = run("show", "f" * 20, "--data-dir", FOLDER)
    assert (ended.code, ended.out) == (1, "")
    assert f"expected image {'f' * 20}, found none such among 24 images" in ended.err


def test_a_shown_image_brings_no_terminal_escape(run, tmp_path):
    folder = shutil.copytree(FOLDER, tmp_path / "pass")
    csv = folder / "pass_metadata.csv"
    csv.write_text(csv.read_text().replace("north+ridge", "north\x1b[31m\u202e+ridge"))
    ended = run("show", "17adb3efa1542a240867fa5f8c185db", "--data-dir", folder)
    assert ended.code == 0
    assert "  creator_username  north[31m+ridge\n" in ended.out
    assert ended.out.replace("\n", "").isprintable()
