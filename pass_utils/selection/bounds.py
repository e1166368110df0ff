"""Bounds on the resolution of images, and which resolutions keep to them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from numbers import Integral, Real
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import ResolutionError

Side: TypeAlias = "npt.NDArray[np.int64]"
Measure: TypeAlias = "Callable[[Side, Side], npt.NDArray[Any]]"


def _aspect(width: Side, height: Side) -> npt.NDArray[np.float64]:
    return width / np.maximum(height, 1)


# What is bounded, and what its least and its greatest value are of.
_MEASURES: tuple[tuple[str, Measure, Measure], ...] = (
    ("width", lambda width, _: width, lambda width, _: width),
    ("height", lambda _, height: height, lambda _, height: height),
    ("side", np.minimum, np.maximum),
    ("pixels", np.multiply, np.multiply),
    ("aspect", _aspect, _aspect),
)


@dataclass(frozen=True)
class Bounds:
    """Bounds on the resolution of an image, inclusive; None for no bound.

    Width, height and sides in pixels: `min_side` holds for the shorter side, `max_side` for the
    longer one. Pixels are width times height. Aspect is width by height.

    Raises:
        ResolutionError: no bound, one that is no positive number, or a least value above the
            greatest one.
    """

    min_width: int | None = None
    max_width: int | None = None
    min_height: int | None = None
    max_height: int | None = None
    min_side: int | None = None
    max_side: int | None = None
    min_pixels: int | None = None
    max_pixels: int | None = None
    min_aspect: float | None = None
    max_aspect: float | None = None

    def __post_init__(self) -> None:
        given = {name: bound for name, bound in asdict(self).items() if bound is not None}
        if not given:
            raise ResolutionError(
                "expected at least one bound, such as `min_side=375`, found none."
            )
        for name, bound in given.items():
            kind, what = (
                (Real, "a number") if name.endswith("aspect") else (Integral, "a whole number")
            )
            if (
                isinstance(bound, bool)
                or not isinstance(bound, kind)
                or not 0 < float(bound) < math.inf
            ):
                raise ResolutionError(f"{name}: expected {what} above 0, found {bound!r}.")
        for name in (measure for measure, _, _ in _MEASURES):
            low, high = given.get(f"min_{name}"), given.get(f"max_{name}")
            if low is not None and high is not None and low > high:
                raise ResolutionError(
                    f"expected bounds that an image can keep, found min_{name}={low}, "
                    f"max_{name}={high}, which contradict each other."
                )

    def fit(self, resolutions: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
        """Which resolutions keep to the bounds.

        Args:
            resolutions: Shape (rows, 2): width and height in pixels; zeros where a row has no
                image, which keeps to none.
        """
        width, height = resolutions[:, 0].astype(np.int64), resolutions[:, 1].astype(np.int64)
        fits = width > 0
        for name, least, greatest in _MEASURES:
            low, high = getattr(self, f"min_{name}"), getattr(self, f"max_{name}")
            if low is not None:
                fits &= least(width, height) >= low
            if high is not None:
                fits &= greatest(width, height) <= high
        return fits
