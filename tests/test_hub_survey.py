"""What is counted of pushed files is what is in them."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from conftest import image_hash, jpeg
from hypothesis import given
from hypothesis import strategies as st

from pass_utils.hub.survey import QUANTILES, Part, Survey, quantiles
from pass_utils.releases import FEATURES


@given(st.lists(st.integers(1, 5000), min_size=1))
def test_quantiles_are_values_that_occur(values):
    counted = quantiles(Counter(values))
    assert counted == np.quantile(values, QUANTILES, method="inverted_cdf").tolist()
    assert (counted[0], counted[-1]) == (min(values), max(values))


def test_nothing_has_no_quantiles():
    assert quantiles(Counter()) == []


def file(path: Path, *images: bytes | None, year: int | None = 2009) -> Path:
    """A Parquet file of rows of PASS with these images, two in a row group."""
    rows = {
        "image": [image and {"bytes": image, "path": "x.jpg"} for image in images],
        "creator_username": [f"user+{number}" for number in range(len(images))],
        "hash": [image_hash(number) for number in range(len(images))],
        "gps_latitude": [None] * len(images),
        "gps_longitude": [None] * len(images),
        "date_taken": [year and datetime(year, 5, 17)] * len(images),
    }
    pq.write_table(pa.table(rows, schema=FEATURES.arrow_schema), path, row_group_size=2)
    return path


def test_files_are_counted_by_split(tmp_path):
    wide, narrow = jpeg("a"), jpeg("b")
    with Survey(FEATURES, tmp_path) as survey:
        first = file(tmp_path / "1.parquet", wide, narrow, wide)
        second = file(tmp_path / "2.parquet", wide, year=None)
        third = file(tmp_path / "3.parquet", narrow, year=2011)
        for split, path in (("train", first), ("train", second), ("test", third)):
            survey.add(split, path)
        credited = survey.credits()
    sizes = [path.stat().st_size for path in (first, second, third)]
    rows = {split: part.row_bytes for split, part in survey.parts.items()}
    assert survey.parts == {
        "train": Part(rows=4, files=2, file_bytes=sizes[0] + sizes[1], row_bytes=rows["train"]),
        "test": Part(rows=1, files=1, file_bytes=sizes[2], row_bytes=rows["test"]),
    }
    assert rows["train"] > 3 * rows["test"] > 3 * len(narrow)
    assert (survey.rows, survey.years) == (5, {2009, 2011})
    assert sum(survey.long.values()) == 5
    assert set(survey.short) == {8}
    assert credited.column_names == ["hash", "creator_username"]
    assert credited["hash"][:] == [image_hash(n) for n in (0, 1, 2, 0, 0)]


def test_a_missing_or_broken_picture_has_no_size(tmp_path):
    with Survey(FEATURES, tmp_path) as survey:
        survey.add("train", file(tmp_path / "1.parquet", None, jpeg("a"), b"broken"))
    assert survey.rows == 3
    assert sum(survey.short.values()) == 1


def test_rows_without_a_creator_have_no_credits(tmp_path):
    features = datasets.Features({"image": datasets.Image(), "hash": datasets.Value("string")})
    with Survey(features, tmp_path) as survey:
        assert not survey.credited
    assert list(tmp_path.iterdir()) == []
