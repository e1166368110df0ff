"""`pass-utils credits`: which pictures it speaks of, and what it says."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from conftest import image_hash

from pass_utils.releases import dummy_folder


@pytest.fixture
def work(tmp_path, monkeypatch) -> Path:
    """The folder in which the command runs."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def creators(path) -> list[str]:
    with path.open(newline="", encoding="utf-8") as file:
        return [row["creator"] for row in csv.DictReader(file)]


def test_without_a_choice_all_pictures_of_the_csv_are_credited(run, work, folder):
    where = folder()
    for shard in where.glob("*.tar"):
        shard.unlink()
    done = run("credits", where, "C.csv")
    assert (done.code, done.err) == (0, "")
    assert done.out == "C.csv: 5 credits, of all pictures in the CSV.\n"
    assert creators(work / "C.csv") == [f"user {n}" for n in (4, 3, 2, 1, 0)]


def test_with_a_choice_the_chosen_ones_are(run, work, folder):
    where = folder()
    done = run("credits", where, "C.csv", "--shards", "0")
    assert (done.code, done.out) == (0, "C.csv: 2 credits, of the chosen pictures.\n")
    assert creators(work / "C.csv") == ["user 0", "user 1"]
    counts = {}
    for bound in ("--max-width=250", "--min-width=251"):
        done = run("credits", dummy_folder(), "C.csv", bound)
        assert done.code == 0
        counts[bound] = len(creators(work / "C.csv"))
    assert sum(counts.values()) == 24
    assert min(counts.values()) > 0


def test_options_have_the_meaning_that_the_library_gives_them(run, work, folder):
    where = folder()
    (work / "left out").write_text(f"user 1\n\n{image_hash(2)}\n")
    arguments = [
        "--group-by",
        "creator",
        "--changes",
        "=resized",
        "--spreadsheet-safe",
        "--exclude",
        "user+4",
    ]
    done = run("credits", where, "C.csv", *arguments, "--exclude-from", "left out")
    assert done.code == 0
    text = (work / "C.csv").read_text(encoding="utf-8-sig")
    assert [row["creator"] for row in csv.DictReader(text.splitlines())] == ["user 0", "user 3"]
    assert '"\'=resized"' in text
    done = run("credits", dummy_folder(), "C.html", "--thumbnails", "64")
    assert done.out == "C.html: 24 credits, of the chosen pictures.\n"
    assert (work / "C.html").read_text().count("data:image/jpeg;base64,") == 24


def test_a_choice_of_no_shard_is_not_all_of_them(run, work, folder):
    done = run("credits", folder(), "C.csv", "--shards", "5-3")
    assert done.code != 0
    assert not (work / "C.csv").exists()


def test_a_file_of_those_to_leave_out_may_come_from_any_editor(run, work, folder):
    where = folder()
    (work / "left out").write_bytes("\ufeffuser 1\r\n".encode())
    assert run("credits", where, "C.csv", "--exclude-from", "left out").code == 0
    assert creators(work / "C.csv") == [f"user {n}" for n in (4, 3, 2, 0)]
    (work / "left out").write_bytes("José\n".encode("latin-1"))
    done = run("credits", where, "D.csv", "--exclude-from", "left out")
    assert (done.code, done.out) == (2, "")
    assert "--exclude-from: expected text in UTF-8" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(("arguments", "release"), [((), "v2"), (("--release", "v3"), "v3")])
def test_the_dataset_is_credited_by_its_release(run, work, arguments, release):
    assert run("credits", dummy_folder("v3"), "C.txt", *arguments).code == 0
    assert f"release {release} (" in (work / "C.txt").read_text()


def test_trouble_is_one_line_that_says_what_to_do(run, work, folder):
    for arguments, match in (
        ((folder(), "C.docx"), "expected a name that ends in .csv"),
        ((work / "no", "C.csv"), "found nothing there"),
        ((folder(name="other"), "no/C.csv"), "expected to write it"),
    ):
        done = run("credits", *arguments)
        assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
        assert match in done.err


def test_programs_are_told_how_many_and_where(run, work, folder):
    done = run("credits", folder(), "C.csv", "--json", "-q")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {"path": "C.csv", "credits": 5}
