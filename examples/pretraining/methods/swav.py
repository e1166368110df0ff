"""SwAV (Caron et al. 2020): predict a view's assignment to prototypes from the other views."""

from __future__ import annotations

import torch
from lightly.loss import SwaVLoss
from lightly.models.modules.heads import ProjectionHead, SwaVProjectionHead
from recipes import Recipe
from schedules import Moment
from torch import Tensor, nn
from torch.nn.functional import normalize

from .base import Method, by_size, gather, rank, world_size


class SwAV(Method):
    """A network, a projection head, prototypes, and a queue of the large views' embeddings.

    All processes have the same queue, and each uses its part of it, so that the queue depends on
    the batch and not on the number of processes.
    """

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe, teacher=False)
        settings = recipe.settings
        hidden, output = settings["hidden"], settings["output"]
        if settings["batch_norm"]:
            self.head: nn.Module = SwaVProjectionHead(self.features, hidden, output)
        else:
            layers = [(self.features, hidden, None, nn.ReLU()), (hidden, output, None, None)]
            self.head = ProjectionHead(layers)
        self.prototypes = nn.Linear(output, settings["prototypes"], bias=False)
        self.register_buffer("queue", torch.zeros(2, settings["queue"], output))
        self.queue: Tensor
        self.loss = SwaVLoss(
            settings["temperature"],
            settings["sinkhorn_iterations"],
            settings["epsilon"],
            sinkhorn_gather_distributed=world_size() > 1,
        )

    def forward(self, views: list[Tensor], moment: Moment) -> Tensor:
        """Returns the loss of two large views and any number of small ones."""
        with torch.no_grad():
            self.prototypes.weight.copy_(normalize(self.prototypes.weight, dim=1))
        embeddings = self.head(by_size(self.backbone, views))
        with torch.autocast(views[0].device.type, enabled=False):
            embeddings = normalize(embeddings.float(), dim=1)
            logits = self.prototypes(embeddings).chunk(len(views))
            loss: Tensor = self.loss(logits[:2], logits[2:], self._queued(moment))
        if self._queues(moment):
            self._enqueue(embeddings.detach().chunk(len(views))[:2])
        return loss.squeeze()

    def before_step(self, moment: Moment) -> None:
        """Leaves the prototypes as they are in the first steps."""
        if moment.step < round(self.recipe.settings["frozen_epochs"] * moment.steps_per_epoch):
            self.prototypes.weight.grad = None

    def _start(self, moment: Moment) -> int:
        return int(self.recipe.settings["queue_start_epoch"]) * moment.steps_per_epoch

    def _queues(self, moment: Moment) -> bool:
        return self.queue.shape[1] > 0 and moment.step >= self._start(moment)

    def _queued(self, moment: Moment) -> list[Tensor] | None:
        """The logits of this process' part of the queue, once it is full."""
        full = self._start(moment) + self.queue.shape[1] // moment.batch_size
        if not self._queues(moment) or moment.step < full:
            return None
        with torch.no_grad():
            return [self.prototypes(each[rank() :: world_size()]) for each in self.queue]

    def _enqueue(self, embeddings: tuple[Tensor, ...]) -> None:
        """Puts the embeddings of all processes at the beginning; the oldest fall off the end."""
        for view, new in enumerate(embeddings):
            newest = torch.cat([gather(new), self.queue[view]])
            self.queue[view] = newest[: self.queue.shape[1]]
