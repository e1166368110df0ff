"""The one door to `datasets`: the splits of what a user passes, and the private parts that we use.

Every function that takes a dataset opens it here, so that all accept the same things and refuse the
rest with the same error. `datasets` changes its private parts without notice; those that we touch
(all but the builder's and the registry's) are touched in this file only, each with the versions in
which it was seen.
"""

from __future__ import annotations

import contextlib
import copy
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
from .releases import FEATURES, Release, release_of

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
_TABLES_ARE_STREAMED = int(datasets.__version__.partition(".")[0]) >= 4
_ROWS_INFERRED, _MOST_ROWS_INFERRED = 10, 320  # rows of a stream that features are inferred from
TYPE: pa.StructType = datasets.Image.pa_type
_RAW = datasets.Image(decode=False)
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

    Streams forget their features in `map`, and `datasets` then guesses them from five rows, or
    batch by batch (huggingface/datasets 7872, 8042): a column without a value in these gets the
    type null, which no later value has. PASS's own columns get PASS's types here; for others more
    rows are read until each column has a value.

    Args:
        stream: Any; its rows are read from the beginning where it does not know its features.

    Raises:
        DatasetError: the first rows have values of several types in a column.
    """
    features = stream.features
    if features is None:
        features = _inferred_features(stream)
    return datasets.Features({name: _own_type(name, one) for name, one in features.items()})


def _inferred_features(stream: datasets.IterableDataset) -> datasets.Features:
    rows: list[Any] = []
    wanted = _ROWS_INFERRED
    if not _TABLES_ARE_STREAMED:  # in 2.21 a mapped stream that was read has no rows any more
        stream = copy.deepcopy(stream)
    for row in stream.with_format(None):
        rows.append(row)
        if len(rows) < wanted:
            continue
        features = _features_of(rows)
        if len(rows) >= _MOST_ROWS_INFERRED or not any(map(_is_null, features.values())):
            return features
        wanted *= 2
    return _features_of(rows)


def _features_of(rows: list[Any]) -> datasets.Features:
    try:
        features = datasets.Dataset.from_list(rows).features
    except (pa.ArrowInvalid, TypeError, ValueError) as err:
        raise _other_types(err) from err
    return datasets.Features(
        {name: _RAW if _is_raw_image(one) else one for name, one in features.items()}
    )


def _is_raw_image(feature: Any) -> bool:
    """Whether a feature is that of images which a stream does not decode, as rows show it."""
    return isinstance(feature, dict) and feature.keys() == {"bytes", "path"}


def _is_null(feature: Any) -> bool:
    return isinstance(feature, datasets.Value) and feature.dtype == "null"


def _own_type(name: str, feature: Any) -> Any:
    """PASS's type of its own column, where that holds the values; else the type that was found."""
    own = FEATURES.get(name)
    if own is None or _is_null(feature):
        return own or feature
    if isinstance(own, datasets.Image) and _is_raw_image(feature):
        return _RAW
    if isinstance(own, datasets.Value) and isinstance(feature, datasets.Value):
        kinds = {re.sub(r"\d+$|\[.*", "", one.dtype) for one in (own, feature)}
        return own if len(kinds) == 1 else feature
    return feature


def with_known_features(stream: datasets.IterableDataset) -> datasets.IterableDataset:
    """The stream with its `known_features` set, so that `datasets` need not guess them again."""
    features = known_features(stream)
    if stream.features == features:
        return stream
    return _with_features(stream, features)


def _with_features(
    stream: datasets.IterableDataset, features: datasets.Features | None
) -> datasets.IterableDataset:
    """The stream with other features, by which its rows are encoded and decoded.

    `IterableDataset._info`: seen in 2.21, 3.6, 4.0 to 5.2.
    """
    other = object.__new__(type(stream))  # `copy.copy` would give it the very same `__dict__`
    other.__dict__.update(stream.__dict__)
    other._info = stream.info.copy()
    other._info.features = features
    return other


def _gives_tables(stream: datasets.IterableDataset) -> bool:
    """Whether a stream has Arrow tables of one schema; others give rows of Python objects.

    Before 4.0 tables of some streams cannot be put together, and in 2.21 a mapped stream of tables
    ends at once when it is read a second time.
    `IterableDataset._ex_iterable.iter_arrow`: seen in 4.0 to 5.2.
    """
    return _TABLES_ARE_STREAMED and stream._ex_iterable.iter_arrow is not None


