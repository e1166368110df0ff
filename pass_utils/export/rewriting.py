"""Rewrite rows on their way into a file: images at training size, columns dropped, a label."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .._datasets import image_columns, keep_rows
from ..errors import ExportError, ImageError
from ..images.files import ByteCounts
from ..images.resizing import QUALITY, Resize

LABEL = datasets.ClassLabel(names=["pass"])
_GPS = ("gps_latitude", "gps_longitude")
_KEPT = {
    "hash": "which is the key of a row and of its credit",
    "creator_username": "since CC BY asks for the creator of each image",
}


class Rewriting(NamedTuple):
    """What is done to rows on their way into a file.

    Attributes:
        resize: How images are resized; None where they keep their bytes.
        dropped: The names of the columns that are left out, sorted.
        label: The name of the column of constant labels; None for none.
    """

    resize: Resize | None = None
    dropped: tuple[str, ...] = ()
    label: str | None = None

    @classmethod
    def of(
        cls,
        features: datasets.Features,
        *,
        resize: int | None = None,
        quality: int = QUALITY,
        on_error: Any = "raise",
        drop_columns: str | Iterable[str] = (),
        label_column: str | None = None,
    ) -> Rewriting:
        """The rewriting that the options of an export ask for.

        Args:
            features: Of the rows as they are stored.
            resize: Pixels of the shorter side, None for the bytes as they are.
            quality: Of the JPEGs.
            on_error: What to do about an image that cannot be decoded: `"raise"` or `"skip"`.
            drop_columns: The columns to leave out; `gps` stands for both of the location.
            label_column: The name of the column of labels, None for none.

        Raises:
            ExportError: an option makes no sense, or has no meaning without `resize`; there is no
                such column to drop, or it has to stay.
        """
        if label_column is not None and (not isinstance(label_column, str) or not label_column):
            raise ExportError(
                f"label_column: expected the name of a column, found {label_column!r}."
            )
        dropped = _dropped(features, drop_columns)
        if resize is not None:
            return cls(Resize(resize, quality, on_error), dropped, label_column)
        for name, value, default in (
            ("quality", quality, QUALITY),
            ("on_error", on_error, "raise"),
        ):
            if value != default:
                raise ExportError(
                    f"{name}: expected none without resize, since images keep their bytes and "
                    f"none is decoded; found {value!r}."
                )
        return cls(None, dropped, label_column)

    def changes(self, before: str | None) -> str | None:
        """What was done to the images in all, for their credits.

        Args:
            before: What the user says was done to them; None for nothing.
        """
        done = [before, self.resize.changes if self.resize else None]
        return "; ".join(filter(None, done)) or None

    @property
    def facts(self) -> dict[str, Any]:
        """What the state of an export records of it."""
        return {
            "resize": self.resize.side if self.resize else None,
            "quality": self.resize.quality if self.resize else None,
            "drop_columns": list(self.dropped) or None,
            "label_column": self.label,
        }

    def features(self, features: datasets.Features) -> datasets.Features:
        """The features of the rows in the file.

        Args:
            features: Of the rows as they are stored.

        Raises:
            ExportError: they lack a column that is dropped, have that of the labels already, or
                have images in lists, which would not be resized.
        """
        _dropped(features, self.dropped)
        kept = {name: feature for name, feature in features.items() if name not in self.dropped}
        if self.resize is not None:
            for name, feature in kept.items():
                if not isinstance(feature, datasets.Image) and _has_images(feature):
                    raise ExportError(
                        f"resize: expected images in columns of their own, found some in {name}, "
                        f"{type(feature).__name__}. Remove the column, or export without resize."
                    )
        if self.label is None:
            return datasets.Features(kept)
        if self.label in kept:
            raise ExportError(
                f"label_column: expected no column {self.label} yet, found one. Choose another "
                "name, or drop the column."
            )
        return datasets.Features({**kept, self.label: LABEL})

    def estimate(self, sizes: ByteCounts) -> ByteCounts:
        """About how many bytes images will have in the file.

        Args:
            sizes: As they are stored.
        """
        return sizes if self.resize is None else self.resize.estimate(sizes)

    def apply(self, table: pa.Table, features: datasets.Features, first: int) -> Rewritten:
        """Rewrite some rows.

        Args:
            table: The rows with the bytes of their images.
            features: Of these rows.
            first: The index of the first row in its dataset.

        Raises:
            ImageError: an image cannot be decoded, and is not to be left out.
        """
        skipped: list[str] = []
        if self.resize is not None:
            table, skipped = _resize(table, image_columns(features), first, self.resize)
        if self.dropped:
            table = table.drop_columns(list(self.dropped))
        if self.label is not None:
            labels = pa.array(np.zeros(len(table), np.int64))
            table = table.append_column(self.label, labels)
        return Rewritten(table, skipped)


class Rewritten(NamedTuple):
    """Rows as they go into a file.

    Attributes:
        table: The rows.
        skipped: Those that were left out, by hash.
    """

    table: pa.Table
    skipped: list[str]


def _dropped(features: datasets.Features, names: str | Iterable[str]) -> tuple[str, ...]:
    """The columns that are dropped, sorted."""
    dropped: set[str] = set()
    for name in [names] if isinstance(names, str) else names:
        if name == "gps" and name not in features:
            columns = [each for each in _GPS if each in features]
        else:
            columns = [name] if name in features else []
        if not columns:
            raise ExportError(
                f"drop_columns: expected names of columns, or gps, found {name!r}; there are "
                f"{', '.join(features)}."
            )
        for column in columns:
            is_image = isinstance(features[column], datasets.Image)
            reason = "without which there is nothing to see" if is_image else _KEPT.get(column)
            if reason is not None:
                raise ExportError(
                    f"drop_columns: expected columns that need not stay, found {column}, {reason}."
                )
        dropped.update(columns)
    return tuple(sorted(dropped))


def _has_images(feature: Any) -> bool:
    """Whether images are in lists or structs of a feature."""
    if isinstance(feature, dict):
        return any(map(_has_images, feature.values()))
    if isinstance(feature, (list, tuple)):
        return any(map(_has_images, feature))
    return isinstance(feature, datasets.Image) or _has_images_within(feature)


def _has_images_within(feature: Any) -> bool:
    inner = getattr(feature, "feature", None)
    return inner is not None and _has_images(inner)


def _resize(
    table: pa.Table, columns: list[str], first: int, resize: Resize
) -> tuple[pa.Table, list[str]]:
    keep = np.ones(len(table), np.bool_)
    for name in columns:
        images = pa.concat_arrays(table[name].chunks)
        data, paths = images.flatten()
        resized: list[bytes | None] = [None] * len(table)
        for row in np.flatnonzero(keep & data.is_valid().to_numpy(zero_copy_only=False)).tolist():
            try:
                resized[row] = resize.jpeg(memoryview(data[row].as_buffer()))
            except ImageError as err:
                if resize.on_error == "raise":
                    raise _not_decoded(_name(table, row, first), err) from err
                keep[row] = False
        stems = pc.replace_substring_regex(paths, r"\.[^.]*$", "")
        made = pa.StructArray.from_arrays(
            [pa.array(resized, pa.binary()), pc.binary_join_element_wise(stems, "jpg", ".")],
            fields=list(images.type),
            mask=images.is_null() if images.null_count else None,
        )
        table = table.set_column(table.column_names.index(name), table.schema.field(name), made)
    skipped = [_name(table, row, first) for row in np.flatnonzero(~keep).tolist()]
    return (keep_rows(table, keep) if skipped else table), skipped


def _name(table: pa.Table, row: int, first: int) -> str:
    """The hash of a row, for people and for lists; `row 12` of one without."""
    hash = table["hash"][row].as_py() if "hash" in table.column_names else None
    return hash if isinstance(hash, str) else f"row {first + row}"


def _not_decoded(name: str, err: ImageError) -> ImageError:
    return ImageError(
        f'image {name}: {err} on_error="skip" does, and counts it.',
        hashes=[] if name.startswith("row ") else [name],
    )
