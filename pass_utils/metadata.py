"""The metadata CSV in, a memory-mapped Arrow table out that finds rows by hash in batches.

The 1.4 million lines are parsed once, block by block, and written beside the `datasets` cache,
sorted by hash, under a name that changes when the CSV does. Every process maps that same file, and
no Python object stands for a row that nobody asked for.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from csv import reader as csv_reader
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from ._util.cache import cache_path, read_batch, write_batch
from ._util.stamp import FileStamp
from .errors import MetadataError
from .hashes import HASH_MEANS, Keys, Rows, are_hashes
from .releases import METADATA_COLUMNS, METADATA_FILE

logger = logging.getLogger(__name__)

_FORMAT = 1  # of the cached file; raise it when what is written there changes
_BLOCK_BYTES = 1 << 19  # of the CSV parsed at a time; Arrow reads some 30 blocks ahead
# read of the first line at most, as the file may be anything; PASS's has 59
_HEADER_CHARACTERS = 1000
_LIMITS = {"gps_latitude": 90.0, "gps_longitude": 180.0}  # degrees

_COLUMNS = {name: column for column, name, _ in METADATA_COLUMNS}
_VALUES = {name: kind for _, name, kind in METADATA_COLUMNS if name != "hash"}
_KEY_COLUMNS = ("key_high", "key_low", "key_length")


class Metadata:
    """The rows of a metadata CSV, sorted by hash and mapped from the file that `open_metadata`
    keeps.

    `csv` is the path of the CSV, `len()` its number of rows.
    """

    def __init__(self, rows: pa.RecordBatch, csv: str) -> None:
        self.csv = csv
        self._rows = rows
        self._keys = Keys(*(self._rows.column(name).to_numpy() for name in _KEY_COLUMNS))

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def keys(self) -> Keys:
        """The hashes as keys, row by row."""
        return self._keys

    @property
    def values(self) -> pa.RecordBatch:
        """The other columns by the dataset's names; creators are dictionary-encoded."""
        return self._rows.select(list(_VALUES))

    def find(self, hashes: pa.StringArray) -> Rows:
        """The row number of each hash.

        Raises:
            MetadataError: a hash has no row in the CSV.
        """
        rows = self._keys.find(Keys.of(hashes))
        if len(rows) and rows.min() < 0:
            lost = hashes[int(rows.argmin())].as_py()
            raise MetadataError(
                f"{self.csv}: expected a row for image {lost}, found none among {len(self):,}. Do "
                "shards and CSV belong to the same release?",
                path=self.csv,
                hash=lost,
            )
        return rows

    def take(self, rows: Rows) -> list[pa.Array]:
        """The columns creator_username, gps_latitude, gps_longitude and date_taken at these row
        numbers.
        """
        taken = self._rows.take(pa.array(rows))
        return [taken.column(name).cast(kind) for name, kind in _VALUES.items()]


def open_metadata(csv: str | os.PathLike[str], cache_dir: str | os.PathLike[str]) -> Metadata:
    """The metadata of a CSV: parsed at the first call, mapped from `cache_dir` at every later one.

    Raises:
        MetadataError: there is no such file, it has other columns, a bad hash, date or coordinate,
        or a hash twice.
    """
    path = Path(csv).absolute()
    try:
        status = path.stat()
    except OSError as err:
        raise MetadataError(
            f"{path}: expected the metadata CSV here, found none. `pass-utils download "
            f"{path.parent}` fetches it.",
            path=str(path),
        ) from err
    version = f"{FileStamp.of(status).hex}-{_FORMAT}"
    return _open(cache_path(Path(cache_dir), "metadata", str(path), version), str(path))


@lru_cache(maxsize=4)
def _open(cached: Path, csv: str) -> Metadata:
    rows = read_batch(cached)
    if rows is None:
        write_batch(_parse(csv), cached)
        rows = read_batch(cached)
    return Metadata(rows, csv)


