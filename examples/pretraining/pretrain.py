"""Pretrains a network on PASS by MoCo-v2, SwAV or DINO, and resumes exactly where it stopped.

    python pretrain.py moco-v2-r50 --smoke                                  # seconds, no data
    python pretrain.py moco-v2-r50 --data-dir ~/pass --out runs/moco
    python pretrain.py dino-vits16 --sample 2000 --seed 0 --network vit_tiny_patch16_224
    torchrun --nproc-per-node 8 pretrain.py swav-r50 --data-dir ~/pass --out runs/swav

The same command resumes. Recipes are in recipes.toml; README.md explains the options.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import Any

import checkpoints
import torch
from command import parse
from devices import make_fabric
from images import Source, open_images
from logs import Logs
from methods import make_method
from optimizers import clip_each, make_optimizer, set_values
from recipes import PretrainingError, read_recipe
from schedules import moment_at

import pass_utils


class Run:
    """A run of a recipe, begun or resumed.

    Args:
        options: Of the command.

    Raises:
        PretrainingError: the run cannot begin, or is not the one that the folder has.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.fabric = options, make_fabric(options)
        world, first = self.fabric.world_size, self.fabric.is_global_zero
        names = ("release", "data_dir", "sample", "seed", "stream", "range_size")
        source = Source(**{name: getattr(options, name) for name in names})
        with self.fabric.rank_zero_first():  # which prepares what the others find in the cache
            self.images = open_images(source)
        count = self.images.images
        changes = {"changes": options.changes, "resolution": options.resolution}
        self.recipe = recipe = read_recipe(options.recipe, count, smoke=options.smoke, **changes)
        self.steps_per_epoch = count // recipe.batch_size
        if not self.steps_per_epoch or recipe.batch_size % world:
            raise PretrainingError(
                f"batch_size: expected a multiple of {world} processes and at most {count:,} "
                f"images, found {recipe.batch_size:,}. Give another --batch-size."
            )
        self.total = recipe.epochs * self.steps_per_epoch

        torch.manual_seed(options.seed)
        self.method = method = make_method(recipe)
        if world > 1 and recipe.settings.get("sync_batch_norm"):
            if self.fabric.device.type == "cuda":
                torch.nn.SyncBatchNorm.convert_sync_batchnorm(method)
            else:
                recipe.deviations.append("settings.sync_batch_norm: true -> false (on a CPU)")
        self.model, self.optimizer = self.fabric.setup(method, make_optimizer(recipe, method))
        torch.manual_seed(options.seed + 1 + self.fabric.global_rank)

        self.file = Path(options.out) / checkpoints.NAME
        self.step, self.saved = 0, -1  # steps that were taken, and that the last checkpoint has
        if self.file.exists():
            self._resume()
        if first:
            self._introduce()
        self.logs = None
        if first:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.logs = Logs(self.file.parent, self.step, self.total, every=options.log_every)

    @property
    def identity(self) -> dict[str, Any]:
        """What a checkpoint must have in common with the run."""
        return {
            "world_size": self.fabric.world_size,
            "seed": self.options.seed,
            "selection": self.images.record,
            "recipe": self.recipe.to_json(),
            "steps_per_epoch": self.steps_per_epoch,
            "workers": self.options.workers if self.options.stream else None,
        }

    def _resume(self) -> None:
        checkpoint = checkpoints.read(self.file)
        checkpoints.check(checkpoint, self.file, self.identity)
        rank = self.fabric.global_rank
        checkpoints.restore(checkpoint, self.method, self.optimizer, rank)
        self.images.load(checkpoint["stream"][rank] if checkpoint["stream"] else None)
        self.step = self.saved = checkpoint["step"]

    def _introduce(self) -> None:
        recipe = self.recipe
        print(
            f"{recipe.name}: {recipe.network}, {self.images.images:,} images, {recipe.epochs:,} "
            f"epochs, {self.total:,} steps of {recipe.batch_size:,} images, on "
            f"{self.fabric.world_size} x {self.fabric.device.type}"
        )
        for deviation in recipe.deviations:
            print(f"  deviates from the official recipe: {deviation}")
        if self.step:
            print(f"resumed at step {self.step:,} from {self.file}")

    def save(self) -> None:
        """Writes the checkpoint; all processes must call it."""
        run = {**self.identity, "step": self.step, "epoch": self.step // self.steps_per_epoch}
        run |= {"recipe": self.recipe.to_json(), "deviations": self.recipe.deviations}
        state = self.images.state()
        checkpoint = checkpoints.collect(self.method, self.optimizer, run=run, stream=state)
        if self.logs is not None:
            self.logs.flush()
            checkpoints.save(checkpoint, self.file)
        self.fabric.barrier()
        self.saved = self.step

    def train(self, stopped: list[int]) -> None:
        """Takes the steps that are left, until a signal is in `stopped`.

        Raises:
            PretrainingError: the loss is not finite.
        """
        options, recipe, fabric = self.options, self.recipe, self.fabric
        last = min(self.total, self.step + (options.steps or self.total))
        batches = self.images.batches(
            recipe,
            options.seed,
            step=self.step,
            last=last,
            rank=fabric.global_rank,
            world=fabric.world_size,
            workers=options.workers,
        )
        for batch in batches:
            moment = moment_at(recipe, self.step, self.steps_per_epoch)
            set_values(self.optimizer, moment)
            loss = self.model(batch.finish(recipe, fabric.device), moment)
            status = torch.stack([loss.detach().float(), loss.new_tensor(bool(stopped)).float()])
            mean, stop = fabric.all_reduce(status, reduce_op="mean").tolist()
            self._check(mean)
            self.optimizer.zero_grad()
            fabric.backward(loss)
            if recipe.optimizer.clip:
                clip_each(self.method.parameters(), recipe.optimizer.clip)
            self.method.before_step(moment)
            self.optimizer.step()
            self.method.after_step(moment)
            self.step += 1
            if self.logs is not None:
                self.logs.step(moment, mean)
            every = options.save_every or self.steps_per_epoch
            if stop or self.step == last or self.step % every == 0:
                self.save()
            if stop:
                break
        if self.logs is not None:
            self.logs.close()
            print(f"{self.file}: step {self.step:,} of {self.total:,}")

    def _check(self, loss: float) -> None:
        if loss - loss != 0:
            good = (
                "None was saved." if self.saved < 0 else f"{self.file} is of step {self.saved:,}."
            )
            raise PretrainingError(
                f"step {self.step:,}: expected a finite loss, found {loss}. The last good "
                f"checkpoint: {good} Start over with a smaller --set optimizer.lr=LR or "
                "--precision 32-true, and another --out."
            )


def main(arguments: list[str] | None = None) -> int:
    """Runs the command.

    Returns:
        The exit code: 0, 1 for an error, 128 and the number of the signal that stopped the run.
    """
    options = parse(__doc__ or "", arguments)
    stopped: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: stopped.append(number))
    try:
        Run(options).train(stopped)
    except pass_utils.PassError as err:
        print(f"error: {err}", file=sys.stderr)
        return 1
    return 128 + stopped[0] if stopped else 0


if __name__ == "__main__":
    sys.exit(main())
