"""Runs of the three recipes in this process or in those of torchrun, for test_resume.py.

    python runs.py OUT KILLED_AT

For each recipe: an unbroken run, one that is killed before step KILLED_AT and resumed with other
workers, and one of a network without BatchNorm.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import pretrain

EPOCHS = ["--smoke", "--epochs", "3", "--save-every", "2"]
WITHOUT_BATCH_NORM = [
    *("--network", "test_vit", "--set", "network_options={img_size=64, dynamic_img_size=true}"),
    *("--set", "optimizer.lr=0.01"),
]
RECIPES = {
    "moco-v2-r50": [],
    "swav-r50": ["--set", "settings.batch_norm=false"],
    "dino-vits16": ["--set", "settings.drop_path=0.0", "--set", "optimizer.lr=0.0001"],
}


class Killed(BaseException):
    """Ends a run as a kill does: nothing more is saved."""


@contextlib.contextmanager
def killed_before(step: int):
    """Kills the runs of the block when they are about to take a step."""
    begin = pretrain.set_values

    def set_values(optimizer, moment):
        if moment.step == step:
            raise Killed
        begin(optimizer, moment)

    pretrain.set_values = set_values
    try:
        yield
    except Killed:
        pass
    finally:
        pretrain.set_values = begin


def run(recipe: str, out: Path, *options: str) -> None:
    assert pretrain.main([recipe, "--out", str(out), *EPOCHS, *options]) == 0


def main(out: Path, step: int) -> None:
    for recipe, plain in RECIPES.items():
        run(recipe, out / f"{recipe}-unbroken", "--workers", "0")
        with killed_before(step):
            run(recipe, out / f"{recipe}-killed", "--workers", "2")
            raise AssertionError("it was not killed")
        run(recipe, out / f"{recipe}-killed", "--workers", "0" if step % 2 else "2")
        run(recipe, out / f"{recipe}-plain", "--workers", "0", *WITHOUT_BATCH_NORM, *plain)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
