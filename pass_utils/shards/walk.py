"""Walks the headers of a tar on disk with many cursors at once, which hides the latency of reads.

A header says where the next one is, so a single cursor waits for each read. Here many cursors begin
at what could be the first header of a range of the tar each, and a step reads the next header of
every cursor. Then the chain of headers is followed from the beginning of the tar through what the
cursors found; a header that none of them found is read. So the members are those that a single
cursor finds, wherever the others began.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import ShardError
from .headers import Offsets, parse_headers
from .member import BLOCK, Entry, Member, read_entry
from .reads import ManyReads
from .source import ShardFile
from .tar import check_end

CURSORS = 256
SHORTEST = 8 << 20  # bytes of the range of a cursor, at least; about 60 images of PASS
_WINDOW = 1 << 16  # bytes that are searched for the first header of a range at a time
_WINDOWS = 16  # that are searched; 1 MiB, which is larger than any image of PASS
_MAGIC = np.frombuffer(b"ustar", np.uint8)

# called with a number of headers, and the bytes of their members
Progress: TypeAlias = "Callable[[int, int], object]"
Names = npt.NDArray[np.bytes_]


class Members(NamedTuple):
    """Plain files of a tar that follow each other: their names, offsets and sizes in bytes."""

    names: Names
    offsets: Offsets
    sizes: Offsets

    @property
    def end(self) -> int:
        """Where the bytes of the last one end."""
        return int(self.offsets[-1] + self.sizes[-1])


class _Known(NamedTuple):
    """Headers that cursors found, in order: of plain files, and others by their offset."""

    headers: Offsets
    names: Names
    sizes: Offsets
    others: dict[int, Entry]


def walk_members(
    source: ShardFile,
    *,
    progress: Progress = lambda headers, size: None,
) -> Iterator[Members | Member]:
    """Yields all members of a tar in order, those that `read_members` yields: plain files many at a
    time, and each of the others by itself.

    Args:
        source: the tar.
        progress: called as headers are read, with their number and the bytes of their members.

    Raises:
        ShardError: as `read_members`, once the members before were yielded.
    """
    with ManyReads(source) as reads:
        starts = _find_starts(reads, max(1, min(CURSORS, source.size // SHORTEST)))
        known = _walk(reads, starts, progress)
    yield from _follow(source, known)


def _find_starts(reads: ManyReads, count: int) -> Offsets:
    """Where cursors begin: at 0, and at the first that could be a header in each range."""
    starts = [0]
    searched = np.arange(1, count, dtype=np.int64) * (reads.source.size // count) // BLOCK * BLOCK
    for _ in range(_WINDOWS):
        if not len(searched):
            break
        windows = reads.read(searched, _WINDOW).reshape(len(searched), -1, BLOCK)
        magic = (windows[:, :, 257:262] == _MAGIC).all(axis=2)
        left = []
        for row, begin in enumerate(searched.tolist()):
            blocks = np.flatnonzero(magic[row])
            if len(blocks):
                starts.append(begin + int(blocks[0]) * BLOCK)
            else:
                left.append(begin + _WINDOW)
        searched = np.array(left, np.int64)
    return np.unique(np.array(starts, np.int64))


def _walk(reads: ManyReads, starts: Offsets, progress: Progress) -> _Known:
    """Follow the headers from each start to the next start."""
    size = reads.source.size
    positions, ends = starts, np.append(starts[1:], size)
    headers, names, sizes = [np.zeros(0, np.int64)], [np.zeros(0, "S1")], [np.zeros(0, np.int64)]
    others: dict[int, Entry] = {}
    while len(positions):
        blocks = reads.read(positions, BLOCK)
        parsed = parse_headers(blocks, size - BLOCK - positions)
        headers.append(positions[parsed.plain])
        names.append(parsed.names)
        sizes.append(parsed.sizes)
        after = np.full(len(positions), size)
        after[parsed.plain] = headers[-1] + BLOCK + -(-parsed.sizes // BLOCK) * BLOCK
        for index in np.flatnonzero(~parsed.plain).tolist():
            entry = _try_entry(reads.source, int(positions[index]))
            if entry is not None:
                others[int(positions[index])] = entry
                after[index] = entry.next
        progress(len(positions), int((after - positions)[after < size].sum()))
        left = after < ends
        positions, ends = after[left], ends[left]
    found = np.concatenate(headers)
    order = np.argsort(found)
    return _Known(found[order], np.concatenate(names)[order], np.concatenate(sizes)[order], others)


def _try_entry(source: ShardFile, position: int) -> Entry | None:
    """The entry at a position; None where there is none: it is for `_follow` to report that."""
    try:
        return read_entry(source, position)
    except ShardError:
        return None


def _follow(source: ShardFile, known: _Known) -> Iterator[Members | Member]:
    """The members of the chain of headers that begins at 0."""
    headers = known.headers
    after = headers + BLOCK + -(-known.sizes // BLOCK) * BLOCK
    breaks = np.flatnonzero(after[:-1] != headers[1:])  # behind which the next one is not the next
    position = 0
    while True:
        first = int(np.searchsorted(headers, position))
        if first < len(headers) and headers[first] == position:
            index = int(np.searchsorted(breaks, first))
            last = int(breaks[index]) if index < len(breaks) else len(headers) - 1
            part = slice(first, last + 1)
            yield Members(known.names[part], headers[part] + BLOCK, known.sizes[part])
            position = int(after[last])
            continue
        entry = known.others.get(position) or read_entry(source, position)
        if entry is None:
            check_end(source, position)
            return
        yield entry.member
        position = entry.next
