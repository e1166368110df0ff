"""Hashes of images as sorted 128-bit keys, compared and found in batches.

A hash is a 128-bit number and its length in characters; a look-up is a binary search over the
numbers.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

MIN_LENGTH, MAX_LENGTH = 16, 32  # characters; PASS has 28 to 32
_LENGTHS = (MIN_LENGTH, MAX_LENGTH)
HASH_MEANS = f"{_LENGTHS[0]} to {_LENGTHS[1]} lower-case hex characters"
_HASH = f"^[0-9a-f]{{{_LENGTHS[0]},{_LENGTHS[1]}}}$"

Numbers = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]


def are_hashes(texts: pa.StringArray | pa.ChunkedArray) -> pa.BooleanArray | pa.ChunkedArray:
    """Which of these texts could be a hash of PASS; a null could not."""
    return pc.fill_null(pc.match_substring_regex(texts, _HASH), False)


class Keys:
    """Hashes as numbers, in parallel arrays: the upper and lower 64 bits and the number of
    characters of each.
    """

    def __init__(self, high: Numbers, low: Numbers, length: npt.NDArray[np.uint8]) -> None:
        self.high, self.low, self.length = high, low, length

    def __len__(self) -> int:
        return len(self.high)

    @classmethod
    def of(cls, hashes: pa.StringArray) -> Keys:
        """The keys of an array of hashes.

        Raises:
            ValueError: one is not 16 to 32 lower-case hex characters.
        """
        lengths = pc.binary_length(hashes).to_numpy(zero_copy_only=False)
        if hashes.null_count or (
            len(hashes) and not _LENGTHS[0] <= lengths.min() <= lengths.max() <= _LENGTHS[1]
        ):
            raise ValueError("a hash is too short or too long")
        padded = pc.utf8_lpad(hashes, _LENGTHS[1], "0")
        text = str(padded.buffers()[2] or b"", "ascii")[: _LENGTHS[1] * len(hashes)]
        numbers = bytes.fromhex(text)
        if numbers.hex() != text:
            raise ValueError("a hash is not lower-case hex")
        pairs = np.frombuffer(numbers, dtype=">u8").reshape(-1, 2)
        return cls(
            pairs[:, 0].astype(np.uint64), pairs[:, 1].astype(np.uint64), lengths.astype(np.uint8)
        )

    @classmethod
    def concat(cls, parts: Iterable[Keys]) -> Keys:
        """The keys of all parts, one part after the other."""
        listed = list(parts)
        return cls(
            np.concatenate([part.high for part in listed]),
            np.concatenate([part.low for part in listed]),
            np.concatenate([part.length for part in listed]),
        )

    def take(self, rows: Rows) -> Keys:
        """The keys at these rows."""
        return Keys(self.high[rows], self.low[rows], self.length[rows])

    def text(self) -> pa.StringArray:
        """Returns the hashes as text, in the order of the keys."""
        pairs = np.stack([self.high, self.low], axis=1).astype(">u8")
        digits = np.frombuffer(pairs.tobytes().hex().encode(), np.uint8).reshape(-1, _LENGTHS[1])
        kept = digits[np.arange(_LENGTHS[1]) >= _LENGTHS[1] - self.length[:, None].astype(np.int64)]
        ends = np.concatenate([[0], np.cumsum(self.length, dtype=np.int32)]).astype(np.int32)
        return pa.StringArray.from_buffers(len(self), pa.py_buffer(ends), pa.py_buffer(kept))

    def unique(self) -> Keys:
        """Returns the different keys, sorted."""
        ordered = self.take(self.order())
        new = np.ones(len(self), np.bool_)
        for numbers in (ordered.high, ordered.low, ordered.length):
            new[1:] &= numbers[1:] == numbers[:-1]
        new[1:] ^= True
        return ordered.take(np.flatnonzero(new))

    def order(self) -> Rows:
        """The rows of the keys from the smallest to the largest."""
        order = np.argsort(self.high)
        if (np.diff(self.high[order]) == 0).any():
            order = np.lexsort((self.length, self.low, self.high))
        return order

    def repeated(self) -> str | None:
        """A hash that stands twice in sorted keys, or None."""
        same = (np.diff(self.high) == 0) & (np.diff(self.low) == 0) & (np.diff(self.length) == 0)
        if not same.any():
            return None
        row = int(same.argmax())
        return f"{int(self.high[row]) << 64 | int(self.low[row]):0{_LENGTHS[1]}x}"[
            -int(self.length[row]) :
        ]

    def find(self, wanted: Keys) -> Rows:
        """Where each of `wanted` stands in sorted keys; -1 where it does not."""
        if not len(self):
            return np.full(len(wanted), -1, np.int64)
        order = np.argsort(wanted.high)  # one after the other, they are found in the CPU's cache
        first = np.empty(len(wanted), np.int64)
        first[order] = np.searchsorted(self.high, wanted.high[order])
        same, equal = self._compare(first, wanted)
        found = np.where(equal, first, -1)
        rest = np.flatnonzero(same & ~equal)
        if len(rest):
            found[rest] = self._bisect(first[rest], wanted.take(rest))
        return found

    def _compare(
        self, rows: Rows, wanted: Keys
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Whether the keys at these rows have the same upper half, and whether they are the same;
        rows may be one too large.
        """
        inside = np.minimum(rows, len(self) - 1)
        same = (self.high[inside] == wanted.high) & (rows < len(self))
        equal = (self.low[inside] == wanted.low) & (self.length[inside] == wanted.length)
        return same, same & equal

    def _bisect(self, first: Rows, wanted: Keys) -> Rows:
        """Where each of `wanted` stands among the keys that share its upper half: all keys, if the
        hashes have 16 characters; `first` is the first of these.
        """
        end = np.searchsorted(self.high, wanted.high, side="right").astype(np.int64)
        while (first < end).any():
            middle = (first + end) // 2
            inside = np.minimum(middle, len(self) - 1)
            low = self.low[inside]
            less = (low < wanted.low) | (
                (low == wanted.low) & (self.length[inside] < wanted.length)
            )
            less &= first < end
            first, end = np.where(less, middle + 1, first), np.where(less, end, middle)
        return np.where(self._compare(first, wanted)[1], first, -1)
