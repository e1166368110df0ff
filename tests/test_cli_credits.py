"""`pass-utils credits`: which pictures it speaks of, and what it says."""

from __future__ import annotations

import csv

import pytest
from conftest import image_hash
from test_cli import pass_utils

from pass_utils.releases import dummy_folder


def creators(path) -> list[str]:
    with path.open(newline="", encoding="utf-8") as file:
        return [row["creator"] for row in csv.DictReader(file)]


def test_without_a_choice_all_pictures_of_the_csv_are_credited(cache, folder):
    where = folder()
    for shard in where.glob("*.tar"):
        shard.unlink()
    done = pass_utils("credits", where, "C.csv", cache=cache)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "C.csv: 5 credits, of all pictures in the CSV.\n"
    assert creators(cache / "work" / "C.csv") == [f"user {n}" for n in (4, 3, 2, 1, 0)]


def test_with_a_choice_the_chosen_ones_are(cache, folder):
    where = folder()
    done = pass_utils("credits", where, "C.csv", "--shards", "0", cache=cache)
    assert (done.returncode, done.stdout) == (0, "C.csv: 2 credits, of the chosen pictures.\n")
    assert creators(cache / "work" / "C.csv") == ["user 0", "user 1"]
    counts = {}
    for bound in ("--max-width=250", "--min-width=251"):
        done = pass_utils("credits", dummy_folder(), "C.csv", bound, cache=cache)
        assert done.returncode == 0
        counts[bound] = len(creators(cache / "work" / "C.csv"))
    assert sum(counts.values()) == 24
    assert min(counts.values()) > 0


def test_options_have_the_meaning_that_the_library_gives_them(cache, folder):
    where = folder()
    (cache / "work").mkdir()
    (cache / "work" / "left out").write_text(f"user 1\n\n{image_hash(2)}\n")
    arguments = ["--group-by", "creator", "--changes", "=resized", "--spreadsheet-safe", "--exclude", "user+4"]
    done = pass_utils("credits", where, "C.csv", *arguments, "--exclude-from", "left out", cache=cache)
    assert done.returncode == 0
    text = (cache / "work" / "C.csv").read_text(encoding="utf-8-sig")
    assert [row["creator"] for row in csv.DictReader(text.splitlines())] == ["user 0", "user 3"]
    assert '"\'=resized"' in text
    done = pass_utils("credits", dummy_folder(), "C.html", "--thumbnails", "64", cache=cache)
    assert done.stdout == "C.html: 24 credits, of the chosen pictures.\n"
    assert (cache / "work" / "C.html").read_text().count("data:image/jpeg;base64,") == 24


def test_a_choice_of_no_shard_is_not_all_of_them(cache, folder):
    done = pass_utils("credits", folder(), "C.csv", "--shards", "5-3", cache=cache)
    assert done.returncode != 0
    assert not (cache / "work" / "C.csv").exists()


def test_a_file_of_those_to_leave_out_may_come_from_any_editor(cache, folder):
    where = folder()
    (cache / "work").mkdir()
    (cache / "work" / "left out").write_bytes("\ufeffuser 1\r\n".encode())
    assert pass_utils("credits", where, "C.csv", "--exclude-from", "left out", cache=cache).returncode == 0
    assert creators(cache / "work" / "C.csv") == [f"user {n}" for n in (4, 3, 2, 0)]
    (cache / "work" / "left out").write_bytes("José\n".encode("latin-1"))
    done = pass_utils("credits", where, "D.csv", "--exclude-from", "left out", cache=cache)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--exclude-from: expected text in UTF-8" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("arguments", "release"), [((), "v2"), (("--release", "v3"), "v3")])
def test_the_dataset_is_credited_by_its_release(cache, arguments, release):
    assert pass_utils("credits", dummy_folder("v3"), "C.txt", *arguments, cache=cache).returncode == 0
    assert f"release {release} (" in (cache / "work" / "C.txt").read_text()


def test_trouble_is_one_line_that_says_what_to_do(cache, folder):
    for arguments, match in (
        ((folder(), "C.docx"), "expected a name that ends in .csv"),
        ((cache / "no", "C.csv"), "found nothing there"),
        ((folder(name="other"), "no/C.csv"), "expected to write it"),
    ):
        done = pass_utils("credits", *arguments, cache=cache)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert match in done.stderr
