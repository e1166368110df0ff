"""Reads the metadata CSV in batches, and checks it: columns, values, lines, and each hash once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from csv import reader as csv_reader
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from ..errors import MetadataError
from ..hashes import HASH_MEANS, Keys, Rows, are_hashes
from ..releases import METADATA_COLUMNS, METADATA_FILE

_BLOCK_BYTES = 1 << 19  # of the CSV parsed at a time; Arrow reads some 30 blocks ahead
# read of the first line at most, as the file may be anything; PASS's has 59
_HEADER_CHARACTERS = 1000
_LIMITS = {"gps_latitude": 90.0, "gps_longitude": 180.0}  # degrees
_COLUMNS = {name: column for column, name, _ in METADATA_COLUMNS}
_EXPECTED = {
    "timestamp": "a date like 2004-05-17 00:44:29.0",
    "float": "a number of degrees",
    "string": "text in UTF-8",
}
_BAD_VALUE = re.compile(r"In CSV column #(\d+): Row #(\d+): CSV conversion error to (\w+).*?: (.*)")
_BAD_ROW = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+)")


def read_rows(csv: str, names: Iterable[str] = _COLUMNS) -> Iterator[pa.RecordBatch]:
    """Yields columns of the CSV, block by block in the CSV's order; empty fields are null.

    All of the CSV is checked, as when it is opened; what can only be seen at its end is raised
    there.

    Args:
        csv: the path of the file.
        names: the columns to yield, by the dataset's names.

    Raises:
        MetadataError: there is no such file, it has other columns, no rows, a bad hash, date or
            coordinate, a hash twice, or a quote that swallows lines.
    """
    wanted, keys = list(names), []
    for part, batch in read_checked(csv):
        keys.append(part)
        yield batch.select(wanted)
    sorted_keys(csv, keys)


def read_checked(csv: str) -> Iterator[tuple[Keys, pa.RecordBatch]]:
    """Yields the keys of each batch of rows, and the batch with all columns of the dataset but the
    image.

    One thread: with more, Arrow holds far more blocks, is no faster, and leaves the row number out
    of its errors.

    Raises:
        MetadataError: as for `read_rows`, but for a hash that stands twice.
    """
    header = _read_header(csv)
    rows = 0
    try:
        reader = pa.csv.open_csv(
            pa.OSFile(os.fsencode(csv)),  # bytes: a path need not be UTF-8
            read_options=pa.csv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False),
            convert_options=pa.csv.ConvertOptions(
                include_columns=list(_COLUMNS.values()),
                column_types={column: kind for column, _, kind in METADATA_COLUMNS},
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
        for batch in reader:
            named = pa.RecordBatch.from_arrays(batch.columns, names=list(_COLUMNS))
            yield _check(csv, rows, named), named
            rows += len(batch)
    except pa.ArrowInvalid as err:
        raise _damaged(csv, str(err), header) from err
    except OSError as err:
        raise MetadataError(
            f"{csv}: expected to read it to its end, found: {err}. Check the disk.", path=csv
        ) from err
    if _has_quotes(csv) and rows != _count_lines(csv) - 1 and (quote := _open_quote(csv)):
        raise _swallowed(csv, quote)
    if not rows:
        raise MetadataError(
            f"{csv}: expected a row for each image, found none. Fetch the CSV again.", path=csv
        )


def sorted_keys(csv: str, parts: list[Keys]) -> tuple[Keys, Rows]:
    """Returns the keys of all rows in order, and the row that each is of.

    Raises:
        MetadataError: a hash stands twice.
    """
    joined = Keys.concat(parts)
    parts.clear()
    order = joined.order()
    joined = joined.take(order)
    twice = joined.repeated()
    if twice is not None:
        raise MetadataError(
            f"{csv}: expected each hash once, found {twice} in two rows. Fetch the CSV again.",
            path=csv,
            hash=twice,
        )
    return joined, order


def _check(csv: str, rows: int, batch: pa.RecordBatch) -> Keys:
    """The keys of a batch that comes after so many rows, if its values can be."""
    hashes = batch.column("hash")
    try:
        keys = Keys.of(hashes)
    except ValueError as err:
        bad = pc.invert(are_hashes(hashes))
        raise _bad_value(csv, rows, bad, hashes, f"a hash of {HASH_MEANS}") from err
    for name, limit in _LIMITS.items():
        degrees = batch.column(name)
        bad = pc.fill_null(pc.invert(pc.less_equal(pc.abs(degrees), limit)), False)
        if pc.any(bad).as_py():
            raise _bad_value(csv, rows, bad, degrees, f"a {name} within {limit:g} degrees")
    return keys


def _read_header(csv: str) -> list[str]:
    """The names in the first line, among which each of ours is once."""
    try:
        with Path(csv).open(encoding="utf-8-sig", errors="replace", newline="") as file:
            line = file.readline(_HEADER_CHARACTERS)
    except OSError as err:
        raise MetadataError(
            f"{csv}: expected the metadata CSV here, found something unreadable ({err.strerror}). "
            f"`pass-utils download {Path(csv).parent}` fetches it.",
            path=csv,
        ) from err
    # the csv module of Python 3.10 refuses NUL
    found = next(csv_reader([line.replace("\0", "\ufffd")]), [])
    lacking = [column for column in _COLUMNS.values() if found.count(column) != 1]
    if lacking:
        raise MetadataError(
            f"{csv}: expected the columns {', '.join(_COLUMNS.values())}, found "
            f"{', '.join(map(repr, found[:20])) or 'an empty file'}. Is this PASS's "
            f"{METADATA_FILE}?",
            path=csv,
        )
    return found


def _damaged(csv: str, found: str, header: list[str]) -> MetadataError:
    """What Arrow could not read, by the name of the column and the line of the file."""
    if (match := _BAD_VALUE.search(found)) is not None:
        column, row, kind, problem = match.groups()
        name = header[int(column)] if int(column) < len(header) else f"column {column}"
        expected = _EXPECTED.get(kind, f"a {kind}")
        where, what = f" in {name}, line {_line(csv, int(row)):,}", problem
    elif (match := _BAD_ROW.search(found)) is not None and not (quote := _open_quote(csv)):
        expected, what = f"{match[2]} columns", match[3]
        where = f" in line {_line(csv, int(match[1])):,}"
    elif quote := _open_quote(csv):
        return _swallowed(csv, quote)
    elif "straddling" in found:
        expected, where, what = f"lines of at most {_BLOCK_BYTES:,} bytes", "", "a longer one"
    else:
        expected, where, what = "rows of PASS's metadata", "", found
    return MetadataError(
        f"{csv}: expected {expected}{where}, found {what}. Fetch the CSV again, or save it "
        "as UTF-8 text as it was.",
        path=csv,
    )


def _swallowed(csv: str, line: int) -> MetadataError:
    return MetadataError(
        f"{csv}: expected a row in each line, found a quote in line {line:,} that is not closed "
        "there and swallows the lines after it. Fetch the CSV again, or double that quote.",
        path=csv,
    )


def _bad_value(
    csv: str, rows: int, bad: pa.BooleanArray, values: pa.Array, expected: str
) -> MetadataError:
    index = pc.index(bad, True).as_py()
    return MetadataError(
        f"{csv}: expected {expected}, found {values[index].as_py()!r} in line "
        f"{_line(csv, rows + index + 2):,}. Fetch the CSV again.",
        path=csv,
    )


def _has_quotes(csv: str) -> bool:
    """Whether there is a quote at all: PASS's own CSVs have none."""
    with Path(csv).open("rb") as file:
        return any(b'"' in data for data in iter(lambda: file.read(1 << 20), b""))


def _count_lines(csv: str) -> int:
    """The lines of a file that are not empty, whichever way they end."""
    count, ended = 0, True
    with Path(csv).open("rb") as file:
        while data := file.read(1 << 20):
            array = np.frombuffer(data, np.uint8)
            ends = (array == ord("\n")) | (array == ord("\r"))
            count += int(np.count_nonzero(ends[1:] & ~ends[:-1])) + int(ends[0] and not ended)
            ended = bool(ends[-1])
    return count + (not ended)


def _lines(csv: str) -> Iterator[tuple[int, bytes]]:
    """The lines that are not empty, each with its number in the file, from 1."""
    with Path(csv).open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip(b"\r\n"):
                yield number, line


def _line(csv: str, row: int) -> int:
    """The number in the file of its `row`th line that is not empty."""
    for count, (number, _) in enumerate(_lines(csv), start=1):
        if count == row:
            return number
    return row


def _open_quote(csv: str) -> int | None:
    """The number of the first line in which a field begins with a quote and does not end."""
    return next(
        (
            number
            for number, line in _lines(csv)
            if line.count(b'"') % 2 and (b',"' in line or line.startswith(b'"'))
        ),
        None,
    )
