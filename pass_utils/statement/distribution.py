"""Measured distribution of the images of a dataset over the Earth and over time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from .._util.text import percent
from ..statistics import CELL, Counts, Dates, Statistics, quartiles

_DAY = range(6, 18)  # hours by the camera's clock


class Region(NamedTuple):
    """A rectangle on Earth, in degrees, and what is in it."""

    name: str
    south: int
    north: int
    west: int
    east: int


# Edges are those of cells of 5 degrees; what is in none of them is one of two remainders.
_REGIONS = (
    Region("most of Europe, and parts of its neighbours", 35, 70, -10, 40),
    Region("mainland United States, and parts of its neighbours", 25, 50, -125, -65),
)


def describe_locations(locations: Counts) -> dict[str, Any]:
    """How the images with a location are spread over the Earth, as values of JSON.

    Args:
        locations: Shape (36, 72), as of `Statistics`.

    Returns:
        The number of images by region, in how many cells there are any, and how few of them have
        half of the images.
    """
    left = locations.copy()
    regions: list[dict[str, Any]] = []
    for region in _REGIONS:
        _, south, north, west, east = region
        cells = left[_cells(south, north, 90), _cells(west, east, 180)]
        regions.append({**region._asdict(), "images": int(cells.sum())})
        cells[:] = 0
    equator = 90 // CELL
    regions += [
        {"name": "elsewhere north of the equator", "images": int(left[equator:].sum())},
        {"name": "south of the equator", "images": int(left[:equator].sum())},
    ]
    descending = np.sort(locations, axis=None)[::-1]
    total = int(locations.sum())
    half = int(np.searchsorted(np.cumsum(descending), total / 2)) + 1 if total else 0
    return {
        "images": total,
        "regions": regions,
        "cell_degrees": CELL,
        "cells": int((locations > 0).sum()),
        "cells_with_half": half,
    }


def _cells(begin: int, end: int, offset: int) -> slice:
    return slice((begin + offset) // CELL, (end + offset) // CELL)


def describe_dates(dates: Dates) -> dict[str, Any]:
    """How the images with a date are spread over years and hours, as values of JSON.

    Args:
        dates: As of `Statistics`.

    Returns:
        The quartiles of the years and the most frequent one; how many images have a time of the
        day, and how many of these are of 6:00 to 18:00.
    """
    found: dict[str, Any] = {"images": dates.images, "first": None, "last": None}
    years = quartiles(dates.years)
    if years is not None:
        frequent, most = _most(dates.years)
        found |= {
            "first": years.min,
            "last": years.max,
            "half_from": years.lower,
            "half_to": years.upper,
            "most_frequent": frequent,
            "of_most_frequent": most,
        }
    found["with_time"] = int(dates.hours.sum())
    found["by_day"] = int(dates.hours[_DAY.start : _DAY.stop].sum())
    return found


def _most(counts: Mapping[int, int]) -> tuple[int, int]:
    return max(counts.items(), key=lambda counted: (counted[1], counted[0]))


def distribution_words(statistics: Statistics) -> list[str]:
    """The distribution of the images over the Earth and over time in sentences.

    Args:
        statistics: Of their metadata.

    Returns:
        A sentence on locations and one on dates, as far as any are known.
    """
    words, total = [], f"{statistics.images:,} images"
    if statistics.locations is not None and statistics.with_location:
        found = describe_locations(statistics.locations)
        shares = ", ".join(
            f"{percent(region['images'], found['images'])} {_region_words(region)}"
            for region in found["regions"]
        )
        words.append(f"A location is known of {found['images']:,} of {total}. Of these: {shares}.")
    if statistics.dates is not None and statistics.with_date:
        found = describe_dates(statistics.dates)
        words.append(
            f"A date is known of {found['images']:,} of {total}: from {found['first']} to "
            f"{found['last']}, half of them from {found['half_from']} to {found['half_to']}."
        )
    return words


def _region_words(region: Mapping[str, Any]) -> str:
    return f"in {region['name']}" if "south" in region else str(region["name"])
