"""Credits of exported rows: which columns they are made of, kept on disk for a stream."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.compute as pc

from ..attribution.writing import write_attribution
from ..hashes import are_hashes
from ..releases import Release

COLUMNS = ("hash", "creator_username")
_ROWS_AT_A_TIME = 100_000


class StreamedColumns:
    """Keeps the columns that credits are made of, on disk, while the rows of a stream pass by.

    A context manager; the file must outlive what `dataset` returns.

    Args:
        features: Of the stream.
        path: The file to write.
    """

    def __init__(self, features: datasets.Features, path: Path) -> None:
        self._path = path
        self._stack = contextlib.ExitStack()
        self._writer: Any = None
        if has_columns(features):
            self._schema = pa.schema([features.arrow_schema.field(name) for name in COLUMNS])
            writer = pa.ipc.new_stream(str(self._path), self._schema)
            self._writer = self._stack.enter_context(writer)

    def add(self, table: pa.Table) -> None:
        """Keep the columns of some rows.

        Args:
            table: The rows.
        """
        if self._writer is not None:
            self._writer.write_table(table.select(list(COLUMNS)).cast(self._schema))

    def dataset(self) -> datasets.Dataset | None:
        """The rows, mapped from disk; None of a stream without these columns. Ends the writing."""
        self._stack.close()
        return None if self._writer is None else datasets.Dataset.from_file(str(self._path))

    def __enter__(self) -> StreamedColumns:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()


def has_columns(features: datasets.Features) -> bool:
    """Whether rows with these features can be credited: they have hash and creator, as text.

    Args:
        features: Of a dataset.
    """
    return all(
        getattr(features.get(name), "dtype", None) in ("string", "large_string") for name in COLUMNS
    )


def can_credit(dataset: datasets.Dataset) -> bool:
    """Whether every row has a hash of PASS, and there is a column of creators.

    Args:
        dataset: Any.
    """
    return has_columns(dataset.features) and all(
        pc.all(are_hashes(hashes)).as_py() is not False for hashes in _hashes(dataset)
    )


def _hashes(dataset: datasets.Dataset) -> Iterator[pa.ChunkedArray]:
    if len(dataset):
        rows = dataset.select_columns("hash").with_format("arrow")
        for table in rows.iter(_ROWS_AT_A_TIME):
            yield table["hash"]


def write_credits(
    parts: Mapping[str, datasets.Dataset | None],
    path: Path,
    *,
    release: Release | None,
    changes: str | None = None,
) -> bool:
    """Write the credits of exported rows as CSV, safe to open in a spreadsheet.

    Args:
        parts: The rows by split, of which `hash` and `creator_username` are read.
        path: The file.
        release: Which they come from, None where that is not known.
        changes: What was done to the images.

    Returns:
        Whether there is such a file: not where there are no rows, or some that cannot be credited.

    Raises:
        AttributionError: it cannot be written.
    """
    known = {split: part for split, part in parts.items() if part is not None and can_credit(part)}
    if len(known) < len(parts) or not any(map(len, known.values())):
        return False
    write_attribution(
        known, path, release=release, changes=changes, spreadsheet_safe=True, quiet=True
    )
    return True
