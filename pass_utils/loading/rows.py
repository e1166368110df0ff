"""Members of a shard and rows of the metadata in, Arrow tables in the card's schema out.

Two kinds of table differ in the image only: `read_places` gives its place in the shard (a URL of
`storage`, no bytes), `read_images` its bytes. Nothing is decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from ..errors import MetadataError, ShardError
from ..metadata import Metadata
from ..releases import FEATURES, IMAGE_NAME
from ..shards.places import place_urls
from ..shards.source import ShardFile, Source
from ..shards.tar import read_members

SCHEMA: pa.Schema = FEATURES.arrow_schema
_IMAGE: pa.StructType = SCHEMA.field("image").type
_PLACES_PER_TABLE = 10_000
_BYTES_PER_TABLE = 4 << 20  # of images; about 30 of PASS


class ShardImage(NamedTuple):
    """An image of a shard: its hash, where its bytes begin and how many they are."""

    hash: str
    offset: int
    size: int


def list_images(source: Source, start: int = 0, end: int | None = None) -> Iterator[ShardImage]:
    """The images whose header begins in bytes `[start, end)` of a shard; directories and hidden
    files are passed over.

    Raises:
        ShardError: the shard is damaged, or holds something that is not a file `<hash>.jpg`.
    """
    for member in read_members(source, start, end):
        name = member.name.rstrip("/").rpartition("/")[2]
        if member.is_directory or name.startswith("."):
            continue
        match = IMAGE_NAME.fullmatch(name)
        if match is None or not member.is_file:
            found, todo = f"a member {member.name!r}", "Is this a shard of PASS?"
            if match is not None:
                found = f"{member.name!r}, which is {member.kind},"
                todo = "Pack the files again with `tar --dereference --hard-dereference`."
            raise ShardError(
                f"{source.name}: expected files named <hash>.jpg, found {found} at byte "
                f"{member.offset:,}. {todo}",
                shard=source.name,
                offset=member.offset,
            )
        yield ShardImage(match[1], member.offset, member.size)


class Join:
    """Puts metadata beside pictures, and sees to it that no picture comes twice."""

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata
        self._seen = np.zeros(len(metadata), dtype=np.bool_)

    def table(self, shard: str, hashes: list[str], image: pa.StructArray) -> pa.Table:
        """The rows of these images, in this order.

        Raises:
            MetadataError: an image has no row.
            ShardError: the same image came before.
        """
        array = pa.array(hashes, pa.string())
        try:
            rows = self._metadata.find(array)
        except MetadataError as err:
            raise MetadataError(f"{shard}: {err}", path=err.path, hash=err.hash) from err
        if self._seen[rows].any() or len(np.unique(rows)) < len(rows):
            once, twice = set[str](), ""
            for hash, seen in zip(hashes, self._seen[rows], strict=True):
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
        return pa.Table.from_arrays(
            [image, creator, array, latitude, longitude, date], schema=SCHEMA
        )


def read_places(
    source: ShardFile, join: Join, start: int = 0, end: int | None = None
) -> Iterator[pa.Table]:
    """The rows of a byte range of a shard on disk, each image as the URL of its place."""
    images: list[ShardImage] = []
    for image in list_images(source, start, end):
        images.append(image)
        if len(images) == _PLACES_PER_TABLE:
            yield _places_table(source, join, images)
            images = []
    if images:
        yield _places_table(source, join, images)


def _places_table(source: ShardFile, join: Join, images: list[ShardImage]) -> pa.Table:
    urls = pa.array(place_urls(source, images), pa.string())
    image = pa.StructArray.from_arrays(
        [pa.nulls(len(urls), pa.binary()), urls], fields=list(_IMAGE)
    )
    return join.table(source.name, [each.hash for each in images], image)


def read_images(
    source: Source, join: Join, start: int = 0, end: int | None = None
) -> Iterator[pa.Table]:
    """The rows of a byte range of a shard, each image with its bytes.

    The bytes go from the source into the memory of the Arrow array that holds them, once.
    """
    buffer: pa.Buffer | None = None
    hashes: list[str] = []
    ends = [0]
    for image in list_images(source, start, end):
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
        source.name, hashes, pa.StructArray.from_arrays([data, names], fields=list(_IMAGE))
    )
