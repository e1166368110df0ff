"""A dataset in, pieces of it out that are as large as a file may be and small to send to another
process.

A piece carries no bytes of pictures that lie elsewhere: rows opened in place are sent as they are,
with each picture's place, and rows of an Arrow cache as the path of the cache file and their
numbers. Only pictures that are in the memory of this process go with their piece, which
`Pieces.in_memory` tells.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias, overload

import datasets
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..images.files import ByteCounts, image_columns, stored_sizes
from .fingerprint import feed
from .groups import GROUP_BYTES, ROW_BYTES, check_rows, cut_groups, embed_table
from .outputs import Output
from .resume import Written

Seen: TypeAlias = "Callable[[int], object]"

_ROWS_AT_A_TIME = 10_000


class Piece:
    """Rows of a dataset that go into one file, in groups that are held in memory together; pickles
    small.

    `first` is the number of its first row in the dataset.
    """

    def __init__(
        self,
        rows: datasets.Dataset | pa.Table,
        features: datasets.Features,
        groups: Sequence[int],
        first: int,
    ) -> None:
        self._rows = rows
        self.features = features
        self.groups = tuple(groups)
        self.first = first

    def __len__(self) -> int:
        return sum(self.groups)

    def tables(self) -> Iterator[pa.Table]:
        """The groups, with the bytes of their pictures.

        Raises:
            PassError: a picture is gone or has changed.
        """
        begin = 0
        for rows in self.groups:
            part = (
                self._rows.slice(begin, rows)
                if isinstance(self._rows, pa.Table)
                else self._rows[begin : begin + rows]
            )
            yield embed_table(part, self.features)
            begin += rows

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        if isinstance(self._rows, pa.Table):
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(
                sink, self._rows.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")
            ) as writer:
                writer.write_table(self._rows)
            state["_rows"] = sink.getvalue().to_pybytes()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state
        if isinstance(self._rows, bytes):
            self._rows = pa.ipc.open_stream(self._rows).read_all()


@dataclass(frozen=True)
class FileTask(ABC):
    """One file, or folder of them, to be written in any process that has this package and reaches
    the pictures.

    `bytes` is an estimate.
    """

    name: str
    rows: int
    bytes: int
    piece: Piece

    def write(self, folder: str | Output, seen: Seen = lambda count: None) -> Written:
        """Write it into a folder; the same rows give the same bytes with the same pyarrow.

        `seen` is told on the way how many bytes more were written.

        Raises:
            PassError: a picture is gone or has changed, or a file cannot be written.
        """
        return self._write(folder if isinstance(folder, Output) else Output(folder), seen)

    @abstractmethod
    def _write(self, output: Output, seen: Seen) -> Written: ...


class Pieces(Sequence[FileTask]):
    """The tasks that write a dataset, each made when it is asked for.

    `name` gives the name of a file from its number and how many there are; `make` gets that name,
    rows, bytes and the piece. Nothing is kept for a row but its bytes.
    """

    def __init__(
        self,
        dataset: datasets.Dataset,
        make: Callable[[str, int, int, Piece], FileTask],
        *,
        name: Callable[[int, int], str],
        rows: int,
        max_rows: int | None = None,
        max_bytes: int,
        row_bytes: int = ROW_BYTES,
    ) -> None:
        check_rows(rows)
        self.features: datasets.Features = dataset.features
        self._names = image_columns(self.features)
        self._dataset = dataset.with_format("arrow")
        self._make = make
        self._name = name
        self._sizes, self._without_bytes = self._measure(row_bytes)
        self.groups = cut_groups(self._sizes, rows, min(max_bytes, GROUP_BYTES))
        ends = np.cumsum(self.groups, dtype=np.int64)
        totals = np.concatenate([[0], np.cumsum(self._sizes)])
        self._starts = [0]  # numbers of groups
        for number, end in enumerate(ends.tolist()):
            first = int(ends[self._starts[-1] - 1]) if self._starts[-1] else 0
            if number > self._starts[-1] and (
                totals[end] - totals[first] > max_bytes
                or (max_rows is not None and end - first > max_rows)
            ):
                self._starts.append(number)
        self._rows = [0, *(int(ends[start - 1]) for start in self._starts[1:]), len(self._sizes)]
        self._totals = totals

    def _measure(self, row_bytes: int) -> tuple[ByteCounts, bool]:
        """Bytes of each row, and whether no picture has its bytes with it."""
        data, indices = self._dataset.data, self._dataset._indices
        rows: npt.NDArray[np.int64] | None = None
        if indices is not None:
            rows = indices.column(0).to_numpy().astype(np.int64)
        sizes = np.full(len(self._dataset), row_bytes, dtype=np.int64)
        without = True
        for name in self._names:
            column = data.column(name)
            sizes += stored_sizes(column, rows)
            without &= all(chunk.flatten()[0].null_count == len(chunk) for chunk in column.chunks)
        return sizes, without

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, number: int) -> FileTask: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[FileTask]: ...
    def __getitem__(self, number: int | slice) -> FileTask | Sequence[FileTask]:
        if isinstance(number, slice):
            return [self[each] for each in range(len(self))[number]]
        number = range(len(self))[number]
        begin, end = self._rows[number], self._rows[number + 1]
        last = self._starts[number + 1] if number + 1 < len(self) else len(self.groups)
        part = self._dataset.select(range(begin, end))
        if (self._without_bytes or not self._dataset.cache_files) and end > begin:
            part = part[:].combine_chunks()  # a table: it pickles without what it was cut from
        piece = Piece(part, self.features, self.groups[self._starts[number] : last], begin)
        return self._make(self.names[number], end - begin, self.size(number), piece)

    @property
    def in_memory(self) -> bool:
        """Whether pictures with their bytes are in the memory of this process, so that pieces would
        carry them along.
        """
        return any(
            isinstance(block, datasets.table.InMemoryTable) and self._holds_bytes(block)
            for block in self._blocks()
        )

    def _blocks(self) -> Iterator[datasets.table.Table]:
        table = self._dataset.data
        for row in (
            table.blocks if isinstance(table, datasets.table.ConcatenationTable) else [[table]]
        ):
            yield from row

    def _holds_bytes(self, block: datasets.table.Table) -> bool:
        names = set(self._names).intersection(block.column_names)
        return any(
            chunk.flatten()[0].null_count < len(chunk)
            for name in names
            for chunk in block.column(name).chunks
        )

    @cached_property
    def names(self) -> list[str]:
        """The names of the files."""
        return [self._name(number, len(self)) for number in range(len(self))]

    def size(self, number: int) -> int:
        """About how many bytes file `number` will have."""
        return int(self._totals[self._rows[number + 1]] - self._totals[self._rows[number]])

    @property
    def rows(self) -> int:
        """Rows of all pieces."""
        return len(self._sizes)

    @property
    def bytes(self) -> int:
        """About how many bytes all files will have together."""
        return int(self._totals[-1])

    @cached_property
    def identity(self) -> str:
        """Hex digits that are other ones for other rows; pictures with bytes are told apart by
        their number of bytes.
        """
        digest = hashlib.sha256(repr((self.features, self._names)).encode())
        digest.update(self._sizes.tobytes())
        rest = [name for name in self.features if name not in self._names]
        columns = rest + (self._names if self._without_bytes else [])
        part = self._dataset.select_columns(columns)
        for begin in range(0, self.rows if columns else 0, _ROWS_AT_A_TIME):
            for column in part[begin : begin + _ROWS_AT_A_TIME].columns:
                feed(digest, column)
        return digest.hexdigest()
