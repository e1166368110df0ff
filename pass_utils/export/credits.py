"""Credits of exported rows, CREDITS.csv beside them, made of two of their columns."""

from __future__ import annotations

import contextlib
import csv
import io
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.compute as pc

from ..attribution.writing import write_attribution
from ..errors import ExportError
from ..hashes import are_hashes
from ..releases import Release
from .outputs import Output
from .resume import Written, record_credits, recorded_credits

logger = logging.getLogger(__name__)

CREDITS_FILE = "CREDITS.csv"
COLUMNS = ("hash", "creator_username")
_ROWS_AT_A_TIME = 100_000
_LINES_BYTES = 1 << 20


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


def check_unused(output: Output) -> None:
    """Check that no file of somebody else lies where an export writes its credits.

    Args:
        output: The export's folder.

    Raises:
        ExportError: one does.
    """
    if output.size(CREDITS_FILE) is not None and recorded_credits(output) is None:
        raise ExportError(
            f"{output}: expected no {CREDITS_FILE}, found one that no export wrote. Move it, or "
            "export with credits=False.",
            path=str(output),
        )


def has_credits(output: Output) -> bool:
    """Whether the credits that an export wrote are there, with the size that they had.

    Args:
        output: The export's folder.
    """
    credits = recorded_credits(output)
    return credits is not None and output.size(CREDITS_FILE) == credits.size


def export_credits(
    output: Output,
    parts: Mapping[str, datasets.Dataset | None],
    work: Path,
    *,
    release: Release | None,
    changes: str | None,
) -> None:
    """Write the credits of exported splits beside them; those of other splits in the folder stay.

    Args:
        output: The export's folder.
        parts: The rows by split, as for `write_credits`.
        work: A folder for temporary files.
        release: As for `write_credits`.
        changes: As for `write_credits`.

    Raises:
        AttributionError, ExportError: they cannot be written.
    """
    path = work / CREDITS_FILE
    if not write_credits(parts, path, release=release, changes=changes):
        if release is not None and any(part is not None and len(part) for part in parts.values()):
            logger.warning(
                "%s: exported without a list of credits: not each image has its hash and its "
                "creator.",
                output,
            )
        return
    kept = b"".join(_other_lines(output, path)) if recorded_credits(output) else b""
    with output.create(CREDITS_FILE) as sink, path.open("rb") as file:
        rows = -1
        while lines := file.readlines(_LINES_BYTES):
            sink.write(b"".join(lines))
            rows += len(lines)
        sink.write(kept)
    written = Written(CREDITS_FILE, rows + kept.count(b"\n"), sink.size, sink.sha256)
    record_credits(output, written)


def _other_lines(output: Output, path: Path) -> Iterator[bytes]:
    """The lines of the credit list in the folder whose hashes are not in a new one."""
    if output.size(CREDITS_FILE) is None:
        return
    with path.open("rb") as file:
        header = file.readline()
        new = {_hash(line, header) for line in file}
    before = io.BytesIO(output.read(CREDITS_FILE))
    if before.readline() == header:
        yield from (line for line in before if _hash(line, header) not in new)


def _hash(line: bytes, header: bytes) -> str:
    names, values = csv.reader([header.decode("utf-8-sig"), line.decode()])
    return values[names.index("hash")]
