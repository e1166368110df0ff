"""A column of images in, width and height of each out; those of images in shards are read once and
remembered.

Of a picture in a shard only the first kilobytes are read, in the order of the tar, and what was
learnt of a shard is kept beside the `datasets` cache until the tar changes. Of bytes in Arrow only
the header is looked at, where it lies.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import TypeAlias

import datasets
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from datasets.utils.file_utils import xopen

from .._datasets import Rows, stored_chunks, stored_indices
from .._util.cache import cache_dir, cache_path, read_batch, write_batch
from ..errors import ImageError
from ..shards.places import Places, group_places, open_shard
from .header import FIRST_BYTES, Size, header_size, image_size, read_size

logger = logging.getLogger(__name__)

_FORMAT = 1  # of the remembered sizes; raise it when what is written there changes
_ROWS_AT_A_TIME = 10_000
_PATHS_AT_A_TIME = 200_000
# pictures whose headers the system is asked for before they are read: from a cold disk three times
# as fast
_AHEAD = 32

# shape (rows, 2): width, height in pixels; zeros where there is no image
Sizes = npt.NDArray[np.int32]
# rows of a dataset, and what finds their sizes
Task: TypeAlias = "tuple[Rows, Callable[[], Sizes]]"


def dataset_sizes(dataset: datasets.Dataset, column: str, *, num_proc: int | None = None) -> Sizes:
    """The sizes of the images of a dataset, by row; `num_proc` processes read those that are not
    known yet.

    Raises:
        ImageError: an image is broken.
        ShardError: a shard is gone or has changed.
    """
    sizes = np.zeros((len(dataset), 2), np.int32)
    elsewhere = np.ones(len(dataset), np.bool_)
    cache = cache_dir(dataset=dataset)
    in_shards = [(places, _Known(places, cache)) for places in _all_places(dataset, column)]
    tasks: list[Task] = []
    for places, known in in_shards:
        sizes[places.rows], elsewhere[places.rows] = known.find(places.offsets), False
        fresh = np.flatnonzero(sizes[places.rows, 0] == 0)
        for part in _parts(fresh[np.argsort(places.offsets[fresh])]):
            tasks.append((places.rows[part], partial(_from_shard, places.take(part))))
    for part in _parts(_as_stored(dataset, np.flatnonzero(elsewhere))):
        tasks.append((part, partial(_from_dataset, dataset.select(part), column)))
    try:
        # then another process would get all of it with each task
        in_memory = not dataset.cache_files
        for rows, found in _run(tasks, 1 if in_memory else num_proc or 1):
            sizes[rows] = found
    finally:  # what was read is not lost when something comes between
        for places, known in in_shards:
            known.add(places.offsets, sizes[places.rows])
    return sizes


def _parts(rows: Rows) -> Iterator[Rows]:
    return (rows[begin : begin + _ROWS_AT_A_TIME] for begin in range(0, len(rows), _ROWS_AT_A_TIME))


def _run(tasks: list[Task], num_proc: int) -> Iterator[tuple[Rows, Sizes]]:
    """The rows of each task and their sizes."""
    with contextlib.ExitStack() as held:
        bar = held.enter_context(
            datasets.utils.tqdm(
                total=sum(len(rows) for rows, _ in tasks),
                unit=" images",
                desc="Reading sizes",
                delay=1.0,
            )
        )
        pool = (
            held.enter_context(ProcessPoolExecutor(num_proc))
            if num_proc > 1 and len(tasks) > 1
            else None
        )
        works = [work for _, work in tasks]
        for (rows, _), found in zip(
            tasks, pool.map(_call, works) if pool else map(_call, works), strict=True
        ):
            yield rows, found
            bar.update(len(rows))


def _call(work: Callable[[], Sizes]) -> Sizes:
    return work()


def _all_places(dataset: datasets.Dataset, column: str) -> list[Places]:
    """The places of the images of a dataset that was opened in place, shard by shard; `rows` are
    the dataset's.
    """
    found: dict[tuple[str, str], list[Places]] = {}
    for paths, rows in _all_paths(dataset, column):
        for places in group_places(paths):
            found.setdefault((places.shard, places.stamp), []).append(
                places._replace(rows=rows[places.rows])
            )
    return [Places.concat(parts) for parts in found.values()]


def _all_paths(dataset: datasets.Dataset, column: str) -> Iterator[tuple[pa.StringArray, Rows]]:
    """The paths of the images and their rows, many at a time, however small the pieces are in which
    they are stored.
    """
    paths: list[pa.StringArray] = []
    rows: list[Rows] = []
    held = 0
    for images, stored, those in stored_chunks(dataset, column):
        path = images.flatten()[images.type.get_field_index("path")]
        paths.append(path if len(stored) == len(path) else path.take(pa.array(stored)))
        rows.append(those)
        held += len(those)
        if held >= _PATHS_AT_A_TIME:
            yield pa.concat_arrays(paths), np.concatenate(rows)
            paths, rows, held = [], [], 0
    if rows:
        yield pa.concat_arrays(paths), np.concatenate(rows)


def _as_stored(dataset: datasets.Dataset, rows: Rows) -> Rows:
    """These rows in the order in which they are stored."""
    stored = stored_indices(dataset)
    return rows if stored is None else rows[np.argsort(stored[rows], kind="stable")]


def _from_dataset(dataset: datasets.Dataset, column: str) -> Sizes:
    """The sizes of images that are not in shards."""
    sizes = np.zeros((len(dataset), 2), np.int32)
    for images, stored, rows in stored_chunks(dataset, column):
        sizes[rows] = image_sizes(images, stored)
    return sizes


def image_sizes(images: pa.StructArray, rows: Rows | None = None) -> Sizes:
    """The sizes of images as `datasets` stores them (`{"bytes", "path"}`), or of some of them.

    Raises:
        ImageError: an image is broken.
        ShardError: a shard is gone or has changed.
    """
    data, paths = (
        images.flatten()[images.type.get_field_index(name)] for name in ("bytes", "path")
    )
    if not data.null_count:
        return _from_bytes(data, paths, rows)
    rows = np.arange(len(images)) if rows is None else rows
    sizes = np.zeros((len(rows), 2), np.int32)
    held = data.is_valid().to_numpy(zero_copy_only=False)[rows]
    sizes[held] = _from_bytes(data, paths, rows[held])
    if held.all():
        return sizes
    elsewhere = np.flatnonzero(~held)
    paths = paths.take(pa.array(rows[elsewhere]))
    named = paths.is_valid().to_numpy(zero_copy_only=False)
    for places in group_places(paths):
        sizes[elsewhere[places.rows]] = _from_shard(places)
        named[places.rows] = False
    for row in np.flatnonzero(named).tolist():
        sizes[elsewhere[row]] = _from_path(paths[row].as_py())
    return sizes


def _array(sizes: list[Size]) -> Sizes:
    return np.array(sizes, np.int32).reshape(-1, 2)


def _from_bytes(data: pa.BinaryArray, paths: pa.StringArray, rows: Rows | None) -> Sizes:
    """The sizes of images whose bytes lie in an Arrow buffer, of which no copy is made."""
    _, ends, buffer = data.buffers()
    width = np.int64 if pa.types.is_large_binary(data.type) else np.int32
    offsets = np.frombuffer(ends, width)[data.offset : data.offset + len(data) + 1]
    starts, ends = (
        (offsets[:-1], offsets[1:]) if rows is None else (offsets[rows], offsets[rows + 1])
    )
    view = memoryview(buffer or b"").cast("B")
    sizes: list[Size] = []
    try:
        for begin, end in zip(starts.tolist(), ends.tolist(), strict=True):
            image = view[begin:end]
            sizes.append(header_size(image) or image_size(image))
    except ImageError as err:
        row = len(sizes) if rows is None else int(rows[len(sizes)])
        raise ImageError(f"{paths[row].as_py() or 'an image without a path'}: {err}") from err
    return _array(sizes)


def _from_shard(places: Places) -> Sizes:
    """The sizes of images in a shard, those that come next under way while one is read."""
    sizes = []
    with open_shard(places.shard, places.stamp, random_access=True) as shard:
        offsets, lengths = places.offsets.tolist(), places.sizes.tolist()
        heads = [min(length, FIRST_BYTES) for length in lengths]
        for offset, head in zip(offsets[:_AHEAD], heads, strict=False):
            shard.prefetch(offset, head)
        for offset, length, *ahead in zip_longest(
            offsets, lengths, offsets[_AHEAD:], heads[_AHEAD:]
        ):
            if ahead[0] is not None:
                shard.prefetch(*ahead)
            try:
                sizes.append(read_size(partial(shard.pread, offset), length))
            except ImageError as err:
                raise ImageError(f"{places.shard}, image at byte {offset:,}: {err}") from err
    return _array(sizes)


def _from_path(path: str) -> Size:
    """The size of an image in a file of its own, or behind any URL that `datasets` opens."""
    try:
        with xopen(path, "rb") as file:
            length = file.seek(0, os.SEEK_END)

            def read(count: int) -> bytes:
                file.seek(0)
                data: bytes = file.read(count)
                return data

            return read_size(read, length)
    except ImageError as err:
        raise ImageError(f"{path}: {err}") from err
    except OSError as err:
        raise ImageError(
            f"{path}: expected an image file here, found none ({err}). Put it back, or leave the "
            "row out."
        ) from err


class _Known:
    """The sizes that are remembered of a shard, by the offset of the image, until the tar
    changes.
    """

    def __init__(self, places: Places, cache: Path) -> None:
        self._path = cache_path(cache, "sizes", places.shard, f"{places.stamp}-{_FORMAT}")
        self._offsets, self._sizes = np.zeros(0, np.int64), np.zeros((0, 2), np.int32)
        known = read_batch(self._path)
        if known is not None:
            offsets, width, height = (column.to_numpy() for column in known.columns)
            self._offsets, self._sizes = offsets, np.stack([width, height], axis=1)

    def find(self, offsets: Rows) -> Sizes:
        """The sizes of the images at these offsets, zeros where they are not known."""
        if not len(self._offsets):
            return np.zeros((len(offsets), 2), np.int32)
        places = np.minimum(np.searchsorted(self._offsets, offsets), len(self._offsets) - 1)
        return np.where((self._offsets[places] == offsets)[:, None], self._sizes[places], 0)

    def add(self, offsets: Rows, sizes: Sizes) -> None:
        """Remember the sizes of more images; zeros are passed over."""
        fresh = (sizes[:, 0] > 0) & (self.find(offsets)[:, 0] == 0)
        if not fresh.any():
            return
        self._offsets, first = np.unique(
            np.concatenate([self._offsets, offsets[fresh]]), return_index=True
        )
        self._sizes = np.concatenate([self._sizes, sizes[fresh]])[first]
        columns = [
            pa.array(self._offsets),
            *(pa.array(np.ascontiguousarray(side)) for side in self._sizes.T),
        ]
        try:
            write_batch(
                pa.RecordBatch.from_arrays(columns, names=["offset", "width", "height"]), self._path
            )
        except OSError as err:
            logger.warning(
                "%s: the sizes of the images cannot be kept here (%s); they will be read again",
                self._path,
                err,
            )
