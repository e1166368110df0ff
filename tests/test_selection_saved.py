"""The record of a selection in a file: what is in it, and that it is a list again."""

from __future__ import annotations

import hashlib
import json

import pytest
from datasets import load_dataset
from support.hub import Hub, connect

from pass_utils import SelectionError
from pass_utils.releases import dummy_folder
from pass_utils.selection.lists import read_hashes
from pass_utils.selection.record import Selection
from pass_utils.selection.saved import write_selection

FOLDER = dummy_folder("v2")
HASHES = sorted(load_dataset("pass", data_dir=str(FOLDER), split="train")["hash"][:])


@pytest.fixture
def hub(tmp_path, monkeypatch):
    with Hub(tmp_path / "hub") as hub:
        connect(hub, monkeypatch, tmp_path / "home")
        yield hub


def digest(hashes) -> str:
    return hashlib.sha256("".join(f"{each}\n" for each in sorted(hashes)).encode()).hexdigest()


@pytest.mark.parametrize("command", ["info", "credits", "report", "export", "push", "download"])
def test_every_command_saves_which_images_it_took(command, run, tmp_path, hub):
    if command == "report":
        pytest.importorskip("matplotlib")
    saved, out = tmp_path / "chosen.json", tmp_path / "out"
    arguments = {
        "info": ["info", FOLDER],
        "credits": ["credits", FOLDER, tmp_path / "C.csv"],
        "report": ["report", FOLDER, "-o", tmp_path / "r.html"],
        "export": ["export", "parquet", FOLDER, out],
        "push": ["push", FOLDER, "me/pass"],
        "download": ["download", out, "--release", "v2", "--from", FOLDER],
    }[command]
    options = ("--has-gps", "--exclude", HASHES[0], "--save-selection", saved)
    assert run(*arguments, *options, "-q").code == 0
    document = json.loads(saved.read_text())
    listed = read_hashes(HASHES[0])
    asked = {"release": "v2", "exclude": {"count": 1, "sha256": listed.digest}, "has_gps": True}
    assert document["selection"] == asked
    assert document["words"] == Selection.from_json(asked).words()
    ds = load_dataset("pass", data_dir=str(FOLDER), split="train", has_gps=True, exclude=HASHES[0])
    assert document["count"] == len(ds) < 24
    assert document["sha256"] == digest(ds["hash"])
    assert "hashes" not in document


def test_a_selection_saved_with_its_hashes_is_a_list(run, tmp_path):
    saved = tmp_path / "chosen.json"
    run("info", FOLDER, "--min-side", "375", "--save-selection", saved, "--save-hashes")
    document = json.loads(saved.read_text())
    assert (document["count"], len(document["hashes"])) == (13, 13)
    assert document["selection"] == {"release": "v2", "min_side": 375}
    done = run("credits", FOLDER, tmp_path / "C.csv", "--include", saved, "--json")
    assert json.loads(done.out)["credits"] == 13
    listed = read_hashes(saved)
    assert (listed.digest, listed.release) == (document["sha256"], "v2")


def test_a_selection_of_no_image_is_an_empty_list(tmp_path):
    saved = tmp_path / "chosen.json"
    write_selection(saved, Selection("v3"), read_hashes([]).keys, hashes=True)
    assert len(read_hashes(saved)) == 0


def test_a_selection_saved_without_its_hashes_is_no_list(run, tmp_path):
    saved = tmp_path / "chosen.json"
    run("info", FOLDER, "--save-selection", saved)
    done = run("info", FOLDER, "--include", saved)
    assert (done.code, done.out) == (1, "")
    assert "expected a selection saved with its hashes, found one without. Save it" in done.err
    document = json.loads(saved.read_text())
    document["hashes"] = HASHES[:3]
    saved.write_text(json.dumps(document, indent=1))
    with pytest.raises(SelectionError, match="found ValueError 3 hashes of 24"):
        read_hashes(saved)


def test_a_record_that_cannot_be_written_is_known_before_the_work(run, tmp_path):
    done = run("info", FOLDER, "--save-selection", tmp_path / "none" / "chosen.json")
    assert (done.code, done.out) == (2, "")
    assert "expected the name of a file in a folder that is there" in done.err
    done = run("info", FOLDER, "--save-hashes")
    assert (done.code, done.out) == (2, "")
    assert "--save-hashes: expected it beside --save-selection FILE." in done.err
    with pytest.raises(SelectionError, match="expected to write the record of the selection"):
        write_selection(tmp_path / "none" / "chosen.json", Selection("v3"), None)


def test_a_planned_export_saves_nothing(run, tmp_path):
    saved = tmp_path / "chosen.json"
    options = ("--dry-run", "--save-selection", saved)
    assert run("export", "parquet", FOLDER, tmp_path / "out", *options).code == 0
    assert not saved.exists()


def test_names_of_people_are_in_no_record(run, tmp_path):
    saved = tmp_path / "chosen.json"
    options = ("--exclude", "halftone", "--exclude", HASHES[0], "--save-selection", saved)
    done = run("credits", FOLDER, tmp_path / "C.csv", *options, "--save-hashes", "--json")
    document = json.loads(saved.read_text())
    assert document["count"] == len(document["hashes"]) == json.loads(done.out)["credits"]
    assert "halftone" not in saved.read_text()
    assert document["selection"]["exclude"]["count"] == 1
