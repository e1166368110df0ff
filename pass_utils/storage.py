"""An image's place in a shard in, its bytes out: the fsspec file system behind datasets that are opened in place.

A place is a URL, `pass://<offset>-<size>-<stamp>/<path of the shard>/<hash>.jpg`, with the path percent-encoded. fsspec
finds the file system through the package's entry point, in every process, whether it imported pass_utils or not; so
`datasets.Image`, which opens images given by URL through fsspec, needs to know nothing of tars.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, unquote_to_bytes

import pyarrow as pa
import pyarrow.compute as pc
from fsspec import AbstractFileSystem

from .errors import ShardError
from .sources import ShardFile

PROTOCOL = "pass"
_PLACE = re.compile(r"(?:pass://)?([0-9]{1,18})-([0-9]{1,18})-([0-9a-f]+)(/.+)/([^/]+)")


class Place(NamedTuple):
    """Where an image's bytes are: path of the shard, offset and size in bytes, the shard's stamp then, the file's name."""

    shard: str
    offset: int
    size: int
    stamp: str
    name: str

    @classmethod
    def from_url(cls, url: str) -> Place:
        """The place that `place_urls` wrote as `url`.

        Raises:
            ShardError: it is no such URL.
        """
        match = _PLACE.fullmatch(url)
        if match is None:
            raise ShardError(f"{url}: expected pass://<offset>-<size>-<stamp>/<shard>/<hash>.jpg. Load the dataset again.")
        offset, size, stamp, shard, name = match.groups()
        return cls(os.fsdecode(unquote_to_bytes(shard)), int(offset), int(size), stamp, unquote(name))

    def read(self) -> bytes:
        """The image's bytes.

        Raises:
            ShardError: the shard is gone, or is not the file that it was when the dataset was opened.
        """
        with ShardFile(self.shard) as shard:
            if shard.stamp != self.stamp:
                raise ShardError(
                    f"{self.shard}: expected the file that the dataset was opened with, found one of another size or date. "
                    'Run `load_dataset("pass", ...)` again.',
                    shard=self.shard,
                    offset=self.offset,
                )
            data = bytearray(self.size)
            shard.readinto(self.offset, memoryview(data))
        return bytes(data)


def place_urls(shard: ShardFile, images: Iterable[tuple[str, int, int]]) -> list[str]:
    """The URLs of images `(hash, offset, size)` of one shard."""
    path = quote(os.fsencode(Path(shard.name).absolute()))  # bytes: a path need not be UTF-8
    return [f"{PROTOCOL}://{offset}-{size}-{shard.stamp}{path}/{hash}.jpg" for hash, offset, size in images]


class ShardFileSystem(AbstractFileSystem):
    """Reads `pass://` URLs, one whole image at a time.

    >>> import fsspec
    >>> fsspec.open("pass://512-931-0f3c11aa/home/me/pass/PASS.0.tar/ffd3eb12a16cb831.jpg").path
    '512-931-0f3c11aa/home/me/pass/PASS.0.tar/ffd3eb12a16cb831.jpg'
    """

    protocol = PROTOCOL
    root_marker = ""

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        """Name, size in bytes and type, without touching the shard."""
        path = self._strip_protocol(path)
        return {"name": path, "size": Place.from_url(path).size, "type": "file"}

    def _open(self, path: str, mode: str = "rb", **kwargs: Any) -> io.BytesIO:
        if mode != "rb":
            raise ShardError(f"{path}: expected mode 'rb', found {mode!r}: shards are only read.")
        return io.BytesIO(Place.from_url(path).read())


def image_sizes(images: pa.StructArray) -> pa.Int64Array:
    """Bytes of each image file of an `image` column, from its place or from the length of its bytes."""
    lengths = pc.cast(pc.binary_length(pc.struct_field(images, "bytes")), pa.int64())
    written = pc.struct_field(pc.extract_regex(pc.struct_field(images, "path"), r"^pass://\d+-(?P<size>\d+)-"), "size")
    return pc.coalesce(lengths, pc.cast(written, pa.int64()))
