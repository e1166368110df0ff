"""MoCo-v2 (He et al. 2019, Chen et al. 2020): contrast with a queue of a slow encoder's keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from lightly.loss import NTXentLoss
from lightly.models.modules.heads import MoCoProjectionHead
from lightly.models.utils import batch_shuffle, batch_unshuffle
from recipes import Recipe
from schedules import Moment
from torch import Tensor, nn

from .base import Method, world_size


class MoCo(Method):
    """A query encoder, its moving average as key encoder, and the queue of keys.

    The official code moves the key encoder before a step, here it is moved after the one before:
    the keys are the same.
    """

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe, teacher=True)
        settings = recipe.settings
        hidden, output = settings["hidden"], settings["output"]
        self.head = MoCoProjectionHead(self.features, hidden, output)
        self.teacher_head = MoCoProjectionHead(self.features, hidden, output)
        self.start_teacher()
        self.loss = NTXentLoss(
            settings["temperature"],
            memory_bank_size=(settings["queue"], output),
            gather_distributed=world_size() > 1,
        )

    def pairs(self) -> Iterable[tuple[nn.Module, nn.Module]]:
        """Returns the encoders and their heads."""
        yield self.backbone, self.teacher_backbone
        yield self.head, self.teacher_head

    def forward(self, views: list[Tensor], moment: Moment) -> Tensor:
        """Returns the loss of two views."""
        query, key = views
        queries = self.head(self.backbone(query))
        with torch.no_grad():
            keys = self._encode_keys(key)
        with torch.autocast(query.device.type, enabled=False):
            loss: Tensor = self.loss(queries.float(), keys.float())
        return loss

    def _encode_keys(self, images: Tensor) -> Any:
        """The keys; processes exchange images first, or BatchNorm would give away which belong
        together.
        """
        assert self.teacher_backbone is not None
        if world_size() == 1:
            return self.teacher_head(self.teacher_backbone(images))
        mixed, order = batch_shuffle(images, distributed=True)
        keys = self.teacher_head(self.teacher_backbone(mixed))
        return batch_unshuffle(keys, order, distributed=True)
