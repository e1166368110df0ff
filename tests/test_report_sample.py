"""The pictures that a report shows: which they are, and what becomes of those that cannot
be shown.
"""

from __future__ import annotations

import base64
import io

import pytest
from conftest import image_hash
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.reporting import dataset, picture, row

from pass_utils import AttributionError
from pass_utils.report.sample import spread, take_sample


def sample(tmp_path, *parts, count=30, pixels=32):
    return list(take_sample(parts, count, pixels=pixels, folder=tmp_path))


@given(st.integers(0, 3_000), st.integers(0, 60))
def test_a_sample_has_no_row_twice_and_is_as_spread_out_as_can_be(rows, count):
    found = spread(rows, count).tolist()
    assert len(set(found)) == min(rows, count)
    assert all(0 <= row < rows for row in found)
    gaps = [after - before for before, after in zip(found, found[1:], strict=False)]
    assert not gaps or max(gaps) - min(gaps) <= 1


def test_a_sample_is_taken_from_all_parts(tmp_path):
    rows = dataset(*(row(number) for number in range(10)))
    found = sample(
        tmp_path, rows.select(range(3)), rows.select([]), rows.select(range(3, 10)), count=5
    )
    assert [item.hash for item in found] == [image_hash(number) for number in (1, 3, 5, 7, 9)]


def test_each_picture_is_small_and_has_its_own_credit(tmp_path):
    found = sample(
        tmp_path, dataset(row(0, (640, 480), name="J%C3%B6rg"), row(1, (20, 30), name=None))
    )
    assert [item.creator for item in found] == ["Jörg", None]
    assert [(item.thumbnail.width, item.thumbnail.height) for item in found] == [(32, 24), (20, 30)]
    head, data = found[0].thumbnail.uri.split(",")
    assert head == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (32, 24)
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_cannot_be_decoded_is_credited_all_the_same(tmp_path):
    whole = picture(600, 400)
    found = sample(
        tmp_path, dataset(row(0), row(1, image=whole[: len(whole) // 2]), {**row(2), "image": None})
    )
    assert [item.hash for item in found] == [image_hash(number) for number in range(3)]
    assert [item.thumbnail is None for item in found] == [False, True, True]


def test_only_the_pictures_of_the_sample_are_looked_at(tmp_path):
    rows = [row(number, image=None if number == 1 else b"no picture") for number in range(3)]
    assert [item.thumbnail is None for item in sample(tmp_path, dataset(*rows), count=1)] == [False]


def test_rows_of_something_else_are_refused(tmp_path):
    with pytest.raises(
        AttributionError, match="hash: expected 16 to 32 lower-case hex characters, found 'x'"
    ):
        sample(tmp_path, dataset({**row(0), "hash": "x"}))
