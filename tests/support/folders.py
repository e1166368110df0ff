"""Hashes and metadata CSVs, written as PASS writes them."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from pathlib import Path

HEADER = ["", "unickname", "datetaken", "licensename", "hash", "latitude", "longitude"]


def image_hash(number: int) -> str:
    """The hash of image `number`, printed as PASS prints MD5s: byte by byte, without padding."""
    return "".join(f"{byte:x}" for byte in hashlib.md5(str(number).encode()).digest())


def write_csv(path: Path, rows: Sequence[Sequence[object]], header: Sequence[str] = HEADER) -> None:
    """A metadata CSV of these rows."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
