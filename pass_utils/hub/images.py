"""Images that a card shows: small JPEGs in the repository, each with its credit."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import NamedTuple

import datasets
import pyarrow as pa

from ..attribution.credit import credit_batch
from ..attribution.html import entries
from ..export.credits import COLUMNS
from ..images.thumbnails import Thumbnails
from ..pages.facts import Entry

FOLDER = "card"
COUNT = 6
_PIXELS = 240


class CardImage(NamedTuple):
    """An image on a card.

    Attributes:
        path: In the repository.
        data: The JPEG.
        entry: Its credit.
    """

    path: str
    data: bytes
    entry: Entry


def card_images(
    rows: pa.Table, features: datasets.Features, folder: Path, *, prefix: str
) -> list[CardImage]:
    """Make the images of a card of the first rows that can be decoded.

    Args:
        rows: With hashes of PASS, creators and the bytes of images.
        features: Of the rows.
        folder: Takes a temporary file.
        prefix: Of the paths in the repository.
    """
    shown = datasets.Dataset(rows.slice(0, COUNT), info=datasets.DatasetInfo(features=features))
    found: list[CardImage] = []
    with Thumbnails(shown, _PIXELS, folder, on_broken="skip") as thumbnails:
        hashes, creators = (rows.slice(0, COUNT)[name].combine_chunks() for name in COLUMNS)
        for entry in entries(credit_batch(hashes, creators), thumbnails.find):
            if entry.thumbnail is not None:
                data = base64.b64decode(entry.thumbnail.uri.partition(",")[2])
                found.append(CardImage(f"{prefix}{FOLDER}/{entry.hash}.jpg", data, entry))
    return found
