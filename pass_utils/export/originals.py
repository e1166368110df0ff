"""Original bytes: refuse images that were re-encoded unnoticed, and files that are not images.

`datasets` writes an image that a function looked at back as new bytes, without a file name. Rows of
PASS never lie in files of their own, so a path there names what somebody put into the dataset.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .._datasets import image_columns, stored_chunks
from .._util.text import plain_line
from ..errors import ExportError
from ..hashes import are_hashes
from ..images.decoding import open_image
from ..images.files import suffix
from ..releases import Release, release_of

_REMOTE = r"^(pass|https?|hf)://[^:]*(:[0-9]+)?[^:]*$"  # and no chain of URLs
_RECIPE = (
    'Keep the bytes with `ds.map(f, input_columns=[...])` or `ds.map(f, remove_columns=["image"])` '
    'and `ds.add_column`; for streams `stream.cast_column("image", Image(decode=False))` before '
    "`filter`, `map`, `rename_column` and the like, and `cast(features)` after it, with the "
    "features that the stream had before. If you changed the images, say how: "
    'changes="resized to 256 pixels".'
)


def check_dataset(dataset: datasets.Dataset, changes: str | None) -> None:
    """Check the images of a dataset, without reading one.

    Args:
        dataset: To be exported.
        changes: What was done to the images; None for nothing.

    Raises:
        ExportError: it has rows of PASS whose images were re-encoded though there are no changes,
            or that name a file of this machine.
    """
    release = release_of(dataset)
    for column in image_columns(dataset.features):
        for chunk, stored, rows in stored_chunks(dataset, column):
            data, paths = _fields(chunk)
            suspicious = (_reencoded(data, paths) & (changes is None)) | _local(data, paths)
            found = rows[suspicious[stored]]
            if len(found):
                part = dataset.select(found).with_format("arrow")
                for table in part.iter(10_000):
                    check_table(table, dataset.features, release, changes)


def check_table(
    table: pa.Table, features: datasets.Features, release: Release | None, changes: str | None
) -> None:
    """Check the images of some rows, which need not have their bytes yet.

    Args:
        table: The rows.
        features: Of them.
        release: Which they come from, None where that is not known; then a row with a hash of PASS
            and a column of creators is taken for one of PASS.
        changes: What was done to the images; None for nothing.

    Raises:
        ExportError: as `check_dataset`.
    """
    of_pass = _rows_of_pass(table, release)
    if not of_pass.any():
        return
    names = table["hash"].to_pylist() if "hash" in table.column_names else [None] * len(table)
    for column in image_columns(features):
        data, paths = _fields(table[column].combine_chunks())
        reencoded = np.flatnonzero(_reencoded(data, paths) & of_pass)
        if len(reencoded) and changes is None:
            raise ExportError(
                f"{column}: expected the original bytes of PASS images, found "
                f"{_count(len(reencoded))} with new bytes and no file name, as `datasets` writes "
                f"images that a function looked at (hash {names[reencoded[0]]}). {_RECIPE}"
            )
        for row in np.flatnonzero(_local(data, paths) & of_pass).tolist():
            path = str(paths[row].as_py())
            if release is not None or PurePath(path).stem != names[row]:
                raise ExportError(
                    f"{column}: expected images of PASS in its shards, found a file of this "
                    f"machine, {plain_line(path)} (hash {names[row]}). Leave the row out, or "
                    "remove hash and creator_username from rows that are none of PASS.",
                    path=path,
                )


def local_folders(dataset: datasets.Dataset) -> list[str]:
    """The folders of this machine from which an export would read files that are no shards.

    Args:
        dataset: To be exported.
    """
    folders: set[str] = set()
    for column in image_columns(dataset.features):
        for chunk, stored, _ in stored_chunks(dataset, column):
            data, paths = _fields(chunk)
            chosen = np.zeros(len(chunk), dtype=np.bool_)
            chosen[stored] = True
            local = paths.filter(pa.array(_local(data, paths) & chosen))
            names = pc.replace_substring_regex(local, r"[^/\\]*$", "")
            folders.update(plain_line(name) or "." for name in pc.unique(names).to_pylist())
    return sorted(folders)


def check_embedded(before: pa.Array, after: pa.Array) -> None:
    """Check that what was read from files of this machine are images.

    Args:
        before: A column, or the values of a column of lists, as it was stored.
        after: The same with bytes.

    Raises:
        ExportError: a file is no image by its first bytes.
    """
    for stored, embedded in _image_arrays(before, after):
        data, paths = _fields(stored)
        contents = _fields(embedded)[0]
        for row in np.flatnonzero(_local(data, paths)).tolist():
            content = contents[row]
            if content.is_valid and not _is_image(memoryview(content.as_buffer())):
                path = str(paths[row].as_py())
                raise ExportError(
                    f"{plain_line(path)}: expected an image, found a file whose first bytes are "
                    "those of none. Leave its row out: what an export reads is published.",
                    path=path,
                )


def _image_arrays(before: pa.Array, after: pa.Array) -> Iterator[tuple[pa.Array, pa.Array]]:
    """The arrays of `bytes` and `path` in a column, also those in lists and structs."""
    kind = before.type
    if isinstance(before, pa.ExtensionArray):
        return
    if pa.types.is_struct(kind):
        names = {kind.field(index).name for index in range(kind.num_fields)}
        if names == {"bytes", "path"}:
            yield before, after
        else:
            for name in names:
                yield from _image_arrays(*(_flat(array, name) for array in (before, after)))
    elif (
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    ):
        yield from _image_arrays(before.flatten(), after.flatten())


def _flat(array: pa.StructArray, name: str) -> pa.Array:
    return array.flatten()[array.type.get_field_index(name)]


def _fields(images: Any) -> tuple[pa.Array, pa.Array]:
    """Bytes and paths; a null has neither."""
    array = images.chunk(0) if isinstance(images, pa.ChunkedArray) else images
    return _flat(array, "bytes"), _flat(array, "path")


def _reencoded(data: pa.Array, paths: pa.Array) -> Any:
    return pc.and_(data.is_valid(), paths.is_null()).to_numpy(zero_copy_only=False)


def _local(data: pa.Array, paths: pa.Array) -> Any:
    """Which images are files of this machine: they have no bytes, and no URL of a server."""
    remote = pc.match_substring_regex(paths.cast(pa.string()), _REMOTE)
    unread = pc.and_(data.is_null(), paths.is_valid())
    return pc.and_(unread, pc.invert(pc.fill_null(remote, False))).to_numpy(zero_copy_only=False)


def _rows_of_pass(table: pa.Table, release: Release | None) -> Any:
    if release is not None:
        return np.ones(len(table), dtype=np.bool_)
    kinds = {name: table.schema.field(name).type for name in table.column_names}
    if "creator_username" not in kinds or kinds.get("hash") not in (pa.string(), pa.large_string()):
        return np.zeros(len(table), dtype=np.bool_)
    return are_hashes(table["hash"]).to_numpy()


def _is_image(data: memoryview) -> bool:
    if suffix(data, None) not in ("bin", "bmp"):  # two letters begin a BMP
        return True
    try:
        open_image(data)
    except Exception:
        return False
    return True


def _count(images: int) -> str:
    return "an image" if images == 1 else f"{images:,} images"
