"""The images of shards on disk, cached: a shard is walked once, until its file changes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from .._util.cache import cache_path, read_batch, write_batch
from ..shards.images import ShardImages, walk_images
from ..shards.source import ShardFile
from ..shards.walk import Progress

logger = logging.getLogger(__name__)

_FORMAT = 1  # of the cache; raise it when what is written there changes
_COLUMNS = ["hash", "offset", "size"]


def known_images(source: ShardFile, cache: Path, *, progress: Progress) -> Iterator[ShardImages]:
    """The images of a shard, many at a time.

    Args:
        source: The shard.
        cache: The folder of the cache.
        progress: As in `walk_members`.

    Raises:
        ShardError: the shard is damaged, or holds something that is not a file `<hash>.jpg`.
    """
    path = cache_path(
        cache, "members", str(Path(source.name).absolute()), f"{source.stamp}-{_FORMAT}"
    )
    known = read_batch(path)
    if known is not None:
        hashes, offsets, sizes = known.columns
        yield ShardImages(hashes, offsets.to_numpy(), sizes.to_numpy())
        return
    parts: list[ShardImages] = []
    for images in walk_images(source, progress=progress):
        parts.append(images)
        yield images
    columns = [
        pa.concat_arrays([pa.array([], pa.string()), *(part.hashes for part in parts)]),
        *(
            pa.array(np.concatenate([np.zeros(0, np.int64), *arrays]))
            for arrays in ([part.offsets for part in parts], [part.sizes for part in parts])
        ),
    ]
    try:
        write_batch(pa.RecordBatch.from_arrays(columns, names=_COLUMNS), path)
    except OSError as err:
        logger.warning(
            "%s: the images of the shard cannot be cached here (%s); it will be walked again",
            path,
            err,
        )
