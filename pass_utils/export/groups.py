"""Row groups: how many rows are held in memory and written together, by count and by bytes."""

from __future__ import annotations

import datasets
import numpy as np

from ..errors import ExportError
from ..images.files import ByteCounts

# bytes of images that are held in memory together, whatever the number of rows asked for
GROUP_BYTES = 256 << 20
ROW_BYTES = 200  # what a row of PASS takes beside its image


def parse_size(size: str | int) -> int:
    """The number of bytes that a file may have.

    Args:
        size: Bytes, or text such as `500MB` or `1GiB`.

    Returns:
        Bytes, at least 1.

    Raises:
        ExportError: it is neither, or less than one byte.
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
    """Check the number of rows of a row group.

    Args:
        rows: What was asked for.

    Raises:
        ExportError: it is not an integer, or less than one.
    """
    if not isinstance(rows, int) or isinstance(rows, bool) or rows < 1:
        raise ExportError(f"row_group_rows: expected a number of rows, at least 1, found {rows!r}.")


def cut_groups(sizes: ByteCounts, rows: int, limit: int) -> list[int]:
    """Cut rows into row groups.

    Args:
        sizes: Bytes of each row.
        rows: Rows of a group; the last one has what is left, and where so many are larger than
            `limit` together, they are cut into several groups.
        limit: Bytes of a group. A row that is larger is a group of its own.

    Returns:
        The number of rows of each group, in order.

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
        total = 0
        for size in block.tolist():
            if groups[-1] and total + size > limit:
                groups.append(0)
                total = 0
            groups[-1] += 1
            total += size
    return groups


def group_loads(stored: ByteCounts, written: ByteCounts, limit: int) -> ByteCounts:
    """What each row counts towards a row group's limit: its bytes in the file, or more where
    `GROUP_BYTES` of rows as they are stored, which are in memory together, would be fewer rows.

    Args:
        stored: Bytes of each row as it is stored.
        written: Bytes of each row in the file.
        limit: Bytes of a row group in the file, at most `GROUP_BYTES`.
    """
    loads: ByteCounts = np.maximum(written, stored * limit // GROUP_BYTES)
    return loads
