"""Batches of augmented views: which rows a step has, and what is made of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import datasets
import fast
import fsspec
import official
import torch
from draws import draw
from recipes import Recipe


class Batch(NamedTuple):
    """Views of some images: for each view uint8 of (images, 3, size, size), and what is left to do
    to it, empty for the official augmentation.
    """

    views: list[torch.Tensor]
    packed: list[torch.Tensor]

    def finish(self, recipe: Recipe, device: torch.device) -> list[torch.Tensor]:
        """Returns the views as the network takes them, float32, on a device."""
        views = [view.to(device, non_blocking=True) for view in self.views]
        if not self.packed:
            return [official.normalise(view, recipe.mean, recipe.std) for view in views]
        packed = [each.to(device, non_blocking=True) for each in self.packed]
        pairs = zip(views, packed, strict=True)
        return [fast.finish(view, each, recipe.mean, recipe.std) for view, each in pairs]


class Augment:
    """Rows with their epochs into a batch of views; it runs in the workers."""

    def __init__(self, recipe: Recipe, seed: int) -> None:
        self.views, self.seed, self.fast = recipe.each_view(), seed, recipe.augmentation == "fast"

    def __call__(self, rows: list[tuple[int, dict[str, Any]]]) -> Batch:
        """Returns the batch of (epoch, row)."""
        images = [self._image(epoch, row) for epoch, row in rows]
        crops = [torch.stack(view) for view in zip(*(each[0] for each in images), strict=True)]
        if not self.fast:
            return Batch(crops, [])
        draws = zip(*(each[1] for each in images), strict=True)
        return Batch(crops, [fast.pack(list(view)) for view in draws])

    def _image(self, epoch: int, row: dict[str, Any]) -> tuple[list[torch.Tensor], list[Any]]:
        data = row["image"]["bytes"]
        if data is None:
            with fsspec.open(row["image"]["path"], "rb") as file:
                data = file.read()
        decoded: Any = fast.decode(data) if self.fast else official.decode(data)
        width, height = (decoded.shape[2], decoded.shape[1]) if self.fast else decoded.size
        key = {"seed": self.seed, "epoch": epoch, "hash": row["hash"]}
        draws = [
            draw(view, width, height, index=index, **key) for index, view in enumerate(self.views)
        ]
        apply = fast.crop if self.fast else official.apply
        return [apply(decoded, *each) for each in zip(self.views, draws, strict=True)], draws


class Rows(torch.utils.data.Dataset[Any]):
    """The rows of a dataset by (epoch, row)."""

    def __init__(self, ds: datasets.Dataset) -> None:
        self.ds = ds

    def __getitem__(self, key: tuple[int, int]) -> tuple[int, dict[str, Any]]:
        epoch, row = key
        return epoch, self.ds[row]


class Order:
    """The (epoch, row) of some steps, a rank's part of each batch.

    An epoch is a permutation by (seed, epoch), less the rows that fill no batch. Ranks have
    consecutive parts, so that together they have the batch that one process would have.
    """

    def __init__(
        self, images: int, recipe: Recipe, seed: int, *, steps: range, rank: int, world: int
    ) -> None:
        self.images, self.batch, self.seed = images, recipe.batch_size, seed
        self.steps = steps
        self.part = self.batch // world
        self.begin = rank * self.part

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        steps_per_epoch, known = self.images // self.batch, -1
        for step in self.steps:
            epoch, index = divmod(step, steps_per_epoch)
            if epoch != known:
                generator = torch.Generator().manual_seed(_key(self.seed, epoch))
                rows, known = torch.randperm(self.images, generator=generator), epoch
            begin = index * self.batch + self.begin
            yield [(epoch, row) for row in rows[begin : begin + self.part].tolist()]


def _key(*numbers: int) -> int:
    digest = hashlib.sha256(":".join(map(str, numbers)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


@dataclass
class Epoch:
    """Collates the rows of an epoch."""

    augment: Augment
    epoch: int

    def __call__(self, rows: list[dict[str, Any]]) -> Batch:
        """Returns their batch."""
        return self.augment([(self.epoch, row) for row in rows])
