"""Parquet files of a stream, the same as those of a dataset with its rows.

How many files there will be is known at the end only, so they are `train-00000.parquet` first, and
get the names that say how many there are when the last one is complete. An interrupted export is
resumed by reading the stream again: a digest of the rows shows that they are those of the files
that are complete, and writing goes on behind these.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, groupby, islice
from typing import Any, NamedTuple

import datasets
import numpy as np
import pyarrow as pa

from .._datasets import image_columns, stream_tables
from ..errors import ExportError
from ..images.files import stored_sizes
from ..releases import release_of
from .embedding import embed_table
from .fingerprint import update_digest
from .groups import GROUP_BYTES, ROW_BYTES, check_rows, cut_groups, group_loads, parse_size
from .kinds import OnBytes, OnTable, ignore, observed
from .originals import check_table
from .outputs import Output
from .parquet import MAX_SHARD_SIZE, ROW_GROUP_ROWS, file_name, write_tables
from .resume import ExportState, Written
from .rewriting import Rewriting
from .skipping import without

_AS_IT_IS = Rewriting()


class RowGroup(NamedTuple):
    """Rows that are held in memory together.

    Attributes:
        table: The rows.
        size: Their bytes as they are stored, images and 200 for the rest of each row.
        file: The index of the file that they go into.
        first: The index of the first of them in the stream.
    """

    table: pa.Table
    size: int
    file: int
    first: int


class StreamFile(NamedTuple):
    """A file of a stream.

    Attributes:
        written: The file.
        rows_digest: SHA-256, in hex, of all rows of the stream up to its end; images count by
            their length only.
    """

    written: Written
    rows_digest: str


def read_groups(
    stream: datasets.IterableDataset,
    *,
    rows: int,
    max_bytes: int,
    changes: str | None = None,
    rewriting: Rewriting = _AS_IT_IS,
) -> Iterator[RowGroup]:
    """Read a stream in the row groups and files in which `ExportPlan` has those of a dataset.

    Args:
        stream: With known features, of which at least one is of images.
        rows: Rows of a row group.
        max_bytes: Bytes of a file, at most; a file has at least one row group.
        changes: What was done to the images; None for nothing.
        rewriting: What is done to the rows as they are written, for how many fit into a file.

    Yields:
        The row groups, in order.

    Raises:
        ExportError: as `check_table`.
    """
    features: datasets.Features = stream.features
    images, release = image_columns(features), release_of(stream)
    file = file_rows = file_size = first = 0
    limit = min(max_bytes, GROUP_BYTES)
    for table in stream_tables(stream, rows=rows):
        check_table(table, features, release, changes)
        sizes = np.full(len(table), ROW_BYTES, dtype=np.int64)
        written = sizes.copy()
        for name in images:
            stored = stored_sizes(table[name])
            sizes += stored
            written += rewriting.estimate(stored)
        begin = 0
        for count in cut_groups(group_loads(sizes, written, limit), rows, limit):
            rows_of_group = slice(begin, begin + count)
            size = int(written[rows_of_group].sum())
            if file_rows and file_size + size > max_bytes:
                file, file_rows, file_size = file + 1, 0, 0
            file_rows, file_size = file_rows + count, file_size + size
            stored_size = int(sizes[rows_of_group].sum())
            yield RowGroup(table.slice(begin, count), stored_size, file, first + begin)
            begin += count
        first += begin


def write_files(
    stream: datasets.IterableDataset,
    output: Output,
    *,
    split: str = "train",
    max_shard_size: str | int = MAX_SHARD_SIZE,
    row_group_rows: int = ROW_GROUP_ROWS,
    complete: Sequence[StreamFile] = (),
    ended: bool = False,
    changes: str | None = None,
    rewriting: Rewriting = _AS_IT_IS,
    on_start: Callable[[], object] = lambda: None,
    on_bytes: OnBytes = ignore,
    on_table: OnTable = ignore,
) -> Iterator[StreamFile]:
    """Write a stream as Parquet files, one after the other.

    Args:
        stream: With known features.
        output: The folder.
        split: The name of the split.
        max_shard_size: As in `plan_parquet`.
        row_group_rows: As in `plan_parquet`.
        complete: The first files, as an earlier run yielded them. Their rows are read and compared,
            and not written.
        ended: Whether these are all files, after which no row may come.
        changes: What was done to the images; None for nothing.
        rewriting: What is done to the rows as they are written.
        on_start: Called before anything is written, when the first rows were read and checked.
        on_bytes: Called with the bytes of each row group that was written.
        on_table: Called with each row group, without the rows that are left out; one that is
            written is as the file has it.

    Yields:
        Each file that is complete, the earlier ones among them; at least one, also of a stream
        without rows.

    Raises:
        ExportError: the rows are not those that the earlier files were written from, or their
            images were re-encoded.
        PassError: an image is gone or has changed, or a file cannot be written.
    """
    check_rows(row_group_rows)
    features: datasets.Features = stream.features
    images, new_features = image_columns(features), rewriting.features(features)
    digest = hashlib.sha256()

    def digested(groups: Iterable[RowGroup]) -> Iterator[RowGroup]:
        for group in groups:
            digest.update(group.size.to_bytes(8, "big"))
            for column in group.table.drop_columns(images).columns:
                update_digest(digest, column)
            yield group

    def write(index: int, groups: Iterable[RowGroup]) -> StreamFile:
        name, rows = file_name(split, index), 0
        skipped: list[str] = []

        def rewritten() -> Iterator[pa.Table]:
            nonlocal rows
            for group in digested(groups):
                table = embed_table(group.table, features)
                made = rewriting.apply(table, features, group.first)
                rows += len(made.table)
                skipped.extend(made.skipped)
                yield made.table

        with output.create(name) as sink:
            write_tables(sink, observed(rewritten(), on_table), new_features, on_bytes)
        written = Written(name, rows, sink.size, sink.sha256, tuple(skipped))
        return StreamFile(written, digest.hexdigest())

    groups = read_groups(
        stream,
        rows=row_group_rows,
        max_bytes=parse_size(max_shard_size),
        changes=changes,
        rewriting=rewriting,
    )
    first = list(islice(groups, 1))
    on_start()
    count = 0
    for index, of_file in groupby(chain(first, groups), key=lambda group: group.file):
        if index < len(complete):
            file, rows = complete[index], 0
            for group in digested(of_file):
                rows += len(group.table)
                on_table(without(group.table, file.written.skipped))
            all_rows = file.written.rows + len(file.written.skipped)
            if (rows, digest.hexdigest()) != (all_rows, file.rows_digest):
                raise other_rows(output, file.written.name)
            yield file
        elif ended:
            raise other_rows(output, complete[-1].written.name)
        else:
            yield write(index, of_file)
        count += 1
    if count == 0 and (not complete or complete[0].rows_digest == digest.hexdigest()):
        yield complete[0] if complete else write(0, ())
        count += 1
    if count < len(complete):
        raise other_rows(output, complete[-1].written.name)


def other_rows(output: Output, name: str) -> ExportError:
    """The error of a stream whose rows are not those of the last run.

    Args:
        output: The export's folder.
        name: The file that was written from other rows.
    """
    return ExportError(
        f"{output}: expected the rows that {name} was written from, found others. Choose another "
        "folder, or empty this one.",
        path=str(output),
    )


def write_stream(
    stream: datasets.IterableDataset,
    output: Output,
    split: str,
    options: dict[str, Any],
    facts: dict[str, Any],
    *,
    changes: str | None = None,
    rewriting: Rewriting = _AS_IT_IS,
    on_bytes: OnBytes = ignore,
    on_table: OnTable = ignore,
) -> list[Written]:
    """Export a stream as Parquet, or resume that.

    Args:
        stream: With known features.
        output: The export's folder.
        split: The name of the split.
        options: `max_shard_size` and `row_group_rows` of `write_files`.
        facts: For the export's state.
        changes: As in `write_files`.
        rewriting: As in `write_files`.
        on_bytes: Called with the bytes of each row group that was written.
        on_table: Called with each row group.

    Returns:
        The files.

    Raises:
        ExportError: as `write_files`, or the folder holds another export.
        PassError: an image is gone or has changed, or a file cannot be written.
    """
    facts = {**facts, "input": "stream", "features": repr(stream.features)}
    state = ExportState(output, split, facts)
    count: int | None = state.extra.get("count")
    complete = _complete_files(state, output, split, count)
    digests: dict[str, str] = {}
    files: list[Written] = []
    for written, rows_digest in write_files(
        stream,
        output,
        split=split,
        **options,
        complete=complete,
        ended=count is not None,
        changes=changes,
        rewriting=rewriting,
        on_start=state.save,
        on_bytes=on_bytes,
        on_table=on_table,
    ):
        files.append(written)
        digests[written.name] = rows_digest
        if len(files) > len(complete):
            state.record(written, rows_digests=digests)
    names = [(file.name, file_name(split, index, len(files))) for index, file in enumerate(files)]
    if count is None:
        renamed = [file._replace(name=new) for file, (_, new) in zip(files, names, strict=True)]
        state.record(*renamed, count=len(files))
    for old, new in names:
        if not state.is_complete(new):
            output.rename(old, new)
    output.remove_leftovers()
    return [state.files[new] for _, new in names]


def _complete_files(
    state: ExportState, output: Output, split: str, count: int | None
) -> list[StreamFile]:
    """The files of a stream that are complete, all of them when it ended, by their first names."""
    digests: dict[str, str] = state.extra.get("rows_digests", {})
    complete: list[StreamFile] = []
    while count is None or len(complete) < count:
        name = file_name(split, len(complete))
        final = name if count is None else file_name(split, len(complete), count)
        if not state.is_complete(name) and not state.is_complete(final):
            if count is None:
                break
            raise ExportError(
                f"{output}: expected the files of a stream that ended, missing {final}. Empty the "
                "folder, and export again.",
                path=str(output),
            )
        complete.append(StreamFile(state.files[name], digests.get(name, "")))
    return complete
