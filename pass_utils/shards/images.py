"""The images of a shard: hash, offset and size of each, in the order of the tar."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..errors import ShardError
from ..releases import IMAGE_NAME
from .source import Source
from .tar import read_members


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
