"""Licence manifests, read by the tools that such files are made for."""

from __future__ import annotations

import json
import subprocess
import sys

import datasets
import pytest
from conftest import image_hash, jpeg
from support.hostile import known_names, raw_names, read_names

from pass_utils import dataset_credit, write_attribution
from pass_utils.attribution.writing import credits

RAW, READ = raw_names(), read_names()


def dataset() -> datasets.Dataset:
    return datasets.Dataset.from_dict(
        {"hash": [image_hash(place) for place in range(len(RAW))], "creator_username": RAW}
    )


@pytest.mark.slow
def test_spdx_s_own_tool_finds_the_document_valid_and_every_name_in_it(tmp_path):
    pytest.importorskip("spdx_tools")
    from spdx_tools.spdx.parser.parse_anything import parse_file
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

    path = tmp_path / "pictures.spdx.json"
    assert write_attribution(dataset(), path, changes='"resized"') == len(RAW)
    document = parse_file(str(path))
    assert validate_full_spdx_document(document) == []
    whole, *pictures = document.packages
    assert (str(whole.license_declared), whole.version, whole.attribution_texts) == (
        "CC-BY-4.0",
        "v2",
        [dataset_credit("v2")],
    )
    assert {package.files_analyzed for package in document.packages} == {False}
    assert [picture.name for picture in pictures] == [
        f"{image_hash(place)}.jpg" for place in range(len(RAW))
    ]
    assert [str(picture.copyright_text) for picture in pictures] == [
        name or "NOASSERTION" for name in known_names()
    ]
    assert {str(picture.license_declared) for picture in pictures} == {"CC-BY-2.0"}
    lines = [credit.text for credit in credits(dataset(), changes='"resized"')]
    assert [picture.attribution_texts for picture in pictures] == [[line] for line in lines]
    described = json.loads(path.read_text())["documentDescribes"]
    assert described == [
        "SPDXRef-PASS",
        *[f"SPDXRef-{image_hash(place)}" for place in range(len(RAW))],
    ]


@pytest.mark.slow
def test_reuse_s_own_tool_finds_creator_and_licence_of_every_image(tmp_path):
    assert write_attribution(dataset(), tmp_path / "REUSE.toml") == len(RAW)
    (tmp_path / "LICENSES").mkdir()
    for name in ("CC-BY-2.0.txt", "CC-BY-4.0.txt"):
        (tmp_path / "LICENSES" / name).write_text("its text")
    (tmp_path / "train" / "deep").mkdir(parents=True)
    files = {}
    for place, name in enumerate(READ):
        folder = ("", "train/", "train/deep/")[place % 3]
        files[f"{folder}{image_hash(place)}.jpg"] = name
        (tmp_path / f"{folder}{image_hash(place)}.jpg").write_bytes(jpeg(str(place)))
    (tmp_path / "train" / "pass_metadata.csv").write_text("a,b\n")
    done = subprocess.run(
        [sys.executable, "-m", "reuse", "lint", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    found = {file["path"]: file for file in json.loads(done.stdout)["files"]}
    for path, name in files.items():
        assert [copyright["value"] for copyright in found[path]["copyrights"]] == [
            f"SPDX-FileCopyrightText: {name}"
        ]
        assert [licence["value"] for licence in found[path]["spdx_expressions"]] == ["CC-BY-2.0"]
    csv = found["train/pass_metadata.csv"]
    authors = "Yuki M. Asano, Christian Rupprecht, Andrew Zisserman, Andrea Vedaldi"
    assert csv["copyrights"][0]["value"] == f"SPDX-FileCopyrightText: {authors}"
    assert csv["spdx_expressions"][0]["value"] == "CC-BY-4.0"


def test_changes_in_a_reuse_toml_are_a_comment_on_one_line(tmp_path):
    write_attribution(
        dataset(), tmp_path / "REUSE.toml", changes='cropped\n[[annotations]]\npath = "**"'
    )
    text = (tmp_path / "REUSE.toml").read_text()
    assert text.split("\n")[2] == '# Changes: cropped [[annotations]] path = "**".'
    without = tmp_path / "reuse.toml"
    write_attribution(dataset(), without, changes=" ")
    assert (
        text.replace('# Changes: cropped [[annotations]] path = "**".\n', "") == without.read_text()
    )


def test_an_image_that_comes_twice_is_one_package(tmp_path):
    pytest.importorskip("spdx_tools")
    from spdx_tools.spdx.parser.parse_anything import parse_file
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

    twice = datasets.concatenate_datasets([dataset().select([0, 1]), dataset().select([1, 2])])
    assert write_attribution(twice, tmp_path / "p.spdx.json") == 3
    document = parse_file(str(tmp_path / "p.spdx.json"))
    assert validate_full_spdx_document(document) == []
    assert [package.name for package in document.packages[1:]] == [
        f"{image_hash(place)}.jpg" for place in (0, 1, 2)
    ]
    assert write_attribution(twice, tmp_path / "REUSE.toml") == 3


def test_a_creator_called_unknown_flickr_user_is_the_owner(tmp_path):
    ds = datasets.Dataset.from_dict(
        {"hash": [image_hash(0)], "creator_username": ["unknown+Flickr+user"]}
    )
    write_attribution(ds, tmp_path / "p.spdx.json")
    picture = json.loads((tmp_path / "p.spdx.json").read_text())["packages"][1]
    assert (picture["copyrightText"], picture["originator"]) == (
        "unknown Flickr user",
        "Person: unknown Flickr user",
    )


def test_manifests_of_no_images_are_complete(tmp_path):
    empty = dataset().select([])
    assert (
        write_attribution(empty, tmp_path / "p.spdx.json")
        == write_attribution(empty, tmp_path / "reuse.toml")
        == 0
    )
    assert json.loads((tmp_path / "p.spdx.json").read_text())["documentDescribes"] == [
        "SPDXRef-PASS"
    ]
    assert (tmp_path / "reuse.toml").read_text().endswith("]\n")
