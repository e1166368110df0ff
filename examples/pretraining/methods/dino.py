"""DINO (Caron et al. 2021): a student that predicts its slow average's output on other views."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import torch
from lightly.loss import DINOLoss
from lightly.models.modules.heads import DINOProjectionHead
from recipes import Recipe
from schedules import Moment
from torch import Tensor, nn

from .base import Method, by_size


class DINO(Method):
    """Student, teacher, their heads, and the centre of the teacher's outputs."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe, teacher=True)
        settings = recipe.settings
        sizes = (self.features, settings["hidden"], settings["bottleneck"], settings["output"])
        with warnings.catch_warnings():  # lightly's head has the older form of weight_norm
            warnings.simplefilter("ignore", FutureWarning)
            self.head = DINOProjectionHead(
                *sizes,
                freeze_last_layer=settings["frozen_epochs"],
                norm_last_layer=settings["norm_last_layer"],
            )
            self.teacher_head = DINOProjectionHead(*sizes)  # a deep copy raises
        self.start_teacher()
        self.loss = DINOLoss(
            settings["output"],
            student_temp=settings["temperature"],
            center_momentum=settings["center_momentum"],
        )

    def pairs(self) -> Iterable[tuple[nn.Module, nn.Module]]:
        """Returns the networks and their heads."""
        yield self.backbone, self.teacher_backbone
        yield self.head, self.teacher_head

    def forward(self, views: list[Tensor], moment: Moment) -> Tensor:
        """Returns the loss of two large views, which the teacher sees, and of the small ones."""
        assert self.teacher_backbone is not None
        with torch.no_grad():
            taught = self.teacher_head(by_size(self.teacher_backbone, views[:2]))
        learned = self.head(by_size(self.backbone, views))
        with torch.autocast(views[0].device.type, enabled=False):
            loss: Tensor = self.loss(
                list(taught.float().chunk(2)),
                list(learned.float().chunk(len(views))),
                teacher_temp=moment.temperature,
            )
        return loss

    def before_step(self, moment: Moment) -> None:
        """Leaves the last layer as it is in the first epochs."""
        self.head.cancel_last_layer_gradients(moment.epoch)
