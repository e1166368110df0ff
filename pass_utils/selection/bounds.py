"""Bounds on the size of pictures in, which sizes keep to them out."""

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
    """Bounds on the size of a picture, inclusive; None for no bound.

    Width, height and sides in pixels: `min_side` holds for the shorter side, `max_side` for the
    longer one. Pixels are width times height. Aspect is width by height.

    Raises:
        ResolutionError: no bound, one that is no positive number, or bounds that no picture can
        keep.
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
        if not self._possible():
            shown = ", ".join(f"{name}={bound}" for name, bound in given.items())
            raise ResolutionError(
                f"expected bounds that a picture can keep, found {shown}, which contradict each "
                "other."
            )

    def _possible(self) -> bool:
        """Whether some width and height keep to all bounds, each looked at with the widest that the
        others leave.
        """
        nearly = 1 + 1e-9  # what floats may lose
        low_width, low_height = (
            max(side or 1, self.min_side or 1) for side in (self.min_width, self.min_height)
        )
        high_width, high_height = (
            min(side or math.inf, self.max_side or math.inf)
            for side in (self.max_width, self.max_height)
        )
        return (
            low_width <= high_width
            and low_height <= high_height
            and (self.min_pixels or 1) <= (self.max_pixels or math.inf)
            and (self.min_aspect or 0) <= (self.max_aspect or math.inf)
            and self._least_pixels(low_width, low_height) <= (self.max_pixels or math.inf) * nearly
            and self._most_pixels(high_width, high_height) * nearly >= (self.min_pixels or 1)
            and low_width / high_height <= (self.max_aspect or math.inf)
            and high_width / low_height >= (self.min_aspect or 0)
        )

    def _least_pixels(self, width: float, height: float) -> float:
        """Pixels of the smallest picture that is at least so wide and so high, and has an aspect
        within the bounds.
        """
        return max(width, height * (self.min_aspect or 0)) * max(
            height, width / (self.max_aspect or math.inf)
        )

    def _most_pixels(self, width: float, height: float) -> float:
        """Pixels of the largest picture that is at most so wide and so high, and has an aspect
        within the bounds.
        """
        tallest = width / self.min_aspect if self.min_aspect else math.inf
        return min(width, height * (self.max_aspect or math.inf)) * min(height, tallest)

    def fit(self, sizes: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
        """Which of these sizes, shape (rows, 2), keep to the bounds; zeros, where there is no
        image, do not.
        """
        width, height = sizes[:, 0].astype(np.int64), sizes[:, 1].astype(np.int64)
        fits = width > 0
        for name, least, greatest in _MEASURES:
            low, high = getattr(self, f"min_{name}"), getattr(self, f"max_{name}")
            if low is not None:
                fits &= least(width, height) >= low
            if high is not None:
                fits &= greatest(width, height) <= high
        return fits
