"""An image's place in a shard in, its bytes out: the fsspec file system behind datasets that are
opened in place.

A place is a URL, `pass://<offset>-<size>-<stamp>/<path of the shard>/<hash>.jpg`, with the path
percent-encoded. fsspec finds the file system through the package's entry point, in every process,
whether it imported pass_utils or not; so `datasets.Image`, which opens images given by URL through
fsspec, needs to know nothing of tars.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, unquote_to_bytes

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from fsspec import AbstractFileSystem

from ..errors import ShardError
from .source import ShardFile

PROTOCOL = "pass"
_NUMBERS = r"^pass://(?P<offset>\d{1,18})-(?P<size>\d{1,18})-"
_NUMBERS_END = len("pass://-") + 2 * 18 + 1  # characters
_PLACE = re.compile(r"(?:pass://)?([0-9]{1,18})-([0-9]{1,18})-([0-9a-f]+)(/.+)/([^/]+)")


class Place(NamedTuple):
    """Where an image's bytes are: path of the shard, offset and size in bytes, the shard's stamp
    then, the file's name.
    """

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
            raise ShardError(
                f"{url}: expected pass://<offset>-<size>-<stamp>/<shard>/<hash>.jpg. Load the "
                "dataset again."
            )
        offset, size, stamp, shard, name = match.groups()
        return cls(
            os.fsdecode(unquote_to_bytes(shard)), int(offset), int(size), stamp, unquote(name)
        )

    def read(self) -> bytes:
        """The image's bytes.

        Raises:
            ShardError: the shard is gone, or is not the file that it was when the dataset was
            opened.
        """
        with open_shard(self.shard, self.stamp, offset=self.offset) as shard:
            data = bytearray(self.size)
            shard.readinto(self.offset, memoryview(data))
        return bytes(data)


class Places(NamedTuple):
    """Where images of one shard are: its path and stamp; `rows` of the URLs that said so, `offsets`
    and `sizes` in bytes.
    """

    shard: str
    stamp: str
    rows: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]

    @classmethod
    def concat(cls, parts: Sequence[Places]) -> Places:
        """The places of parts that are all of one shard."""
        arrays = (
            np.concatenate(arrays) for arrays in zip(*(part[2:] for part in parts), strict=True)
        )
        return cls(parts[0].shard, parts[0].stamp, *arrays)

    def take(self, places: npt.NDArray[np.int64]) -> Places:
        """Some of the places."""
        return self._replace(
            rows=self.rows[places], offsets=self.offsets[places], sizes=self.sizes[places]
        )


def open_shard(
    path: str, stamp: str, *, offset: int | None = None, random_access: bool = False
) -> ShardFile:
    """The shard, if it is still the file that it was when a dataset was opened with it; `offset` is
    what an error names.

    Raises:
        ShardError: it is gone, or another.
    """
    shard = ShardFile(path, random_access=random_access)
    if shard.stamp != stamp:
        shard.close()
        raise ShardError(
            f"{path}: expected the file that the dataset was opened with, found one of another "
            'size or date. Run `load_dataset("pass", ...)` again.',
            shard=path,
            offset=offset,
        )
    return shard


def group_places(paths: pa.StringArray) -> Iterator[Places]:
    """The places among the paths of images, shard by shard; rows that hold no `pass://` URL are
    passed over.
    """
    # of the whole: 15 times as slow
    numbers = pc.extract_regex(pc.utf8_slice_codeunits(paths, 0, _NUMBERS_END), _NUMBERS)
    rows = np.flatnonzero(numbers.is_valid())
    while len(rows):
        left = paths.take(pa.array(rows))
        first = Place.from_url(left[0].as_py())
        begin = left[0].as_py().index(f"-{first.stamp}/")
        shard = left[0].as_py()[begin:].rpartition("/")[0] + "/"
        # nothing lies below a shard: it is a file
        here = pc.match_substring(left, shard).to_numpy(zero_copy_only=False)
        chosen = numbers.take(pa.array(rows[here]))
        offsets, sizes = (field.cast(pa.int64()).to_numpy() for field in chosen.flatten())
        yield Places(first.shard, first.stamp, rows[here], offsets, sizes)
        rows = rows[~here]


def place_urls(shard: ShardFile, images: Iterable[tuple[str, int, int]]) -> list[str]:
    """The URLs of images `(hash, offset, size)` of one shard."""
    path = quote(os.fsencode(Path(shard.name).absolute()))  # bytes: a path need not be UTF-8
    return [
        f"{PROTOCOL}://{offset}-{size}-{shard.stamp}{path}/{hash}.jpg"
        for hash, offset, size in images
    ]


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
