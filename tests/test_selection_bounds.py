"""Bounds on resolutions: which resolutions keep to them, and which bounds are refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pass_utils import ResolutionError
from pass_utils.selection.bounds import Bounds


def keeps(size: tuple[int, int], bounds: dict[str, float]) -> bool:
    """The definition, one bound after the other."""
    width, height = size
    values = {"width": width, "height": height, "pixels": width * height, "aspect": width / height}
    for name, bound in bounds.items():
        end, what = name.split("_")
        value = values.get(what, min(size) if end == "min" else max(size))
        if value < bound if end == "min" else value > bound:
            return False
    return True


@pytest.mark.parametrize(
    ("bounds", "match"),
    [
        ({}, "expected at least one bound, such as `min_side=375`, found none"),
        ({"min_side": 0}, "min_side: expected a whole number above 0, found 0"),
        ({"max_width": -3}, "max_width: expected a whole number above 0, found -3"),
        ({"min_width": 3.5}, "min_width: expected a whole number above 0, found 3.5"),
        ({"min_width": True}, "min_width: expected a whole number above 0, found True"),
        ({"min_height": "9"}, "min_height: expected a whole number above 0, found '9'"),
        ({"min_aspect": math.nan}, "min_aspect: expected a number above 0, found nan"),
        ({"max_aspect": math.inf}, "max_aspect: expected a number above 0, found inf"),
        (
            {"min_width": 2, "max_width": 1},
            "found min_width=2, max_width=1, which contradict each other",
        ),
        ({"min_pixels": 2, "max_pixels": 1}, "contradict"),
        ({"min_aspect": 2.0, "max_aspect": 1.0}, "contradict"),
        ({"min_side": 400, "max_side": 399}, "contradict"),
    ],
)
def test_bounds_that_make_no_sense_are_refused(bounds, match):
    with pytest.raises(ResolutionError, match=match):
        Bounds(**bounds)


SIDE = st.integers(1, 30)
PAIRS = {
    "width": SIDE,
    "height": SIDE,
    "side": SIDE,
    "pixels": st.integers(1, 900),
    "aspect": st.floats(0.05, 20),
}


@given(
    st.fixed_dictionaries(
        {}, optional={f"{end}_{name}": s for name, s in PAIRS.items() for end in ("min", "max")}
    )
)
def test_bounds_are_refused_only_when_no_image_keeps_them(bounds):
    sizes = [(width, height) for width in range(1, 31) for height in range(1, 31)]
    want = [keeps(size, bounds) for size in sizes]
    if not bounds:
        return
    try:
        made = Bounds(**bounds)
    except ResolutionError:
        assert not any(want)
    else:
        assert made.fit(np.array(sizes, np.int32)).tolist() == want
