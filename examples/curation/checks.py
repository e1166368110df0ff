"""The steps that decide by the image itself: decodable, single colour, detectors.

A check is made by a factory from the options of its step, once in each process, and gives for an
image the reason to leave it out, or None to keep it. Add a factory to `CHECKS` to add a step.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import PIL.Image
from errors import CurationError

from pass_utils.errors import ImageError
from pass_utils.images.decoding import decode_image

_JPEG = b"\xff\xd8\xff"
_THUMBNAIL = 64  # pixels on each side


class Candidate:
    """An image that checks look at, decoded once for all of them.

    Args:
        data: The bytes of its file.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data

    @cached_property
    def image(self) -> PIL.Image.Image:
        """The image, upright, in RGB.

        Raises:
            ImageError: it cannot be decoded.
        """
        return decode_image(self.data).convert("RGB")


Check: TypeAlias = Callable[[Candidate], "str | None"]


class Detection(Protocol):
    """What a detector found: a box has a score, from 0 to 1."""

    score: float


Detector: TypeAlias = Callable[[bytes], Iterable[Detection]]


def decodable(*, min_side: int = 1) -> Check:
    """Leaves out what is no JPEG, is broken, or has a side shorter than `min_side` pixels."""

    def check(candidate: Candidate) -> str | None:
        if not candidate.data.startswith(_JPEG):
            return "no JPEG"
        try:
            side = min(candidate.image.size)
        except ImageError:
            return "cannot be decoded"
        return f"shorter side below {min_side} pixels" if side < min_side else None

    return check


def single_colour(*, max_deviation: float = 2.0) -> Check:
    """Leaves out images of one colour.

    The measure: the image is averaged down to 64 x 64 pixels, and the standard deviation of each of
    the three channels is taken over these. The largest of the three, in steps of 0 to 255, is at
    most `max_deviation` in an image of one colour.
    """

    def check(candidate: Candidate) -> str | None:
        small = candidate.image.resize((_THUMBNAIL, _THUMBNAIL), PIL.Image.Resampling.BOX)
        deviation = float(np.asarray(small, np.float32).std(axis=(0, 1)).max())
        return "single colour" if deviation <= max_deviation else None

    return check


def detector(*, call: str, min_score: float = 0.5, what: str = "detection") -> Check:
    """Leaves out images in which a detector finds something.

    Args:
        call: The detector, as `file.py:name` or `module:name`. It is called with the bytes of an
            image and gives an iterable of what it found, each with a `score`. A class is made an
            instance of first.
        min_score: The lowest score that counts.
        what: What it detects, for the table of reasons.
    """
    found = _load(call)
    instance: Detector = found() if isinstance(found, type) else found

    def check(candidate: Candidate) -> str | None:
        scores = [each.score for each in instance(candidate.data)]
        return what if max(scores, default=-1.0) >= min_score else None

    return check


CHECKS: Mapping[str, Callable[..., Check]] = {
    each.__name__: each for each in (decodable, single_colour, detector)
}


def _load(call: str) -> Any:
    module, _, attribute = call.rpartition(":")
    try:
        if module.endswith(".py"):
            path = Path(module).resolve()
            sys.path.insert(0, str(path.parent))  # for what it imports from its own folder
            try:
                loaded: Any = importlib.import_module(path.stem)
            finally:
                sys.path.remove(str(path.parent))
        else:
            loaded = importlib.import_module(module)
        return getattr(loaded, attribute)
    except (ImportError, AttributeError) as err:
        raise CurationError(f"detector: expected {call}, found: {err}. Check the path.") from err
