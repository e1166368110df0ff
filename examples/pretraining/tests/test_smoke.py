"""`pretrain.py RECIPE --smoke` runs each recipe on a tiny network and the bundled images."""

from __future__ import annotations

import csv
import subprocess
import sys

import pretrain
import pytest
import torch
from conftest import FOLDER

RECIPES = ("moco-v2-r50", "swav-r50", "dino-vits16")


@pytest.mark.parametrize("augmentation", ["official", "fast"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_smoke_trains_every_part_and_leaves_a_checkpoint_and_logs(
    recipe, augmentation, tmp_path, capsys
):
    options = [recipe, "--smoke", "--out", str(tmp_path), "--augmentation", augmentation]
    assert pretrain.main(options) == 0
    printed = capsys.readouterr().out
    assert "23 images, 2 epochs, 4 steps of 8 images, on 1 x cpu" in printed
    assert "deviates from the official recipe: epochs: " in printed
    assert ("augmentation: official -> fast" in printed) == (augmentation == "fast")

    checkpoint = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert (checkpoint["format"], checkpoint["step"], checkpoint["epoch"]) == (
        "pass-utils-pretraining/1",
        4,
        2,
    )
    assert (checkpoint["recipe"]["name"], checkpoint["world_size"]) == (recipe, 1)
    assert all(torch.isfinite(each).all() for each in checkpoint["method"].values())
    rows = list(csv.DictReader((tmp_path / "log.csv").open()))
    assert [row["step"] for row in rows] == ["0", "1", "2", "3"]
    assert len({row["loss"] for row in rows}) == 4
    assert len(list(tmp_path.glob("events.out.tfevents.*"))) == 1


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_checkpoint_has_the_network_under_the_names_of_timm(recipe, tmp_path):
    import timm

    options = [recipe, "--smoke", "--out", str(tmp_path), "--steps", "1"]
    assert pretrain.main(options) == 0
    checkpoint = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    network = timm.create_model(
        checkpoint["network"], num_classes=0, **checkpoint["network_options"]
    )
    network.load_state_dict(checkpoint["backbone"])
    teacher = checkpoint["teacher_backbone"]
    assert (teacher is None) == (recipe == "swav-r50")
    if teacher is not None:
        network.load_state_dict(teacher)
        assert any(not torch.equal(teacher[name], checkpoint["backbone"][name]) for name in teacher)


def test_smoke_is_one_command(tmp_path):
    command = [sys.executable, FOLDER / "pretrain.py", "moco-v2-r50", "--smoke"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "runs/moco-v2-r50-smoke/checkpoint.pt: step 4 of 4"
