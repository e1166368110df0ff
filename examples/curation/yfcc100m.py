"""YFCC100M's metadata as Arrow tables of the rows that a curation run needs, in bounded memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from errors import CurationError

from pass_utils.attribution.yfcc import hash_of_url

# The 23 columns that the file's description lists; an edition with 25 has `line` and `hash` too.
_COLUMNS = (
    *("photoid", "uid", "unickname", "datetaken", "dateuploaded", "capturedevice", "title"),
    *("description", "usertags", "machinetags", "longitude", "latitude", "accuracy", "pageurl"),
    *("downloadurl", "licensename", "licenseurl", "serverid", "farmid", "secret"),
    *("secretoriginal", "ext", "marker"),
)
_EDITIONS = {23: _COLUMNS, 25: ("line", "photoid", "hash", *_COLUMNS[1:])}
_READ = ("unickname", "datetaken", "licensename", "latitude", "longitude", "downloadurl", "marker")
_COMPRESSIONS = {b"\x1f\x8b": "gzip", b"BZh": "bz2"}
_BLOCK_BYTES = 1 << 22
_FIRST_LINE_BYTES = 1 << 16
_DATE = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?$"

SCHEMA = pa.schema(
    [
        ("hash", pa.string()),
        ("unickname", pa.string()),
        ("datetaken", pa.string()),
        ("licensename", pa.string()),
        ("latitude", pa.float32()),
        ("longitude", pa.float32()),
        ("marker", pa.string()),
    ]
)


def read_yfcc(paths: Iterable[Path]) -> Iterator[pa.Table]:
    """Yields the rows of YFCC100M's metadata, some 4 MB of the file at a time.

    Args:
        paths: Tab-separated files of 23 or 25 columns without a header, plain or compressed by gzip
            or bzip2.

    Returns:
        Tables of `SCHEMA`. `hash` is that of the file or else the MD5 of `downloadurl` as PASS
        prints it; dates and coordinates that are none are null.

    Raises:
        CurationError: a file has another number of columns, or is damaged.
    """
    for path in paths:
        try:
            for batch in _open(path):
                yield _table(batch)
        except (OSError, pa.ArrowInvalid) as err:
            raise CurationError(
                f"{path}: expected YFCC100M's metadata, tab-separated, found: {err}. Check it."
            ) from err


def _open(path: Path) -> pyarrow.csv.CSVStreamingReader:
    with path.open("rb") as file:
        magic = file.read(3)
    packed = next((name for begin, name in _COMPRESSIONS.items() if magic.startswith(begin)), None)

    def opened() -> pa.NativeFile:
        file = pa.OSFile(os.fsencode(path))
        return pa.CompressedInputStream(file, packed) if packed else file

    with opened() as stream:
        count = stream.read(_FIRST_LINE_BYTES).partition(b"\n")[0].count(b"\t") + 1
    if count not in _EDITIONS:
        raise CurationError(f"{path}: expected 23 or 25 columns, found {count}. Check the file.")
    names = _EDITIONS[count]
    wanted = [*(name for name in ("hash",) if name in names), *_READ]
    return pyarrow.csv.open_csv(
        opened(),
        read_options=pyarrow.csv.ReadOptions(
            column_names=list(names), block_size=_BLOCK_BYTES, use_threads=False
        ),
        parse_options=pyarrow.csv.ParseOptions(delimiter="\t", quote_char=False),
        convert_options=pyarrow.csv.ConvertOptions(
            include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string())
        ),
    )


def _table(batch: pa.RecordBatch) -> pa.Table:
    columns = {name: batch.column(name) for name in batch.schema.names}
    hashes = columns.get("hash")
    if hashes is None:
        urls = columns["downloadurl"].to_pylist()
        hashes = pa.array([hash_of_url(url) if url else None for url in urls], pa.string())
    date = columns["datetaken"]
    return pa.table(
        {
            "hash": hashes,
            "unickname": columns["unickname"],
            "datetaken": pc.if_else(pc.match_substring_regex(date, _DATE), date, None),
            # form-encoded, as all text of the file
            "licensename": pc.replace_substring(columns["licensename"], "+", " "),
            "latitude": _degrees(columns["latitude"], 90),
            "longitude": _degrees(columns["longitude"], 180),
            "marker": columns["marker"],
        },
        schema=SCHEMA,
    )


def _degrees(texts: pa.StringArray, greatest: float) -> pa.FloatArray:
    """Coordinates; null for what is none."""
    number = pc.if_else(pc.match_substring_regex(texts, r"^-?\d{1,3}(\.\d+)?$"), texts, None)
    degrees = number.cast(pa.float32())
    return pc.if_else(pc.less_equal(pc.abs(degrees), greatest), degrees, None)
