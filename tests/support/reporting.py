"""Datasets of PASS rows in memory, as tests of reports want them."""

from __future__ import annotations

import datetime
from typing import Any

import datasets

from pass_utils.releases import FEATURES
from support.folders import image_hash
from support.jpegs import grey_jpeg as picture


def row(
    number: int,
    size: tuple[int, int] = (60, 40),
    *,
    name: str | None = "ada",
    place: tuple[float, float] | None = None,
    date: str | None = None,
    image: bytes | None = None,
) -> dict[str, Any]:
    """Row `number`; `place` is (latitude, longitude)."""
    latitude, longitude = place or (None, None)
    return {
        "image": {"bytes": image or picture(*size), "path": f"{image_hash(number)}.jpg"},
        "creator_username": name,
        "hash": image_hash(number),
        "gps_latitude": latitude,
        "gps_longitude": longitude,
        "date_taken": date and datetime.datetime.fromisoformat(date),
    }


def dataset(*rows: dict[str, Any]) -> datasets.Dataset:
    """A dataset of these rows."""
    return datasets.Dataset.from_list(list(rows), features=FEATURES)
