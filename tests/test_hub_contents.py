"""What is counted of the rows that are pushed, and that files are counted as they are."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import pyarrow as pa
from conftest import image_hash, jpeg

from pass_utils.hub.contents import Contents, SplitContents
from pass_utils.images.header import image_size
from pass_utils.releases import FEATURES


def rows(*images: bytes | None, year: int | None = 2009) -> pa.Table:
    """Rows of PASS with these images."""
    columns = {
        "image": [image and {"bytes": image, "path": "x.jpg"} for image in images],
        "creator_username": [f"user+{number}" for number in range(len(images))],
        "hash": [image_hash(number) for number in range(len(images))],
        "gps_latitude": [None] * len(images),
        "gps_longitude": [None] * len(images),
        "date_taken": [year and datetime(year, 5, 17)] * len(images),
    }
    return pa.table(columns, schema=FEATURES.arrow_schema)


def test_contents_count_rows_files_and_bytes_by_split():
    contents = Contents(FEATURES)
    tables = {"train": [rows(jpeg("a"), jpeg("b")), rows(jpeg("a"))], "test": [rows(jpeg("b"))]}
    for split, parts in tables.items():
        for table in parts:
            contents.add_table(split, table)
        contents.add_file(split, 100)
    contents.add_file("train", 11)
    sizes = {split: sum(table.nbytes for table in parts) for split, parts in tables.items()}
    assert contents.parts == {
        "train": SplitContents(rows=3, files=2, file_bytes=111, row_bytes=sizes["train"]),
        "test": SplitContents(rows=1, files=1, file_bytes=100, row_bytes=sizes["test"]),
    }
    assert contents.rows == 4


def test_contents_have_the_statistics_of_all_rows():
    contents = Contents(FEATURES)
    images = [jpeg(name) for name in "abcdef"]
    contents.add_table("train", rows(*images[:4]))
    contents.add_table("test", rows(*images[4:], year=2011))
    contents.add_table("test", rows(None, b"broken", year=None))
    found = contents.statistics
    assert (found.images, found.broken, found.year.min, found.year.max) == (8, 1, 2009, 2011)
    assert found.resolutions.counts == Counter(map(image_size, images))
