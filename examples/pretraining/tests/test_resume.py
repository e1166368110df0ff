"""A run that was killed and resumed ends as the unbroken one does, bit by bit; one that is not the
same run is refused.
"""

from __future__ import annotations

import csv
import random
import signal
import subprocess
import sys
from pathlib import Path

import pretrain
import pytest
import torch
from conftest import FOLDER
from runs import RECIPES

HERE = Path(__file__).parent


def read(folder: Path) -> dict:
    return torch.load(folder / "checkpoint.pt", weights_only=True)


def flat(value, key=""):
    """All leaves of a checkpoint by their path."""
    if isinstance(value, dict):
        return {k: v for name in value for k, v in flat(value[name], f"{key}/{name}").items()}
    if isinstance(value, (list, tuple)):
        return {k: v for i, each in enumerate(value) for k, v in flat(each, f"{key}/{i}").items()}
    return {key: value}


def assert_equal(one: Path, other: Path) -> None:
    first, second = flat(read(one)), flat(read(other))
    assert first.keys() == second.keys()
    differ = [
        key
        for key, value in first.items()
        if not (
            torch.equal(value, second[key])
            if isinstance(value, torch.Tensor)
            else value == second[key]
        )
    ]
    assert differ == []
    tables = [
        [{**row, "images_per_second": ""} for row in csv.DictReader((run / "log.csv").open())]
        for run in (one, other)
    ]
    assert tables[0] == tables[1]


@pytest.fixture(scope="module")
def runs(tmp_path_factory, cache) -> dict[int, Path]:
    """The folders of runs.py in one process and in two."""
    step = random.randrange(2, 6)  # the checkpoint is of step 2 or 4, where every queue is full
    print(f"killed before step {step}")
    folders = {}
    for processes in (1, 2):
        folders[processes] = folder = tmp_path_factory.mktemp(f"runs-{processes}")
        command = [sys.executable, HERE / "runs.py", folder, str(step)]
        if processes > 1:
            launch = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
            command[1:1] = launch
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, f"step {step}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return folders


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_killed_and_resumed_run_ends_bit_equal_to_the_unbroken_one(recipe, processes, runs):
    folder = runs[processes]
    assert read(folder / f"{recipe}-unbroken")["step"] == 6
    assert read(folder / f"{recipe}-unbroken")["world_size"] == processes
    assert_equal(folder / f"{recipe}-unbroken", folder / f"{recipe}-killed")


@pytest.mark.parametrize("recipe", RECIPES)
def test_two_processes_equal_one_without_batch_norm(recipe, runs):
    one, two = (read(runs[processes] / f"{recipe}-plain") for processes in (1, 2))
    for part in ("backbone", "method"):
        for name, value in one[part].items():
            torch.testing.assert_close(two[part][name], value, rtol=1e-3, atol=2e-5, msg=name)
    losses = [
        [float(row["loss"]) for row in csv.DictReader((runs[n] / f"{recipe}-plain/log.csv").open())]
        for n in (1, 2)
    ]
    assert len(losses[0]) == 6
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def start_until(line: str, *options: str) -> subprocess.Popen[str]:
    """Starts a run, and returns it once it has printed a line that begins so."""
    command = [sys.executable, FOLDER / "pretrain.py", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for printed in process.stdout:
        if printed.startswith(line):
            return process
    raise AssertionError(f"it ended with {process.wait()} before {line!r}")


def test_sigterm_saves_and_sigkill_loses_the_steps_since_the_last_checkpoint(tmp_path):
    options = ["moco-v2-r50", "--smoke", "--epochs", "20", "--log-every", "0"]
    options += ["--save-every", "5", "--workers", "2"]
    broken = [*options, "--out", str(tmp_path / "broken")]

    with start_until("step 7/", *broken) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 128 + signal.SIGTERM
    saved = read(tmp_path / "broken")["step"]
    assert saved in (7, 8, 9)  # of which 10 would be saved anyway

    with start_until("step 13/", *broken) as process:
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert read(tmp_path / "broken")["step"] in (10, 15)

    assert pretrain.main(broken) == 0
    assert pretrain.main([*options, "--out", str(tmp_path / "unbroken")]) == 0
    assert_equal(tmp_path / "unbroken", tmp_path / "broken")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The folder of a run that took one step."""
    folder = tmp_path_factory.mktemp("finished")
    options = ["swav-r50", "--smoke", "--steps", "1", "--out", str(folder)]
    assert pretrain.main(options) == 0
    return folder


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--epochs", "3"], "checkpoint of the same run, with recipe.epochs 3, found 2; "),
        (["--set", "settings.epsilon=0.1"], "recipe.settings.epsilon 0.1, found 0.05"),
        (["--augmentation", "fast"], "recipe.augmentation 'fast', found 'official'"),
        (["--seed", "1"], "seed 1, found 0"),
        (
            ["--data-dir", "DUMMY", "--sample", "9"],
            "selection.selection.sample 9, found None",
        ),
        (["--release", "v2"], "selection.selection.release 'v2', found 'v3'"),
    ],
)
def test_resume_refuses_another_run_and_names_what_differs(options, message, finished, capsys):
    import pass_utils

    dummy = str(pass_utils.dummy_folder("v3"))
    options = [dummy if each == "DUMMY" else each for each in options]
    before = (finished / "checkpoint.pt").read_bytes()
    assert pretrain.main(["swav-r50", "--smoke", "--out", str(finished), *options]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert f"error: {finished / 'checkpoint.pt'}: " in error
    assert (finished / "checkpoint.pt").read_bytes() == before


def test_resume_refuses_another_number_of_processes(finished, capsys):
    checkpoint = read(finished) | {"world_size": 2}
    torch.save(checkpoint, finished / "checkpoint.pt")
    assert pretrain.main(["swav-r50", "--smoke", "--out", str(finished)]) == 1
    assert "world_size 1, found 2" in capsys.readouterr().err


def test_resume_refuses_a_file_that_is_no_checkpoint(tmp_path, capsys):
    (tmp_path / "checkpoint.pt").write_bytes(b"PK\x03\x04 cut short")
    assert pretrain.main(["swav-r50", "--smoke", "--out", str(tmp_path)]) == 1
    assert "expected a checkpoint of pass-utils-pretraining/1" in capsys.readouterr().err


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_last_good_checkpoint(
    tmp_path, capsys
):
    options = ["dino-vits16", "--smoke", "--out", str(tmp_path), "--epochs", "30"]
    options += ["--set", "optimizer.lr=1e30", "--set", "optimizer.start_lr=1.0"]
    assert pretrain.main([*options, "--steps", "1"]) == 0
    assert pretrain.main(options) == 1
    error = capsys.readouterr().err
    assert "expected a finite loss, found nan" in error
    step = read(tmp_path)["step"]
    assert f"The last good checkpoint: {tmp_path / 'checkpoint.pt'} is of step {step}." in error
    assert not (tmp_path / "checkpoint.pt.part").exists()
