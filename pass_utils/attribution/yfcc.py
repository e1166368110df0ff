"""Titles and Flickr pages of PASS's images by hash, from YFCC100M's metadata or CommonCatalog.

The hash that PASS uses is the MD5 of YFCC100M's `downloadurl`, printed byte by byte without leading
zeros. That was checked on the row with which descriptions of the file begin (see `hash_of_url`),
and it is how other readers of YFCC100M compute it. So rows are joined by their column `hash` where
the file has one, and by their `downloadurl` where not.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .._util.progress import count_bar
from .._util.text import readable_all
from .._util.threads import map_threaded
from ..hashes import Keys, Rows, are_hashes
from .yfcc_files import TitleFile, find_title_files, retried

logger = logging.getLogger(__name__)

_LICENSE = "Attribution License"  # that all of PASS has; other rows need not be looked at
_FLICKR_PAGE = r"^https?://(www\.)?flickr\.com/[0-9A-Za-z@._~%/-]+$"  # what is made a link of
_THREADS = 8  # that read files of the Hub
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


class _Found(NamedTuple):
    """What a batch has of the images: indices of their keys, titles and pages."""

    keys: Rows
    titles: pa.StringArray
    pages: pa.StringArray


class Titles:
    """Titles and Flickr pages of those of `hashes` that a source has, held in memory; `len()` is
    their number.

    Args:
        source: As of `find_title_files`. It is read once, in a stream; of Parquet, the columns that
            are needed alone.
        hashes: Of the images whose titles are wanted.
        quiet: As in `write_attribution`.

    Raises:
        MetadataError: there is no such file, or it has other columns.
        RemoteError: the Hub refuses, cannot be reached, or fails for long.
    """

    def __init__(
        self, source: str | os.PathLike[str], hashes: pa.StringArray, *, quiet: bool | None = None
    ) -> None:
        keys = Keys.of(hashes)
        self._keys = keys.take(keys.order())
        self._row_of = np.full(len(keys), -1, dtype=np.int64)
        files = find_title_files(source)
        with count_bar(Path(source).name, unit="rows", quiet=quiet) as bar:
            lock = threading.Lock()

            def read(file: TitleFile) -> list[_Found]:
                return self._read(file, bar, lock)

            stopped, threads = threading.Event(), _THREADS if files[0].remote else 1
            parts = map_threaded(read, files, threads=threads, stopped=stopped)
        found = [each for part in parts for each in part]
        rows = 0
        for each in found:
            self._row_of[each.keys] = np.arange(rows, rows + len(each.keys))
            rows += len(each.keys)
        nothing = pa.array([], pa.string())
        self._titles = pa.concat_arrays([nothing, *(each.titles for each in found)])
        self._pages = pa.concat_arrays([nothing, *(each.pages for each in found)])
        if not len(self):
            logger.warning("%s: none of the %s images is in it.", source, f"{len(hashes):,}")
        elif len(self) < len(hashes):
            logger.warning(
                "%s: %s of the %s images are in it; the others have no title.",
                source,
                f"{len(self):,}",
                f"{len(hashes):,}",
            )

    def _read(self, file: TitleFile, bar: Any, lock: threading.Lock) -> list[_Found]:
        def found() -> list[_Found]:
            parts = []
            for batch in file.read():
                wanted, keys = self._match(batch)
                title = readable_all(wanted.column("title").cast(pa.string()))
                page = wanted.column("pageurl").cast(pa.string())
                parts.append(
                    _Found(
                        keys,
                        pc.if_else(pc.equal(title, ""), None, title),
                        pc.if_else(pc.match_substring_regex(page, _FLICKR_PAGE), page, None),
                    )
                )
                with lock:
                    bar.update(len(batch))
            return parts

        parts: list[_Found] = retried(file.name, found) if file.remote else found()
        return [part for part in parts if len(part.keys)]

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
