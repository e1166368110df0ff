"""Titles and Flickr pages of PASS's images by hash, from a file of YFCC100M's own metadata.

The hash that PASS uses is the MD5 of YFCC100M's `downloadurl`, printed byte by byte without leading
zeros. That was checked on the row with which descriptions of the file begin (see `hash_of_url`),
and it is how other readers of YFCC100M compute it. So rows are joined by their column `hash` where
the file has one, and by their `downloadurl` where not. Nothing is fetched.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from .._util.progress import count_bar
from .._util.text import readable_all
from ..errors import MetadataError
from ..hashes import Keys, Rows, are_hashes

logger = logging.getLogger(__name__)

# The columns of the file's two editions, which have no header.
_LATER = [
    *("uid", "unickname", "datetaken", "dateuploaded", "capturedevice", "title", "description"),
    *("usertags", "machinetags", "longitude", "latitude", "accuracy", "pageurl", "downloadurl"),
    *("licensename", "licenseurl", "serverid", "farmid", "secret", "secretoriginal", "ext"),
    "marker",
]
_EDITIONS = {
    len(columns): columns
    for columns in (["photoid", *_LATER], ["line", "photoid", "hash", *_LATER])
}
_NEEDED = ("title", "pageurl")
_COMPRESSIONS = {b"\x1f\x8b": "gzip", b"BZh": "bz2"}
_LICENSE = "Attribution License"  # that all of PASS has; other rows need not be looked at
_FLICKR_PAGE = r"^https?://(www\.)?flickr\.com/[0-9A-Za-z@._~%/-]+$"  # what is made a link of
_BLOCK_BYTES = 1 << 22
_FIRST_LINE_BYTES = 1 << 16
_HEX = [f"{byte:x}" for byte in range(256)]


def hash_of_url(download_url: str) -> str:
    """PASS's hash of the image that YFCC100M lists with this URL.

    >>> hash_of_url("http://farm8.staticflickr.com/7205/6985418911_df7747990d.jpg")
    '4e2f7a26a1dfbf165a7e30bdabf7e72a'
    """
    url = download_url.replace("https://", "http://", 1)  # as the file had it at first
    return "".join(
        [_HEX[byte] for byte in hashlib.md5(url.encode(), usedforsecurity=False).digest()]
    )


class Titles:
    """Titles and Flickr pages of those of `hashes` that a file of YFCC100M has, held in memory;
    `len()` is their number.

    Args:
        path: Tab-separated, plain or compressed by gzip or bzip2, with YFCC100M's 23 or 25 columns
            or with a header; or Parquet with columns of these names. It is read once, in a stream.
        hashes: Of the images whose titles are wanted.
        quiet: As in `write_attribution`.

    Raises:
        MetadataError: there is no such file, or it has other columns.
    """

    def __init__(
        self, path: str | os.PathLike[str], hashes: pa.StringArray, *, quiet: bool | None = None
    ) -> None:
        keys = Keys.of(hashes)
        self._keys = keys.take(keys.order())
        self._row_of = np.full(len(keys), -1, dtype=np.int64)
        titles, pages, rows = [], [], 0
        with count_bar(Path(path).name, unit="rows", quiet=quiet) as bar:
            for batch in _read(Path(path).expanduser().absolute()):
                bar.update(len(batch))
                wanted, found = self._match(batch)
                self._row_of[found] = np.arange(rows, rows + len(found))
                rows += len(found)
                title = readable_all(wanted.column("title").cast(pa.string()))
                titles.append(pc.if_else(pc.equal(title, ""), None, title))
                page = wanted.column("pageurl").cast(pa.string())
                pages.append(pc.if_else(pc.match_substring_regex(page, _FLICKR_PAGE), page, None))
        self._titles, self._pages = (
            pa.concat_arrays([pa.array([], pa.string()), *parts]) for parts in (titles, pages)
        )
        if not len(self):
            logger.warning("%s: none of the %s images is in it.", path, f"{len(hashes):,}")

    def __len__(self) -> int:
        return int((self._row_of >= 0).sum())

    def find(self, hashes: pa.StringArray) -> tuple[pa.StringArray, pa.StringArray]:
        """Titles and pages of images, null where the file has none."""
        found = self._keys.find(Keys.of(hashes))
        rows = np.where(found < 0, -1, self._row_of[found]) if len(self._row_of) else found
        taken = pa.array(rows, mask=rows < 0)
        return self._titles.take(taken), self._pages.take(taken)

    def _match(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, Rows]:
        """The rows of images that are asked for, and their indices among the keys."""
        if "licensename" in batch.schema.names:
            batch = batch.filter(pc.equal(batch.column("licensename").cast(pa.string()), _LICENSE))
        if "hash" in batch.schema.names:
            hashes = batch.column("hash").cast(pa.string())
        else:
            urls = batch.column("downloadurl").cast(pa.string())
            hashes = pa.array(
                [hash_of_url(url) if url else None for url in urls.to_pylist()], pa.string()
            )
        good = are_hashes(hashes)
        batch, hashes = batch.filter(good), hashes.filter(good)
        found = self._keys.find(Keys.of(hashes)) if len(self._keys) else np.full(len(hashes), -1)
        return batch.filter(pa.array(found >= 0)), found[found >= 0]


def _read(path: Path) -> Iterator[pa.RecordBatch]:
    """The columns of the file that are needed, in batches."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
        if magic == b"PAR1":
            parquet = pq.ParquetFile(path)
            yield from parquet.iter_batches(columns=_columns(path, parquet.schema_arrow.names))
        else:
            packed = next(
                (name for begin, name in _COMPRESSIONS.items() if magic.startswith(begin)), None
            )
            yield from _read_lines(path, packed)
    except (OSError, pa.ArrowInvalid) as err:
        raise MetadataError(
            f"{path}: expected YFCC100M's metadata, tab-separated or as Parquet, found: {err}. "
            "Check the file.",
            path=str(path),
        ) from err


