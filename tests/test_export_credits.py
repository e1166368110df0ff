"""Credits beside an export: whose images they name, and that they are kept complete."""

from __future__ import annotations

import csv
import logging
from pathlib import Path

import pytest
from datasets import Dataset, DatasetDict, Features, Image, load_dataset

from pass_utils import ExportError, write_imagefolder, write_parquet, write_webdataset
from pass_utils.export.outputs import Output
from pass_utils.releases import dummy_folder

WRITERS = [write_parquet, write_webdataset, write_imagefolder]


@pytest.fixture
def ds() -> Dataset:
    return load_dataset("pass", data_dir=str(dummy_folder("v2")), split="train")


def read(folder: Path) -> dict[str, dict[str, str]]:
    """The credits by hash."""
    with (folder / "CREDITS.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["hash"] for row in rows}) == len(rows)
    return {row["hash"]: row for row in rows}


@pytest.mark.parametrize("write", WRITERS)
def test_exports_write_the_credits_of_their_rows(ds, tmp_path, write):
    write(ds.select(range(5)), tmp_path / "out")
    found = read(tmp_path / "out")
    assert list(found) == ds["hash"][:5]
    assert all(row["source_url"] and row["license_url"] for row in found.values())
    write(ds, tmp_path / "none", credits=False)
    assert not (tmp_path / "none" / "CREDITS.csv").exists()


def test_readers_do_not_take_credits_for_data(ds, tmp_path):
    for write, kind in zip(WRITERS, (None, "webdataset", "imagefolder"), strict=True):
        out = str(tmp_path / write.__name__)
        write(ds, out)
        back = load_dataset(kind, data_dir=out) if kind else load_dataset(out)
        assert {split: len(part) for split, part in back.items()} == {"train": 24}


def test_the_credits_of_a_stream_are_those_of_its_rows(ds, tmp_path):
    write_parquet(ds, tmp_path / "dataset")
    stream = load_dataset("pass", data_dir=str(dummy_folder("v2")), split="train", streaming=True)
    for _ in range(2):  # the second time no file is written
        write_parquet(stream, tmp_path / "stream")
        assert read(tmp_path / "stream") == read(tmp_path / "dataset")
        (tmp_path / "stream" / "CREDITS.csv").unlink()


def test_splits_that_come_later_are_added_to_the_credits(ds, tmp_path):
    write_parquet(DatasetDict(train=ds.select(range(5))), tmp_path)
    write_parquet(DatasetDict(test=ds.select(range(5, 9))), tmp_path)
    assert sorted(read(tmp_path)) == sorted(ds["hash"][:9])
    before = (tmp_path / "CREDITS.csv").read_bytes()
    write_parquet(DatasetDict(train=ds.select(range(5))), tmp_path)
    assert (tmp_path / "CREDITS.csv").read_bytes() == before


def test_complete_credits_are_not_written_again(ds, tmp_path):
    write_parquet(ds, tmp_path)
    inode = (tmp_path / "CREDITS.csv").stat().st_ino
    write_parquet(ds, tmp_path)
    assert (tmp_path / "CREDITS.csv").stat().st_ino == inode
    (tmp_path / "CREDITS.csv").write_bytes(b"")
    write_parquet(ds, tmp_path)
    assert len(read(tmp_path)) == 24


def test_a_credit_list_of_somebody_else_is_kept(ds, tmp_path):
    (tmp_path / "CREDITS.csv").write_text("mine")
    with pytest.raises(ExportError, match="expected no CREDITS.csv, found one that no export"):
        write_parquet(ds, tmp_path)
    write_parquet(ds, tmp_path, credits=False)
    assert (tmp_path / "CREDITS.csv").read_text() == "mine"


def test_rows_that_cannot_be_credited_are_exported_without(ds, tmp_path, caplog):
    write_parquet(ds.remove_columns("hash"), tmp_path / "out")
    assert "exported without a list of credits" in caplog.text
    caplog.clear()
    image = {"bytes": b"\x89PNG\r\n\x1a\n", "path": None}
    foreign = Dataset.from_dict({"image": [image]}, features=Features({"image": Image()}))
    write_parquet(foreign, tmp_path / "foreign")
    assert caplog.text == ""
    for name in ("out", "foreign"):
        assert not (tmp_path / name / "CREDITS.csv").exists()


@pytest.mark.parametrize("write", [write_webdataset, write_imagefolder])
def test_a_split_that_readers_do_not_find_has_no_file_beside_it(ds, tmp_path, caplog, write):
    with caplog.at_level(logging.WARNING):
        write(DatasetDict(large=ds), tmp_path)
    assert "would take for data of the split large" in caplog.text
    assert not (tmp_path / "CREDITS.csv").exists()


def test_credits_are_written_behind_urls_too(ds, tmp_path):
    write_parquet(ds, tmp_path / "out")
    write_parquet(ds, f"memory://{tmp_path.name}")
    memory = Output(f"memory://{tmp_path.name}")
    assert memory.read("CREDITS.csv") == (tmp_path / "out" / "CREDITS.csv").read_bytes()


def test_a_folder_for_temporary_files_that_is_gone_is_an_export_error(ds, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with pytest.raises(ExportError, match="none: expected to write temporary files"):
        write_parquet(ds, tmp_path / "out")
