"""Hashes as numbers, against what Python makes of them."""

from __future__ import annotations

import time

import numpy as np
import pyarrow as pa
import pytest
from conftest import image_hash

from pass_utils.hashes import Keys, are_hashes

HASH = "ffd3eb12a16cb83138f26e6f36dec967"
OTHER = "fff0eece99cc71c2e91fe716051599"


def same(left, right):
    """Whether two Keys hold the same hashes in the same order."""
    return all(
        (getattr(left, name) == getattr(right, name)).all() for name in ("high", "low", "length")
    )


def test_keys_are_the_halves_of_the_number_and_the_number_of_characters():
    keys = Keys.of(
        pa.array(["ffd3eb12a16cb83138f26e6f36dec967", "0fd3eb12a16cb831", "1" + "0" * 15 + "2"])
    )
    assert keys.high.tolist() == [0xFFD3EB12A16CB831, 0, 1]
    assert keys.low.tolist() == [0x38F26E6F36DEC967, 0x0FD3EB12A16CB831, 2]
    assert keys.length.tolist() == [32, 16, 17]
    assert [column.dtype for column in (keys.high, keys.low, keys.length)] == [
        np.uint64,
        np.uint64,
        np.uint8,
    ]


@pytest.mark.parametrize(
    "bad",
    [
        HASH.upper(),
        "g" * 16,
        HASH[:-1] + "F",
        " " + HASH[1:],
        HASH[:-1] + " ",
        HASH[:14] + "  " + HASH[16:],
        HASH[:-1] + "\n",
    ]
    + [
        HASH[:-1] + "\0",
        "0x" + HASH[2:],
        "+" + HASH[1:],
        "é" * 8,
        "é" * 16,
        "１" * 16,
        "x" + HASH[1:-1] + "٣",
        "",
    ]
    + [HASH[:15], HASH + "0", None],
)
@pytest.mark.parametrize("before", [0, 3])
def test_keys_refuse_what_is_not_16_to_32_lower_case_hex_characters(bad, before):
    hashes = pa.array([HASH] * before + [bad] + [OTHER] * before, pa.string())
    with pytest.raises(ValueError):
        Keys.of(hashes)
    assert are_hashes(hashes).to_pylist() == [True] * before + [False] + [True] * before


def test_keys_take_no_hashes():
    keys = Keys.of(pa.array([], pa.string()))
    assert (len(keys), keys.high.dtype, keys.low.dtype, keys.length.dtype) == (
        0,
        np.uint64,
        np.uint64,
        np.uint8,
    )


@pytest.mark.parametrize(("start", "count"), [(0, 2), (1, 3), (3, 1), (2, 4), (4, 0)])
def test_keys_of_a_slice_are_those_of_its_hashes(start, count):
    hashes = [image_hash(number)[: 16 + 3 * number] for number in range(6)]
    sliced = pa.array([*hashes[:5], hashes[5], "not a hash, nor in any slice"]).slice(start, count)
    assert same(Keys.of(sliced), Keys.of(pa.array(hashes[start : start + count], pa.string())))
    assert same(
        Keys.of(sliced.slice(count // 2)),
        Keys.of(pa.array(sliced.to_pylist()[count // 2 :], pa.string())),
    )


def test_sorted_keys_order_by_number_then_length_and_name_the_one_that_repeats():
    hashes = ["0abc" + "0" * 20, "abc" + "0" * 20, "00abc" + "0" * 20, "f" * 16, "1" + "0" * 16]
    keys = Keys.of(pa.array(hashes))
    assert [hashes[row] for row in keys.order()] == [
        hashes[3],
        hashes[4],
        hashes[1],
        hashes[0],
        hashes[2],
    ]
    assert keys.take(keys.order()).repeated() is None
    for hash in hashes:
        twice = Keys.concat([keys, Keys.of(pa.array([hash]))])
        assert twice.take(twice.order()).repeated() == hash


def test_hashes_with_equal_upper_halves_are_found_as_fast_as_others():
    keys = Keys.of(pa.array([f"{number:016x}" for number in range(300_000)]))
    begin = time.perf_counter()
    assert keys.find(keys.take(np.array([299_999, 0, 150_000]))).tolist() == [299_999, 0, 150_000]
    assert time.perf_counter() - begin < 1  # seconds; a walk over equal upper halves takes several
