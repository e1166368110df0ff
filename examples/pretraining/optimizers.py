"""Optimizers of the recipes, their parameter groups, and clipping of gradients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from lightly.utils.lars import LARS
from recipes import PretrainingError, Recipe
from schedules import Moment
from torch import nn

NAMES = ("sgd", "lars", "adamw")


def make_optimizer(recipe: Recipe, method: nn.Module) -> Any:
    """Makes the optimizer of a method; `set_values` gives it the learning rate and weight decay.

    Without `decay_all`, biases and all else of one dimension has no weight decay.

    Raises:
        PretrainingError: there is no such optimizer.
    """
    values = recipe.optimizer
    trained = [(name, each) for name, each in method.named_parameters() if each.requires_grad]
    plain = [
        values.decay_all or (each.ndim > 1 and not name.endswith(".bias")) for name, each in trained
    ]
    groups = [
        {"params": [each for (_, each), decayed in zip(trained, plain, strict=True) if decayed]},
        {
            "params": [
                each for (_, each), decayed in zip(trained, plain, strict=True) if not decayed
            ]
        },
    ]
    groups = [group for group in groups if group["params"]]
    if values.name == "sgd":
        return torch.optim.SGD(groups, lr=values.lr, momentum=values.momentum)
    if values.name == "lars":  # lightly's is the official LARC where weight decay is not 0
        return LARS(groups, lr=values.lr, momentum=values.momentum)
    if values.name == "adamw":
        return torch.optim.AdamW(groups, lr=values.lr)
    raise PretrainingError(
        f"optimizer.name: expected one of {', '.join(NAMES)}, found {values.name!r}."
    )


def set_values(optimizer: Any, moment: Moment) -> None:
    """Gives the groups the learning rate and weight decay of a step."""
    for index, group in enumerate(optimizer.param_groups):
        group["lr"] = moment.lr
        group["weight_decay"] = moment.weight_decay if index == 0 else 0.0


def clip_each(parameters: Iterable[nn.Parameter], most: float) -> None:
    """Scales the gradient of each parameter by itself to a norm of at most `most`, as DINO does."""
    for each in parameters:
        if each.grad is not None:
            norm = each.grad.norm()
            each.grad.mul_(torch.clamp(most / (norm + 1e-6), max=1.0))
