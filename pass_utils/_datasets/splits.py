"""The splits of what a user passes as a dataset: their features, columns of images and release."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias, TypeVar

import datasets

from ..errors import DatasetError
from ..releases import Release, release_of
from .streams import with_known_features

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
