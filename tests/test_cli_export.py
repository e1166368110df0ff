"""The command `pass-utils export`."""

from __future__ import annotations

import json
import sys

import pytest
from datasets import load_dataset

from pass_utils import ExportError, ImageError, split_by_creator
from pass_utils.cli.export import export
from pass_utils.export.exporting import KINDS
from pass_utils.export.resume import STATE_FILE
from pass_utils.export.workers import cluster
from pass_utils.images.resizing import Resize
from pass_utils.releases import FEATURES, dummy_folder

FOLDER = dummy_folder("v2")
NAMES = {
    "parquet": ("train-00000-of-00001.parquet", "train-00000-of-00001.parquet"),
    "webdataset": ("train-000000.tar", "train-000000.tar"),
    "imagefolder": ("train/00000", "train/00000 to train/metadata.jsonl"),
}


def test_the_command_knows_every_kind_of_export():
    (kind,) = [parameter for parameter in export.params if parameter.name == "kind"]
    assert list(kind.type.choices) == list(KINDS) == list(NAMES)


@pytest.mark.parametrize("kind", NAMES)
def test_what_is_planned_is_written(tmp_path, run, kind):
    out = tmp_path / "out"
    done = run("export", kind, FOLDER, out, "--dry-run")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{out}: 24 rows, about ")
    assert done.out.endswith(f" kB, as {NAMES[kind][0]}\n")
    assert not out.exists()
    done = run("export", kind, FOLDER, out)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{out}: 24 rows, ")
    assert done.out.endswith(f" kB, as {NAMES[kind][1]}\n")
    assert (out / NAMES[kind][0]).exists()


def test_the_selection_is_what_is_written(tmp_path, run):
    out = tmp_path / "out"
    options = [
        "--shards",
        "0-4",
        "--min-side",
        "300",
        "--max-shard-size",
        "60KB",
        "--num-proc",
        "2",
    ]
    done = run("export", "parquet", FOLDER, out, *options)
    assert (done.code, done.err) == (0, "")
    ds = load_dataset("pass", data_dir=str(FOLDER), shards=[0, 1, 2, 3, 4], split="train")
    expected = [row["hash"] for row in ds if min(row["image"].size) >= 300]
    back = load_dataset(str(out), split="train")
    assert back["hash"][:] == expected
    assert 0 < len(expected) < len(ds)
    assert back.features == FEATURES
    assert len(list(out.glob("*.parquet"))) > 1
    done = run("export", "parquet", FOLDER, out, *options[:-2])
    assert done.code == 0
    done = run("export", "parquet", FOLDER, out, *options[2:])
    assert (done.code, done.out) == (1, "")
    assert "expected an export of the same rows with the same options, found other rows" in done.err


def test_changes_and_credits_are_as_asked_for(tmp_path, run):
    done = run("export", "parquet", FOLDER, tmp_path / "a", "--changes", "cropped to 224 pixels")
    assert done.code == 0
    assert (tmp_path / "a" / "CREDITS.csv").read_text().count("cropped to 224 pixels") == 24
    assert run("export", "parquet", FOLDER, tmp_path / "b", "--no-credits").code == 0
    assert not (tmp_path / "b" / "CREDITS.csv").exists()


@pytest.mark.parametrize("kind", NAMES)
def test_programs_are_told_the_plan_and_the_files(tmp_path, run, kind):
    out = tmp_path / "out"
    done = run("export", kind, FOLDER, out, "--dry-run", "--json")
    assert (done.code, done.err) == (0, "")
    plan = json.loads(done.out)
    size = plan["bytes"]
    facts = {"kind": kind, "out": str(out), "rows": 24}
    assert plan == {**facts, "bytes": size, "files": [{"name": NAMES[kind][0], "size": size}]}
    done = run("export", kind, FOLDER, out, "--json", "-q")
    assert (done.code, done.err) == (0, "")
    told = json.loads(done.out)
    assert {key: told[key] for key in facts} == facts
    assert told["bytes"] == sum(file["size"] for file in told["files"])
    assert " to ".join(file["name"] for file in told["files"]) == NAMES[kind][1]
    for file in told["files"]:
        assert (file["rows"], len(file["sha256"])) == (24, 64)
        assert (out / file["name"]).exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "status", "match"),
    [
        (
            ("parquet", "{out}", "--max-shard-size", "big"),
            1,
            "max_shard_size: expected a size such as 500MB, found 'big'",
        ),
        (
            ("imagefolder", "{out}", "--max-shard-size", "1MB"),
            2,
            "--max-shard-size: expected none, since an image folder",
        ),
        (("parquet", "wrong://x"), 1, "expected a path or a URL that fsspec knows"),
        (("parquet", "{out}", "--num-proc", "0"), 2, "Invalid value for '--num-proc'"),
        (("zip", "{out}"), 2, "'zip' is not one of"),
        (
            ("parquet", "{out}", "--scheduler", "tcp://127.0.0.1:9"),
            1,
            "tcp://127.0.0.1:9: expected a Dask scheduler there",
        ),
    ],
)
def test_what_cannot_be_is_said_in_a_line(tmp_path, run, monkeypatch, arguments, status, match):
    kind, out, *rest = (argument.format(out=tmp_path / "out") for argument in arguments)
    monkeypatch.setattr("pass_utils.export.workers._TIMEOUT", 1)
    if "--scheduler" in rest:
        pytest.importorskip("distributed", reason="pip install 'pass-utils[dask]'")
    done = run("export", kind, FOLDER, out, *rest)
    assert (done.code, done.out) == (status, "")
    assert match in done.err
    if status == 1:
        assert done.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_without_dask_its_installation_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(ExportError, match=r"pip install 'pass-utils\[dask\]'"),
        cluster("tcp://127.0.0.1:9"),
    ):
        pass


