"""The methods of self-supervised pretraining: MoCo-v2, SwAV and DINO."""

from __future__ import annotations

from recipes import PretrainingError, Recipe

from .base import Method
from .dino import DINO
from .moco import MoCo
from .swav import SwAV

METHODS = {"moco": MoCo, "swav": SwAV, "dino": DINO}


def make_method(recipe: Recipe) -> Method:
    """Makes the method of a recipe, with random weights.

    Raises:
        PretrainingError: there is no such method or network.
    """
    if recipe.method not in METHODS:
        raise PretrainingError(
            f"method: expected one of {', '.join(METHODS)}, found {recipe.method!r}."
        )
    return METHODS[recipe.method](recipe)


__all__ = ["METHODS", "Method", "make_method"]
