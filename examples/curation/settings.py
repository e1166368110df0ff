"""The configuration of a curation run: a TOML file, checked in full before anything is read."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checks import CHECKS
from errors import CurationError
from steps import ROW_STEPS, SET_STEPS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

KEYS = ("metadata", "images", "output", "seed", "processes", "connections", "steps")


@dataclass(frozen=True)
class Step:
    """One step: its name, the function of that name, and the options that it is called with."""

    name: str
    function: Callable[..., Any]
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Config:
    """What to curate.

    Attributes:
        metadata: Files of YFCC100M's metadata, tab-separated, plain or compressed.
        images: Where the images are: a template of a path or a URL with `{h}` for the hash, or the
            paths of tars.
        output: The folder to make.
        seed: The key of samples and caps.
        processes: Processes that decode images.
        connections: Requests at the same time, where images are fetched by URL.
        steps: The steps in their order.
    """

    metadata: tuple[Path, ...]
    images: str | tuple[Path, ...]
    output: Path
    seed: int
    processes: int
    connections: int
    steps: tuple[Step, ...]


def read_config(path: Path) -> Config:
    """Reads a configuration.

    Args:
        path: A TOML file; README.md has its keys.

    Returns:
        The configuration, with paths made absolute and glob patterns expanded.

    Raises:
        CurationError: the file cannot be read, or a key is missing, unknown or of the wrong type.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise CurationError(f"{path}: expected a TOML file, found: {err}. Fix the file.") from err
    unknown = sorted(set(document) - set(KEYS))
    missing = [key for key in ("metadata", "images", "output", "steps") if key not in document]
    if unknown or missing:
        what = f"unknown keys {unknown}" if unknown else f"no key {missing[0]!r}"
        raise CurationError(f"{path}: expected the keys {', '.join(KEYS)}, found {what}.")
    base = path.parent.absolute()
    images = document["images"]
    is_template = isinstance(images, str) and "{h" in images
    seed = _typed(path, "seed", document.get("seed", 0), int)
    return Config(
        metadata=_files(path, "metadata", document["metadata"], base),
        images=_template(images, base) if is_template else _files(path, "images", images, base),
        output=base / Path(_typed(path, "output", document["output"], str)).expanduser(),
        seed=seed,
        processes=_positive(path, "processes", document.get("processes", 1)),
        connections=_positive(path, "connections", document.get("connections", 16)),
        steps=_steps(path, document["steps"], base, seed),
    )


def _typed(path: Path, key: str, value: Any, kind: type) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise CurationError(f"{path}: {key}: expected {kind.__name__}, found {value!r}.")
    return value


def _positive(path: Path, key: str, value: Any) -> int:
    number: int = _typed(path, key, value, int)
    if number < 1:
        raise CurationError(f"{path}: {key}: expected 1 or more, found {number}.")
    return number


def _template(text: str, base: Path) -> str:
    if text.startswith(("http://", "https://")):
        return text
    return str(base / Path(text).expanduser())


def _files(path: Path, key: str, value: Any, base: Path) -> tuple[Path, ...]:
    patterns = [value] if isinstance(value, str) else value
    if not isinstance(patterns, list) or not all(isinstance(each, str) for each in patterns):
        raise CurationError(f"{path}: {key}: expected paths, found {value!r}.")
    found = []
    for pattern in patterns:
        full = base / Path(pattern).expanduser()
        matches = sorted(full.parent.glob(full.name))
        if not matches:
            raise CurationError(f"{path}: {key}: expected a file {pattern}, found none.")
        found += matches
    return tuple(found)


def _steps(path: Path, value: Any, base: Path, seed: int) -> tuple[Step, ...]:
    known = {**ROW_STEPS, **SET_STEPS, **CHECKS}
    steps = []
    for number, entry in enumerate(_typed(path, "steps", value, list), start=1):
        where = f"{path}: step {number}"
        if not isinstance(entry, dict) or entry.get("name") not in known:
            raise CurationError(
                f"{where}: expected a table with the name of a step, one of {', '.join(known)}, "
                f"found {entry!r}."
            )
        options = {key: option for key, option in entry.items() if key != "name"}
        function = known[entry["name"]]
        steps.append(Step(entry["name"], function, _bind(where, function, options, base, seed)))
    if not steps:
        raise CurationError(f"{path}: steps: expected at least one, found none.")
    return tuple(steps)


def _bind(
    where: str, function: Callable[..., Any], options: dict[str, Any], base: Path, seed: int
) -> dict[str, Any]:
    """The options of a step, checked against its keyword arguments; files become absolute."""
    arguments = {
        name: argument
        for name, argument in inspect.signature(function).parameters.items()
        if argument.kind is inspect.Parameter.KEYWORD_ONLY
    }
    unknown = [name for name in options if name not in arguments]
    missing = [
        name
        for name, argument in arguments.items()
        if argument.default is inspect.Parameter.empty and name not in options
    ]
    if unknown or missing:
        found = f"{unknown[0]!r}" if unknown else f"no {missing[0]!r}"
        raise CurationError(
            f"{where}: expected the options {', '.join(arguments) or '(none)'}, found {found}."
        )
    if "seed" in arguments:
        options.setdefault("seed", seed)
    for name in ("file", "call"):  # a path, before a colon in `call`
        if name in options and (name == "file" or ".py:" in options[name]):
            path, colon, attribute = str(options[name]).partition(".py:")
            full = base / Path(path + colon.rstrip(":")).expanduser()
            if not full.is_file():
                raise CurationError(f"{where}: expected a file {full}, found none.")
            options[name] = f"{full}{colon and ':'}{attribute}"
    return options
