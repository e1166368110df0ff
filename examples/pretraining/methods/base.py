"""What the methods share: a network by timm, views by size, the state that a checkpoint keeps."""

from __future__ import annotations

from collections.abc import Iterable

import timm
import torch
import torch.distributed as dist
from lightly.models.utils import update_momentum
from recipes import PretrainingError, Recipe
from schedules import Moment
from torch import Tensor, nn


class Method(nn.Module):
    """A student, perhaps a teacher, and the loss of a batch; `forward` gives the loss.

    Attributes:
        backbone: The student, a network of timm without a classifier.
        teacher_backbone: The teacher's; None where there is no teacher.
    """

    def __init__(self, recipe: Recipe, *, teacher: bool) -> None:
        super().__init__()
        self.recipe = recipe
        drop_path = recipe.settings.get("drop_path", 0.0)
        self.backbone = make_network(recipe, drop_path)
        self.teacher_backbone = make_network(recipe, 0.0) if teacher else None
        self.features: int = self.backbone.num_features

    def pairs(self) -> Iterable[tuple[nn.Module, nn.Module]]:
        """Returns pairs of a module and the one that is its moving average."""
        return ()

    def start_teacher(self) -> None:
        """Gives the teacher the student's weights, and no gradients."""
        for student, teacher in self.pairs():
            teacher.load_state_dict(student.state_dict())
            teacher.requires_grad_(False)

    def before_step(self, moment: Moment) -> None:
        """Is called between backward and the optimizer's step."""

    def after_step(self, moment: Moment) -> None:
        """Is called after the optimizer's step: moves the teacher towards the student."""
        for student, teacher in self.pairs():
            update_momentum(student, teacher, moment.momentum)


def make_network(recipe: Recipe, drop_path: float) -> nn.Module:
    """Makes the network of a recipe by timm, with random weights and without a classifier.

    Raises:
        PretrainingError: timm has none of that name, or it does not take the options.
    """
    options = dict(recipe.network_options)
    if drop_path:
        options["drop_path_rate"] = drop_path
    try:
        network: nn.Module = timm.create_model(recipe.network, num_classes=0, **options)
    except (RuntimeError, TypeError, ValueError) as err:
        raise PretrainingError(
            f"network: expected the name of a timm network that takes {sorted(options)}, found "
            f"{recipe.network!r} ({err}). Give its own by --set 'network_options={{NAME=VALUE}}'."
        ) from err
    return network


def by_size(encode: nn.Module, views: list[Tensor]) -> Tensor:
    """Encodes views of several sizes, those of one size as one batch; returns all, in their order.

    Views of one size follow each other, so that BatchNorm sees the same batches as in the official
    code.
    """
    outputs, group = [], [views[0]]
    for view in views[1:]:
        if view.shape[-1] != group[0].shape[-1]:
            outputs.append(encode(torch.cat(group)))
            group = []
        group.append(view)
    outputs.append(encode(torch.cat(group)))
    return torch.cat(outputs)


def world_size() -> int:
    """Returns the number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Returns the number of this process."""
    return dist.get_rank() if dist.is_initialized() else 0


def gather(x: Tensor) -> Tensor:
    """Returns the rows of all processes, in the order of these; no gradient flows back."""
    if world_size() == 1:
        return x.detach()
    parts = [torch.empty_like(x) for _ in range(world_size())]
    dist.all_gather(parts, x.detach().contiguous())
    return torch.cat(parts)
