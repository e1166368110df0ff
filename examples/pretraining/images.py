"""Images of PASS as batches of augmented views: opened in place, or as an endless stream."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import datasets
import torch
from batches import Augment, Batch, Epoch, Order, Rows
from recipes import PretrainingError, Recipe
from torch.utils.data import DataLoader

from pass_utils import RELEASES
from pass_utils.selection.record import Selection


@dataclass(frozen=True)
class Source:
    """Which images: `data_dir` is the folder of the shards, None for Zenodo and single images by
    URL; `sample` and `seed` are those of `load_dataset("pass")`. `range_size` is the bytes of a
    stream's ranges, of which a worker needs ten to be resumed.
    """

    release: str = "v3"
    data_dir: str | None = None
    sample: int | None = None
    seed: int = 0
    stream: bool = False
    range_size: int = 256 << 20

    def open(self, **more: Any) -> Any:
        """Opens them, with the bytes of the images not decoded."""
        where = {"data_dir": self.data_dir, "sample": self.sample, "seed": self.seed, **more}
        ds = datasets.load_dataset("pass", self.release, split="train", **where)
        return ds.select_columns(["image", "hash"]).cast_column(
            "image", datasets.Image(decode=False)
        )

    def record(self, images: int, hashes: list[str] | None) -> str:
        """Returns the selection as JSON, with the number of images and a digest of their hashes in
        order; null where nobody knows them.
        """
        digest = hashlib.sha256("\n".join(hashes).encode()).hexdigest() if hashes else None
        selection = Selection(release=self.release, sample=self.sample, seed=self.seed).to_json()
        document = {"selection": selection, "images": images, "hashes_sha256": digest}
        ranges = self.range_size if self.stream else None
        return json.dumps({**document, "range_size": ranges}, sort_keys=True)


class InPlace:
    """Batches of a dataset that was opened in place: a step is found again by its number."""

    def __init__(self, source: Source) -> None:
        self.ds = source.open()
        self.images = len(self.ds)
        hashes = self.ds.select_columns("hash").with_format("arrow")[:]["hash"].to_pylist()
        self.record = source.record(self.images, hashes)

    def batches(
        self,
        recipe: Recipe,
        seed: int,
        *,
        step: int,
        last: int,
        rank: int,
        world: int,
        workers: int,
    ) -> Iterator[Batch]:
        """Yields a rank's part of the batches from a step on, up to another."""
        yield from DataLoader(
            Rows(self.ds),
            batch_sampler=Order(
                self.images, recipe, seed, steps=range(step, last), rank=rank, world=world
            ),
            collate_fn=Augment(recipe, seed),
            num_workers=workers,
            generator=torch.Generator(),  # else it draws from the one that the network uses
            pin_memory=torch.cuda.is_available(),
        )

    def state(self) -> None:
        """There is none beside the step."""

    def load(self, state: Any) -> None:
        """Does nothing."""


class Stream:
    """Batches of a stream without end; what `datasets` remembers of its position is the state.

    An epoch of a rank ends where its part of the byte ranges ends; the last rows, which fill no
    batch, are left out.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.position: Any = None
        if source.data_dir is None:
            self.images = source.sample or RELEASES[source.release].images
        else:
            self.images = len(source.open())
        self.record = source.record(self.images, None)
        self.epoch = 0
        self.loader: Any = None

    def batches(
        self,
        recipe: Recipe,
        seed: int,
        *,
        step: int,
        last: int,
        rank: int,
        world: int,
        workers: int,
    ) -> Iterator[Batch]:
        """Yields a rank's batches, from the state on that was loaded."""
        from datasets.distributed import split_dataset_by_node
        from torchdata.stateful_dataloader import StatefulDataLoader

        left = last - step
        while left > 0:
            # a buffer of one row mixes the ranges, and can be resumed
            stream = self.source.open(streaming=True, range_size=self.source.range_size)
            stream = stream.shuffle(seed=seed, buffer_size=1)
            stream.set_epoch(self.epoch)
            self.loader = StatefulDataLoader(
                split_dataset_by_node(stream, rank=rank, world_size=world),
                batch_size=recipe.batch_size // world,
                num_workers=workers,
                collate_fn=Epoch(Augment(recipe, seed), self.epoch),
                generator=torch.Generator(),  # as above
                drop_last=True,
            )
            if self.position is not None:
                self.loader.load_state_dict(self.position)
            fresh, batches = self.position is None, 0
            self.position = None
            for batch in self.loader:
                batches += 1
                yield batch
                if batches == left:
                    return
            if fresh and not batches:
                raise PretrainingError(
                    f"expected a batch of {recipe.batch_size // world} images in the part of each "
                    f"of {world} processes and {workers} workers, found fewer. Use a smaller "
                    "batch, or fewer workers."
                )
            left -= batches
            self.epoch += 1

    def state(self) -> dict[str, Any]:
        """Returns where the stream is."""
        loader = None if self.loader is None else self.loader.state_dict()
        return {"epoch": self.epoch, "loader": loader}

    def load(self, state: Any) -> None:
        """Goes on where a stream was."""
        self.epoch, self.position = state["epoch"], state["loader"]


def open_images(source: Source) -> InPlace | Stream:
    """Opens the images of a run."""
    return Stream(source) if source.stream else InPlace(source)
