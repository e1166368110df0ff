"""Samples: a key, the bytes of an image, and the rest of the row as JSON."""

from __future__ import annotations

import base64
import datetime
import json
import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .._datasets import image_columns
from ..errors import ExportError
from ..images.files import suffix
from .planning import FileRows

# no dot, at which webdataset cuts, nothing that means something in a path, 100 with an ending
_KEY = r"[0-9A-Za-z_-]{1,94}"
_IS_KEY = re.compile(_KEY)


class Sample(NamedTuple):
    """A row as files of an export have it.

    Attributes:
        key: The name of its files.
        image: The bytes of its image.
        suffix: For the image's file, such as `jpg`.
        row: Its other columns.
    """

    key: str
    image: memoryview
    suffix: str
    row: dict[str, Any]


def single_image_column(features: datasets.Features) -> str:
    """The name of the only column of images.

    Args:
        features: Of a dataset.

    Raises:
        DatasetError: there is none.
        ExportError: there is more than one.
    """
    first, *others = image_columns(features)
    if others:
        raise ExportError(
            f"dataset: expected one column of images, found {first}, {', '.join(others)}. Keep "
            f"one with `ds.remove_columns({others!r})`, or write Parquet."
        )
    return first


def check_keys(dataset: datasets.Dataset) -> None:
    """Check that no two rows have the same key, without reading an image.

    Args:
        dataset: To be exported.

    Raises:
        ExportError: two rows have.
    """
    feature = dataset.features.get("hash")
    if (
        not isinstance(feature, datasets.Value)
        or feature.dtype not in ("string", "large_string")
        or not len(dataset)
    ):
        return
    hashes = dataset.with_format("arrow").select_columns("hash")[:]["hash"]
    numbers = pc.utf8_lpad(pc.cast(pa.array(np.arange(len(hashes))), pa.string()), 9, "0")
    known = pc.fill_null(pc.match_substring_regex(hashes, f"\\A{_KEY}\\z"), False)
    keys = pc.if_else(known, hashes, numbers.cast(hashes.type))
    codes = (
        pc.dictionary_encode(pa.chunked_array([keys.combine_chunks()]))
        .combine_chunks()
        .indices.to_numpy()
    )
    first = np.unique(codes, return_index=True)[1]
    if len(first) < len(codes):
        row = int(np.setdiff1d(np.arange(len(codes)), first)[0])
        raise ExportError(
            f"row {row:,}: expected a hash of its own, found {keys[row]} again. Leave one of them "
            "out."
        )


def read_samples(content: FileRows, skipped: list[str]) -> Iterator[Sample]:
    """Read the rows of one output file as samples.

    Args:
        content: The rows.
        skipped: Gets the rows that are left out, by hash.

    Yields:
        A sample for each of the others; its key is the row's `hash` where that can be part of a
        file name, else the index of the row, less how many of the file were left out before it.

    Raises:
        PassError: an image is gone or has changed; a row has none.
    """
    column = single_image_column(content.features)
    index = content.first
    for table in content.tables(skipped):
        images = table[column].combine_chunks()
        images = images.chunk(0) if hasattr(images, "chunk") else images
        data, names = images.flatten()
        if data.null_count:
            raise ExportError(
                f"rows {index:,} to {index + len(table) - 1:,}: expected an image in each, "
                f"found {data.null_count} without. "
                "Leave them out with `ds.filter`, or write Parquet."
            )
        rows = table.drop_columns([column]).to_pylist()
        for row, image, name in zip(rows, data, names.to_pylist(), strict=True):
            key = row.get("hash")
            if not isinstance(key, str) or not _IS_KEY.fullmatch(key):
                key = f"{index:09}"
            bytes_ = memoryview(image.as_buffer())
            yield Sample(key, bytes_, suffix(bytes_, name), row)
            index += 1


def to_json(row: dict[str, Any]) -> bytes:
    """A row as one line of JSON.

    Args:
        row: Values by column.

    Returns:
        UTF-8 without a line break: dates and times in ISO 8601, bytes in base64, null for numbers
        that JSON cannot write.

    >>> date = datetime.datetime(2004, 5, 17, 0, 44, 29)
    >>> to_json({"date_taken": date, "gps_latitude": float("nan")})
    b'{"date_taken": "2004-05-17T00:44:29", "gps_latitude": null}'
    """
    return json.dumps(_plain(row), ensure_ascii=False, allow_nan=False).encode()


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return str(value)