def test_images_are_resized_columns_dropped_and_rows_split_as_asked_for(tmp_path, run):
    out = tmp_path / "out"
    options = [
        *("--resize", "64", "--quality", "80", "--on-error", "skip", "--drop-columns"),
        *("gps, date_taken", "--label-column", "label", "--test-size", "0.3", "--seed", "0"),
        *("--per-creator", "3"),
    ]
    planned = run("export", "parquet", FOLDER, out, *options, "--dry-run", "--json")
    assert planned.code == 0
    names = ["train-00000-of-00001.parquet", "test-00000-of-00001.parquet"]
    assert [file["name"] for file in json.loads(planned.out)["files"]] == names
    done = run("export", "parquet", FOLDER, out, *options)
    assert (done.code, done.err) == (0, "")
    rows = json.loads(planned.out)["rows"]
    assert done.out.startswith(f"{out}: {rows} rows, ")
    assert done.out.endswith(f" kB, as {names[0]} to {names[1]}\n")
    back = load_dataset(str(out))
    limited = load_dataset("pass", data_dir=str(FOLDER), split="train", per_creator=3, seed=0)
    for split, part in split_by_creator(limited, 0.3, seed=0).items():
        assert back[split]["hash"][:] == part["hash"][:] != []
        assert list(back[split].features) == ["image", "creator_username", "hash", "label"]
        assert {min(row["image"].size) for row in back[split]} == {64}
    state = json.loads((out / STATE_FILE).read_text())
    assert state["selection"] == {"per_creator": 3, "test_size": 0.3, "seed": 0}
    assert (out / "CREDITS.csv").read_text().count(
        "resized to a shorter side of at most 64"
    ) == rows


def test_what_is_left_out_is_counted(tmp_path, run, monkeypatch):
    first = load_dataset("pass", data_dir=str(FOLDER), split="train")["hash"][0]
    real = Resize.jpeg

    def fail(self, data):
        monkeypatch.setattr(Resize, "jpeg", real)
        raise ImageError("expected an image file, found none. Leave it out.")

    monkeypatch.setattr(Resize, "jpeg", fail)
    options = ["--resize", "64", "--on-error", "skip"]
    done = run("export", "parquet", FOLDER, tmp_path, *options)
    assert done.code == 0
    assert done.out.startswith(f"{tmp_path}: 23 rows, 1 left out, ")
    printed = json.loads(run("export", "parquet", FOLDER, tmp_path, *options, "--json").out)
    assert (printed["rows"], printed["skipped"]) == (23, 1)
    assert printed["files"][0]["skipped"] == [first]
    monkeypatch.setattr(Resize, "jpeg", fail)
    done = run("export", "parquet", FOLDER, tmp_path / "b", "--resize", "64")
    assert (done.code, done.out) == (1, "")
    assert f"image {first}: expected an image file" in done.err


@pytest.mark.parametrize(
    ("options", "code", "found"),
    [
        (["--drop-columns", "gps,,hash"], 2, "expected names such as gps,date_taken"),
        (["--drop-columns", "hash"], 1, "found hash, which is the key of a row"),
        (["--quality", "0", "--resize", "9"], 2, "Invalid value for '--quality'"),
        (["--quality", "80"], 1, "quality: expected none without resize"),
        (["--resize", "0"], 2, "Invalid value for '--resize'"),
        (["--test-size", "1"], 2, "Invalid value for '--test-size'"),
        (["--on-error", "ignore"], 2, "Invalid value for '--on-error'"),
    ],
)
def test_options_of_rewriting_that_make_no_sense_are_refused(tmp_path, run, options, code, found):
    done = run("export", "parquet", FOLDER, tmp_path / "out", *options)
    assert (done.code, done.out) == (code, "")
    assert found in done.err
    assert not (tmp_path / "out").exists()
