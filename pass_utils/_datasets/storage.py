"""How `datasets` stores rows: Arrow tables, indices of selections, files of images."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

import datasets
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from datasets.utils.file_utils import xgetsize, xopen

from ..errors import ImageError

Rows = npt.NDArray[np.int64]

TYPE: pa.StructType = datasets.Image.pa_type  # of stored images


def stored_indices(dataset: datasets.Dataset) -> Rows | None:
    """Which of the stored rows are the rows of a dataset, in its order; None where all are.

    A selection, a shuffle or a sort keeps the stored rows and adds these.
    `Dataset._indices`: seen in 2.21, 3.6, 4.0 to 5.2.
    """
    if dataset._indices is None:
        return None
    indices: Rows = dataset._indices.column(0).to_numpy().astype(np.int64)
    return indices


def stored_table(dataset: datasets.Dataset) -> pa.Table:
    """The stored rows, of which the dataset's are `stored_indices`.

    `Dataset.data.table`: seen in 2.21, 3.6, 4.0 to 5.2.
    """
    return dataset.data.table


def stored_chunks(dataset: datasets.Dataset, column: str) -> Iterator[tuple[pa.Array, Rows, Rows]]:
    """The chunks in which a column is stored, without those of which the dataset has no row.

    Nothing is copied, as it is when a dataset with indices is iterated over.

    Args:
        dataset: Any, also a selection.
        column: The name of one of its columns.

    Yields:
        A chunk; the indices of the wanted rows in it; and the rows of the dataset that these are.
    """
    chunks = stored_table(dataset).column(column).chunks
    ends = np.cumsum([len(chunk) for chunk in chunks], dtype=np.int64)
    stored = order = np.arange(len(dataset))
    indices = stored_indices(dataset)
    if indices is not None:
        stored, order = indices, np.argsort(indices, kind="stable")
    done = 0
    for chunk, end, until in zip(
        chunks, ends, np.searchsorted(stored[order], ends).tolist(), strict=True
    ):
        rows = order[done:until]
        if len(rows):
            yield chunk, stored[rows] - (end - len(chunk)), rows
        done = until


def select_rows(dataset: datasets.Dataset, rows: Rows) -> datasets.Dataset:
    """Some rows of a dataset, without copying any.

    Args:
        dataset: Any.
        rows: Their indices. Where these follow one another, the dataset is sliced; else `datasets`
            checks each of them.
    """
    together = len(rows) > 0 and bool((np.diff(rows) == 1).all())
    return dataset.select(range(rows[0], rows[-1] + 1) if together else rows)


def keep_rows(table: pa.Table, mask: npt.NDArray[np.bool_]) -> pa.Table:
    """Some rows of a table, in slices, so that no image is copied.

    Args:
        table: Any.
        mask: Which rows.
    """
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False)).tolist()
    parts = [table.slice(a, b - a) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return pa.concat_tables(parts) if parts else table.slice(0, 0)


def replace_column(
    dataset: datasets.Dataset, name: str, values: pa.ChunkedArray, digest: str
) -> datasets.Dataset:
    """The dataset with other values in a column; the other columns and the selection of rows stay
    where they are, and nothing else is copied.

    `Dataset._data`, `Dataset._fingerprint`, `datasets.table.concat_tables`: seen in 2.21, 3.6, 4.0
    to 5.2.

    Args:
        dataset: Any.
        name: Of a column.
        values: For each stored row, of the type that the column has.
        digest: Another one for other values.
    """
    data = dataset.data
    names = data.column_names
    others = data.select([each for each in names if each != name])
    column = datasets.table.InMemoryTable(pa.table({name: values}))
    joined = datasets.table.concat_tables([others, column], axis=1).select(names)
    other = copy.copy(dataset)
    other._data = joined
    other._fingerprint = datasets.fingerprint.Hasher.hash([dataset._fingerprint, name, digest])
    return other


def images_in_memory(dataset: datasets.Dataset, columns: list[str]) -> bool:
    """Whether bytes of images are in the memory of this process, not in files that are mapped.

    `datasets.table.InMemoryTable`, `ConcatenationTable.blocks`: seen in 2.21, 3.6, 4.0 to 5.2.

    Args:
        dataset: Any.
        columns: The names of its columns of images.
    """
    table = dataset.data
    concatenated = isinstance(table, datasets.table.ConcatenationTable)
    for block in (one for row in (table.blocks if concatenated else [[table]]) for one in row):
        if isinstance(block, datasets.table.InMemoryTable):
            for name in set(columns).intersection(block.column_names):
                for chunk in block.column(name).chunks:
                    data = chunk.flatten()[chunk.type.get_field_index("bytes")]
                    if data.null_count < len(data):
                        return True
    return False


def cast_table(table: pa.Table, features: datasets.Features) -> pa.Table:
    """The columns of a table that the features name, in their order and of their types.

    `datasets.table.table_cast`, which knows the extension types of `datasets`: seen in 2.21, 3.6,
    4.0 to 5.2.

    Raises:
        ValueError, pa.ArrowInvalid: values that are not of these types.
    """
    return datasets.table.table_cast(table.select(list(features)), features.arrow_schema)


def embed_storage(array: pa.Array, feature: Any) -> pa.Array:
    """A column with the bytes of the files that it names; as it is where it cannot name files.

    `datasets.table.embed_array_storage`, `datasets.features.features.require_storage_embed`: seen
    in 2.21, 3.6, 4.0 to 5.2.
    """
    if not datasets.features.features.require_storage_embed(feature):
        return array
    return datasets.table.embed_array_storage(array, feature)


def open_file(path: str) -> Any:
    """A binary file that `datasets.Image` would open by this path: a local one, or behind any URL
    that fsspec knows.

    `datasets.utils.file_utils.xopen`: seen in 2.21, 3.6, 4.0 to 5.2.

    Raises:
        ImageError: it is not there.
    """
    try:
        return xopen(path, "rb")
    except (OSError, ValueError, ImportError) as err:
        raise _missing(path, err) from err


def read_file(path: str) -> bytes:
    """The bytes of a file that `open_file` opens.

    Raises:
        ImageError: it is not there, or cannot be read.
    """
    with open_file(path) as file:
        try:
            return bytes(file.read())
        except (OSError, ValueError) as err:
            raise _missing(path, err) from err


def file_size(path: str) -> int:
    """The size in bytes of a file that `open_file` opens.

    `datasets.utils.file_utils.xgetsize`: seen in 2.21, 3.6, 4.0 to 5.2.

    Raises:
        ImageError: it is not there.
    """
    try:
        return int(xgetsize(path))
    except (OSError, ValueError, ImportError) as err:
        raise _missing(path, err) from err


def _missing(path: str, err: Exception) -> ImageError:
    return ImageError(
        f"{path}: expected an image file here, found none ({err}). Put it back, or leave its row "
        "out."
    )


@contextlib.contextmanager
def progress_bars(quiet: bool | None) -> Iterator[None]:
    """Run a block without the progress bars of `datasets`, if so asked.

    Args:
        quiet: True for none; False and None leave them as they are.
    """
    if not quiet or datasets.are_progress_bars_disabled():
        yield
        return
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        datasets.enable_progress_bars()
