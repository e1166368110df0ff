"""Export planning: cut a dataset into picklable tasks, one output file each, reading no image.

A task carries no bytes of images that lie elsewhere: rows opened in place are pickled as they are,
with each image's place, and rows of an Arrow cache as the path of the cache file and their indices.
Only images that are in the memory of this process are pickled with their task, which
`ExportPlan.in_memory` tells.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import datasets
import numpy as np
import pyarrow as pa

from .._datasets import image_columns, images_in_memory, stored_indices, stored_table
from ..images.files import ByteCounts, stored_sizes
from .embedding import embed_table
from .fingerprint import update_digest
from .groups import GROUP_BYTES, ROW_BYTES, check_rows, cut_groups, group_loads
from .resume import Written
from .rewriting import Rewriting

_ROWS_AT_A_TIME = 10_000
_AS_IT_IS = Rewriting()


class FileRows:
    """The rows of one output file, read a row group at a time; pickles small.

    Attributes:
        features: Of the rows as the file has them.
        rewriting: How they get so.
        groups: The number of rows of each row group.
        first: The index of the first row in the dataset.
    """

    def __init__(
        self,
        rows: datasets.Dataset | pa.Table,
        features: datasets.Features,
        groups: Sequence[int],
        first: int,
        rewriting: Rewriting,
    ) -> None:
        self._rows = rows
        self._stored = features
        self.features = rewriting.features(features)
        self.rewriting = rewriting
        self.groups = tuple(groups)
        self.first = first

    def __len__(self) -> int:
        return sum(self.groups)

    def tables(self, skipped: list[str]) -> Iterator[pa.Table]:
        """Read the row groups.

        Args:
            skipped: Gets the rows that are left out, by hash.

        Yields:
            A table for each, with the bytes of its images.

        Raises:
            PassError: an image is gone or has changed, or cannot be decoded.
        """
        begin = 0
        for count in self.groups:
            part = (
                self._rows.slice(begin, count)
                if isinstance(self._rows, pa.Table)
                else self._rows[begin : begin + count]
            )
            table = embed_table(part, self._stored)
            rewritten = self.rewriting.apply(table, self._stored, self.first + begin)
            skipped += rewritten.skipped
            yield rewritten.table
            begin += count

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        if isinstance(self._rows, pa.Table):
            sink = pa.BufferOutputStream()
            options = pa.ipc.IpcWriteOptions(compression="zstd")
            with pa.ipc.new_stream(sink, self._rows.schema, options=options) as writer:
                writer.write_table(self._rows)
            state["_rows"] = sink.getvalue().to_pybytes()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state
        if isinstance(self._rows, bytes):
            self._rows = pa.ipc.open_stream(self._rows).read_all()


class FileTask(NamedTuple):
    """One output file, or folder of images, for any process that reaches the images to write.

    Attributes:
        name: Its path in the export's folder.
        rows: How many rows it has.
        size: About how many bytes it will have.
        content: Its rows.
    """

    name: str
    rows: int
    size: int
    content: FileRows

    def written(self, size: int, sha256: str, skipped: Sequence[str]) -> Written:
        """The file that was written.

        Args:
            size: Its bytes.
            sha256: Of these, in hex.
            skipped: The rows that were left out, by hash.
        """
        return Written(self.name, self.rows - len(skipped), size, sha256, tuple(skipped))


class ExportPlan(Sequence[FileTask]):
    """The tasks that write a dataset, each made when it is asked for.

    For each row nothing is kept but its size.

    Args:
        dataset: What is exported.
        name: Gives the name of a file from its index and the number of files.
        group_rows: Rows of a row group.
        max_rows: Rows of a file, at most; None for any number.
        max_bytes: Bytes of a file, at most; a file has at least one row group.
        row_bytes: What a row takes beside its images, in bytes.
        rewriting: What is done to the rows.

    Attributes:
        features: Of the rows as the files have them.
        groups: The number of rows of each row group.

    Raises:
        DatasetError: the dataset has no column of images.
        ExportError: an option makes no sense.
    """

    def __init__(
        self,
        dataset: datasets.Dataset,
        name: Callable[[int, int], str],
        *,
        group_rows: int,
        max_rows: int | None = None,
        max_bytes: int,
        row_bytes: int = ROW_BYTES,
        rewriting: Rewriting = _AS_IT_IS,
    ) -> None:
        check_rows(group_rows)
        self._rewriting = rewriting
        self._stored: datasets.Features = dataset.features
        self.features = rewriting.features(self._stored)
        self._images = image_columns(self._stored)
        self._dataset = dataset.with_format("arrow")
        self._name = name
        self._sizes, written, self._without_bytes = self._measure(row_bytes)
        limit = min(max_bytes, GROUP_BYTES)
        self.groups = cut_groups(group_loads(self._sizes, written, limit), group_rows, limit)
        ends = np.cumsum(self.groups, dtype=np.int64)
        totals = np.concatenate([[0], np.cumsum(written)])
        self._starts = [0]  # the index of each file's first row group
        for index, end in enumerate(ends.tolist()):
            first = int(ends[self._starts[-1] - 1]) if self._starts[-1] else 0
            if index > self._starts[-1] and (
                totals[end] - totals[first] > max_bytes
                or (max_rows is not None and end - first > max_rows)
            ):
                self._starts.append(index)
        self._rows = [0, *(int(ends[start - 1]) for start in self._starts[1:]), len(self._sizes)]
        self._totals = totals

    def _measure(self, row_bytes: int) -> tuple[ByteCounts, ByteCounts, bool]:
        """The bytes of each row as it is stored, and about those in the file; and whether no image
        has its bytes with it.
        """
        stored, indices = stored_table(self._dataset), stored_indices(self._dataset)
        sizes = np.full(len(self._dataset), row_bytes, dtype=np.int64)
        written = sizes.copy()
        without = True
        for name in self._images:
            column = stored.column(name)
            images = stored_sizes(column, indices)
            sizes += images
            written += self._rewriting.estimate(images)
            without &= all(
                chunk.flatten()[chunk.type.get_field_index("bytes")].null_count == len(chunk)
                for chunk in column.chunks
            )
        return sizes, written, without

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, index: Any) -> Any:
        index = range(len(self))[index]
        begin, end = self._rows[index], self._rows[index + 1]
        last = self._starts[index + 1] if index + 1 < len(self) else len(self.groups)
        part = self._dataset.select(range(begin, end))
        if (self._without_bytes or not self._dataset.cache_files) and end > begin:
            part = part[:].combine_chunks()  # a table: it pickles without what it was cut from
        groups = self.groups[self._starts[index] : last]
        content = FileRows(part, self._stored, groups, begin, self._rewriting)
        return FileTask(self.names[index], end - begin, self.size(index), content)

    @property
    def in_memory(self) -> bool:
        """Whether bytes of images are in the memory of this process, to be pickled with tasks."""
        return images_in_memory(self._dataset, self._images)

    @cached_property
    def names(self) -> list[str]:
        """The names of the files."""
        return [self._name(index, len(self)) for index in range(len(self))]

    def size(self, index: int) -> int:
        """About how many bytes a file will have.

        Args:
            index: Of the file.
        """
        return int(self._totals[self._rows[index + 1]] - self._totals[self._rows[index]])

    @property
    def rows(self) -> int:
        """Rows of all files together."""
        return len(self._sizes)

    @property
    def bytes(self) -> int:
        """About how many bytes all files will have together."""
        return int(self._totals[-1])

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of features and rows, in hex; images with bytes count by their length only."""
        digest = hashlib.sha256(repr((self._stored, self._images)).encode())
        digest.update(self._sizes.tobytes())
        rest = [name for name in self._stored if name not in self._images]
        columns = rest + (self._images if self._without_bytes else [])
        part = self._dataset.select_columns(columns)
        for begin in range(0, self.rows if columns else 0, _ROWS_AT_A_TIME):
            for column in part[begin : begin + _ROWS_AT_A_TIME].columns:
                update_digest(digest, column)
        return digest.hexdigest()
