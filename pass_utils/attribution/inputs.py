"""The images to credit: hashes and usernames of a dataset or of a folder's CSV, batch by batch.

No image is read: datasets in memory or on disk give only the two columns, and a folder only its
CSV. A stream gives its rows by reading its shards, so the bytes of the images pass by there,
unopened.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import pyarrow as pa
import pyarrow.compute as pc

from .._datasets import open_splits, stream_tables
from .._util.text import one_line, readable_all, tidy
from ..errors import AttributionError, ReleaseError
from ..hashes import HASH_MEANS, Keys, are_hashes
from ..metadata import read_rows
from ..releases import METADATA_FILE, WITHHELD_USERNAME, Release
from ..transfer.folder import release_in
from .overwriting import is_read, is_same

logger = logging.getLogger(__name__)

KEY_COLUMNS = ("hash", "creator_username")
_TEXT_TYPES = {"string", "large_string", "string_view", "null"}
_ROWS_AT_A_TIME = 20_000
_STREAMED_ROWS_AT_A_TIME = 500  # with their images, about 60 MB


class Images(NamedTuple):
    """The images to credit.

    Attributes:
        batches: Reads them, in batches of hash and creator_username.
        rows: How many they are; None where that is not known.
        release: The release that they come from; None where that is not known.
        reads: Whether they are read from a file.
    """

    batches: Callable[[], Iterator[pa.RecordBatch]]
    rows: int | None
    release: Release | None
    reads: Callable[[Path], bool]


def find_images(target: Any, release: str | Release | None = None) -> Images:
    """The images of a dataset, or of the CSV that a path leads to.

    Args:
        target: A dataset or a dict of splits, or the path of a folder with PASS's CSV, or of the
            CSV. It lists all images of its release, also those of shards that are not there.
        release: What a path is expected to be of.

    Raises:
        AttributionError: the dataset has no column of hashes or usernames.
        DatasetError: it is no dataset.
        DownloadError: the path's folder holds another release.
        ReleaseError: there is no such file or folder.
    """
    if isinstance(target, (str, os.PathLike)):
        return _from_path(Path(target).expanduser().absolute(), release)
    splits = open_splits(target)
    parts = [_from_dataset(part) for part in splits.parts.values()]
    counts = [part.rows for part in parts]
    return Images(
        batches=lambda: (batch for part in parts for batch in part.batches()),
        rows=None if None in counts else sum(count or 0 for count in counts),
        release=splits.release,
        reads=lambda path: any(part.reads(path) for part in parts),
    )


def _from_path(path: Path, release: str | Release | None) -> Images:
    csv = path / METADATA_FILE if path.is_dir() else path
    if not csv.is_file():
        raise ReleaseError(
            f"{path}: expected a folder with {METADATA_FILE}, found "
            f"{'none in it' if path.is_dir() else 'nothing there'}. `pass-utils download {path}` "
            "fetches a release."
        )

    def batches() -> Iterator[pa.RecordBatch]:
        return read_rows(str(csv), KEY_COLUMNS)

    return Images(batches, None, release_in(csv, release), lambda other: is_same(other, csv))


def _from_dataset(dataset: Any) -> Images:
    _check_columns(dataset.column_names)
    chosen = dataset.select_columns(list(KEY_COLUMNS))
    rows = len(dataset) if isinstance(dataset, datasets.Dataset) else None

    def tables() -> Iterator[pa.Table]:
        if rows is None:
            return stream_tables(chosen, rows=_STREAMED_ROWS_AT_A_TIME)
        return iter(chosen.with_format("arrow").iter(_ROWS_AT_A_TIME) if rows else ())

    def batches() -> Iterator[pa.RecordBatch]:
        for table in tables():
            columns = [_text(table[name], name) for name in KEY_COLUMNS]
            yield pa.RecordBatch.from_arrays(columns, names=list(KEY_COLUMNS))

    return Images(batches, rows, None, lambda path: is_read(dataset, path))


def _check_columns(names: list[str]) -> None:
    lacking = [name for name in KEY_COLUMNS if name not in names]
    if lacking:
        raise AttributionError(
            f"dataset: expected the columns {' and '.join(KEY_COLUMNS)}, found "
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


def check_text(name: str, value: Any) -> None:
    """Checks that an option is text.

    Raises:
        AttributionError: it is something else, or cannot be written in UTF-8.
    """
    if not isinstance(value, str):
        raise AttributionError(
            f"{name}: expected text, found {type(value).__name__} {value!r}. Give a string."
        )
    try:
        value.encode()
    except UnicodeEncodeError as err:
        raise AttributionError(
            f"{name}: expected text that UTF-8 can hold, found {value!r}. Write it in UTF-8."
        ) from err


def check_changes(changes: str | None) -> str | None:
    """The user's words on one line, without what cannot be seen; None where nothing is left.

    Raises:
        AttributionError: they are no text.
    """
    if changes is None:
        return None
    check_text("changes", changes)
    return one_line(changes) or None


def leave_out(
    batches: Iterable[pa.RecordBatch], exclude: Iterable[str]
) -> Iterator[pa.RecordBatch]:
    """The images whose hash, username or creator is not in a list.

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
        logger.warning("exclude: no image has the hash or the creator %r.", excluded[value])


def image_keys(target: Any, release: str | Release | None, *, exclude: Iterable[str]) -> Keys:
    """The sorted keys of the images that are credited, each once.

    Args:
        target: As for `find_images`.
        release: Likewise.
        exclude: As for `leave_out`.
    """
    found = leave_out(find_images(target, release).batches(), exclude)
    parts = [Keys.of(batch.column("hash")) for batch in found]
    return Keys.concat([Keys.of(pa.array([], pa.string())), *parts]).unique()


def without_names(
    batches: Iterable[pa.RecordBatch], hashes: Iterable[str]
) -> Iterator[pa.RecordBatch]:
    """The images, those with one of these hashes without the name of their creator.

    Raises:
        AttributionError: one is no hash.
    """
    listed = pa.array([str(hash) for hash in hashes], pa.string())
    if pc.all(are_hashes(listed)).as_py() is False:
        raise AttributionError(
            f"withhold_names: expected hashes, {HASH_MEANS}, found others too. Name the images."
        )
    for batch in batches:
        hash, username = (batch.column(name) for name in KEY_COLUMNS)
        withheld = pc.is_in(hash, listed)
        columns = [hash, pc.if_else(withheld, WITHHELD_USERNAME, username)]
        yield pa.RecordBatch.from_arrays(columns, names=list(KEY_COLUMNS))
