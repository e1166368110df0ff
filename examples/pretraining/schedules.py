"""Schedules: learning rate, weight decay, momentum and temperature at a step of a recipe."""

from __future__ import annotations

import math
from typing import NamedTuple

from recipes import Recipe


class Moment(NamedTuple):
    """A step of a run, and the values that hold in it.

    Attributes:
        step: Optimizer steps taken before it.
        epoch: Epochs completed before it, with the fraction of the current one.
        lr: The learning rate.
        weight_decay: Of the parameters that have any.
        momentum: Of the teacher's moving average; 1 where there is no teacher.
        temperature: Of the teacher's outputs, or of the logits where the teacher has none.
        batch_size: Images in the step, of all processes.
        steps_per_epoch: Steps in an epoch.
    """

    step: int
    epoch: float
    lr: float
    weight_decay: float
    momentum: float
    temperature: float
    batch_size: int
    steps_per_epoch: int


def moment_at(recipe: Recipe, step: int, steps_per_epoch: int) -> Moment:
    """Returns the values of a step.

    The cosines and warm-ups are the official ones: a warm-up reaches the learning rate in its last
    step, and no cosine reaches its end, which is the step after the last.

    Args:
        recipe: The recipe.
        step: From 0 to `recipe.epochs * steps_per_epoch - 1`.
        steps_per_epoch: Steps in an epoch.
    """
    optimizer, teacher = recipe.optimizer, recipe.teacher
    total = recipe.epochs * steps_per_epoch
    warmup = round(optimizer.warmup_epochs * steps_per_epoch)
    if step < warmup:
        lr = linear(optimizer.start_lr, optimizer.lr, step / max(1, warmup - 1))
    else:
        at = step - step % steps_per_epoch if optimizer.schedule == "epoch" else step
        lr = cosine(optimizer.lr, optimizer.final_lr, (at - warmup) / (total - warmup))
    done = step / total
    temperature = recipe.settings["temperature"]
    if teacher is not None and teacher.temperature is not None:
        warm = teacher.warmup_epochs
        start = teacher.start_temperature or teacher.temperature
        whole = step // steps_per_epoch  # the official warm-up goes from epoch to epoch
        part = whole / max(1.0, warm - 1) if whole < warm else 1.0
        temperature = linear(start, teacher.temperature, min(1.0, part))
    return Moment(
        step=step,
        epoch=step / steps_per_epoch,
        lr=lr,
        weight_decay=cosine(optimizer.weight_decay, optimizer.final_weight_decay, done),
        momentum=1.0 if teacher is None else cosine(teacher.momentum, teacher.final_momentum, done),
        temperature=temperature,
        batch_size=recipe.batch_size,
        steps_per_epoch=steps_per_epoch,
    )


def linear(start: float, end: float, part: float) -> float:
    """Returns the value after a part of the way from `start` to `end`."""
    return start + (end - start) * part


def cosine(start: float, end: float, part: float) -> float:
    """Returns the value after a part of half a cosine from `start` to `end`."""
    return end + (start - end) * (1 + math.cos(math.pi * part)) / 2
