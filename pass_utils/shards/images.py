"""The images of a shard: hash, offset and size of each, in the order of the tar."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..errors import ShardError
from ..hashes import MAX_LENGTH, MIN_LENGTH
from ..releases import IMAGE_NAME
from .headers import Offsets
from .member import Member
from .source import ShardFile, Source
from .tar import read_members
from .walk import Members, Progress, walk_members

_AT_A_TIME = 1000  # images of a range
_SUFFIX = np.frombuffer(b".jpg", np.uint8)
_IS_HEX = np.isin(np.arange(256), np.frombuffer(b"0123456789abcdef", np.uint8))


class ShardImage(NamedTuple):
    """An image of a shard: its hash, where its bytes begin and how many they are."""

    hash: str
    offset: int
    size: int


class ShardImages(NamedTuple):
    """Images of a shard in arrays of one length, as `ShardImage` has them."""

    hashes: pa.StringArray
    offsets: Offsets
    sizes: Offsets

    @classmethod
    def of(cls, images: Sequence[ShardImage]) -> ShardImages:
        """The images as arrays."""
        hashes, offsets, sizes = zip(*images, strict=True)
        return cls(
            pa.array(hashes, pa.string()), np.array(offsets, np.int64), np.array(sizes, np.int64)
        )

    def rows(self) -> Iterator[ShardImage]:
        """Each of the images."""
        lists = self.hashes.to_pylist(), self.offsets.tolist(), self.sizes.tolist()
        return map(ShardImage, *lists)

    def slice(self, begin: int, end: int) -> ShardImages:
        """The images from one index to another."""
        return ShardImages(self.hashes[begin:end], self.offsets[begin:end], self.sizes[begin:end])

    def filter(self, chosen: npt.NDArray[np.bool_]) -> ShardImages:
        """Some of the images."""
        return ShardImages(
            self.hashes.filter(pa.array(chosen)), self.offsets[chosen], self.sizes[chosen]
        )


def list_images(source: Source, start: int = 0, end: int | None = None) -> Iterator[ShardImage]:
    """The images whose header begins in bytes `[start, end)` of a shard; directories and hidden
    files are passed over.

    Raises:
        ShardError: the shard is damaged, or holds something that is not a file `<hash>.jpg`.
    """
    for member in read_members(source, start, end):
        image = _to_image(source, member)
        if image is not None:
            yield image


def walk_images(
    source: ShardFile, *, progress: Progress = lambda headers, size: None
) -> Iterator[ShardImages]:
    """The images that `list_images` gives of a complete shard, many at a time, found by many reads
    at once.

    Args:
        source: The shard.
        progress: As in `walk_members`.

    Raises:
        ShardError: as `list_images`, once the images before were given.
    """
    for found in walk_members(source, progress=progress):
        if isinstance(found, Members):
            yield from _to_images(source, found)
        else:
            image = _to_image(source, found)
            if image is not None:
                yield ShardImages.of([image])


def range_images(source: Source, start: int, end: int | None) -> Iterator[ShardImages]:
    """The images that `list_images` gives of a range, many at a time.

    Raises:
        ShardError: as `list_images`.
    """
    images = list_images(source, start, end)
    while batch := list(itertools.islice(images, _AT_A_TIME)):
        yield ShardImages.of(batch)


def _to_image(source: Source, member: Member) -> ShardImage | None:
    """The image that a member is; None for what is passed over."""
    name = member.name.rstrip("/").rpartition("/")[2]
    if member.is_directory or name.startswith("."):
        return None
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
    return ShardImage(match[1], member.offset, member.size)


def _to_images(source: Source, members: Members) -> Iterator[ShardImages]:
    """The images that plain files are, and an error where one is none."""
    named, hashes = _parse_names(members.names)
    images = ShardImages(hashes, members.offsets[named], members.sizes[named])
    done = 0
    for place, index in enumerate(np.flatnonzero(~named).tolist()):
        begin = index - place  # images before it
        if begin > done:
            yield images.slice(done, begin)
        done = begin
        name = members.names[index].decode("utf-8", "surrogateescape")
        member = Member(name, int(members.offsets[index]), int(members.sizes[index]))
        image = _to_image(source, member)
        if image is not None:
            yield ShardImages.of([image])
    if len(hashes) > done:
        yield images.slice(done, len(hashes))


def _parse_names(names: npt.NDArray[np.bytes_]) -> tuple[npt.NDArray[np.bool_], pa.StringArray]:
    """Which names are `<hash>.jpg` in any folder, and the hashes of those."""
    width = names.dtype.itemsize
    text = np.ascontiguousarray(names).view(np.uint8).reshape(len(names), width)
    columns = np.arange(width)
    ends = np.count_nonzero(text, axis=1)
    slashes = text == ord("/")
    begins = np.where(slashes.any(axis=1), width - slashes[:, ::-1].argmax(axis=1), 0)
    stems = ends - len(_SUFFIX)  # where the suffix begins
    lengths = stems - begins
    suffixes = text[np.arange(len(text))[:, None], np.maximum(stems, 0)[:, None] + np.arange(4)]
    within = (columns >= begins[:, None]) & (columns < stems[:, None])
    named = (
        (lengths >= MIN_LENGTH)
        & (lengths <= MAX_LENGTH)
        & (suffixes == _SUFFIX).all(axis=1)
        & ~(within & ~_IS_HEX[text]).any(axis=1)
    )
    data = text[within & named[:, None]]
    ends = np.cumsum(np.append(0, lengths[named]), dtype=np.int32)
    return named, pa.Array.from_buffers(
        pa.string(), len(ends) - 1, [None, pa.py_buffer(ends), pa.py_buffer(data)]
    )
