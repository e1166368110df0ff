"""Digests of columns: the same for equal values in whatever layout, another one for other
values.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pytest
from datasets import Dataset, Features, Image, Value, concatenate_datasets, load_from_disk
from hypothesis import given
from hypothesis import strategies as st

from pass_utils import write_parquet
from pass_utils.export.fingerprint import update_digest
from pass_utils.export.parquet import plan_parquet

KINDS = {
    pa.int64(): st.integers(-5, 5),
    pa.float32(): st.sampled_from([0.0, 1.5, -2.25]),
    pa.bool_(): st.booleans(),
    pa.string(): st.text("aé", max_size=3),
    pa.large_binary(): st.binary(max_size=3),
    pa.timestamp("us"): st.integers(0, 9),
    pa.list_(pa.string()): st.lists(st.none() | st.text("aé", max_size=2), max_size=3),
    pa.list_(pa.int8(), 2): st.lists(st.integers(0, 3), min_size=2, max_size=2),
    pa.struct({"a": pa.string(), "b": pa.list_(pa.bool_())}): st.fixed_dictionaries(
        {
            "a": st.none() | st.text("aé", max_size=2),
            "b": st.none() | st.lists(st.booleans(), max_size=3),
        }
    ),
}


def digest(column: pa.ChunkedArray) -> str:
    found = hashlib.sha256()
    update_digest(found, column)
    return found.hexdigest()


@st.composite
def columns(draw):
    kind = draw(st.sampled_from(list(KINDS)))
    values = st.lists(st.none() | KINDS[kind], max_size=12)
    return kind, draw(values), draw(values), draw(st.integers(0, 12)), draw(st.integers(1, 5))


@given(made=columns())
def test_equal_values_give_the_same_digest_in_every_layout_and_others_another(made):
    kind, values, others, cut, lead = made
    plain = pa.array(values, kind)
    before = pa.array([*others, None][:lead], kind)
    sliced = pa.concat_arrays([before, plain, before])[len(before) : len(before) + len(plain)]
    layouts = [
        pa.chunked_array([plain]),
        pa.chunked_array([plain[:cut], plain[cut:]]),
        pa.chunked_array([sliced]),
        pa.chunked_array([sliced[:cut], pa.array([], kind), sliced[cut:]]),
    ]
    assert len({digest(layout) for layout in layouts}) == 1
    other = pa.array(others, kind)
    assert (digest(pa.chunked_array([other])) == digest(layouts[0])) == (
        other.to_pylist() == plain.to_pylist()
    )


def test_what_lies_below_a_null_does_not_count():
    values = np.array([1, 2, 3], np.int64)
    mask = np.array([False, True, False])
    masked = pa.array(values, mask=mask)
    hidden = pa.Array.from_buffers(
        pa.int64(), 3, [masked.buffers()[0], pa.py_buffer(np.array([1, 9, 3], np.int64))]
    )
    assert (
        digest(pa.chunked_array([hidden]))
        == digest(pa.chunked_array([masked]))
        != digest(pa.chunked_array([[1, 2, 3]]))
    )
    assert hidden.to_pylist() == [1, None, 3]


@pytest.mark.parametrize("streaming", [False, True])
def test_equal_rows_from_memory_disk_and_pieces_are_one_export(tmp_path, streaming):
    features = Features(
        {
            "image": Image(),
            "hash": Value("string"),
            "gps": Value("float32"),
            "tags": [Value("string")],
        }
    )
    columns = {
        "image": [{"bytes": bytes([n]) * 9, "path": None} for n in range(20)],
        "hash": [None if n % 3 else f"{n}" for n in range(20)],
        "gps": [None if n % 2 else n / 3 for n in range(20)],
        "tags": [None if n % 5 == 4 else ["x"] * (n % 3) for n in range(20)],
    }
    ds = Dataset.from_dict(columns, features=features)
    ds.save_to_disk(tmp_path / "saved", num_shards=3)
    layouts = [
        ds,
        load_from_disk(tmp_path / "saved"),
        concatenate_datasets(
            [ds.select(range(7)), load_from_disk(tmp_path / "saved").select(range(7, 20))]
        ),
        ds.select(list(range(20))),
        concatenate_datasets([ds, ds]).select(range(20, 40)),
    ]
    assert len({plan_parquet(each).fingerprint for each in layouts}) == 1
    for each in layouts:
        rows = each.to_iterable_dataset() if streaming else each
        written = write_parquet(rows, tmp_path / "out", row_group_rows=6, max_shard_size="2KB")
    assert sum(file.rows for file in written) == 20
