"""Groups of rows: where rows are cut, and what people write for a size."""

from __future__ import annotations

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from pass_utils import ExportError
from pass_utils.export.groups import cut_groups, parse_size
from pass_utils.export.parquet import plan_parquet
from pass_utils.releases import FEATURES


@given(
    sizes=st.lists(st.integers(0, 100), max_size=60),
    rows=st.integers(1, 9),
    limit=st.integers(1, 300),
)
def test_groups_hold_all_rows_and_are_cut_only_where_they_must_be(sizes, rows, limit):
    groups = cut_groups(np.array(sizes, dtype=np.int64), rows, limit)
    assert sum(groups) == len(sizes)
    begin = 0
    for count in groups:
        assert 1 <= count <= rows - begin % rows  # never over the end of a block
        assert count == 1 or sum(sizes[begin : begin + count]) <= limit
        end = begin + count
        if (
            end < len(sizes) and end % rows
        ):  # cut inside a block: the next row, or the rest of the block, did not fit
            block = begin - begin % rows
            assert sum(sizes[block : block + rows]) > limit
            assert sum(sizes[begin : end + 1]) > limit
        begin = end


@pytest.mark.parametrize("size", ["", "many", "-5MB", 0, -1, True, 1.5e8, None, [1]])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(ExportError, match=r"max_shard_size: expected a size such as 500MB, found"):
        parse_size(size)


@pytest.mark.parametrize("rows", [0, -1, 2.5, True])
def test_a_number_of_rows_that_is_none_is_refused(rows):
    with pytest.raises(
        ExportError, match="row_group_rows: expected a number of rows, at least 1, found"
    ):
        plan_parquet(
            Dataset.from_dict({name: [] for name in FEATURES}, features=FEATURES),
            row_group_rows=rows,
        )


def test_sizes_are_what_people_write():
    assert (parse_size("500MB"), parse_size("1GiB"), parse_size(7)) == (500_000_000, 1 << 30, 7)
