"""A dataset in, some of its pictures out: spread evenly over it, small, and each with its
credit.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import datasets
import numpy as np
import numpy.typing as npt

from ..attribution.credit import credit_batch, credit_records
from ..attribution.html import Item
from ..attribution.inputs import find_images
from ..errors import AttributionError
from ..images.thumbnails import Thumbnails


def take_sample(
    parts: Sequence[datasets.Dataset], count: int, *, pixels: int, folder: Path
) -> Iterator[Item]:
    """At most `count` pictures of all parts together, always the same ones, each at most `pixels`
    wide and high.

    Only these are read and decoded. One that cannot be has no thumbnail. `folder` takes what is to
    be kept meanwhile.

    Raises:
        AttributionError: rows without one of PASS's hashes.
        ShardError: a shard is gone or has changed.
    """
    rows, begin = spread(sum(map(len, parts)), count), 0
    for part in parts:
        for row in (rows[(rows >= begin) & (rows < begin + len(part))] - begin).tolist():
            yield _item(part.select([row]), pixels, folder)
        begin += len(part)


def spread(rows: int, count: int) -> npt.NDArray[np.int64]:
    """At most `count` rows, each from the middle of a stretch of its own.

    >>> spread(1000, 4).tolist()
    [125, 375, 625, 875]
    """
    count = min(rows, count)
    return (2 * np.arange(count, dtype=np.int64) + 1) * rows // (2 * max(count, 1))


def _item(picture: datasets.Dataset, pixels: int, folder: Path) -> Item:
    batch = next(find_images(picture).batches())
    credit = next(
        credit_records(credit_batch(batch.column("hash"), batch.column("creator_username")), None)
    )
    thumbnail = None
    with contextlib.suppress(AttributionError), Thumbnails(picture, pixels, folder) as thumbnails:
        thumbnail = thumbnails.find(credit.hash)
    return Item(credit, credit.link, None, thumbnail)
