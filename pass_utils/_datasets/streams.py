"""Streams: the features of what went through `map` and the like, and their rows as Arrow tables."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import datasets
import pyarrow as pa

from ..errors import DatasetError
from ..releases import FEATURES
from .storage import TYPE, cast_table

_TABLES_ARE_STREAMED = int(datasets.__version__.partition(".")[0]) >= 4
_ROWS_INFERRED, _MOST_ROWS_INFERRED = 10, 320  # rows of a stream that features are inferred from
_RAW = datasets.Image(decode=False)


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
