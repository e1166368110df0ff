"""Where the files of images are, their sizes in bytes, and their bytes: a column of images by
place, by path or with its bytes becomes one with its bytes. Nothing is decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Literal

import datasets
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .._datasets import Rows, file_size, read_file, stored_chunks
from ..errors import ExportError, ImageError
from ..shards.places import Places, group_places, kept_shard

ByteCounts = npt.NDArray[np.int64]

TYPE: pa.StructType = datasets.Image.pa_type
_INT32_MAX = (1 << 31) - 1  # bytes that one Arrow array of images can hold
_PATHS_AT_A_TIME = 200_000


def locate(paths: pa.StringArray) -> tuple[list[Places], Rows]:
    """Where images without bytes are.

    Args:
        paths: Of the images, as `datasets` stores them; null where there is no image.

    Returns:
        The places of those in shards, shard by shard; and the rows of those that have another path,
        each of which is opened for itself.
    """
    found = list(group_places(paths))
    elsewhere = paths.is_valid().to_numpy(zero_copy_only=False).copy()
    for places in found:
        elsewhere[places.rows] = False
    return found, np.flatnonzero(elsewhere)


def dataset_places(dataset: datasets.Dataset, column: str) -> list[Places]:
    """The places of the images of a dataset that was opened in place.

    Args:
        dataset: Any; images that are not in shards are passed over.
        column: The name of its column of images.

    Returns:
        The places shard by shard; their `rows` are the dataset's.
    """
    found: dict[tuple[str, str], list[Places]] = {}
    for paths, rows in _dataset_paths(dataset, column):
        for places in group_places(paths):
            found.setdefault((places.shard, places.stamp), []).append(
                places._replace(rows=rows[places.rows])
            )
    return [Places.concat(parts) for parts in found.values()]


def _dataset_paths(dataset: datasets.Dataset, column: str) -> Iterator[tuple[pa.StringArray, Rows]]:
    """The paths of the images and their rows, many at a time, however small the chunks are in
    which they are stored.
    """
    paths: list[pa.StringArray] = []
    rows: list[Rows] = []
    count = 0
    for images, stored, those in stored_chunks(dataset, column):
        path = images.flatten()[images.type.get_field_index("path")]
        paths.append(path if len(stored) == len(path) else path.take(pa.array(stored)))
        rows.append(those)
        count += len(those)
        if count >= _PATHS_AT_A_TIME:
            yield pa.concat_arrays(paths), np.concatenate(rows)
            paths, rows, count = [], [], 0
    if rows:
        yield pa.concat_arrays(paths), np.concatenate(rows)


def stored_sizes(
    images: pa.ChunkedArray,
    rows: Rows | None = None,
    *,
    on_missing: Literal["raise", "skip"] = "raise",
) -> ByteCounts:
    """The sizes in bytes of the image files of a column, without reading one.

    Args:
        images: A column of images as `datasets` stores it: with their bytes, or by place or path.
        rows: Which of them; all by default.
        on_missing: What to do about a file that is not there: raise, or count it as 0 bytes.

    Returns:
        A size for each row; 0 where there is no image.

    Raises:
        ImageError: a file is not there.
    """
    lengths, paths = [], []
    for chunk in images.chunks:
        # a null has neither
        named = dict(zip((field.name for field in chunk.type), chunk.flatten(), strict=True))
        lengths.append(pc.cast(pc.binary_length(named["bytes"]), pa.int64()))
        paths.append(named["path"])
    found, where = pa.chunked_array(lengths, pa.int64()), pa.chunked_array(paths, pa.string())
    if rows is not None:
        found, where = found.take(pa.array(rows)), where.take(pa.array(rows))
    unknown = np.flatnonzero(found.is_null().to_numpy())
    sizes = np.array(found.fill_null(0).to_numpy(), dtype=np.int64)
    if len(unknown):
        chunks = where.take(pa.array(unknown)).chunks
        left = pa.concat_arrays([*chunks, pa.array([], pa.string())])
        in_shards, elsewhere = locate(left)
        for places in in_shards:
            sizes[unknown[places.rows]] = places.sizes
        for row in elsewhere.tolist():
            try:
                sizes[unknown[row]] = file_size(left[row].as_py())
            except ImageError:
                if on_missing == "raise":
                    raise
    return sizes


def embed(images: pa.StructArray) -> pa.StructArray:
    """The images with their bytes in the array, and the name of the file instead of its path.

    Bytes that are in a shard go from there into the memory of the array, once; those in the array
    stay where they are.

    Raises:
        ImageError: a file is not there.
        ShardError: a shard is gone or has changed.
        ExportError: they are more bytes than an array can hold.
    """
    data, paths = images.flatten()
    if data.null_count:
        data = _read(data, paths)
    names = pc.replace_substring_regex(paths, r"^.*[/\\]", "")
    return pa.StructArray.from_arrays(
        [data, names], fields=list(TYPE), mask=images.is_null() if images.null_count else None
    )


def _read(data: pa.BinaryArray, paths: pa.StringArray) -> pa.BinaryArray:
    in_shards, elsewhere = locate(paths)
    if data.null_count < len(data) or len(elsewhere) or paths.null_count:
        return pa.array(map(_bytes_of, data, paths.to_pylist()), pa.binary())
    sizes = np.zeros(len(paths), dtype=np.int64)
    for places in in_shards:
        sizes[places.rows] = places.sizes
    ends = np.cumsum([0, *sizes])
    if ends[-1] > _INT32_MAX:
        raise ExportError(
            f"rows: expected images of up to {_INT32_MAX:,} bytes together, found {ends[-1]:,}. "
            "Take fewer rows."
        )
    buffer = pa.allocate_buffer(int(ends[-1]))
    view = memoryview(buffer).cast("B")
    for places in in_shards:
        places = places.take(np.argsort(places.offsets, kind="stable"))
        begins, stops = ends[places.rows].tolist(), ends[places.rows + 1].tolist()
        kept_shard(places.shard, places.stamp).read_neighbours(
            (offset, view[begin:end])
            for offset, begin, end in zip(places.offsets.tolist(), begins, stops, strict=True)
        )
    return pa.Array.from_buffers(
        pa.binary(), len(paths), [None, pa.py_buffer(ends.astype(np.int32)), buffer]
    )


def _bytes_of(data: pa.BinaryScalar, path: str | None) -> bytes | None:
    if data.is_valid or path is None:
        found: bytes | None = data.as_py()
        return found
    return read_file(path)


_SUFFIXES = (  # of the formats that Pillow and `datasets` know best, by their first bytes
    (b"\xff\xd8\xff", "jpg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF8", "gif"),
    (b"BM", "bmp"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
)


def suffix(data: memoryview, name: str | None) -> str:
    """The ending for an image file: what its first bytes say, else its old name's, else `bin`.

    >>> suffix(memoryview(b"GIF89a..."), "cat.jpg")
    'gif'
    """
    head = bytes(data[:16])
    for start, kind in _SUFFIXES:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    ending = PurePosixPath(name or "").suffix[1:].lower()
    return ending if ending.isascii() and ending.isalnum() and len(ending) <= 5 else "bin"
