"""Rows and their bytes in, groups out that are held in memory together, and the bytes of their
pictures in them.
"""

from __future__ import annotations

import datasets
import pyarrow as pa

from ..errors import ExportError
from ..images.files import ByteCounts, embed, image_columns

# of pictures that are held in memory together, whatever the number of rows asked for
GROUP_BYTES = 256 << 20
ROW_BYTES = 200  # what a row of PASS takes beside its picture


def parse_size(size: str | int) -> int:
    """Bytes: a number, or text such as `500MB` or `1GiB`.

    Raises:
        ExportError: it is neither, or less than one.
    """
    message = f"max_shard_size: expected a size such as 500MB, found {size!r}."
    if not isinstance(size, (str, int)) or isinstance(size, bool):
        raise ExportError(message)
    try:
        count = int(datasets.utils.py_utils.convert_file_size_to_int(size))
    except ValueError as err:
        raise ExportError(message) from err
    if count < 1:
        raise ExportError(message)
    return count


def check_rows(rows: int) -> None:
    """Refuse a number of rows that makes no sense.

    Raises:
        ExportError: it is not a whole number, or less than one.
    """
    if not isinstance(rows, int) or isinstance(rows, bool) or rows < 1:
        raise ExportError(f"row_group_rows: expected a number of rows, at least 1, found {rows!r}.")


def cut_groups(sizes: ByteCounts, rows: int, limit: int) -> list[int]:
    """Rows in each group: `rows`, fewer in the last one and where that many are larger than `limit`
    bytes together.

    >>> import numpy as np
    >>> cut_groups(np.array([1, 1, 1, 5, 9, 1, 1]), rows=3, limit=6)
    [3, 1, 1, 1, 1]
    """
    groups: list[int] = []
    for begin in range(0, len(sizes), rows):
        block = sizes[begin : begin + rows]
        if block.sum() <= limit:
            groups.append(len(block))
            continue
        groups.append(0)
        held = 0
        for size in block.tolist():
            if groups[-1] and held + size > limit:
                groups.append(0)
                held = 0
            groups[-1] += 1
            held += size
    return groups


def embed_table(table: pa.Table, features: datasets.Features) -> pa.Table:
    """A table with the bytes of its pictures, in the schema of the features."""
    schema = features.arrow_schema
    pictures = set(image_columns(features))
    columns = []
    for field in schema:
        array = table[field.name].combine_chunks()
        array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
        if field.name in pictures:
            array = embed(features[field.name].cast_storage(array))
        elif datasets.features.features.require_storage_embed(
            features[field.name]
        ):  # audio, pictures in lists
            array = datasets.table.embed_array_storage(array, features[field.name])
        columns.append(array.cast(field.type))
    return pa.Table.from_arrays(columns, schema=schema)
