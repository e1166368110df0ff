"""Image folders: that torchvision and `datasets` read them, and what they find."""

from __future__ import annotations

import importlib.util
import json
import sys
import types
from pathlib import Path

import pytest
from conftest import image_hash, jpeg
from datasets import Dataset, Features, Image, Value, load_dataset

from pass_utils import ExportError, write_imagefolder
from pass_utils.releases import FEATURES


@pytest.fixture(autouse=True)
def small_folders(monkeypatch):
    monkeypatch.setattr("pass_utils.export.imagefolder._FOLDER_ROWS", 7)
    monkeypatch.setattr("pass_utils.export.imagefolder._GROUP_ROWS", 7)


def test_datasets_reads_the_same_rows(bundled, tmp_path):
    release, folder = bundled
    written = write_imagefolder(
        load_dataset("pass", release, data_dir=str(folder), split="train"), tmp_path
    )
    assert [file.name for file in written] == [
        "train/00000",
        "train/00001",
        "train/00002",
        "train/00003",
        "train/metadata.jsonl",
    ]
    embedded = load_dataset("pass", release, data_dir=str(folder), split="train", embed_images=True)
    back = load_dataset("imagefolder", data_dir=str(tmp_path), split="train")
    assert list(back.features) == list(FEATURES)
    back, embedded = (
        back.sort("hash"),
        embedded.sort("hash"),
    )  # `datasets` before 4 gives the rows in an order of its own
    rows = [list(ds.cast_column("image", Image(decode=False))) for ds in (back, embedded)]
    for row, expected in zip(*rows, strict=True):
        with open(row["image"]["path"], "rb") as file:  # noqa: PTH123
            assert file.read() == expected["image"]["bytes"]
        assert {**row, "image": None} == {**expected, "image": None}
    assert back[0]["image"].size == embedded[0]["image"].size
    typed = load_dataset("imagefolder", data_dir=str(tmp_path), split="train", features=FEATURES)
    assert typed.features == FEATURES
    assert typed.sort("hash").remove_columns("image")[:] == embedded.remove_columns("image")[:]


def image_folder(monkeypatch):
    """torchvision's ImageFolder; of a build that does not fit torch, and so finds no operators, the
    module alone.
    """
    try:
        return importlib.import_module("torchvision.datasets").ImageFolder
    except ImportError:
        pytest.skip("pip install torchvision")
    except RuntimeError:
        where = Path(importlib.util.find_spec("torchvision").origin).parent
        for name, path in (("torchvision", where), ("torchvision.datasets", where / "datasets")):
            package = types.ModuleType(name)
            package.__path__, package.get_image_backend = [str(path)], lambda: "PIL"
            monkeypatch.setitem(sys.modules, name, package)
        return importlib.import_module("torchvision.datasets.folder").ImageFolder


def test_torchvision_reads_the_pictures(folder, tmp_path, monkeypatch):
    read = image_folder(monkeypatch)
    ds = load_dataset("pass", data_dir=str(folder([range(17)])), shards=[0], split="train")
    write_imagefolder(ds, tmp_path / "out")
    whole = read(tmp_path / "out")
    assert (whole.classes, len(whole)) == (["train"], 17)
    assert read(tmp_path / "out" / "train").classes == ["00000", "00001", "00002"]
    found = {path.rpartition("/")[2] for path, _ in whole.samples}
    assert found == {f"{image_hash(number)}.jpg" for number in range(17)}
    assert {picture.size for picture, _ in whole} == {row["image"].size for row in ds}


def test_torchvision_reads_the_constant_label(folder, tmp_path, monkeypatch):
    read = image_folder(monkeypatch)
    ds = load_dataset("pass", data_dir=str(folder([range(17)])), shards=[0], split="train")
    write_imagefolder(ds, tmp_path / "out", label_column="label")
    whole = read(tmp_path / "out" / "train")
    assert whole.classes == ["pass"]
    assert [label for _, label in whole.samples] == [0] * 17


def test_the_metadata_are_in_the_order_of_the_rows(folder, tmp_path):
    ds = load_dataset("pass", data_dir=str(folder([range(17)])), shards=[0], split="train").shuffle(
        seed=1
    )
    *folders, metadata = write_imagefolder(ds, tmp_path / "out", num_proc=2)
    lines = (tmp_path / "out" / metadata.name).read_bytes().splitlines()
    rows = list(map(json.loads, lines))
    assert [row["hash"] for row in rows] == ds["hash"][:]
    assert [row["file_name"] for row in rows] == [
        f"{n // 7:05}/{hash}.jpg" for n, hash in enumerate(ds["hash"][:])
    ]
    assert rows[0]["date_taken"] == ds[0]["date_taken"].isoformat()
    for row in rows:
        assert (tmp_path / "out" / "train" / row["file_name"]).read_bytes() == jpeg(row["hash"])
    assert [(file.name, file.rows) for file in folders] == [
        ("train/00000", 7),
        ("train/00001", 7),
        ("train/00002", 3),
    ]
    assert (metadata.rows, metadata.size) == (17, sum(map(len, lines)) + 17)
    for file in folders:
        assert file.size == sum(
            path.stat().st_size for path in (tmp_path / "out" / file.name).iterdir()
        )


@pytest.mark.parametrize(
    "name", ["file_name", "file_names", "mask_file_name", "other_file_names", "image"]
)
def test_a_column_with_the_reader_s_own_name_is_refused(tmp_path, name):
    features = Features({"picture": Image(), name: Value("string")})
    ds = Dataset.from_dict(
        {"picture": [{"bytes": b"x", "path": None}], name: ["y"]}, features=features
    )
    with pytest.raises(ExportError, match=rf'expected no column {name}.*rename_column\("{name}"'):
        write_imagefolder(ds, tmp_path)
    assert list(tmp_path.iterdir()) == []
