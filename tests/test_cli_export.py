"""The command `pass-utils export`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import datasets
import pytest
from datasets import load_dataset

from pass_utils import ExportError
from pass_utils.cli.main import main
from pass_utils.export.workers import cluster
from pass_utils.releases import FEATURES, dummy_folder

FOLDER = dummy_folder("v2")
NAMES = {
    "parquet": ("train-00000-of-00001.parquet", "train-00000-of-00001.parquet"),
    "webdataset": ("train-000000.tar", "train-000000.tar"),
    "imagefolder": ("train/00000", "train/00000 to train/metadata.jsonl"),
}


@pytest.fixture
def pass_utils(monkeypatch, capfd) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command in this process."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["pass-utils", *map(str, arguments)])
        status = 0
        try:
            main()
        except SystemExit as err:
            status = err.code
        datasets.disable_progress_bars()
        return subprocess.CompletedProcess(arguments, status, *capfd.readouterr())

    return run


@pytest.mark.parametrize("kind", NAMES)
def test_what_is_planned_is_written(tmp_path, pass_utils, kind):
    out = tmp_path / "out"
    done = pass_utils("export", kind, FOLDER, out, "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{out}: 24 rows, about ")
    assert done.stdout.endswith(f" kB, as {NAMES[kind][0]}\n")
    assert not out.exists()
    done = pass_utils("export", kind, FOLDER, out)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{out}: 24 rows, ")
    assert done.stdout.endswith(f" kB, as {NAMES[kind][1]}\n")
    assert (out / NAMES[kind][0]).exists()


def test_the_selection_is_what_is_written(tmp_path, pass_utils):
    out = tmp_path / "out"
    options = ["--shards", "0-4", "--min-side", "300", "--max-shard-size", "60KB", "--num-proc", "2"]
    done = pass_utils("export", "parquet", FOLDER, out, *options)
    assert (done.returncode, done.stderr) == (0, "")
    ds = load_dataset("pass", data_dir=str(FOLDER), shards=[0, 1, 2, 3, 4], split="train")
    expected = [row["hash"] for row in ds if min(row["image"].size) >= 300]
    back = load_dataset(str(out), split="train")
    assert back["hash"][:] == expected
    assert 0 < len(expected) < len(ds)
    assert back.features == FEATURES
    assert len(list(out.glob("*.parquet"))) > 1
    done = pass_utils("export", "parquet", FOLDER, out, *options[:-2])
    assert done.returncode == 0
    done = pass_utils("export", "parquet", FOLDER, out, *options[2:])
    assert (done.returncode, done.stdout) == (1, "")
    assert "expected an export of the same rows with the same options, found other rows" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "match"),
    [
        (("parquet", "{out}", "--max-shard-size", "big"), 1, "max_shard_size: expected a size such as 500MB, found 'big'"),
        (("imagefolder", "{out}", "--max-shard-size", "1MB"), 2, "--max-shard-size: expected none, since an image folder"),
        (("parquet", "wrong://x"), 1, "expected a path or a URL that fsspec knows"),
        (("parquet", "{out}", "--num-proc", "0"), 2, "Invalid value for '--num-proc'"),
        (("zip", "{out}"), 2, "'zip' is not one of"),
        (("parquet", "{out}", "--scheduler", "tcp://127.0.0.1:9"), 1, "tcp://127.0.0.1:9: expected a Dask scheduler there"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(tmp_path, pass_utils, monkeypatch, arguments, status, match):
    kind, out, *rest = (argument.format(out=tmp_path / "out") for argument in arguments)
    monkeypatch.setattr("pass_utils.export.workers._PATIENCE", 1)
    if "--scheduler" in rest:
        pytest.importorskip("distributed", reason="pip install 'pass-utils[dask]'")
    done = pass_utils("export", kind, FOLDER, out, *rest)
    assert (done.returncode, done.stdout) == (status, "")
    assert match in done.stderr
    if status == 1:
        assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_without_dask_its_installation_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ExportError, match=r"pip install 'pass-utils\[dask\]'"), cluster("tcp://127.0.0.1:9"):
        pass