def _read_lines(path: Path, packed: str | None) -> Iterator[pa.RecordBatch]:
    def opened() -> pa.NativeFile:
        file = pa.OSFile(os.fsencode(path))
        return pa.CompressedInputStream(file, packed) if packed else file

    with opened() as stream:
        first = (
            stream.read(_FIRST_LINE_BYTES)
            .partition(b"\n")[0]
            .decode("utf-8", "replace")
            .rstrip("\r")
            .split("\t")
        )
    header = {"title", "pageurl"} <= {name.lower() for name in first}
    names = [name.lower() for name in first] if header else _EDITIONS.get(len(first), [])
    columns = _columns(path, names or [f"{len(first)} columns without names"])
    skipped = 0

    def skip(row: object) -> str:
        nonlocal skipped
        skipped += 1
        return "skip"

    yield from pa.csv.open_csv(
        opened(),
        read_options=pa.csv.ReadOptions(
            column_names=names, skip_rows=int(header), block_size=_BLOCK_BYTES, use_threads=False
        ),
        parse_options=pa.csv.ParseOptions(
            delimiter="\t", quote_char=False, invalid_row_handler=skip
        ),
        convert_options=pa.csv.ConvertOptions(
            include_columns=columns,
            column_types=dict.fromkeys(columns, pa.string()),
            strings_can_be_null=False,
        ),
    )
    if skipped:
        logger.warning(
            "%s: %s lines have another number of columns; they are skipped.",
            path,
            f"{skipped:,}",
        )


def _columns(path: Path, names: list[str]) -> list[str]:
    key = next((name for name in ("hash", "downloadurl") if name in names), None)
    if key is None or not set(_NEEDED) <= set(names):
        raise MetadataError(
            f"{path}: expected YFCC100M's 23 or 25 columns, or by name at least "
            f"{', '.join(_NEEDED)} and one of hash and downloadurl, found {', '.join(names)}. "
            "Check the file.",
            path=str(path),
        )
    return [key, *_NEEDED, *(name for name in ("licensename",) if name in names)]
