"""Parses many tar headers at once: those of plain files, which nearly all headers of a shard are.

What is not plain is left to `member.read_entry`: a header of another type, with a prefix, with a
number that is not written in octal digits alone, a damaged one. So both give the same members.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .member import BLOCK, MAX_SIZE

_NAME = 100  # bytes of the name field, which comes first
_MAGIC = np.frombuffer(b"ustar", np.uint8)
_WEIGHTS = 8 ** np.arange(10, -1, -1, dtype=np.int64)  # of the digits of a size
_CHECKSUM_WEIGHTS = _WEIGHTS[-6:]

Blocks = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]


class PlainHeaders(NamedTuple):
    """Which of some blocks are headers of plain files; the names of these files, ended by a zero
    byte where they are shorter than the field, and their sizes in bytes.
    """

    plain: npt.NDArray[np.bool_]
    names: npt.NDArray[np.bytes_]
    sizes: Offsets


def parse_headers(blocks: Blocks, room: Offsets) -> PlainHeaders:
    """Parse blocks that may be headers of plain files.

    Args:
        blocks: Shape (count, 512).
        room: How many bytes follow each block in its tar.

    Returns:
        Names and sizes of those that are, in their order.
    """
    digits = blocks[:, 124:135] - np.uint8(ord("0"))  # what is below "0" wraps around
    checksum = blocks[:, 148:154] - np.uint8(ord("0"))
    names = blocks[:, :_NAME]
    ended = np.logical_or.accumulate(names == 0, axis=1)
    plain = (
        (blocks[:, 257:262] == _MAGIC).all(axis=1)
        & (digits < 8).all(axis=1)
        & np.isin(blocks[:, 135], (0, ord(" ")))
        & (checksum < 8).all(axis=1)
        & (blocks[:, 154] == 0)
        & (blocks[:, 156] == ord("0"))
        & (blocks[:, 345] == 0)
        & ~(ended & (names != 0)).any(axis=1)
    )
    found = blocks[:, :BLOCK].sum(axis=1, dtype=np.int64)
    found -= blocks[:, 148:156].sum(axis=1, dtype=np.int64) - 8 * ord(" ")
    plain &= checksum @ _CHECKSUM_WEIGHTS == found
    sizes = digits @ _WEIGHTS
    plain &= (sizes < MAX_SIZE) & (sizes <= room)
    kept = np.ascontiguousarray(names[plain])
    return PlainHeaders(plain, kept.view(f"S{_NAME}").reshape(-1), sizes[plain])
