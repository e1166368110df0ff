"""Widths and heights of a column of images, read from their headers; those of images in shards are
cached.

Of an image in a shard only the first kilobytes are read, in the order of the tar, and what was read
is cached until the tar changes. Of bytes in Arrow only the header is looked at, where it lies.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

import datasets
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from .._datasets import Rows, open_file, read_file, stored_chunks, stored_indices
from .._util.cache import cache_dir, cache_path, read_batch, write_batch
from ..errors import ImageError, TruncatedImageError
from ..shards.places import Places, open_shard
from ..shards.reads import ManyReads
from .files import dataset_places, locate
from .header import FIRST_BYTES, Resolution, header_resolution, image_size, read_resolution

logger = logging.getLogger(__name__)

_FORMAT = 2  # of the cache; raise it when what is written there changes, or how headers are read
_ROWS_AT_A_TIME = 10_000
_AT_ONCE = 256  # images of a shard whose headers are read at once
_BROKEN: Resolution = (-1, -1)
_LISTED = 5  # hashes of broken images that a message names

# shape (rows, 2): width, height in pixels; zeros where there is no image, negative where the image
# is broken
Resolutions = npt.NDArray[np.int32]
# rows of a dataset, and what finds the resolutions of their images
Task: TypeAlias = "tuple[Rows, Callable[[], Resolutions]]"


def dataset_resolutions(
    dataset: datasets.Dataset,
    column: str,
    *,
    num_proc: int | None = None,
    on_broken: Literal["raise", "skip"] = "raise",
) -> Resolutions:
    """The resolutions of the images of a dataset.

    Args:
        dataset: Any.
        column: The name of its column of images.
        num_proc: Processes that read those that are not cached; one by default.
        on_broken: What to do about images whose header cannot be read, once all others are: raise,
            or leave them negative.

    Returns:
        Shape (rows, 2): width and height in pixels, zeros where a row has no image.

    Raises:
        ImageError: images are broken, or their files are not there.
        ShardError: a shard is gone or has changed.
    """
    found = np.zeros((len(dataset), 2), np.int32)
    elsewhere = np.ones(len(dataset), np.bool_)
    cache = cache_dir(dataset=dataset)
    in_shards = [(places, _Cached(places, cache)) for places in dataset_places(dataset, column)]
    tasks: list[Task] = []
    for places, cached in in_shards:
        found[places.rows], elsewhere[places.rows] = cached.find(places.offsets), False
        fresh = np.flatnonzero(found[places.rows, 0] == 0)
        for part in _parts(fresh[np.argsort(places.offsets[fresh])]):
            tasks.append((places.rows[part], partial(_from_shard, places.take(part))))
    for part in _parts(_as_stored(dataset, np.flatnonzero(elsewhere))):
        tasks.append((part, partial(_from_dataset, dataset.select(part), column)))
    try:
        # then another process would get all of it with each task
        in_memory = not dataset.cache_files
        for rows, resolutions in _run(tasks, 1 if in_memory else num_proc or 1):
            found[rows] = resolutions
    finally:  # what was read is not lost when something comes between
        for places, cached in in_shards:
            cached.add(places.offsets, found[places.rows])
    broken = np.flatnonzero(found[:, 0] < 0)
    if on_broken == "raise" and len(broken):
        raise _dataset_error(dataset, column, broken)
    return found


def _parts(rows: Rows) -> Iterator[Rows]:
    return (rows[begin : begin + _ROWS_AT_A_TIME] for begin in range(0, len(rows), _ROWS_AT_A_TIME))


def _run(tasks: list[Task], num_proc: int) -> Iterator[tuple[Rows, Resolutions]]:
    """The rows of each task and their resolutions."""
    with contextlib.ExitStack() as stack:
        bar = stack.enter_context(
            datasets.utils.tqdm(
                total=sum(len(rows) for rows, _ in tasks),
                unit=" images",
                desc="Reading image headers",
                delay=1.0,
            )
        )
        pool = (
            stack.enter_context(ProcessPoolExecutor(num_proc))
            if num_proc > 1 and len(tasks) > 1
            else None
        )
        works = [work for _, work in tasks]
        for (rows, _), found in zip(
            tasks, pool.map(_call, works) if pool else map(_call, works), strict=True
        ):
            yield rows, found
            bar.update(len(rows))


def _call(work: Callable[[], Resolutions]) -> Resolutions:
    return work()


def _as_stored(dataset: datasets.Dataset, rows: Rows) -> Rows:
    """These rows in the order in which they are stored."""
    stored = stored_indices(dataset)
    return rows if stored is None else rows[np.argsort(stored[rows], kind="stable")]


def _from_dataset(dataset: datasets.Dataset, column: str) -> Resolutions:
    """The resolutions of images that are not in shards."""
    found = np.zeros((len(dataset), 2), np.int32)
    for images, stored, rows in stored_chunks(dataset, column):
        found[rows] = image_resolutions(images, stored)
    return found


def table_resolutions(table: pa.Table, column: str) -> Resolutions:
    """The resolutions of the images of a table.

    Args:
        table: With images as `datasets` stores them; its `hash`, where there is one, names those
            that are broken.
        column: The name of its column of images.

    Returns:
        Shape (rows, 2): width and height in pixels, zeros where a row has no image.

    Raises:
        ImageError: images are broken, or their files are not there.
        ShardError: a shard is gone or has changed.
    """
    chunks = [image_resolutions(chunk) for chunk in table[column].chunks]
    found = np.concatenate([np.zeros((0, 2), np.int32), *chunks])
    broken = np.flatnonzero(found[:, 0] < 0)
    if len(broken):
        named = "hash" in table.column_names
        hashes = table["hash"].take(pa.array(broken)).to_pylist() if named else []
        raise _error(table[column][int(broken[0])].as_py(), hashes, broken, row=None)
    return found


def image_resolutions(images: pa.StructArray, rows: Rows | None = None) -> Resolutions:
    """The resolutions of images as `datasets` stores them.

    Args:
        images: With the fields `bytes` and `path`, in any order.
        rows: Which of them; all by default.

    Returns:
        Shape (rows, 2): width and height in pixels; zeros where there is no image, negative where
        it is broken or its file is not there.

    Raises:
        ShardError: a shard is gone or has changed.
    """
    data, paths = (
        images.flatten()[images.type.get_field_index(name)] for name in ("bytes", "path")
    )
    if not data.null_count:
        return _from_bytes(data, rows)
    rows = np.arange(len(images)) if rows is None else rows
    found = np.zeros((len(rows), 2), np.int32)
    with_bytes = data.is_valid().to_numpy(zero_copy_only=False)[rows]
    found[with_bytes] = _from_bytes(data, rows[with_bytes])
    others = np.flatnonzero(~with_bytes)
    if not len(others):
        return found
    paths = paths.take(pa.array(rows[others]))
    in_shards, elsewhere = locate(paths)
    for places in in_shards:
        found[others[places.rows]] = _from_shard(places)
    for row in elsewhere.tolist():
        found[others[row]] = _from_path(paths[row].as_py())
    return found


def _array(found: list[Resolution]) -> Resolutions:
    return np.array(found, np.int32).reshape(-1, 2)


def _from_bytes(data: pa.BinaryArray, rows: Rows | None) -> Resolutions:
    """The resolutions of images whose bytes lie in an Arrow buffer, of which no copy is made."""
    _, ends, buffer = data.buffers()
    width = np.int64 if pa.types.is_large_binary(data.type) else np.int32
    offsets = np.frombuffer(ends, width)[data.offset : data.offset + len(data) + 1]
    starts, ends = (
        (offsets[:-1], offsets[1:]) if rows is None else (offsets[rows], offsets[rows + 1])
    )
    view = memoryview(buffer or b"").cast("B")
    found: list[Resolution] = []
    for begin, end in zip(starts.tolist(), ends.tolist(), strict=True):
        image = view[begin:end]
        try:
            found.append(header_resolution(image) or image_size(image))
        except ImageError:
            found.append(_BROKEN)
    return _array(found)


def _from_shard(places: Places) -> Resolutions:
    """The resolutions of images in a shard, of which many are read at once."""
    found: list[Resolution] = []
    with (
        open_shard(places.shard, places.stamp, random_access=True) as shard,
        ManyReads(shard) as reads,
    ):
        for begin in range(0, len(places.offsets), _AT_ONCE):
            part = slice(begin, begin + _AT_ONCE)
            heads = memoryview(reads.read(places.offsets[part], FIRST_BYTES).data).cast("B")
            rows = zip(places.offsets[part].tolist(), places.sizes[part].tolist(), strict=True)
            for index, (offset, length) in enumerate(rows):
                head = heads[index * FIRST_BYTES :][: min(length, FIRST_BYTES)]
                found.append(_from_head(head, partial(shard.pread, offset), length))
    return _array(found)


def _from_head(head: memoryview, read: Callable[[int], bytes], length: int) -> Resolution:
    """The resolution of an image from its first bytes, and from more where these are too few."""
    try:
        resolution = header_resolution(head)
    except TruncatedImageError:
        resolution = None
    try:
        return resolution or read_resolution(read, length)
    except ImageError:
        return _BROKEN


def _from_path(path: str) -> Resolution:
    """The resolution of an image in a file of its own."""
    try:
        with open_file(path) as file:
            length = file.seek(0, os.SEEK_END)

            def read(count: int) -> bytes:
                file.seek(0)
                data: bytes = file.read(count)
                return data

            return read_resolution(read, length)
    except (ImageError, OSError):
        return _BROKEN


def dataset_hashes(dataset: datasets.Dataset, rows: Rows) -> list[str]:
    """The hashes of some rows of a dataset; an empty list where it has no such column."""
    if "hash" not in dataset.column_names:
        return []
    hashes = dataset.with_format("arrow").select_columns("hash")[rows.tolist()]["hash"]
    return [str(hash) for hash in hashes.to_pylist()]


def _dataset_error(dataset: datasets.Dataset, column: str, broken: Rows) -> ImageError:
    first = dataset.select_columns(column).with_format("arrow")[int(broken[0])][column][0].as_py()
    return _error(first, dataset_hashes(dataset, broken), broken, row=int(broken[0]))


def _error(
    image: dict[str, Any], hashes: Sequence[str], broken: Rows, *, row: int | None
) -> ImageError:
    """The error of broken images: what is wrong with the first one, and how to leave all out.

    `image` is as `datasets` stores it; `row` is its number, where it has one.
    """
    try:
        image_size(image["bytes"] if image["bytes"] is not None else read_file(image["path"]))
        reason: Exception = ImageError("expected the same file as a moment ago, found another.")
    except ImageError as err:
        reason = err
    others = f" {len(broken) - 1:,} more are broken." if len(broken) > 1 else ""
    if hashes:
        name = f"image {hashes[0]}"
        listed = ", ".join(map(repr, hashes[:_LISTED])) + (", ..." if len(broken) > _LISTED else "")
        advice = f'`ds.filter(lambda hash: hash not in ({listed},), input_columns="hash")`'
    else:
        name = f"image of row {row:,}" if row is not None else image["path"] or "an image"
        advice = "`ds.select(...)` without its row" if row is not None else "`ds.filter(...)`"
    return ImageError(f"{name}: {reason}{others} To leave out: {advice}.", hashes=hashes)


class _Cached:
    """The resolutions that are cached of a shard, by the offset of the image, until the tar
    changes.
    """

    def __init__(self, places: Places, cache: Path) -> None:
        self._path = cache_path(cache, "sizes", places.shard, f"{places.stamp}-{_FORMAT}")
        self._offsets, self._found = np.zeros(0, np.int64), np.zeros((0, 2), np.int32)
        known = read_batch(self._path)
        if known is not None:
            offsets, width, height = (column.to_numpy() for column in known.columns)
            self._offsets, self._found = offsets, np.stack([width, height], axis=1)

    def find(self, offsets: Rows) -> Resolutions:
        """The resolutions of the images at these offsets, zeros where they are not known."""
        if not len(self._offsets):
            return np.zeros((len(offsets), 2), np.int32)
        indices = np.minimum(np.searchsorted(self._offsets, offsets), len(self._offsets) - 1)
        return np.where((self._offsets[indices] == offsets)[:, None], self._found[indices], 0)

    def add(self, offsets: Rows, found: Resolutions) -> None:
        """Cache the resolutions of more images; zeros and broken ones are passed over."""
        fresh = (found[:, 0] > 0) & (self.find(offsets)[:, 0] == 0)
        if not fresh.any():
            return
        self._offsets, first = np.unique(
            np.concatenate([self._offsets, offsets[fresh]]), return_index=True
        )
        self._found = np.concatenate([self._found, found[fresh]])[first]
        columns = [
            pa.array(self._offsets),
            *(pa.array(np.ascontiguousarray(side)) for side in self._found.T),
        ]
        try:
            write_batch(
                pa.RecordBatch.from_arrays(columns, names=["offset", "width", "height"]), self._path
            )
        except OSError as err:
            logger.warning(
                "%s: the resolutions of the images cannot be cached here (%s); they will be read "
                "again",
                self._path,
                err,
            )
