"""A dataset in, the few figures that a line each can say out."""

from __future__ import annotations

from dataclasses import dataclass

import datasets
import numpy as np

from .statistics import Quartiles, quartiles, take_census


@dataclass(frozen=True)
class Summary:
    """Figures of a dataset: counts of pictures, bytes of their files, width and height in pixels,
    years of the pictures.

    What cannot be said of an empty dataset is None.
    """

    images: int
    image_bytes: int
    creators: int
    width: Quartiles | None
    height: Quartiles | None
    landscape: int
    portrait: int
    square: int
    with_date: int
    with_place: int
    year: Quartiles | None


def summarize(dataset: datasets.Dataset) -> Summary:
    """The figures of a dataset of PASS rows, for which no picture is decoded.

    Raises:
        ImageError: an image is broken.
    """
    census = take_census([dataset])
    years = {} if census.dates is None else census.dates.years
    return Summary(
        images=census.pictures,
        image_bytes=census.bytes,
        creators=census.creators,
        width=census.shapes.width,
        height=census.shapes.height,
        landscape=census.shapes.landscape,
        portrait=census.shapes.portrait,
        square=census.shapes.square,
        with_date=sum(years.values()),
        with_place=0 if census.places is None else int(census.places.sum()),
        year=quartiles(
            np.repeat(np.array([*years], np.int64), np.array([*years.values()], np.int64))
        ),
    )
