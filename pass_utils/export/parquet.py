"""A dataset of pictures in, Parquet files out that hold their bytes as they are.

The columns keep their order, since `datasets` takes the order of a file for that of the features.
The small ones of PASS come after the picture, so that between the pictures of two row groups they
lie side by side, to be read with one request.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

from ..images.files import image_columns
from .groups import parse_size
from .outputs import Output
from .planning import FileTask, Pieces, Seen
from .resume import Written
from .sink import Sink

MAX_SHARD_SIZE = "500MB"
ROW_GROUP_ROWS = 100
# the first pyarrow that cuts pages by content
_PAGES_FIT_CONTENT = int(pa.__version__.partition(".")[0]) >= 21


class ParquetTask(FileTask):
    """A Parquet file to be written; `seen` is told of each row group."""

    def _write(self, output: Output, seen: Seen) -> Written:
        with output.create(self.name) as sink:
            write_tables(sink, self.piece.tables(), self.piece.features, seen)
        return Written(self.name, self.rows, sink.size, sink.sha256)


def plan_parquet(
    dataset: datasets.Dataset,
    *,
    max_shard_size: str | int = MAX_SHARD_SIZE,
    row_group_rows: int = ROW_GROUP_ROWS,
    split: str = "train",
) -> Pieces:
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
    sink: Sink, tables: Iterable[pa.Table], features: datasets.Features, seen: Seen
) -> None:
    """Write a Parquet file of these tables, each a row group."""
    before = 0
    with open_writer(sink, features) as writer:
        for table in tables:
            writer.write_table(table, row_group_size=max(len(table), 1))
            seen(sink.size - before)
            before = sink.size


def open_writer(sink: Sink, features: datasets.Features) -> pq.ParquetWriter:
    """A writer for rows with these features, which `datasets` finds again in the file.

    Bytes of pictures are stored plain: they do not compress, no two are equal, and no one asks for
    the smallest of them.
    """
    schema: pa.Schema = features.arrow_schema
    pictures = {f"{name}.bytes" for name in image_columns(features)}
    small = [leaf for leaf in _leaves(schema) if leaf not in pictures]
    options: dict[str, Any] = (
        {"use_content_defined_chunking": True} if _PAGES_FIT_CONTENT else {"write_batch_size": 8}
    )
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
