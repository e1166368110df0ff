"""The metadata CSV as a memory-mapped Arrow table that finds rows by hash, many at a time.

The 1.4 million lines are parsed once, block by block, and written beside the `datasets` cache,
sorted by hash, under a name that changes when the CSV does. Every process maps that same file, and
no Python object stands for a row that nobody asked for.
"""

from __future__ import annotations

import logging
import os
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from .._util.cache import cache_path, read_batch, write_batch
from .._util.stamp import FileStamp
from ..errors import MetadataError
from ..hashes import Keys, Rows
from ..releases import METADATA_COLUMNS
from .reading import read_checked, sorted_keys

logger = logging.getLogger(__name__)

_FORMAT = 1  # of the cached file; raise it when what is written there changes
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
    """Returns the metadata of a CSV: parsed at the first call, mapped from the cache later.

    Where the cache cannot be written, the rows are held in memory, and a warning is logged.

    Args:
        csv: the path of the CSV.
        cache_dir: where it is kept parsed; made where it is not there.

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
        parsed = _parse(csv)
        try:
            write_batch(parsed, cached)
        except OSError as err:
            logger.warning(
                "%s: cannot be kept in the cache (%s); each process will parse it again", csv, err
            )
        rows = read_batch(cached) or parsed
    return Metadata(rows, csv)


def _parse(csv: str) -> pa.RecordBatch:
    """The CSV as one record batch: keys and values, sorted by key."""
    parts: list[Keys] = []
    values: dict[str, list[pa.Array]] = {name: [] for name in _VALUES}
    for keys, batch in read_checked(csv):
        parts.append(keys)
        for name, arrays in values.items():
            arrays.append(batch.column(name))
    pa.default_memory_pool().release_unused()  # what the blocks took
    joined, order = sorted_keys(csv, parts)
    columns = {name: pa.array(getattr(joined, name.removeprefix("key_"))) for name in _KEY_COLUMNS}
    taken = pa.array(order)
    for name in _VALUES:
        pa.default_memory_pool().release_unused()  # what the last column took
        column = pa.concat_arrays(values.pop(name))
        if (
            name == "creator_username"
        ):  # up to 80 images each: a dictionary spares memory in every reader
            encoded = column.dictionary_encode()
            columns[name] = pa.DictionaryArray.from_arrays(
                encoded.indices.take(taken), encoded.dictionary
            )
        else:
            columns[name] = column.take(taken)
    logger.info("%s: %s rows", csv, f"{len(order):,}")
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
