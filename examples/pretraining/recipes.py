"""Recipes of pretraining: read from recipes.toml, changed by rule, each change in words."""

from __future__ import annotations

import copy
import sys
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import pass_utils

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["FILE", "PretrainingError", "Recipe", "View", "names", "parse_toml", "read_recipe"]

FILE = Path(__file__).with_name("recipes.toml")
SMOKE = {"epochs": 2, "batch_size": 8, "resolution": 64}


class PretrainingError(pass_utils.PassError):
    """A recipe, a run or a checkpoint that cannot be used."""


@dataclass(frozen=True)
class View:
    """How a view of an image is drawn; the last six are probabilities, but for `jitter`, which has
    the strengths of brightness, contrast, saturation and hue. `size` is in pixels.
    """

    count: int
    size: int
    scale: list[float]
    interpolation: str
    flip: float
    jitter: list[float]
    jitter_p: float
    grey: float
    blur: float
    solarize: float


@dataclass(frozen=True)
class Optimizer:
    """An optimizer and the schedules of its learning rate and weight decay."""

    name: str
    lr: float
    start_lr: float
    final_lr: float
    warmup_epochs: float
    schedule: str
    scales_with_batch: list[str]
    momentum: float
    weight_decay: float
    final_weight_decay: float
    decay_all: bool
    clip: float


@dataclass(frozen=True)
class Teacher:
    """The schedules of the teacher: momentum of its moving average, temperature of its outputs."""

    momentum: float
    final_momentum: float
    temperature: float | None = None
    start_temperature: float | None = None
    warmup_epochs: float = 0


@dataclass(frozen=True)
class Recipe:
    """All values of a run; `deviations` are what differs from the official ones, in words."""

    name: str
    method: str
    network: str
    network_options: dict[str, Any]
    epochs: int
    batch_size: int
    mean: list[float]
    std: list[float]
    optimizer: Optimizer
    teacher: Teacher | None
    settings: dict[str, Any]
    views: list[View]
    augmentation: str = "official"
    deviations: list[str] = field(default_factory=list, compare=False)

    def each_view(self) -> list[View]:
        """Returns the views of an image, one by one, the two large ones first."""
        return [view for view in self.views for _ in range(view.count)]

    def to_json(self) -> dict[str, Any]:
        """Returns the values as dicts, lists, strings and numbers, without the deviations."""
        document = asdict(self)
        del document["deviations"]
        return document


def parse_toml(text: str) -> dict[str, Any]:
    """Parses TOML, on every Python.

    Raises:
        ValueError: it is none.
    """
    document: dict[str, Any] = tomllib.loads(text)
    return document


def names() -> list[str]:
    """Returns the names of the recipes."""
    return list(parse_toml(FILE.read_text()))


def read_recipe(
    name: str,
    images: int,
    *,
    changes: dict[str, Any] | None = None,
    resolution: int | None = None,
    smoke: bool = False,
) -> Recipe:
    """Reads a recipe, and changes it.

    Another number of epochs shortens what lasts some epochs in proportion; another batch scales the
    learning rates that `scales_with_batch` names; queues have no more than the images.

    Args:
        name: One of recipes.toml.
        images: How many there are to train on.
        changes: Values by their key in the file, such as `{"settings.queue": 4096}`; these are not
            changed by rule.
        resolution: The side of the large views in pixels; small ones shrink in proportion, to a
            multiple of 16.
        smoke: Whether to take the tiny network and what else the recipe has for `--smoke`.

    Returns:
        The recipe, with what was changed in `deviations`.

    Raises:
        PretrainingError: there is no such recipe, or no such key.
    """
    document, smaller = _official(name)
    draft = Draft(document)
    given = {**(smaller | SMOKE if smoke else {}), **(changes or {})}
    resolution = resolution or given.pop("resolution", None)
    given.pop("resolution", None)
    why = "--smoke" if smoke else "as given"
    for key, value in given.items():
        draft.set(key, value, why)
    _follow(draft, given, images)
    if resolution is not None:
        largest = max(view["size"] for view in document["views"])
        for index, view in enumerate(document["views"]):
            size = max(16, round(view["size"] * resolution / largest / 16) * 16)
            draft.set(f"views.{index}.size", size, f"large views of {resolution} pixels")
    return _recipe(name, document, draft.deviations)


def _follow(draft: Draft, given: dict[str, Any], images: int) -> None:
    """What follows from the number of epochs, the batch and the images, unless it is given."""
    document, official = draft.document, draft.official
    if document["epochs"] < official["epochs"]:
        factor = document["epochs"] / official["epochs"]
        for key in ("optimizer.warmup_epochs", "teacher.warmup_epochs", "settings.frozen_epochs"):
            if draft.get(key) and key not in given:
                draft.set(key, draft.get(key) * factor, "in proportion to the epochs")
        key = "settings.queue_start_epoch"
        if draft.get(key) and key not in given:
            draft.set(key, int(draft.get(key) * factor), "in proportion to the epochs")
    batch = document["batch_size"]
    for name in document["optimizer"]["scales_with_batch"]:
        if f"optimizer.{name}" not in given and batch != official["batch_size"]:
            scaled = document["optimizer"][name] * batch / official["batch_size"]
            draft.set(f"optimizer.{name}", scaled, "in proportion to the batch")
    queue = draft.get("settings.queue")
    if queue and "settings.queue" not in given:
        draft.set(
            "settings.queue", min(queue, images) // batch * batch, "complete batches, of the images"
        )


class Draft:
    """A recipe as it stands in the file, and what is changed in it."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document, self.official = document, copy.deepcopy(document)
        self.deviations: list[str] = []

    def get(self, key: str) -> Any:
        """Returns the value of a dotted key; None where there is none."""
        value: Any = self.document
        for part in filter(None, key.split(".")):
            if isinstance(value, list):
                value = dict(enumerate(value)).get(int(part) if part.isdigit() else -1)
            else:
                value = value.get(part) if isinstance(value, dict) else None
        return value

    def set(self, key: str, value: Any, why: str) -> None:
        """Sets the value of a dotted key that there is, and notes it as a deviation."""
        path, _, last = key.rpartition(".")
        table = self.get(path)
        old = self.get(key)
        new = path == "network_options"  # of which timm knows more
        if not isinstance(table, dict) or (last not in table and not new):
            raise PretrainingError(
                f"{key}: expected a key of the recipe in {FILE.name}, such as epochs or "
                "settings.temperature, found none of that name."
            )
        if old != value:
            table[last] = value
            before = "nothing" if old is None else old
            self.deviations.append(f"{key}: {before} -> {value} ({why})")


def _official(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The official values of a recipe, and those of its --smoke."""
    recipes = parse_toml(FILE.read_text())
    if name not in recipes:
        raise PretrainingError(f"expected a recipe ({', '.join(recipes)}), found {name!r}.")
    document = recipes[name]
    if "based_on" in document:
        changes, document = document, recipes[document.pop("based_on")]
        draft = Draft(document)
        for key, value in changes.items():
            draft.set(key, value, "official")
    document.setdefault("augmentation", "official")
    return document, document.pop("smoke")


def _recipe(name: str, document: dict[str, Any], deviations: list[str]) -> Recipe:
    known = {each.name for each in fields(Recipe)} - {"optimizer", "teacher", "views"}
    return Recipe(
        name=name,
        optimizer=Optimizer(**document["optimizer"]),
        teacher=Teacher(**document["teacher"]) if "teacher" in document else None,
        views=[View(**view) for view in document["views"]],
        deviations=deviations,
        **{key: value for key, value in document.items() if key in known},
    )
