"""Random draws of augmentation: what is done to a view of an image, decided before it is done.

A draw depends on the seed, the epoch, the image's hash and the number of the view, and on nothing
else: neither on workers, processes and batches, nor on what was drawn before.
"""

from __future__ import annotations

import hashlib
import math
import random
from typing import NamedTuple

from recipes import View

RATIO = (3 / 4, 4 / 3)  # width by height of a crop, as torchvision's RandomResizedCrop has it
SIGMA = (0.1, 2.0)  # of the blur, in pixels, in all three official recipes
TRIES = 10  # to fit a crop into the image


class Draw(NamedTuple):
    """What is done to a view: crop, jitter, grey, blur, solarize, flip, in this order.

    Attributes:
        box: Of the crop: left, top, right, bottom in pixels.
        order: Of the four changes of colour, by their index in `factors`; empty for none.
        factors: Of brightness, contrast and saturation, and the shift of hue in turns.
        grey: Whether colours are dropped.
        blur: Sigma in pixels; 0 for none.
        solarize: Whether values of 128 and more are inverted.
        flip: Whether left and right are swapped.
    """

    box: tuple[int, int, int, int]
    order: tuple[int, ...]
    factors: tuple[float, float, float, float]
    grey: bool
    blur: float
    solarize: bool
    flip: bool


def draw(
    view: View, width: int, height: int, *, seed: int, epoch: int, hash: str, index: int
) -> Draw:
    """Draws what is done to a view.

    Args:
        view: What may be done.
        width: Of the image, in pixels.
        height: Of the image, in pixels.
        seed: Of the run.
        epoch: Epochs before this one.
        hash: Of the image.
        index: Of the view among those of the image.
    """
    key = hashlib.sha256(f"{seed}:{epoch}:{hash}:{index}".encode()).digest()
    rng = random.Random(int.from_bytes(key[:8], "big"))
    box = _box(view, width, height, rng)
    flip = rng.random() < view.flip
    order: tuple[int, ...] = ()
    factors = (1.0, 1.0, 1.0, 0.0)
    if rng.random() < view.jitter_p:
        order = tuple(rng.sample(range(4), 4))
        *strengths, hue = view.jitter
        brightness, contrast, saturation = (
            rng.uniform(max(0.0, 1 - strength), 1 + strength) for strength in strengths
        )
        factors = (brightness, contrast, saturation, rng.uniform(-hue, hue))
    grey = rng.random() < view.grey
    blur = rng.uniform(*SIGMA) if rng.random() < view.blur else 0.0
    return Draw(box, order, factors, grey, blur, rng.random() < view.solarize, flip)


def _box(view: View, width: int, height: int, rng: random.Random) -> tuple[int, int, int, int]:
    """A crop of a random part of the area with a random ratio, where it fits; else the largest
    central one whose ratio is allowed.
    """
    for _ in range(TRIES):
        area = width * height * rng.uniform(*view.scale)
        ratio = math.exp(rng.uniform(math.log(RATIO[0]), math.log(RATIO[1])))
        across, down = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < across <= width and 0 < down <= height:
            left, top = rng.randint(0, width - across), rng.randint(0, height - down)
            return left, top, left + across, top + down
    across = min(width, round(height * RATIO[1]))
    down = min(height, round(width / RATIO[0]))
    left, top = (width - across) // 2, (height - down) // 2
    return left, top, left + across, top + down
