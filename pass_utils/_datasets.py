"""The one door to `datasets`: the splits of what a user passes, and the private parts that we use.

Every function that takes a dataset opens it here, so that all accept the same things and refuse the
rest with the same error. `datasets` changes its private parts without notice; those that we touch
(all but the builder's and the registry's) are touched in this file only, each with the versions in
which it was seen.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias, TypeVar

import datasets
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from datasets.utils.file_utils import xgetsize, xopen

from .errors import DatasetError, ImageError
from .releases import Release, release_of

Rows = npt.NDArray[np.int64]
Part: TypeAlias = "datasets.Dataset | datasets.IterableDataset"

AnyDataset = TypeVar(
    "AnyDataset",
    datasets.Dataset,
    datasets.IterableDataset,
    datasets.DatasetDict,
    datasets.IterableDatasetDict,
    dict[str, Any],
)

_SPLIT_NAME = re.compile(r"\w+(\.\w+)*")  # what `datasets` allows
_ADVICE = 'Open one with `load_dataset("pass", ...)`.'


@dataclass(frozen=True)
class Splits:
    """The splits of a dataset, by name, and what is the same for all of them.

    Attributes:
        parts: The datasets by split name, at least one; `train` for one without a name. Streams
            among them know their features.
        source: What the splits were opened from.
    """

    parts: dict[str, Part]
    source: Any

    @cached_property
    def features(self) -> datasets.Features:
        """The features that all splits have.

        Raises:
            DatasetError: they differ.
        """
        (first, features), *others = ((name, part.features) for name, part in self.parts.items())
        for name, other in others:
            if other != features:
                raise DatasetError(
                    f"dataset: expected the same features in all splits, found others in {name} "
                    f"than in {first}. `cast` makes them the same."
                )
        return features

    @property
    def image_columns(self) -> list[str]:
        """The names of the columns of images, of which there is at least one.

        Raises:
            DatasetError: there is none, or the features of the splits differ.
        """
        return image_columns(self.features)

    @property
    def image_column(self) -> str:
        """The name of the column of images; `image` where there are several.

        Raises:
            DatasetError: there is none, several and none is called `image`, or the features of the
                splits differ.
        """
        return image_column(self.features)

    @property
    def release(self) -> Release | None:
        """The release that all splits come from; None where they do not agree or do not know."""
        found = {release_of(part) for part in self.parts.values()}
        return found.pop() if len(found) == 1 else None

    @property
    def streamed(self) -> bool:
        """Whether any split is a stream."""
        return any(isinstance(part, datasets.IterableDataset) for part in self.parts.values())

    def map(self, function: Callable[[Any], Any]) -> Any:
        """Apply a function to each split.

        Args:
            function: Takes the dataset of one split and returns another.

        Returns:
            What was opened, with the datasets that the function returned: a dataset, a dict of
            the class of `datasets` that it was, or a plain dict.
        """
        if isinstance(self.source, (datasets.Dataset, datasets.IterableDataset)):
            return function(next(iter(self.parts.values())))
        mapped = {name: function(part) for name, part in self.parts.items()}
        known = (datasets.DatasetDict, datasets.IterableDatasetDict)
        return type(self.source)(mapped) if isinstance(self.source, known) else mapped


def open_splits(dataset: Any, *, streams: bool = True, resolve: bool = True) -> Splits:
    """Open what a user passed as a dataset.

    Args:
        dataset: A Dataset, an IterableDataset, a DatasetDict, an IterableDatasetDict, or a plain
            dict of splits by name.
        streams: Whether an IterableDataset will do.
        resolve: Whether the first rows of a stream are read where it does not know its features.

    Returns:
        Its splits.

    Raises:
        DatasetError: it is no dataset, has no splits or one whose name cannot be, or is a stream
            where none can be.
    """
    named: dict[str, Part] = {}
    if isinstance(dataset, Mapping):
        for name, part in dataset.items():
            if not isinstance(name, str) or not _SPLIT_NAME.fullmatch(name):
                raise DatasetError(
                    f"split: expected a name of letters, digits, _ and ., found {name!r}. Give it "
                    'another one with `DatasetDict({"test": ds[...]})`.'
                )
            named[str(name)] = _check_part(part, streams)
    else:
        part = _check_part(dataset, streams)
        name = str(part.split)
        named[name if part.split and _SPLIT_NAME.fullmatch(name) else "train"] = part
    if not named:
        raise DatasetError(
            "dataset: expected at least one split, found none. Put one in, or give the dataset "
            "itself."
        )
    if resolve:
        for name, part in named.items():
            if isinstance(part, datasets.IterableDataset):
                named[name] = with_known_features(part)
    return Splits(named, dataset)


def _check_part(part: Any, streams: bool) -> Part:
    if not isinstance(part, (datasets.Dataset, datasets.IterableDataset)):
        raise DatasetError(
            "dataset: expected a Dataset, an IterableDataset or a dict of them by split, found "
            f"{type(part).__name__}. {_ADVICE}"
        )
    if isinstance(part, datasets.IterableDataset) and not streams:
        raise DatasetError(
            "dataset: expected a Dataset, found a stream, whose rows come one after the other. "
            'Open the shards in place with `load_dataset("pass", data_dir=...)`, or keep some '
            "rows: `Dataset.from_list(list(stream.take(1000)), features=stream.features)`."
        )
    return part


def image_columns(features: datasets.Features | None) -> list[str]:
    """The names of the columns of images.

    Args:
        features: Of a dataset.

    Returns:
        At least one name, in the order of the columns.

    Raises:
        DatasetError: there is none.
    """
    known = features or {}
    columns = [name for name, one in known.items() if isinstance(one, datasets.Image)]
    if not columns:
        raise DatasetError(
            f"dataset: expected a column of type Image, found {', '.join(known) or 'none'}. "
            'Make one with `ds.cast_column("image", datasets.Image())`.'
        )
    return columns


def image_column(features: datasets.Features) -> str:
    """The name of the column of images: `image` where there are several.

    Args:
        features: Of a dataset.

    Raises:
        DatasetError: there is none, or none of several is called `image`.
    """
    columns = image_columns(features)
    if len(columns) > 1 and "image" not in columns:
        raise DatasetError(
            f"dataset: expected one column of type Image, found several ({', '.join(columns)}). "
            f"Keep one with `ds.remove_columns({columns[1:]!r})`."
        )
    return "image" if "image" in columns else columns[0]


def known_features(stream: datasets.IterableDataset) -> datasets.Features:
    """The features of a stream, from its first rows where it does not know them.

    `IterableDataset._resolve_features`: seen in 2.21, 3.6, 4.0 to 5.2.
    """
    features: datasets.Features | None = stream.features
    return features if features is not None else stream._resolve_features().features


def with_known_features(stream: datasets.IterableDataset) -> datasets.IterableDataset:
    """The stream with its `known_features` set, so that `datasets` need not guess them again.

    `IterableDataset._info`: seen in 2.21, 3.6, 4.0 to 5.2.
    """
    if stream.features is not None:
        return stream
    known = object.__new__(type(stream))  # `copy.copy` would give it the very same `__dict__`
    known.__dict__.update(stream.__dict__)
    known._info = stream.info.copy()
    known._info.features = known_features(stream)
    return known


def format_type(stream: datasets.IterableDataset) -> str | None:
    """The format that was asked for by `with_format`, such as `arrow`; None for Python objects.

    `IterableDataset._formatting`: seen in 2.21, 3.6, 4.0 to 5.2.
    """
    formatting = stream._formatting
    return formatting.format_type if formatting else None


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
