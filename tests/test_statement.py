"""Statements of the data: the facts that they state, the gaps that they mark, and the page."""

from __future__ import annotations

import hashlib
import json
import shutil

import datasets
import numpy as np
import pytest
from datasets import load_dataset
from support.reporting import dataset, row
from support.zenodo import describe

from pass_utils import (
    RELEASES,
    DatasetError,
    ReleaseError,
    ReportError,
    download,
    verify,
    write_statement,
)
from pass_utils.releases import dummy_folder
from pass_utils.selection.bounds import Bounds
from pass_utils.selection.record import Selection
from pass_utils.statement.distribution import describe_dates, describe_locations
from pass_utils.statistics import Dates


def opened(folder=None, name="v3", **options):
    folder = folder or dummy_folder(name)
    return load_dataset("pass", name, data_dir=str(folder), split="train", **options)


def test_a_statement_counts_the_images_and_names_their_dataset(tmp_path):
    ds = opened()
    facts = write_statement(ds, tmp_path / "DATA.md")
    assert (facts["images"], facts["splits"]) == (23, {"train": 23})
    assert facts["image_bytes"] == 368_007
    assert facts["dataset"]["doi"] == "10.5281/zenodo.6615455"
    assert [license["spdx"] for license in facts["licenses"]] == ["CC-BY-4.0", "CC-BY-2.0"]
    assert (facts["location"]["images"], facts["date"]["images"]) == (7, 20)
    assert facts["personal_data"]["creators"] == 8
    page = (tmp_path / "DATA.md").read_text()
    assert "| images | 23 of the 1,439,588 of the release |\n" in page
    assert "| size | 368,007 bytes of image files |\n" in page
    assert "- Images with a location: 7 (30%)\n" in page
    assert json.loads(json.dumps(facts)) == facts


def test_the_digest_is_that_of_the_sorted_hashes(tmp_path):
    ds = opened()
    text = "".join(f"{hash}\n" for hash in sorted(ds["hash"]))
    digest = hashlib.sha256(text.encode()).hexdigest()
    facts = write_statement(ds.shuffle(seed=1), tmp_path / "DATA.md")
    assert facts["hashes"] == {"count": 23, "sha256": digest}
    assert f"`{digest}`" in (tmp_path / "DATA.md").read_text()


def test_a_statement_of_splits_has_the_images_of_all(tmp_path):
    ds = opened()
    parts = {"train": ds.select(range(20)), "test": ds.select(range(20, 23))}
    together = write_statement(parts, tmp_path / "DATA.md")
    assert together["splits"] == {"train": 20, "test": 3}
    assert "| splits | train 20, test 3 |\n" in (tmp_path / "DATA.md").read_text()
    assert together["hashes"] == write_statement(ds, tmp_path / "DATA.md")["hashes"]


def test_the_same_dataset_gives_the_same_page(tmp_path):
    for name in ("a.md", "b.md"):
        write_statement(opened(), tmp_path / name)
    assert (tmp_path / "a.md").read_bytes() == (tmp_path / "b.md").read_bytes()


def test_a_verified_folder_is_stated_as_the_release(tmp_path, monkeypatch):
    folder = shutil.copytree(dummy_folder("v2"), tmp_path / "pass")
    small = describe(folder)
    release = RELEASES["v2"]._replace(files=small.files, images=small.images)
    monkeypatch.setitem(RELEASES, "v2", release)
    before = write_statement(opened(folder, "v2"), tmp_path / "DATA.md")
    assert (before["obtained"]["source"], before["obtained"]["verified"]) == (None, False)
    assert verify(folder) == []
    facts = write_statement(opened(folder, "v2"), tmp_path / "DATA.md")
    assert facts["obtained"] == {
        "source": "https://doi.org/10.5281/zenodo.5570664",
        "when": None,
        "files": [f"PASS.{number}.tar" for number in range(10)],
        "verified": True,
    }
    assert facts["selection"]["words"] == "all images of the release"
    assert set(facts["gaps"]) == {"obtained.when", "withdrawals.v3"}


def test_the_manifest_of_a_subset_says_how_and_when(tmp_path):
    folder = tmp_path / "some"
    download(folder, "v2", sample=5, seed=1, source=dummy_folder("v2"))
    manifest = json.loads((folder / "PASS.subset.json").read_text())
    facts = write_statement(
        opened(folder, "v2").select([0, 1]),
        tmp_path / "DATA.md",
        selection=Selection(bounds=Bounds(min_side=1)),
    )
    assert facts["selection"] == {
        "words": "a sample of 5 with seed 1; of these: shorter side at least 1 pixels",
        "records": [{"sample": 5, "seed": 1}, {"min_side": 1}],
        "missing": 0,
    }
    assert facts["obtained"]["when"] == manifest["created"]
    assert facts["obtained"]["files"] == ["pass_metadata.csv", "PASS.subset.tar"]
    assert facts["changes"] == "none"
    assert "a sample of 5 with seed 1; of these:" in (tmp_path / "DATA.md").read_text()


def test_a_later_release_that_withdrew_images_is_a_gap(tmp_path):
    facts = write_statement(opened(name="v2"), tmp_path / "DATA.md")
    assert facts["withdrawals"] == {"up_to": "v2", "released": "2021-10-14", "later": ["v3"]}
    assert facts["gaps"]["withdrawals.v3"] == (
        "whether any of these is among the 131 images that v3 of 2022-04-07 withdrew"
    )
    assert write_statement(opened(), tmp_path / "DATA.md")["withdrawals"]["later"] == []


