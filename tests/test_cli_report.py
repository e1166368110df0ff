"""`pass-utils report`: which pictures it speaks of, and what it says."""

from __future__ import annotations

import json
import sys

import pytest

from pass_utils.cli import report
from pass_utils.releases import dummy_folder

html5lib = pytest.importorskip("html5lib")
pytest.importorskip("matplotlib", reason="pip install 'pass-utils[report]'")


@pytest.fixture(autouse=True)
def _work(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)


def page(path) -> str:
    tree = html5lib.parse(path.read_text(), namespaceHTMLElements=False)
    return " ".join("".join(tree.find("body").itertext()).split())


def test_report_describes_the_chosen_images_and_how_they_were_chosen(run, tmp_path):
    done = run(
        "report",
        dummy_folder(),
        "-o",
        "r.html",
        "--min-side",
        "375",
        "--shards",
        "0-9",
        "--images",
        "2",
        "-q",
    )
    assert (done.code, done.err) == (0, "")
    assert done.out == "r.html: 13 images, 2 of them shown.\n"
    found = page(tmp_path / "r.html")
    assert (
        "They were chosen: from shards 0, 1, 2, 3, 4, 5, 6, 7, 8 and 9; shorter side at least 375 "
        "pixels." in found
    )
    assert "2 of them, spread evenly over the dataset" in found
    assert "pass-utils report FOLDER --shards 0,1,2,3,4,5,6,7,8,9 --min-side 375." in found
    assert str(dummy_folder()) not in found


def test_report_json_has_the_keys_of_info_json(run):
    done = run("report", dummy_folder(), "--images", "2", "--json", "-q")
    assert (done.code, done.err) == (0, "")
    printed = json.loads(done.out)
    assert (printed.pop("path"), printed.pop("shown")) == ("report.html", 2)
    described = json.loads(run("info", dummy_folder(), "--json", "-q").out)
    for key in ("licenses", "release", "release_images", "withdrawn"):
        described.pop(key)
    assert printed == described


def test_report_without_a_filter_is_on_all_images(run, tmp_path):
    done = run("report", dummy_folder("v3"), "--release", "v3")
    assert (done.code, done.out) == (0, "report.html: 23 images, 23 of them shown.\n")
    found = page(tmp_path / "report.html")
    assert "They were chosen" not in found
    assert "release v3 (2022-04-07)" in found


def test_report_prints_an_error_in_one_line(run):
    done = run("report", dummy_folder(), "-o", "missing/r.html")
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert "expected to write it, found: " in done.err


def test_report_asks_for_matplotlib_before_it_reads_the_folder(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setattr(report, "load", lambda *_, **__: pytest.fail("too late"))
    done = run("report", dummy_folder())
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert "`pip install 'pass-utils[report]'`" in done.err
