"""Places of images in shards, as `pass://` URLs, and the fsspec file system that reads them.

Datasets that are opened in place hold such a URL for each image:
`pass://<offset>-<size>-<stamp>/<path of the shard>/<hash>.jpg`, with the path percent-encoded.
fsspec finds the file system through the package's entry point, in every process, whether it
imported pass_utils or not; so `datasets.Image`, which opens images given by URL through fsspec,
needs to know nothing of tars.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, NoReturn
from urllib.parse import quote, unquote, unquote_to_bytes

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from fsspec import AbstractFileSystem

from .._util.text import plain_line
from ..errors import ShardError
from .member import MAX_SIZE
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
            ShardError: it is no such URL, or is of 2 GiB or more.
        """
        match = _PLACE.fullmatch(url)
        if match is None:
            raise ShardError(
                f"{plain_line(url, limit=1000)}: expected "
                "pass://<offset>-<size>-<stamp>/<shard>/<hash>.jpg. Load the dataset again."
            )
        offset, size, stamp, shard, name = match.groups()
        _check_size(url, int(size))
        return cls(_decode_path(shard), int(offset), int(size), stamp, unquote(name))

    def read(self) -> bytes:
        """The image's bytes.

        Raises:
            ShardError: the shard is gone, or is not the file that it was when the dataset was
            opened.
        """
        data = kept_shard(self.shard, self.stamp, offset=self.offset).pread(self.offset, self.size)
        if len(data) < self.size:
            raise ShardError(
                f"{self.shard}: expected {self.size:,} bytes at {self.offset:,}, found "
                f"{len(data):,}; the file was cut. Load the dataset again.",
                shard=self.shard,
                offset=self.offset,
            )
        return data


@lru_cache(maxsize=64)
def _decode_path(quoted: str) -> str:
    """The path of a shard, of which URLs have few."""
    return os.fsdecode(unquote_to_bytes(quoted))


def _check_size(url: str, size: int) -> None:
    """Refuse, before it is allocated, what no image of a shard has."""
    if size >= MAX_SIZE:
        raise ShardError(
            f"{plain_line(url, limit=1000)}: expected an image of less than {MAX_SIZE:,} bytes, "
            f"found a place of {size:,}. Load the dataset again."
        )


class Places(NamedTuple):
    """Places of images in one shard: its path and stamp; the `rows` of their URLs, their `offsets`
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
    """Opens a shard, if it is still the file that it was when a dataset was opened with it.

    Args:
        path: of the shard.
        stamp: of the shard then.
        offset: the byte that an error names.
        random_access: as in `ShardFile`.

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


_KEPT = 16  # shards that are kept open
_kept: dict[str, ShardFile] = {}


def kept_shard(path: str, stamp: str, *, offset: int | None = None) -> ShardFile:
    """A shard that stays open in this process for the next read, if it is still the file that it
    was; do not close it.

    Threads and forked processes may share it: `ShardFile` reads without moving an offset. The least
    recently opened one is closed when there are too many and nobody reads it any more.

    Args:
        path: of the shard.
        stamp: of the shard when a dataset was opened with it.
        offset: the byte that an error names.

    Raises:
        ShardError: it is gone, or another.
    """
    shard = _kept.get(path)
    if shard is not None and shard.stamp == stamp:
        try:
            status = os.stat(path)  # noqa: PTH116  (twice as fast as Path.stat)
        except OSError:
            status = None
        if status is not None and (status.st_size, status.st_mtime_ns) == (
            shard.size,
            shard.mtime_ns,
        ):
            return shard
    _kept.pop(path, None)
    shard = open_shard(path, stamp, offset=offset)
    while len(_kept) >= _KEPT:
        _kept.pop(next(iter(_kept), ""), None)
    _kept[path] = shard
    return shard