def test_withdrawals_hold_up_to_the_release_whose_withdrawn_images_were_dropped(tmp_path):
    chosen = Selection(drop_withdrawn="v3")
    facts = write_statement(opened(name="v2"), tmp_path / "DATA.md", selection=chosen)
    assert facts["withdrawals"] == {"up_to": "v3", "released": "2022-04-07", "later": []}
    assert "withdrawals.v3" not in facts["gaps"]
    page = (tmp_path / "DATA.md").read_text()
    assert "Images that were withdrawn up to release v3 of 2022-04-07 are not among these." in page


def test_a_dataset_of_another_origin_has_gaps_for_all_that_is_not_in_it(tmp_path):
    rows = dataset(row(1), row(2)).remove_columns(
        ["gps_latitude", "gps_longitude", "date_taken", "hash"]
    )
    facts = write_statement(rows, tmp_path / "DATA.md")
    assert set(facts["gaps"]) == {
        *("dataset", "withdrawals", "personal_data", "location", "date", "hashes", "selection"),
        *("obtained.source", "obtained.when", "obtained.verified", "changes"),
    }
    page = (tmp_path / "DATA.md").read_text()
    for gap in facts["gaps"].values():
        assert f"**[gap: {gap}]**" in page
    assert "CC BY" not in page


def test_a_release_is_stated_without_its_files(tmp_path):
    facts = write_statement("v3", tmp_path / "DATA.md", changes="resized to 256 pixels")
    assert (facts["images"], facts["image_bytes"]) == (1_439_588, 178_563_446_100)
    assert facts["selection"]["words"] == "all images of the release"
    page = (tmp_path / "DATA.md").read_text()
    assert "| images | 1,439,588 |\n" in page
    assert "The images were changed: resized to 256 pixels.\n" in page
    assert [gap for gap in facts["gaps"].values() if f"**[gap: {gap}]**" not in page] == []


def test_words_of_the_user_are_text(tmp_path):
    hostile = "<script>x</script> | [a](http://b)\n# head"
    facts = write_statement(opened(), tmp_path / "D.md", selection=hostile, changes=hostile)
    page = (tmp_path / "D.md").read_text()
    assert "<script" not in page
    assert "http://b" not in page
    assert "\n# head" not in page
    assert facts["changes"] == "<script>x</script> | [a](http://b) # head"


def test_what_cannot_be_stated_leaves_no_file(tmp_path):
    stream = load_dataset(
        "pass", "v3", data_dir=str(dummy_folder("v3")), split="train", streaming=True
    )
    with pytest.raises(DatasetError, match="found a stream"):
        write_statement(stream, tmp_path / "DATA.md")
    with pytest.raises(DatasetError, match="a column of type Image"):
        write_statement(datasets.Dataset.from_dict({"a": [1]}), tmp_path / "DATA.md")
    with pytest.raises(ReleaseError, match="found 'v9'"):
        write_statement("v9", tmp_path / "DATA.md")
    with pytest.raises(ReportError, match="expected to write it"):
        write_statement("v3", tmp_path / "none" / "DATA.md")
    assert list(tmp_path.iterdir()) == []


def test_locations_are_counted_by_region_once_each():
    cells = np.zeros((36, 72), np.int64)
    cells[(50 + 90) // 5, (5 + 180) // 5] = 6  # Europe
    cells[(40 + 90) // 5, (-100 + 180) // 5] = 3  # United States
    cells[(35 + 90) // 5, (135 + 180) // 5] = 2  # Japan
    cells[(-35 + 90) // 5, (150 + 180) // 5] = 1  # Australia
    found = describe_locations(cells)
    assert [region["images"] for region in found["regions"]] == [6, 3, 2, 1]
    assert (found["images"], found["cells"], found["cells_with_half"]) == (12, 4, 1)
    assert describe_locations(cells * 0)["cells_with_half"] == 0


def test_dates_are_counted_by_year_and_by_day():
    hours = np.zeros(24, np.int64)
    hours[[5, 6, 17, 18]] = 1, 2, 4, 8
    found = describe_dates(Dates({2004: 1, 2010: 3, 2011: 3}, np.zeros(12, np.int64), hours))
    assert found == {
        "images": 7,
        "first": 2004,
        "last": 2011,
        "half_from": 2010,
        "half_to": 2011,
        "most_frequent": 2011,
        "of_most_frequent": 3,
        "with_time": 15,
        "by_day": 6,
    }
    assert describe_dates(Dates({}, np.zeros(12, np.int64), hours * 0))["first"] is None


def test_the_command_states_what_its_options_select(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = dummy_folder("v3")
    done = run("statement", folder, "--min-side", "375", "--changes", "cropped", "-q")
    assert (done.code, done.err) == (0, "")
    assert done.out == "DATA.md: 13 images, 3 gaps to fill in.\n"
    page = (tmp_path / "DATA.md").read_text()
    assert "- Selection: shorter side at least 375 pixels\n" in page
    assert "The images were changed: cropped.\n" in page
    assert str(folder) not in page
    done = run("statement", folder, "-o", "x.md", "--min-side", "375", "--json", "-q")
    printed = json.loads(done.out)
    assert (printed["path"], printed["images"], printed["changes"]) == ("x.md", 13, "none")
