"""Parts of a stream: byte ranges of shards, or chunks of a list of single images.

Workers share parts, and a resumed stream starts again at the beginning of one.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, cast

import pyarrow as pa

from .._util.progress import count_bar
from ..net.images import Fetched, fetch_images
from ..shards.images import range_images
from ..shards.source import RemoteShard, ShardFile
from .known import known_images
from .rows import Join, read_images, read_places, read_single_images

logger = logging.getLogger(__name__)

# images of a chunk: what a worker has in memory at most (about 30 MB), and a resumed stream repeats
_CHUNK = 256
_SMALL_CHUNK = 64
_CHUNKS = 64  # that short lists are cut into, so that workers can share them


class Range(NamedTuple):
    """Bytes `[start, end)` of a shard.

    `shard` is a path or a URL, `size` the bytes of all of it.
    """

    shard: str
    start: int
    end: int
    size: int

    @property
    def key(self) -> str:
        """What tells it from other parts."""
        return f"{self.shard}:{self.start}"

    def cut(self, step: int) -> list[Range]:
        """The same bytes as ranges of `step` bytes, the last one shorter."""
        starts = range(self.start, self.end, max(step, 1))
        return [
            self._replace(start=start, end=min(start + step, self.end)) for start in starts
        ] or [self]

    def halves(self) -> list[Range]:
        """The same bytes as two ranges."""
        return self.cut(-(-(self.end - self.start) // 2))

    def read(self, join: Join, *, with_bytes: bool, cache_dir: str) -> Iterator[pa.Table]:
        """The rows of the range, with the bytes of the images or with their places."""
        if not with_bytes:
            with ShardFile(self.shard, random_access=True) as file:
                if self.start > 0 or self.end < file.size:
                    images = range_images(file, self.start, self.end)
                    yield from read_places(file, join, images)
                    return
                title = f"Reading headers of {Path(self.shard).name}"
                with count_bar(title, unit="images") as bar:
                    images = known_images(
                        file, Path(cache_dir), progress=lambda headers, _: bar.update(headers)
                    )
                    yield from read_places(file, join, images)
        else:
            remote = "://" in self.shard
            with (
                RemoteShard(self.shard, self.size, end=self.end)
                if remote
                else ShardFile(self.shard) as source
            ):
                yield from read_images(source, join, self.start, self.end)


class Listed(NamedTuple):
    """Images by hash, fetched one by one."""

    hashes: tuple[str, ...]

    @property
    def key(self) -> str:
        """What tells it from other parts."""
        return self.hashes[0]

    @classmethod
    def cut(cls, hashes: Sequence[str]) -> list[Listed]:
        """A list as chunks that follow each other."""
        step = min(max(-(-len(hashes) // _CHUNKS), _SMALL_CHUNK), _CHUNK)
        return [cls(tuple(hashes[at : at + step])) for at in range(0, len(hashes), step)]

    def halves(self) -> list[Listed]:
        """The same images as two chunks; a single one as it is."""
        middle = -(-len(self.hashes) // 2)
        halves = (self.hashes[:middle], self.hashes[middle:])
        return [Listed(half) for half in halves if half]

    def read(self, join: Join, *, with_bytes: bool, cache_dir: str) -> Iterator[pa.Table]:
        """The rows in the order of the list; images that are not available are left out, with a
        warning.
        """
        yield from read_single_images(join, self._fetch(), "the list of images")

    def _fetch(self) -> Iterator[tuple[str, bytes]]:
        came: dict[str, bytes | None] = {}
        missing: list[str] = []
        left = list(reversed(self.hashes))
        images = cast("Generator[Fetched, None, None]", fetch_images(self.hashes))
        with closing(images) as fetched:
            for image in fetched:
                came[image.hash] = image.data
                if image.data is None:
                    missing.append(f"{image.hash}: {image.reason}")
                while left and left[-1] in came:
                    data = came.pop(left[-1])
                    if data is not None:
                        yield left[-1], data
                    left.pop()
        if missing:
            logger.warning(
                "%d of %d images are not available and left out: %s%s",
                len(missing),
                len(self.hashes),
                "; ".join(missing[:3]),
                "; ..." if len(missing) > 3 else ".",
            )
