"""A column of pictures by place, path or bytes in, the same pictures with their bytes out. Nothing
is decoded.
"""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import Any

import datasets
import fsspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import ExportError, PassError
from ..shards.places import group_places, open_shard

ByteCounts = npt.NDArray[np.int64]

TYPE: pa.StructType = datasets.Image.pa_type
_INT32_MAX = (1 << 31) - 1  # bytes that one Arrow array of pictures can hold


def image_columns(features: datasets.Features | None) -> list[str]:
    """The names of the columns of pictures.

    Raises:
        ExportError: there are none.
    """
    columns = [
        name for name, feature in (features or {}).items() if isinstance(feature, datasets.Image)
    ]
    if not columns:
        raise ExportError(
            "dataset: expected a column of pictures, found "
            f"{', '.join(features or {}) or 'no features'}. "
            'Cast one with `ds.cast_column("image", datasets.Image())`.'
        )
    return columns


def stored_sizes(
    pictures: pa.ChunkedArray, rows: npt.NDArray[np.int64] | None = None
) -> ByteCounts:
    """Bytes of each picture file of a column, or of those at `rows`, without reading one: 0 where
    there is no picture.

    A picture without bytes is asked for by its place, which says its size, or by its path.
    """
    lengths, paths = [], []
    for chunk in pictures.chunks:
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
        sizes[unknown] = _sizes_of_paths(
            pa.concat_arrays([*where.take(pa.array(unknown)).chunks, pa.array([], pa.string())])
        )
    return sizes


def _sizes_of_paths(paths: pa.StringArray) -> ByteCounts:
    sizes = np.zeros(len(paths), dtype=np.int64)
    elsewhere = np.ones(len(paths), dtype=np.bool_)
    for places in group_places(paths):
        sizes[places.rows] = places.sizes
        elsewhere[places.rows] = False
    for row in np.flatnonzero(elsewhere).tolist():
        path = paths[row].as_py()
        if path is not None:
            sizes[row] = _stat(path)
    return sizes


def _stat(path: str) -> int:
    try:
        if "://" not in path:
            return os.stat(path).st_size  # noqa: PTH116  (a million of them)
        fs, name = fsspec.core.url_to_fs(path)
        return int(fs.info(name)["size"])
    except (OSError, ValueError, ImportError) as err:
        raise _unreadable(path, err) from err


def embed(pictures: pa.StructArray) -> pa.StructArray:
    """The pictures with their bytes in the array, and the name of the file instead of its path.

    Bytes that are in a shard go from there into the memory of the array, once; those in the array
    stay where they are.

    Raises:
        PassError: a shard or a file is gone or has changed, or they are more than an array can
        hold.
    """
    data, paths = pictures.flatten()
    if data.null_count:
        data = _read(data, paths)
    names = pc.replace_substring_regex(paths, r"^.*[/\\]", "")
    return pa.StructArray.from_arrays(
        [data, names], fields=list(TYPE), mask=pictures.is_null() if pictures.null_count else None
    )


def _read(data: pa.BinaryArray, paths: pa.StringArray) -> pa.BinaryArray:
    sizes = np.zeros(len(paths), dtype=np.int64)
    groups = list(group_places(paths))
    for places in groups:
        sizes[places.rows] = places.sizes
    if data.null_count < len(data) or sum(len(places.rows) for places in groups) < len(paths):
        return pa.array(map(_bytes_of, data, paths.to_pylist()), pa.binary())
    ends = np.cumsum([0, *sizes])
    if ends[-1] > _INT32_MAX:
        raise ExportError(
            f"rows: expected pictures of up to {_INT32_MAX:,} bytes together, found {ends[-1]:,}. "
            "Take fewer rows."
        )
    buffer = pa.allocate_buffer(int(ends[-1]))
    view = memoryview(buffer).cast("B")
    for places in groups:
        with open_shard(places.shard, places.stamp) as shard:
            for row, offset in zip(places.rows.tolist(), places.offsets.tolist(), strict=True):
                shard.readinto(offset, view[ends[row] : ends[row + 1]])
    return pa.Array.from_buffers(
        pa.binary(), len(paths), [None, pa.py_buffer(ends.astype(np.int32)), buffer]
    )


def _bytes_of(data: pa.BinaryScalar, path: str | None) -> bytes | None:
    if data.is_valid or path is None:
        found: bytes | None = data.as_py()
        return found
    return _read_path(path)


def _read_path(path: str) -> bytes:
    try:
        with fsspec.open(path, "rb") if "://" in path else open(path, "rb") as file:  # noqa: PTH123
            return bytes(file.read())
    except PassError:
        raise
    except (OSError, ValueError, ImportError) as err:
        raise _unreadable(path, err) from err


def _unreadable(path: str, err: Any) -> ExportError:
    return ExportError(
        f"{path}: expected a picture that can be read, found: {err}. Put it back, or leave its row "
        "out.",
        path=path,
    )


_SUFFIXES = (  # of the formats that Pillow and `datasets` know best, by their first bytes
    (b"\xff\xd8\xff", "jpg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF8", "gif"),
    (b"BM", "bmp"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
)


def suffix(data: memoryview, name: str | None) -> str:
    """The ending for a picture's file: what its first bytes say, else its old name's, else `bin`.

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
