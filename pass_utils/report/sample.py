"""A sample of a dataset's images: spread evenly over it, as thumbnails, each with its credit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import datasets
import numpy as np
import numpy.typing as npt

from ..attribution.credit import credit_batch
from ..attribution.html import entries
from ..attribution.inputs import find_images
from ..images.thumbnails import Thumbnails
from ..pages.facts import Entry


def take_sample(
    parts: Sequence[datasets.Dataset], count: int, *, pixels: int, folder: Path
) -> Iterator[Entry]:
    """At most `count` images of all parts together, always the same ones.

    Only these are read and decoded; one that cannot be has no thumbnail.

    Args:
        parts: Datasets of PASS rows.
        count: How many images, spread evenly.
        pixels: Of the longer side of a thumbnail.
        folder: Takes a temporary file meanwhile.

    Raises:
        AttributionError: rows without one of PASS's hashes.
        ShardError: a shard is gone or has changed.
    """
    rows, begin = spread(sum(map(len, parts)), count), 0
    for part in parts:
        chosen = part.select(rows[(rows >= begin) & (rows < begin + len(part))] - begin)
        begin += len(part)
        if not len(chosen):
            continue
        with Thumbnails(chosen, pixels, folder, on_broken="skip") as thumbnails:
            for batch in find_images(chosen).batches():
                credits = credit_batch(batch.column("hash"), batch.column("creator_username"))
                yield from entries(credits, thumbnails.find)


def spread(rows: int, count: int) -> npt.NDArray[np.int64]:
    """At most `count` rows, each from the middle of a stretch of its own.

    >>> spread(1000, 4).tolist()
    [125, 375, 625, 875]
    """
    count = min(rows, count)
    return (2 * np.arange(count, dtype=np.int64) + 1) * rows // (2 * max(count, 1))
