"""`pass-utils credits`: which images it credits, and what it prints."""

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


def test_credits_without_a_selection_are_of_all_images_of_the_csv(run, work, folder):
    where = folder()
    for shard in where.glob("*.tar"):
        shard.unlink()
    done = run("credits", where, "C.csv")
    assert (done.code, done.err) == (0, "")
    assert done.out == "C.csv: 5 credits, of all images in the CSV.\n"
    assert creators(work / "C.csv") == [f"user {n}" for n in (4, 3, 2, 1, 0)]


def test_credits_of_a_selection_are_of_the_selected_images(run, work, folder):
    where = folder()
    done = run("credits", where, "C.csv", "--shards", "0")
    assert (done.code, done.out) == (0, "C.csv: 2 credits, of the selected images.\n")
    assert creators(work / "C.csv") == ["user 0", "user 1"]
    counts = {}
    for bound in ("--max-width=250", "--min-width=251"):
        done = run("credits", dummy_folder(), "C.csv", bound)
        assert done.code == 0
        counts[bound] = len(creators(work / "C.csv"))
    assert sum(counts.values()) == 24
    assert min(counts.values()) > 0


def test_options_of_credits_mean_what_the_library_means(run, work, folder):
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
    assert done.out == "C.html: 24 credits, of the selected images.\n"
    assert (work / "C.html").read_text().count("data:image/jpeg;base64,") == 24


def test_credits_of_an_empty_range_of_shards_are_an_error(run, work, folder):
    done = run("credits", folder(), "C.csv", "--shards", "5-3")
    assert done.code != 0
    assert not (work / "C.csv").exists()


def test_exclude_from_takes_files_of_any_editor(run, work, folder):
    where = folder()
    (work / "left out").write_bytes("\ufeffuser 1\r\n".encode())
    assert run("credits", where, "C.csv", "--exclude-from", "left out").code == 0
    assert creators(work / "C.csv") == [f"user {n}" for n in (4, 3, 2, 0)]
    (work / "left out").write_bytes("José\n".encode("latin-1"))
    done = run("credits", where, "D.csv", "--exclude-from", "left out")
    assert (done.code, done.out) == (2, "")
    assert "--exclude-from: expected text in UTF-8" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("arguments", [(), ("--release", "v3")])
def test_credits_name_the_release_of_the_folder(run, work, arguments):
    assert run("credits", dummy_folder("v3"), "C.txt", *arguments).code == 0
    assert "release v3 (" in (work / "C.txt").read_text()


def test_errors_of_credits_are_one_line_with_advice(run, work, folder):
    for arguments, match in (
        ((folder(), "C.docx"), "expected a name that ends in .csv"),
        ((work / "no", "C.csv"), "found nothing there"),
        ((folder(name="other"), "no/C.csv"), "expected to write it"),
    ):
        done = run("credits", *arguments)
        assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
        assert match in done.err


def test_json_of_credits_has_path_and_count(run, work, folder):
    done = run("credits", folder(), "C.csv", "--json", "-q")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {"path": "C.csv", "credits": 5}


def test_credits_do_not_replace_the_list_of_whom_to_exclude(run, work, folder):
    (work / "out.txt").write_text("user 1\n")
    done = run("credits", folder(), "out.txt", "--exclude-from", "out.txt")
    assert done.code == 2
    assert "which --exclude-from reads" in done.err
    assert (work / "out.txt").read_text() == "user 1\n"


def test_exclude_takes_removals_and_withholds_names_without_the_shards(run, work, folder):
    where = folder()
    for shard in where.glob("*.tar"):
        shard.unlink()
    removals = work / "removals.csv"
    removals.write_text(
        f"hash,action,reason\n{image_hash(0)},remove,\n{image_hash(3)},withhold_name,\n"
    )
    done = run("credits", where, "C.csv", "--exclude", removals, "--exclude", "user 1", "--json")
    assert json.loads(done.out)["credits"] == 3
    lines = list(csv.DictReader((work / "C.csv").open(encoding="utf-8")))
    assert {line["hash"]: line["creator"] for line in lines} == {
        image_hash(2): "user 2",
        image_hash(3): "name withheld at the creator's request",
        image_hash(4): "user 4",
    }
