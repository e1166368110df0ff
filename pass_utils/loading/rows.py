"""Joins the images of a shard with the metadata: Arrow tables of the card's schema.

Two kinds of table differ in the image only: `read_places` gives its place in the shard (a URL of
`storage`, no bytes), `read_images` its bytes. Nothing is decoded.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import MetadataError, ShardError
from ..hashes import Keys, Rows
from ..metadata import Metadata
from ..releases import FEATURES, WITHHELD_USERNAME
from ..shards.images import ShardImage, ShardImages, list_images
from ..shards.places import place_urls
from ..shards.source import ShardFile, Source

SCHEMA: pa.Schema = FEATURES.arrow_schema
_IMAGE: pa.StructType = SCHEMA.field("image").type
Mask = npt.NDArray[np.bool_]
_PLACES_PER_TABLE = 10_000
_CHOSEN_AT_A_TIME = 1000
_BYTES_PER_TABLE = 4 << 20  # of images; about 30 of PASS


class Join:
    """Joins images with their metadata, and refuses an image that comes twice."""

    def __init__(
        self,
        metadata: Metadata,
        chosen: Mask | None = None,
        unnamed: Mask | None = None,
        *,
        withdrawn: bool = False,
    ) -> None:
        """Args:
        metadata: The rows of the CSV.
        chosen: Which of them are wanted; None for all.
        unnamed: Of which of them the creator is not named; None for none.
        withdrawn: Whether images without a row were withdrawn, and are left out; else they are
            an error.
        """
        self._metadata = metadata
        self._chosen = chosen
        self._unnamed = unnamed
        self._withdrawn = withdrawn
        self._seen = np.zeros(len(metadata), dtype=np.bool_)

    def table(self, shard: str, hashes: pa.StringArray, image: pa.StructArray) -> pa.Table:
        """The rows of these images, in this order.

        Raises:
            MetadataError: an image has no row.
            ShardError: the same image came before.
        """
        rows = self._find(shard, hashes)
        if self._seen[rows].any() or len(np.unique(rows)) < len(rows):
            once, twice = set[str](), ""
            for hash, seen in zip(hashes.to_pylist(), self._seen[rows], strict=True):
                if seen or hash in once:
                    twice = hash
                    break
                once.add(hash)
            raise ShardError(
                f"{shard}: expected each image once, found {twice}.jpg a second time. Fetch the "
                "shards again, or leave one out with `shards=[...]`.",
                shard=shard,
            )
        self._seen[rows] = True
        creator, latitude, longitude, date = self._metadata.take(rows)
        if self._unnamed is not None and self._unnamed[rows].any():
            creator = pc.if_else(pa.array(self._unnamed[rows]), WITHHELD_USERNAME, creator)
        return pa.Table.from_arrays(
            [image, creator, hashes, latitude, longitude, date], schema=SCHEMA
        )

    def choose(self, source: Source, images: Iterator[ShardImage]) -> Iterator[ShardImage]:
        """The images of a shard that are wanted, in their order.

        Raises:
            MetadataError: an image has no row.
        """
        if self._chosen is None and not self._withdrawn:
            yield from images
            return
        # headers are read ahead where that costs nothing
        count = _CHOSEN_AT_A_TIME if isinstance(source, ShardFile) else 1
        while batch := list(itertools.islice(images, count)):
            hashes = pa.array([image.hash for image in batch], pa.string())
            yield from itertools.compress(batch, self._wanted(source.name, hashes))

    def _wanted(self, shard: str, hashes: pa.StringArray) -> Mask:
        """Which of these images are wanted."""
        if self._withdrawn:
            rows = self._metadata.keys.find(Keys.of(hashes))
            known: Mask = rows >= 0
            return known if self._chosen is None else known & self._chosen[rows]
        rows = self._find(shard, hashes)
        return np.ones(len(rows), np.bool_) if self._chosen is None else self._chosen[rows]

    def choose_batch(self, source: Source, images: ShardImages) -> ShardImages:
        """Those of many images that are wanted, in their order.

        Raises:
            MetadataError: an image has no row.
        """
        if self._chosen is None and not self._withdrawn:
            return images
        return images.filter(self._wanted(source.name, images.hashes))

    def _find(self, shard: str, hashes: pa.StringArray) -> Rows:
        try:
            return self._metadata.find(hashes)
        except MetadataError as err:
            raise MetadataError(f"{shard}: {err}", path=err.path, hash=err.hash) from err


def read_places(
    source: ShardFile, join: Join, batches: Iterable[ShardImages]
) -> Iterator[pa.Table]:
    """The rows of images of a shard on disk, each image as the URL of its place."""
    for batch in batches:
        images = join.choose_batch(source, batch)
        for begin in range(0, len(images.hashes), _PLACES_PER_TABLE):
            yield _places_table(source, join, images.slice(begin, begin + _PLACES_PER_TABLE))


def _places_table(source: ShardFile, join: Join, images: ShardImages) -> pa.Table:
    urls = pa.array(place_urls(source, images.rows()), pa.string())
    image = pa.StructArray.from_arrays(
        [pa.nulls(len(urls), pa.binary()), urls], fields=list(_IMAGE)
    )
    return join.table(source.name, images.hashes, image)


def read_images(
    source: Source, join: Join, start: int = 0, end: int | None = None
) -> Iterator[pa.Table]:
    """The rows of a byte range of a shard, each image with its bytes.

    The bytes go from the source into the memory of the Arrow array that holds them, once.
    """
    buffer: pa.Buffer | None = None
    hashes: list[str] = []
    ends = [0]
    for image in join.choose(source, list_images(source, start, end)):
        if buffer is not None and ends[-1] + image.size > len(buffer):
            yield _images_table(source, join, hashes, ends, buffer)
            buffer, hashes, ends = None, [], [0]
        if buffer is None:
            buffer = pa.allocate_buffer(max(_BYTES_PER_TABLE, image.size))
            view = memoryview(buffer).cast("B")
        source.readinto(image.offset, view[ends[-1] : ends[-1] + image.size])
        hashes.append(image.hash)
        ends.append(ends[-1] + image.size)
    if buffer is not None:
        yield _images_table(source, join, hashes, ends, buffer)


def _images_table(
    source: Source, join: Join, hashes: list[str], ends: list[int], buffer: pa.Buffer
) -> pa.Table:
    offsets = pa.py_buffer(np.array(ends, dtype=np.int32))
    data = pa.Array.from_buffers(pa.binary(), len(hashes), [None, offsets, buffer])
    names = pa.array([f"{hash}.jpg" for hash in hashes], pa.string())
    return join.table(
        source.name,
        pa.array(hashes, pa.string()),
        pa.StructArray.from_arrays([data, names], fields=list(_IMAGE)),
    )


def read_single_images(
    join: Join, images: Iterable[tuple[str, bytes]], source: str
) -> Iterator[pa.Table]:
    """The rows of images that came one by one from a source, in their order."""
    hashes: list[str] = []
    data: list[bytes] = []
    size = 0
    for hash, bytes_ in images:
        if size + len(bytes_) > _BYTES_PER_TABLE and hashes:
            yield _single_images_table(join, hashes, data, source)
            hashes, data, size = [], [], 0
        hashes.append(hash)
        data.append(bytes_)
        size += len(bytes_)
    if hashes:
        yield _single_images_table(join, hashes, data, source)


def _single_images_table(join: Join, hashes: list[str], data: list[bytes], source: str) -> pa.Table:
    names = pa.array([f"{hash}.jpg" for hash in hashes], pa.string())
    image = pa.StructArray.from_arrays([pa.array(data, pa.binary()), names], fields=list(_IMAGE))
    return join.table(source, pa.array(hashes, pa.string()), image)
