"""Pictures of a dataset in, small ones for a page out, kept in a file until the page is written."""

from __future__ import annotations

import base64
import io
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from ..errors import AttributionError

SIZES = (16, 1024)  # pixels of the longer side
_QUALITY = 80
# What pillow raises of broken files and of those that say they are huge.
_UNDECODABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


class Thumbnail(NamedTuple):
    """A small picture as a data: URI, and its size in pixels."""

    uri: str
    width: int
    height: int


class Thumbnails:
    """Small JPEGs of a dataset's pictures by hash, at most `size` pixels wide and high, without
    metadata; a context manager.

    This reads and decodes every image once.

    Raises:
        AttributionError: the target has no images, or one cannot be decoded.
    """

    def __init__(self, target: Any, size: int, folder: Path) -> None:
        if isinstance(size, bool) or not isinstance(size, int) or not SIZES[0] <= size <= SIZES[1]:
            raise AttributionError(
                f"thumbnails: expected {SIZES[0]} to {SIZES[1]} pixels, found {size!r}."
            )
        self._places: dict[str, tuple[int, int, int, int]] = {}
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  (__exit__ closes it)
        try:
            for hash, image in _images(target):
                small = image.convert("RGB")
                small.thumbnail((size, size))
                begin = self._file.tell()
                small.save(self._file, "JPEG", quality=_QUALITY, optimize=True)
                self._file.seek(0, io.SEEK_END)
                self._places[hash] = (begin, self._file.tell() - begin, *small.size)
        except BaseException:
            self._file.close()
            raise

    def find(self, hash: str) -> Thumbnail | None:
        """The small picture, None where there is none."""
        if hash not in self._places:
            return None
        begin, length, width, height = self._places[hash]
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


def _images(target: Any) -> Iterator[tuple[str, Image.Image]]:
    if isinstance(target, Mapping):
        for split in target.values():
            yield from _images(split)
        return
    if not hasattr(target, "with_format") or "image" not in (target.column_names or ["image"]):
        raise AttributionError(
            "thumbnails: expected a dataset with a column image, found "
            f"{'none' if hasattr(target, 'with_format') else 'a path'}. "
            'Open the shards with `load_dataset("pass", ...)`.'
        )
    wanted = target.select_columns(["hash", "image"]) if target.column_names is not None else target
    rows = iter(wanted.with_format(None))
    while True:
        try:
            row = next(rows, None)
        except _UNDECODABLE as err:
            raise AttributionError(
                f"thumbnails: expected images that can be decoded, found: {err}. Leave the row out "
                "with `ds.select`, or write the list without thumbnails."
            ) from err
        if row is None:
            return
        if not isinstance(row.get("image"), Image.Image):
            raise AttributionError(
                "thumbnails: expected a column image that is decoded, found "
                f"{type(row.get('image')).__name__} with {row['hash']}. Cast it to "
                "`datasets.Image()`."
            )
        yield row["hash"], row["image"]