def _parse(csv: str) -> pa.RecordBatch:
    """The CSV as one record batch: keys and values, sorted by key."""
    keys: list[Keys] = []
    values: dict[str, list[pa.Array]] = {name: [] for name in _VALUES}
    rows = 0
    for batch in read_rows(csv):
        hashes = batch.column("hash")
        try:
            keys.append(Keys.of(hashes))
        except ValueError as err:
            raise _bad_value(
                csv, rows, pc.invert(are_hashes(hashes)), hashes, f"a hash of {HASH_MEANS}"
            ) from err
        for name, limit in _LIMITS.items():
            degrees = batch.column(name)
            bad = pc.fill_null(pc.invert(pc.less_equal(pc.abs(degrees), limit)), False)
            if pc.any(bad).as_py():
                raise _bad_value(csv, rows, bad, degrees, f"a {name} within {limit:g} degrees")
        for name, arrays in values.items():
            arrays.append(batch.column(name))
        rows += len(batch)
    if not rows:
        raise MetadataError(
            f"{csv}: expected a row for each image, found none. Fetch the CSV again.", path=csv
        )
    joined = Keys.concat(keys)
    keys.clear()
    pa.default_memory_pool().release_unused()  # what the blocks took
    order = joined.order()
    joined = joined.take(order)
    twice = joined.repeated()
    if twice is not None:
        raise MetadataError(
            f"{csv}: expected each hash once, found {twice} in two rows. Fetch the CSV again.",
            path=csv,
            hash=twice,
        )
    columns = {name: pa.array(getattr(joined, name.removeprefix("key_"))) for name in _KEY_COLUMNS}
    taken = pa.array(order)
    for name in _VALUES:
        pa.default_memory_pool().release_unused()  # what the last column took
        column = pa.concat_arrays(values.pop(name))
        if (
            name == "creator_username"
        ):  # up to 80 pictures each: a dictionary spares memory in every reader
            encoded = column.dictionary_encode()
            columns[name] = pa.DictionaryArray.from_arrays(
                encoded.indices.take(taken), encoded.dictionary
            )
        else:
            columns[name] = column.take(taken)
    logger.info("%s: %s rows", csv, f"{rows:,}")
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _check_header(csv: str) -> None:
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
    lacking = [column for column, _, _ in METADATA_COLUMNS if found.count(column) != 1]
    if lacking:
        raise MetadataError(
            f"{csv}: expected the columns "
            f"{', '.join(column for column, _, _ in METADATA_COLUMNS)}, found "
            f"{', '.join(map(repr, found[:20])) or 'an empty file'}. Is this PASS's "
            f"{METADATA_FILE}?",
            path=csv,
        )


def read_rows(csv: str, names: Iterable[str] = _COLUMNS) -> Iterator[pa.RecordBatch]:
    """Columns of the CSV by the dataset's names, block by block in the CSV's order; empty fields
    are null.

    One thread: with more, Arrow holds far more blocks, is no faster, and leaves the row number out
    of its errors.

    Raises:
        MetadataError: there is no such file, it has other columns, or a value that is no date or
        number.
    """
    _check_header(csv)
    wanted = {name: _COLUMNS[name] for name in names}
    try:
        reader = pa.csv.open_csv(
            pa.OSFile(os.fsencode(csv)),  # bytes: a path need not be UTF-8
            read_options=pa.csv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False),
            convert_options=pa.csv.ConvertOptions(
                include_columns=list(wanted.values()),
                column_types={column: kind for column, _, kind in METADATA_COLUMNS},
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
        for batch in reader:
            yield pa.RecordBatch.from_arrays(batch.columns, names=list(wanted))
    except pa.ArrowInvalid as err:
        raise MetadataError(
            f"{csv}: expected dates like 2004-05-17 00:44:29.0 and coordinates in degrees, found: "
            f"{err}. Fetch the CSV again.",
            path=csv,
        ) from err


def _bad_value(
    csv: str, rows: int, bad: pa.BooleanArray, values: pa.Array, expected: str
) -> MetadataError:
    place = pc.index(bad, True).as_py()
    return MetadataError(
        f"{csv}: expected {expected}, found {values[place].as_py()!r} in line "
        f"{rows + place + 2:,}. Fetch the CSV again.",
        path=csv,
    )
