"""Parquet files of images, which keep the bytes of these as they are.

The columns keep their order, since `datasets` takes the order of a file for that of the features.
The small ones of PASS come after the image, so that between the images of two row groups they lie
side by side, to be read with one request.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

from .._datasets import image_columns
from .groups import parse_size
from .kinds import Kind, OnBytes, OnTable, ignore, observed
from .outputs import Output
from .planning import ExportPlan, FileTask
from .resume import Written
from .rewriting import Rewriting
from .sink import Sink

MAX_SHARD_SIZE = "500MB"
ROW_GROUP_ROWS = 100
_AS_IT_IS = Rewriting()
# the first pyarrow that cuts pages by content
_PAGES_FIT_CONTENT = int(pa.__version__.partition(".")[0]) >= 21


def plan_parquet(
    dataset: datasets.Dataset,
    *,
    split: str = "train",
    max_shard_size: str | int = MAX_SHARD_SIZE,
    row_group_rows: int = ROW_GROUP_ROWS,
    rewriting: Rewriting = _AS_IT_IS,
) -> ExportPlan:
    """Plan the Parquet files of a dataset, without reading an image.

    Args:
        dataset: Opened in place or embedded, with at least one column of images.
        split: Its name, with which file names begin.
        max_shard_size: Bytes of a file, or text such as `500MB`; a file has whole row groups, as
            many as fit and at least one.
        row_group_rows: Rows of a row group.
        rewriting: What is done to the rows.

    Returns:
        A task for each file.

    Raises:
        DatasetError: the dataset has no column of images.
        ExportError: an option makes no sense.
    """
    return ExportPlan(
        dataset,
        lambda index, count: file_name(split, index, count),
        group_rows=row_group_rows,
        max_bytes=parse_size(max_shard_size),
        rewriting=rewriting,
    )


def write_file(
    task: FileTask, output: Output, on_bytes: OnBytes = ignore, *, on_table: OnTable = ignore
) -> Written:
    """Write one planned Parquet file.

    Args:
        task: From `plan_parquet`.
        output: The folder.
        on_bytes: Called with the bytes of each row group that was written.
        on_table: Called with each row group before it is written.

    Returns:
        The file; the same rows give the same bytes with the same pyarrow.

    Raises:
        PassError: an image is gone or has changed, or the file cannot be written.
    """
    skipped: list[str] = []
    with output.create(task.name) as sink:
        tables = observed(task.content.tables(skipped), on_table)
        write_tables(sink, tables, task.content.features, on_bytes)
    return task.written(sink.size, sink.sha256, skipped)


PARQUET = Kind(
    "parquet",
    plan_parquet,
    write_file,
    {"max_shard_size": MAX_SHARD_SIZE, "row_group_rows": ROW_GROUP_ROWS},
)


def file_name(split: str, index: int, count: int | None = None) -> str:
    """The name of a Parquet file.

    Args:
        split: The name of the split.
        index: Of the file.
        count: How many files there are, None where that is not known yet.
    """
    return f"{split}-{index:05}{'' if count is None else f'-of-{count:05}'}.parquet"


def write_tables(
    sink: Sink, tables: Iterable[pa.Table], features: datasets.Features, on_bytes: OnBytes = ignore
) -> None:
    """Write a Parquet file, each table as a row group.

    Args:
        sink: Where to write.
        tables: With the bytes of their images.
        features: Of the rows; `datasets` finds them again in the file.
        on_bytes: Called with the bytes of each row group that was written.
    """
    before = 0
    with _open_writer(sink, features) as writer:
        for table in tables:
            writer.write_table(table, row_group_size=max(len(table), 1))
            on_bytes(sink.size - before)
            before = sink.size


def _open_writer(sink: Sink, features: datasets.Features) -> pq.ParquetWriter:
    """Bytes of images are stored plain: they do not compress, and no statistics of them help."""
    schema: pa.Schema = features.arrow_schema
    images = {f"{name}.bytes" for name in image_columns(features)}
    small = [leaf for leaf in _leaves(schema) if leaf not in images]
    return pq.ParquetWriter(
        pa.PythonFile(sink, mode="w"),
        schema,
        compression={**dict.fromkeys(small, "zstd"), **dict.fromkeys(images, "none")},
        use_dictionary=small,
        write_statistics=small,
        **parquet_options(),
    )


def parquet_options() -> dict[str, Any]:
    """The options of all Parquet files: with a page index, and pages cut by content, so that the
    Hub keeps what two files share once.
    """
    pages: dict[str, Any] = (
        {"use_content_defined_chunking": True} if _PAGES_FIT_CONTENT else {"write_batch_size": 8}
    )
    return {"write_page_index": True, **pages}


def _leaves(schema: pa.Schema) -> Iterator[str]:
    """The paths of Parquet's columns, such as `image.bytes`."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, schema):
        pass
    columns = pq.read_metadata(pa.BufferReader(sink.getvalue())).schema
    return (columns.column(index).path for index in range(len(columns)))
