"""The command line: what it prints, and how it ends."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import fields

import pytest
from conftest import image_hash, write_tar

from pass_utils.cli.options import BOUNDS
from pass_utils.releases import RELEASES, dummy_folder
from pass_utils.resolution import Bounds


def pass_utils(*arguments: object, cache) -> subprocess.CompletedProcess[str]:
    """Runs in the folder `work` of the cache."""
    code = "from pass_utils.cli.main import main; main()"
    (cache / "work").mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cache / "work",
        env={"HF_DATASETS_CACHE": str(cache), "PATH": "", "HOME": str(cache)},
    )


def test_the_demo_shows_rows_their_number_and_where_the_files_are(cache):
    (cache / "work").mkdir()
    (cache / "work" / "CREDITS.html").write_text("mine")
    done = pass_utils("demo", cache=cache)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("'creator_username': 'north+ridge'") == 2
    assert "24 rows in" in done.stdout
    assert f"shards      {dummy_folder('v2')}" in done.stdout
    assert f"cache       {cache}" in done.stdout
    for name in ("CREDITS.html", "CREDITS.csv"):
        assert f"24 credits in {cache / 'work' / 'pass-demo' / name}" in done.stdout
        assert (cache / "work" / "pass-demo" / name).read_text().count("17adb3efa1542a240867fa5f8c185db.jpg")
    assert (cache / "work" / "CREDITS.html").read_text() == "mine"


def test_info_describes_a_folder(cache):
    done = pass_utils("info", dummy_folder("v3"), "--release", "v3", "--json", cache=cache)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {
        "images": 23,
        "image_bytes": json.loads(done.stdout)["image_bytes"],
        "creators": 8,
        "with_date": 20,
        "with_place": 7,
        "width": {"min": 160, "lower": 375, "median": 500, "upper": 500, "max": 500},
        "height": {"min": 120, "lower": 333, "median": 375, "upper": 500, "max": 500},
        "landscape": 15,
        "portrait": 7,
        "square": 1,
        "year": {"min": 2004, "lower": 2005, "median": 2007, "upper": 2010, "max": 2012},
        "licenses": {"dataset": "CC-BY-4.0", "photos": "CC-BY-2.0"},
    }
    people = pass_utils("info", dummy_folder("v3"), "--release", "v3", cache=cache).stdout
    assert "images      23" in people
    assert "with place  7 (30%)" in people
    assert "width       160 to 500 pixels, half of them 375 to 500, median 500" in people
    assert "shape       landscape 15 (65%), portrait 7 (30%), square 1 (4%)" in people
    assert "taken       2004 to 2012, half of them 2005 to 2010, median 2007" in people


def test_info_speaks_of_the_pictures_that_keep_to_the_bounds(cache):
    bounds = ("--min-side", "375", "--max-aspect", "1")
    told = json.loads(pass_utils("info", dummy_folder("v2"), *bounds, "--json", cache=cache).stdout)
    assert (told["images"], told["landscape"], told["portrait"], told["square"]) == (6, 0, 5, 1)
    assert told["width"] == {"min": 375, "lower": 375, "median": 375, "upper": 375, "max": 500}
    nothing = pass_utils("info", dummy_folder("v2"), "--min-side", "501", cache=cache)
    assert nothing.returncode == 0
    assert "images      0" in nothing.stdout
    assert "width       -" in nothing.stdout
    assert "the longest side 500 pixels" in nothing.stderr
    for wrong, code, match in (
        (("--min-side", "0"), 2, "0 is not in the range x>=1"),
        (("--min-side", "9", "--max-width", "8"), 1, "found max_width=8, min_side=9, which contradict each other"),
    ):
        done = pass_utils("info", dummy_folder("v2"), *wrong, cache=cache)
        assert (done.returncode, done.stdout) == (code, "")
        assert match in done.stderr


def test_the_filter_options_are_the_bounds_of_filter_resolution():
    assert set(BOUNDS) == {field.name for field in fields(Bounds)}


def test_shards_are_chosen_as_people_write_them(cache):
    done = pass_utils("info", dummy_folder("v2"), "--shards", "0,3-5", "--json", cache=cache)
    parts = [pass_utils("info", dummy_folder("v2"), "--shards", n, "--json", cache=cache) for n in (0, 3, 4, 5)]
    assert json.loads(done.stdout)["images"] == sum(json.loads(part.stdout)["images"] for part in parts)
    assert json.loads(done.stdout)["image_bytes"] == sum(json.loads(part.stdout)["image_bytes"] for part in parts)


@pytest.mark.parametrize("shards", ["x", "1-", "-1", "1,,2", "", "5-3", "0,5-3", "0-99999999999"])
def test_bad_shard_numbers_are_a_matter_of_usage(cache, shards):
    done = pass_utils("info", dummy_folder("v2"), f"--shards={shards}", cache=cache)
    assert done.returncode == 2
    assert "expected shard numbers" in done.stderr
    assert "such as 0,3-5" in done.stderr


def test_a_folder_that_is_known_to_hold_a_release_is_opened_as_that_one(cache, tmp_path):
    shutil.copytree(dummy_folder("v3"), tmp_path / "pass")
    (tmp_path / "pass" / ".pass-utils.json").write_text(json.dumps({"record": RELEASES["v3"].record}))
    told = json.loads(pass_utils("info", tmp_path / "pass", "--json", cache=cache).stdout)
    assert told["images"] == 23
    for command in (("info",), ("credits", tmp_path / "a.csv"), ("credits", tmp_path / "a.csv", "--shards", "0")):
        done = pass_utils(command[0], tmp_path / "pass", *command[1:], "--release", "v2", cache=cache)
        assert (done.returncode, done.stdout) == (1, "")
        assert "expected a folder for record 5570664 (v2), found files of record 6615455" in done.stderr
    for shards in ((), ("--shards", "0")):
        assert pass_utils("credits", tmp_path / "pass", tmp_path / "a.txt", *shards, cache=cache).returncode == 0
        assert "release v3" in (tmp_path / "a.txt").read_text()


def test_an_error_is_one_line_that_says_what_to_do(cache, folder):
    shards = folder()
    write_tar(shards / "PASS.0.tar", {f"{image_hash(9)}.jpg": b""})
    for arguments, match in (
        ((shards,), "missing PASS.2.tar"),
        ((shards, "--shards", "0"), f"expected a row for image {image_hash(9)}"),
        ((shards, "--release", "v9"), "expected one of v2, v3, found 'v9'"),
    ):
        done = pass_utils("info", *arguments, cache=cache)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert match in done.stderr


def test_help_imports_nothing_heavy(cache):
    code = "import sys; from pass_utils.cli.main import cli; cli(['--help'], standalone_mode=False); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Describe the pictures" in done.stdout
    assert not {"datasets", "pyarrow", "numpy", "requests"} & set(done.stdout.split())
