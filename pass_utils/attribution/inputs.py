"""A dataset, several, or a folder of PASS in, the hashes and usernames of its pictures out, batch
by batch.

No image is read: datasets in memory or on disk give only the two columns, and a folder only its
CSV. A stream gives its rows by reading its shards, so the bytes of the images pass by there,
unopened.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from .._util.text import readable_all, tidy
from ..errors import AttributionError, ReleaseError
from ..metadata import read_rows
from ..releases import METADATA_FILE, Release, release_of
from ..transfer.folder import release_in
from .credit import check_text

logger = logging.getLogger(__name__)

KEY_COLUMNS = ("hash", "creator_username")
_TEXT_TYPES = {"string", "large_string", "string_view", "null"}
_ROWS_AT_A_TIME = 20_000
_STREAMED_ROWS_AT_A_TIME = 500  # with their images, about 60 MB


class Images(NamedTuple):
    """What is to be credited: batches of hash and creator_username, how many rows if known, and of
    which release if known.

    `files` are those that the batches are read from, where they are CSVs.
    """

    batches: Callable[[], Iterator[pa.RecordBatch]]
    rows: int | None
    release: str | None
    files: tuple[Path, ...] = ()


def find_images(target: Any, release: str | Release | None = None) -> Images:
    """The pictures of a dataset of any kind, or of the CSV that a path leads to.

    A CSV lists all of its release, also the pictures of shards that are not in the folder.
    `release` is what a path is expected to be of.

    Raises:
        DownloadError: the path's folder holds another release.
        AttributionError: the target is something else, or has no column of hashes or usernames.
        ReleaseError: there is no such file or folder.
    """
    if isinstance(target, (str, os.PathLike)):
        return _from_path(Path(target).expanduser().absolute(), release)
    if isinstance(target, Mapping) and target:  # DatasetDict, IterableDatasetDict
        parts = [find_images(split) for split in target.values()]
        counts = [part.rows for part in parts]
        releases = {part.release for part in parts}
        return Images(
            batches=lambda: (batch for part in parts for batch in part.batches()),
            rows=None if None in counts else sum(count or 0 for count in counts),
            release=releases.pop() if len(releases) == 1 else None,
            files=tuple(file for part in parts for file in part.files),
        )
    if not hasattr(target, "with_format"):
        raise AttributionError(
            "target: expected a dataset of PASS rows or the path of a folder with "
            f"{METADATA_FILE}, found "
            f'{type(target).__name__}. Load one with `load_dataset("pass", ...)`.'
        )
    return _from_dataset(target)


def _from_path(path: Path, release: str | Release | None) -> Images:
    csv = path / METADATA_FILE if path.is_dir() else path
    if not csv.is_file():
        raise ReleaseError(
            f"{path}: expected a folder with {METADATA_FILE}, found "
            f"{'none in it' if path.is_dir() else 'nothing there'}. `pass-utils download {path}` "
            "fetches a release."
        )
    return Images(
        batches=lambda: read_rows(str(csv), KEY_COLUMNS),
        rows=None,
        release=release_in(csv, release).name,
        files=(csv,),
    )


def _from_dataset(dataset: Any) -> Images:
    if (
        dataset.column_names is not None
    ):  # of a stream that a function generates they may not be known
        _check_columns(dataset.column_names)
        dataset = dataset.select_columns(list(KEY_COLUMNS))
    rows = len(dataset) if hasattr(dataset, "__len__") else None
    at_a_time = _STREAMED_ROWS_AT_A_TIME if rows is None else _ROWS_AT_A_TIME

    def batches() -> Iterator[pa.RecordBatch]:
        for table in dataset.with_format("arrow").iter(at_a_time) if rows != 0 else ():
            _check_columns(table.column_names)
            columns = [_text(table[name], name) for name in KEY_COLUMNS]
            yield pa.RecordBatch.from_arrays(columns, names=list(KEY_COLUMNS))

    release = release_of(dataset)
    return Images(batches, rows, release and release.name)


def _check_columns(names: list[str]) -> None:
    lacking = [name for name in KEY_COLUMNS if name not in names]
    if lacking:
        raise AttributionError(
            f"target: expected the columns {' and '.join(KEY_COLUMNS)}, found "
            f"{', '.join(map(repr, names)) or 'none'}; {' and '.join(lacking)} missing. Keep "
            f"{'both' if len(lacking) > 1 else 'it'} when you map or select columns."
        )


def _text(column: pa.ChunkedArray, name: str) -> pa.StringArray:
    """A column as one array of strings, also where it came as a dictionary or as large strings."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if str(kind) not in _TEXT_TYPES:  # a ClassLabel is a number here
        raise AttributionError(
            f"{name}: expected text, found {column.type}. Is this a dataset of PASS rows?"
        )
    array = column.cast(pa.string()).combine_chunks()
    return pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array


def leave_out(
    batches: Iterable[pa.RecordBatch], exclude: Iterable[str]
) -> Iterator[pa.RecordBatch]:
    """The pictures whose hash, username or creator is not in the list.

    Names are compared as they read: without what cannot be seen, and however their accents are
    stored.

    Raises:
        AttributionError: the list holds something else than text.
    """
    listed = (
        [exclude]
        if isinstance(exclude, str)
        else list(exclude)
        if isinstance(exclude, Iterable)
        else [exclude]
    )
    for value in listed:
        check_text("exclude", value)
    excluded = dict(
        zip(_comparable(pa.array(listed, pa.string())).to_pylist(), listed, strict=True)
    )
    excluded.pop("", None)
    return _left(batches, excluded) if excluded else iter(batches)


def _comparable(texts: pa.StringArray) -> pa.StringArray:
    return pc.utf8_normalize(tidy(texts), "NFC")


def _left(batches: Iterable[pa.RecordBatch], excluded: dict[str, str]) -> Iterator[pa.RecordBatch]:
    values = pa.array(sorted(excluded), pa.string())
    met: set[str] = set()
    for batch in batches:
        keep = pa.array([True] * len(batch), pa.bool_())
        username = batch.column("creator_username")
        for column in (
            batch.column("hash"),
            _comparable(username),
            _comparable(readable_all(username)),
        ):
            hit = pc.is_in(column, values)
            met.update(pc.unique(column.filter(hit)).to_pylist())
            keep = pc.and_not(keep, hit)
        yield batch.filter(keep)
    for value in sorted(excluded.keys() - met):
        logger.warning("exclude: no picture has the hash or the creator %r.", excluded[value])
