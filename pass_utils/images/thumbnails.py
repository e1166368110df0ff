"""Thumbnails of a dataset's images, kept in a temporary file until a page is written."""

from __future__ import annotations

import base64
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import datasets

from .._datasets import image_column, open_splits, read_file
from ..errors import AttributionError, ImageError
from .decoding import decode_image

SIZES = (16, 1024)  # pixels of the longer side
_QUALITY = 80


class Thumbnail(NamedTuple):
    """A small image as a data: URI, its width and its height in pixels."""

    uri: str
    width: int
    height: int


class Thumbnails:
    """Small JPEGs of a dataset's images by hash, without metadata; a context manager.

    Every image is read and decoded once.

    Args:
        target: A dataset or a dict of splits, with a column `hash`; streams too.
        size: Pixels of the longer side, 16 to 1024.
        folder: Takes the temporary file.
        on_broken: What to do about an image that cannot be decoded: raise, or have no thumbnail
            of it.

    Raises:
        AttributionError: the size makes no sense.
        DatasetError: it is no dataset, or has no column of images.
        ImageError: an image cannot be decoded, or its file is not there.
        ShardError: a shard is gone or has changed.
    """

    def __init__(
        self, target: Any, size: int, folder: Path, *, on_broken: Literal["raise", "skip"] = "raise"
    ) -> None:
        if isinstance(size, bool) or not isinstance(size, int) or not SIZES[0] <= size <= SIZES[1]:
            raise AttributionError(
                f"thumbnails: expected {SIZES[0]} to {SIZES[1]} pixels, found {size!r}."
            )
        self._spans: dict[str, tuple[int, int, int, int]] = {}
        images = _images(target)
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  (__exit__ closes it)
        try:
            for hash, image in images:
                try:
                    self._add(hash, image, size)
                except ImageError as err:
                    if on_broken == "raise":
                        raise ImageError(
                            f"thumbnails: image {hash}: {err} `ds.filter(lambda hash: hash != "
                            f'{hash!r}, input_columns="hash")` does, or write the list without '
                            "thumbnails.",
                            hashes=[hash],
                        ) from err
        except BaseException:
            self._file.close()
            raise

    def _add(self, hash: str, image: dict[str, Any] | None, size: int) -> None:
        if image is None or (image["bytes"] is None and image["path"] is None):
            raise ImageError("expected an image, found none. Leave it out.")
        data = image["bytes"] if image["bytes"] is not None else read_file(image["path"])
        small = decode_image(data).convert("RGB")
        small.thumbnail((size, size))
        begin = self._file.tell()
        small.save(self._file, "JPEG", quality=_QUALITY, optimize=True)
        self._file.seek(0, io.SEEK_END)
        self._spans[hash] = (begin, self._file.tell() - begin, *small.size)

    def find(self, hash: str) -> Thumbnail | None:
        """The thumbnail of the image with this hash; None where there is none."""
        if hash not in self._spans:
            return None
        begin, length, width, height = self._spans[hash]
        self._file.seek(begin)
        return Thumbnail(
            f"data:image/jpeg;base64,{base64.b64encode(self._file.read(length)).decode()}",
            width,
            height,
        )

    def __enter__(self) -> Thumbnails:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._file.close()


def _images(target: Any) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """The hashes of all rows, and their images as `datasets` stores them."""
    columns = [
        (part, image_column(part.features)) for part in open_splits(target).parts.values()
    ]  # before anything is read
    return (
        (row["hash"], row[column])
        for part, column in columns
        for row in part.with_format(None)
        .select_columns(["hash", column])
        .cast_column(column, datasets.Image(decode=False))
    )