def group_places(paths: pa.StringArray) -> Iterator[Places]:
    """The places among the paths of images, shard by shard; rows that hold no `pass://` URL are
    passed over.
    """
    # of the whole: 15 times as slow
    numbers = pc.extract_regex(pc.utf8_slice_codeunits(paths, 0, _NUMBERS_END), _NUMBERS)
    rows = np.flatnonzero(numbers.is_valid().to_numpy(zero_copy_only=False))
    while len(rows):
        left = paths if len(rows) == len(paths) else paths.take(pa.array(rows))
        first = Place.from_url(left[0].as_py())
        begin = left[0].as_py().index(f"-{first.stamp}/")
        shard = left[0].as_py()[begin:].rpartition("/")[0] + "/"
        # nothing lies below a shard: it is a file
        here = pc.match_substring(left, shard).to_numpy(zero_copy_only=False)
        chosen = numbers if here.sum() == len(paths) else numbers.take(pa.array(rows[here]))
        offsets, sizes = (field.cast(pa.int64()).to_numpy() for field in chosen.flatten())
        largest = int(np.argmax(sizes))
        _check_size(paths[int(rows[here][largest])].as_py(), int(sizes[largest]))
        yield Places(first.shard, first.stamp, rows[here], offsets, sizes)
        rows = rows[~here]


def place_urls(shard: ShardFile, images: Iterable[tuple[str, int, int]]) -> list[str]:
    """The URLs of images `(hash, offset, size)` of one shard."""
    path = quote(os.fsencode(Path(shard.name).absolute()))  # bytes: a path need not be UTF-8
    return [
        f"{PROTOCOL}://{offset}-{size}-{shard.stamp}{path}/{hash}.jpg"
        for hash, offset, size in images
    ]


class _ImageFile(io.BytesIO):
    """An image's bytes as an open file, with the `size` that fsspec asks for."""

    @property
    def size(self) -> int:
        """In bytes."""
        return self.getbuffer().nbytes


class ShardFileSystem(AbstractFileSystem):
    """Reads `pass://` URLs: files without folders, which cannot be written.

    >>> import fsspec
    >>> fsspec.open("pass://512-931-0f3c11aa/home/me/pass/PASS.0.tar/ffd3eb12a16cb831.jpg").path
    '512-931-0f3c11aa/home/me/pass/PASS.0.tar/ffd3eb12a16cb831.jpg'
    """

    protocol = PROTOCOL
    root_marker = ""

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        """Returns name, size in bytes and type, without opening the shard."""
        path = self._strip_protocol(path)
        return {"name": path, "size": Place.from_url(path).size, "type": "file"}

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> list[Any]:
        """Returns the one image that a URL stands for; there are no folders to list."""
        info = self.info(path)
        return [info if detail else info["name"]]

    def exists(self, path: str, **kwargs: Any) -> bool:
        """Whether the shard is there, still the same, and has these bytes."""
        try:
            place = Place.from_url(self._strip_protocol(path))
            with open_shard(place.shard, place.stamp) as shard:
                return place.offset + place.size <= shard.size
        except ShardError:
            return False

    def isfile(self, path: str) -> bool:
        """Whether it exists: everything is a file."""
        return self.exists(path)

    def isdir(self, path: str) -> bool:
        """False: nothing is a folder."""
        return False

    def modified(self, path: str) -> datetime:
        """Returns when the shard was last changed (UTC)."""
        place = Place.from_url(self._strip_protocol(path))
        with open_shard(place.shard, place.stamp, offset=place.offset) as shard:
            return datetime.fromtimestamp(shard.mtime_ns / 1e9, tz=timezone.utc)

    created = modified  # whatever the shard was before, its images came with the last change

    def cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **kwargs: Any
    ) -> bytes:
        """Returns the image's bytes, or those from `start` to `end`."""
        data = Place.from_url(path).read()
        return data if start is None and end is None else data[start:end]

    def _open(self, path: str, mode: str = "rb", **kwargs: Any) -> _ImageFile:
        if mode != "rb":
            raise ShardError(
                f"{plain_line(path, limit=1000)}: expected mode 'rb', found {mode!r}: images in "
                "shards are only read."
            )
        return _ImageFile(Place.from_url(path).read())

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises ShardError."""
        where = plain_line(str(args[0]), limit=1000) if args else "pass://"
        raise ShardError(
            f"{where}: expected a call that reads, found one that writes: images in shards are "
            "only read. Write to another file system."
        )

    mkdir = makedirs = rmdir = _refuse
    rm = rm_file = _rm = _refuse
    copy = cp_file = mv = _refuse
    put = put_file = pipe = pipe_file = touch = _refuse
