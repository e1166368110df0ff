"""Writes a report: statistics, a sample and the page, as one atomic write."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import datasets

from .._datasets import Splits, open_splits, progress_bars
from ..errors import ReportError
from ..pages.output import atomic_output
from ..releases import Release, find_release
from ..statistics import Statistics, countable_type, dataset_statistics
from .page import write_page
from .sample import take_sample
from .svg import new_figure

logger = logging.getLogger(__name__)

_NEEDED = ("image", "hash", "creator_username")
_COUNTED = {
    "creator_username": "text",
    "date_taken": "dates or timestamps",
    "gps_latitude": "numbers",
    "gps_longitude": "numbers",
}
_MOST_IMAGES = 1_000  # some 10 kB each
# of the longer side, for half as many on the page: screens have two of theirs for one of a page's
_PIXELS = 320


def write_report(
    dataset: Any,
    path: str | os.PathLike[str],
    *,
    release: str | Release | None = None,
    selection: str | None = None,
    images: int = 30,
    command: str | None = None,
    quiet: bool | None = None,
) -> Statistics:
    """Write one HTML page about the images of a dataset, and return their statistics.

    It shows some of them with their credits, and what all of them are like: widths and heights,
    dates, locations on a map in cells of five degrees, licences. The page is complete in itself: it
    requests nothing of any server and runs no script. The same dataset gives the same page. Only
    the images shown are decoded; of the others the headers are read as by `filter_resolution`, and
    cached. Images that are broken are listed.

    Args:
        dataset: A Dataset of PASS rows, or a dict of them by split, counted together. It has the
            columns `image`, `hash` and `creator_username`; those of dates and coordinates may be
            missing.
        path: The file to write.
        release: Whose line credits the dataset; by default the dataset's own, else the default
            release.
        selection: How the images were chosen, in words.
        images: How many of them to show, 0 to 1,000, spread evenly over the dataset.
        command: How the page was made.
        quiet: Whether to show no progress bars; by default as `datasets` does.

    Returns:
        The statistics of all images.

    Raises:
        DatasetError: it is no dataset, or a stream.
        ReportError: a dataset without PASS's columns or with others of these names, a file that
            cannot be written, or no matplotlib.
        ReleaseError: there is no such release.
        AttributionError: rows that cannot be credited.
        ShardError: a shard is gone or has changed.
    """
    new_figure(1, 1)  # when it cannot be drawn, say so before all else
    if isinstance(images, bool) or not isinstance(images, int) or not 0 <= images <= _MOST_IMAGES:
        raise ReportError(
            f"images: expected a number from 0 to {_MOST_IMAGES:,}, found {images!r}."
        )
    splits = open_splits(dataset, streams=False)
    parts = _check_columns(splits)
    found_release = find_release(release or splits.release)
    where = Path(path).expanduser().absolute()
    with atomic_output(where, error=ReportError) as (file, _), progress_bars(quiet):
        statistics = dataset_statistics(parts)
        items = list(take_sample(parts, images, pixels=_PIXELS, folder=where.parent))
        write_page(
            statistics, items, file, release=found_release, selection=selection, command=command
        )
    unseen = [item.hash for item in items if item.thumbnail is None]
    if unseen:
        logger.warning(
            "%s: %s cannot be decoded; credited without being shown.", where.name, ", ".join(unseen)
        )
    return statistics


def _check_columns(splits: Splits) -> list[datasets.Dataset]:
    """The datasets of all splits, once their columns are known to be PASS's."""
    parts: list[Any] = [*splits.parts.values()]
    for part in parts:
        lacking = [name for name in _NEEDED if name not in part.column_names]
        if lacking:
            raise ReportError(
                f"dataset: expected the columns {', '.join(_NEEDED)}, found "
                f"{', '.join(part.column_names) or 'none'}; {' and '.join(lacking)} missing. Keep "
                "them when you map or select columns."
            )
        if not isinstance(part.features["image"], datasets.Image):
            raise ReportError(
                f"image: expected a column of type Image, found {part.features['image']}. Cast it: "
                '`ds.cast_column("image", datasets.Image())`.'
            )
        schema = part.features.arrow_schema
        for name in _COUNTED:
            if name in schema.names and not countable_type(name, schema.field(name).type):
                raise ReportError(
                    f"{name}: expected {_COUNTED[name]}, found {schema.field(name).type}. Cast the "
                    "column, or remove it."
                )
    return parts
