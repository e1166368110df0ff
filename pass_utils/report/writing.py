"""A dataset and a place for a file in, the whole report there out, or nothing."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import datasets

from .._datasets import open_splits, progress_bars
from ..attribution.files import whole_list
from ..errors import ReportError
from ..releases import Release, find_release, release_of
from ..statistics import Census, take_census
from .page import write_page
from .sample import take_sample
from .svg import new_figure

logger = logging.getLogger(__name__)

_NEEDED = ("image", "hash", "creator_username")
_MOST_PICTURES = 1_000  # some 10 kB each
# of the longer side, for half as many on the page: screens have two of theirs for one of a page's
_PIXELS = 320


def write_report(
    dataset: Any,
    path: str | os.PathLike[str],
    *,
    release: str | Release | None = None,
    selection: str | None = None,
    pictures: int = 30,
    command: str | None = None,
    quiet: bool = False,
) -> Census:
    """Write one HTML page about a dataset's pictures to `path`, and return what was counted for it.

    It shows `pictures` of them with their credits, spread evenly over the dataset, and what all of
    them are like: widths and heights in pixels, dates, places on a map in cells of five degrees,
    licences. The page is whole in itself: it asks nothing of any server and runs no script. The
    same dataset gives the same page.

    `dataset` is a Dataset of PASS rows, or a dictionary of them, counted together; columns of dates
    and places may be missing. `release` is whose line credits the dataset; by default the dataset's
    own where it says so, else v2. `selection` says in words how the pictures were chosen, and
    `command` how the page was made. Only the pictures shown are decoded; of the others, sizes are
    read as by `filter_resolution`, and remembered. `quiet` shows no progress.

    Raises:
        DatasetError: it is no dataset, or a stream.
        ReportError: a dataset without PASS's columns, a file that cannot be written, or
        no matplotlib.
        ReleaseError: there is no such release.
        AttributionError: rows that cannot be credited.
        ImageError: an image whose size cannot be told.
        ShardError: a shard is gone or has changed.
    """
    new_figure(1, 1)  # when it cannot be drawn, say so before all else
    if (
        isinstance(pictures, bool)
        or not isinstance(pictures, int)
        or not 0 <= pictures <= _MOST_PICTURES
    ):
        raise ReportError(
            f"pictures: expected a number from 0 to {_MOST_PICTURES:,}, found {pictures!r}."
        )
    parts = _parts(dataset)
    known = {found and found.name for found in map(release_of, parts)}
    found_release = find_release(release or (known.pop() if len(known) == 1 else None))
    where = Path(path).expanduser().absolute()
    with whole_list(where, error=ReportError) as (file, _), progress_bars(quiet):
        census = take_census(parts)
        items = list(take_sample(parts, pictures, pixels=_PIXELS, folder=where.parent))
        write_page(census, items, file, release=found_release, selection=selection, command=command)
    unseen = [item.credit.hash for item in items if item.thumbnail is None]
    if unseen:
        logger.warning(
            "%s: %s cannot be decoded; credited without being shown.", where.name, ", ".join(unseen)
        )
    return census


def _parts(dataset: Any) -> list[datasets.Dataset]:
    """The datasets of all splits, with images that are decoded when they are asked for."""
    parts: list[Any] = [*open_splits(dataset, streams=False).parts.values()]
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
                f"image: expected a column of pictures, found {part.features['image']}. Cast it: "
                '`ds.cast_column("image", datasets.Image())`.'
            )
    return [
        part.cast_column("image", datasets.Image()) if not part.features["image"].decode else part
        for part in parts
    ]