def _undecoded(stream: datasets.IterableDataset) -> datasets.IterableDataset:
    for name, feature in stream.features.items():
        if isinstance(feature, datasets.Image) and feature.decode:
            stream = stream.cast_column(name, datasets.Image(mode=feature.mode, decode=False))
    return stream


def stream_tables(stream: datasets.IterableDataset, *, rows: int) -> Iterator[pa.Table]:
    """Read a stream as Arrow tables, in which images are as `datasets` stores them.

    Args:
        stream: With known features, as `open_splits` gives it.
        rows: Rows of a table.

    Yields:
        Tables with the columns and types of the features.

    Raises:
        DatasetError: rows have values of other types.
    """
    features = stream.features
    in_tables = _gives_tables(stream)
    if in_tables:
        batches = iter(_undecoded(stream).with_format("arrow").iter(rows))
    else:  # encoded by us, not by `datasets`, whose errors look like those of a user's function
        batches = iter(_with_features(stream.with_format(None), None).iter(rows))
    while True:
        try:
            batch = next(batches, None)
        except pa.ArrowInvalid as err:
            raise _other_types(err) from err
        if batch is None:
            return
        try:
            yield cast_table(batch, features) if in_tables else _table_of(batch, features)
        except (pa.ArrowInvalid, TypeError, ValueError) as err:
            raise _other_types(err) from err


def map_stream(
    stream: datasets.IterableDataset,
    function: Callable[[pa.Table], pa.Table],
    features: datasets.Features,
    *,
    rows: int,
) -> datasets.IterableDataset:
    """Map a stream by a function of Arrow tables, in which images are as `datasets` stores them.

    Args:
        stream: With known features, as `open_splits` gives it.
        function: Takes and returns a table; is called as the stream is read.
        features: Of the tables that the function returns.
        rows: Rows of a table.

    Returns:
        The stream, whose images are decoded and formatted as before.
    """
    format = format_type(stream)
    if _gives_tables(stream):
        tables = _undecoded(stream).with_format("arrow")
        mapped = tables.map(function, batched=True, batch_size=rows)
        return mapped.cast(features).with_format(format)
    python = stream.with_format(None) if format else stream
    python = _with_features(python, None)  # else `datasets` would encode and decode once more
    on_rows = _OnRows(function, stream.features)
    mapped = python.map(on_rows, batched=True, batch_size=rows).cast(features)
    # before 4.0 with_format(None) would undo the decoding
    return mapped.with_format(format) if format else mapped


@dataclass
class _OnRows:
    """A function of tables as one of batches of Python objects."""

    function: Callable[[pa.Table], pa.Table]
    features: datasets.Features

    def __call__(self, batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        try:
            table = _table_of(batch, self.features)
        except (pa.ArrowInvalid, TypeError, ValueError) as err:
            raise _other_types(err) from err
        return dict(self.function(table).to_pydict())


def _table_of(batch: Mapping[str, list[Any]], features: datasets.Features) -> pa.Table:
    """A batch of Python objects as a table of the types of the features."""
    count = len(next(iter(batch.values()), []))
    columns = {name: batch.get(name, [None] * count) for name in features}
    images = {name for name, one in features.items() if isinstance(one, datasets.Image)}
    others = datasets.Features({name: features[name] for name in features if name not in images})
    table = datasets.Dataset.from_dict(
        {name: columns[name] for name in others}, features=others
    ).data.table
    arrays = [
        pa.array([_stored_image(features[name], one) for one in columns[name]], type=TYPE)
        if name in images
        else table[name]
        for name in features
    ]
    return pa.Table.from_arrays(arrays, schema=pa.schema(features.arrow_schema, metadata=None))


def _stored_image(feature: datasets.Image, image: Any) -> Any:
    """An image as it is stored; `encode_example` would drop bytes wherever a file of that path is
    in the working directory.
    """
    if image is None or (isinstance(image, dict) and image.keys() <= {"bytes", "path"}):
        return image
    return feature.encode_example(image)


def _other_types(err: Exception) -> DatasetError:
    return DatasetError(
        f"dataset: expected rows of its features, found values of other types ({err}). Give a "
        "stream the features that hold all of its rows: `stream.cast(features)`."
    )


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
