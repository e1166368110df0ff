"""A dataset of pictures in, Parquet files out that hold their bytes as they are.

The columns keep their order, since `datasets` takes the order of a file for that of the features. The small ones of PASS come
after the picture, so that between the pictures of two row groups they lie side by side, to be read with one request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import ExportError
from ..pictures import picture_columns
from .ledger import Written
from .outputs import Output
from .pieces import Piece, Pieces, StreamGroups, embed_table, parse_size
from .sinks import Sink

MAX_SHARD_SIZE = "500MB"
ROW_GROUP_ROWS = 100
_PAGES_FIT_CONTENT = int(pa.__version__.partition(".")[0]) >= 21  # the first pyarrow that cuts pages by content


@dataclass(frozen=True)
class ParquetTask:
    """One file to be written, in any process that has this package and reaches the pictures. `bytes` is an estimate."""

    name: str
    rows: int
    bytes: int
    piece: Piece

    def write(self, folder: str | Output, seen: Callable[[int], object] | None = None) -> Written:
        """Write the file into a folder; the same rows give the same bytes with the same pyarrow.

        `seen` is told of each row group how many bytes it took.

        Raises:
            PassError: a picture is gone or has changed, or the file cannot be written.
        """
        output = folder if isinstance(folder, Output) else Output(folder)
        with output.create(self.name) as sink:
            write_tables(sink, self.piece.tables(), self.piece.features, seen)
        return Written(self.name, self.rows, sink.size, sink.sha256)


def plan_parquet(
    dataset: datasets.Dataset,
    *,
    max_shard_size: str | int = MAX_SHARD_SIZE,
    row_group_rows: int = ROW_GROUP_ROWS,
    split: str = "train",
) -> Pieces[ParquetTask]:
    """The tasks that write a dataset, a file each, without reading a picture.

    Files hold whole row groups, as many as fit into `max_shard_size`, and at least one.

    Raises:
        ExportError: the dataset has no pictures, or an option makes no sense.
    """

    return Pieces(
        dataset,
        ParquetTask,
        name=lambda number, count: file_name(split, number, count),
        rows=row_group_rows,
        max_bytes=parse_size(max_shard_size),
    )


def file_name(split: str, number: int, count: int | None = None) -> str:
    """The name of file `number` of `count`, or of a number that is not known yet."""
    return f"{split}-{number:05}{'' if count is None else f'-of-{count:05}'}.parquet"


def write_tables(
    sink: Sink, tables: Iterable[pa.Table], features: datasets.Features, seen: Callable[[int], object] | None = None
) -> None:
    """Write a Parquet file of these tables, each a row group."""
    before = 0
    with open_writer(sink, features) as writer:
        for table in tables:
            writer.write_table(table, row_group_size=max(len(table), 1))
            if seen is not None:
                seen(sink.size - before)
                before = sink.size


def open_writer(sink: Sink, features: datasets.Features) -> pq.ParquetWriter:
    """A writer for rows with these features, which `datasets` finds again in the file.

    Bytes of pictures are stored plain: they do not compress, no two are equal, and no one asks for the smallest of them.
    """
    schema: pa.Schema = features.arrow_schema
    pictures = {f"{name}.bytes" for name in picture_columns(features)}
    small = [leaf for leaf in _leaves(schema) if leaf not in pictures]
    options: dict[str, Any] = {"use_content_defined_chunking": True} if _PAGES_FIT_CONTENT else {"write_batch_size": 8}
    return pq.ParquetWriter(
        pa.PythonFile(sink, mode="w"),
        schema,
        compression={**dict.fromkeys(small, "zstd"), **dict.fromkeys(pictures, "none")},
        use_dictionary=small,
        write_statistics=small,
        write_page_index=True,
        **options,
    )


def _leaves(schema: pa.Schema) -> Iterator[str]:
    """The paths of Parquet's columns, such as `image.bytes`."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, schema):
        pass
    columns = pq.read_metadata(pa.BufferReader(sink.getvalue())).schema
    return (columns.column(number).path for number in range(len(columns)))


class ParquetStream:
    """An IterableDataset on its way into files, one after the other: iterate to write them.

    How many files there will be is known at the end only, so their names do not say it: `train-00000.parquet`. `done` are
    files that an earlier run wrote: their rows are read and passed over. `trail` is a digest of all rows up to the file that
    came last, by which a rerun can tell that it passed over the same rows.
    """

    def __init__(
        self,
        dataset: datasets.IterableDataset,
        folder: str | Output,
        *,
        max_shard_size: str | int = MAX_SHARD_SIZE,
        row_group_rows: int = ROW_GROUP_ROWS,
        split: str = "train",
        done: Sequence[Written] = (),
        seen: Callable[[int], object] | None = None,
    ) -> None:
        self._output = folder if isinstance(folder, Output) else Output(folder)
        self._max_bytes = parse_size(max_shard_size)
        self._split = split
        self._done = done
        self._seen = seen
        self._groups = StreamGroups(dataset, rows=row_group_rows, max_bytes=self._max_bytes)

    @property
    def trail(self) -> str:
        """Hex digits of all rows that were read so far."""
        return self._groups.trail

    @property
    def ended(self) -> bool:
        """Whether all rows were read."""
        return self._groups.peek() is None

    def pass_over(self) -> None:
        """Read the rows of the files that are done.

        Raises:
            ExportError: there are not as many.
        """
        for file in self._done:
            rows = 0
            while rows < file.rows:
                group = self._groups.take()
                rows += group.rows if group is not None else 0
                if group is None or rows > file.rows:
                    raise self.other_rows(file.name)

    def other_rows(self, name: str) -> ExportError:
        """What to raise when this file was written from other rows."""
        return ExportError(
            f"{self._output}: expected the rows that {name} was written from, found others. Choose another folder, or empty "
            "this one.",
            path=str(self._output),
        )

    def __iter__(self) -> Iterator[Written]:
        number = len(self._done)
        while self._groups.peek() is not None or number == 0:
            name = file_name(self._split, number)
            rows = 0

            def tables() -> Iterator[pa.Table]:
                nonlocal rows
                held = 0
                while (group := self._groups.peek()) is not None and (not rows or held + group.bytes <= self._max_bytes):
                    self._groups.take()
                    rows += group.rows
                    held += group.bytes
                    yield embed_table(group.table, self._groups.features)

            with self._output.create(name) as sink:
                write_tables(sink, tables(), self._groups.features, self._seen)
            yield Written(name, rows, sink.size, sink.sha256)
            number += 1


def stream_parquet(
    dataset: datasets.IterableDataset,
    folder: str | Output,
    *,
    max_shard_size: str | int = MAX_SHARD_SIZE,
    row_group_rows: int = ROW_GROUP_ROWS,
    split: str = "train",
    done: Sequence[Written] = (),
) -> Iterator[Written]:
    """Write a stream into files, each of them yielded when it is whole, before the next one is begun.

    The files are those that `plan_parquet` writes from the same rows, but how many there will be is known at the end only, so
    their names do not say it: `train-00000.parquet`. Rows of the files in `done`, which an earlier run yielded, are read and
    passed over.

    Raises:
        PassError: the dataset has no pictures, one cannot be read, or a file cannot be written.
    """
    stream = ParquetStream(
        dataset, folder, max_shard_size=max_shard_size, row_group_rows=row_group_rows, split=split, done=done
    )
    stream.pass_over()
    yield from stream
