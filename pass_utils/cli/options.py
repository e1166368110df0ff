"""Options that commands share in, the part of PASS that they speak of out: each has one meaning everywhere."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    import datasets

DEFAULT_RELEASE = "v2"  # the one that the dataset's card describes
Command = TypeVar("Command", bound=Callable[..., Any])

# The bounds of `filter_resolution`: the option's type, and what its least and its greatest value are of.
_BOUNDED = {
    "side": (click.IntRange(min=1), "Shorter side in pixels", "Longer side in pixels"),
    "width": (click.IntRange(min=1), "Width in pixels", "Width in pixels"),
    "height": (click.IntRange(min=1), "Height in pixels", "Height in pixels"),
    "pixels": (click.IntRange(min=1), "Width times height", "Width times height"),
    "aspect": (click.FloatRange(min=0, min_open=True), "Width by height", "Width by height"),
}
_GREATEST_SHARD = 999
BOUNDS = tuple(f"{end}_{what}" for what in _BOUNDED for end in ("min", "max"))


class ShardNumbers(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic since click 8.4
    """Shard numbers as people write them: `0,3-5`."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        """`"0,3-5"` as `[0, 3, 4, 5]`."""
        if isinstance(value, list):
            return value
        numbers: list[int] = []
        for part in str(value).split(","):
            first, dash, last = part.partition("-")
            if not first.strip().isdecimal() or (dash and not last.strip().isdecimal()):
                self.fail(f"expected shard numbers such as 0,3-5, found {value!r}.", param, ctx)
            begin, end = int(first), int(last if dash else first)
            if not begin <= end <= _GREATEST_SHARD:
                self.fail(f"expected shard numbers from small to large, such as 0,3-5, found {value!r}.", param, ctx)
            numbers += range(begin, end + 1)
        return numbers


def selection(command: Command) -> Command:
    """The options that choose a release and shards of it."""
    for option in (
        click.option("--shards", type=ShardNumbers(), help="Shard numbers, such as 0,3-5.  [default: all]"),
        click.option("--release", help="v2 or v3.  [default: the one that the folder holds, if known, else v2]"),
    ):
        command = option(command)
    return command


def filters(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that choose pictures by their size; the command gets those that were given as its argument `bounds`."""

    @functools.wraps(command)
    def filtered(**options: Any) -> Any:
        given = {name: options.pop(name) for name in BOUNDS}
        return command(bounds={name: bound for name, bound in given.items() if bound is not None}, **options)

    decorated: Callable[..., Any] = filtered
    for what, (kind, least, greatest) in reversed(_BOUNDED.items()):
        for end, text in (("max", f"{greatest}, at most."), ("min", f"{least}, at least.")):
            decorated = click.option(f"--{end}-{what}", type=kind, metavar="N", help=text)(decorated)
    return decorated


def describe_selection(shards: Iterable[int] | None, bounds: Mapping[str, Any]) -> str | None:
    """What the options chose, for people; None for all there is.

    >>> describe_selection([0, 3], {"min_side": 375, "max_aspect": 2.0})
    'from shards 0 and 3; shorter side at least 375 pixels; width by height at most 2.0'
    """
    chosen = []
    if shards is not None:
        *others, last = map(str, shards)
        chosen.append(f"from shards {', '.join(others)} and {last}" if others else f"from shard {last}")
    for what, (_, least, greatest) in _BOUNDED.items():
        for end, text, name in (("min", "at least", least), ("max", "at most", greatest)):
            bound = bounds.get(f"{end}_{what}")
            if bound is not None:
                unit = " pixels" if name.endswith(" in pixels") else ""
                chosen.append(f"{name.removesuffix(' in pixels').lower()} {text} {bound:,}{unit}")
    return "; ".join(chosen) or None


def choose_release(folder: Path, release: str | None) -> str:
    """The release that was asked for; else the one whose files the folder holds, as far as it is known, else v2.

    Raises:
        DownloadError: the folder holds another one.
        ReleaseError: there is no such release.
    """
    from ..folders import check_release, held_release
    from ..releases import find_release

    if release is None:
        held = held_release(folder.expanduser())
        return DEFAULT_RELEASE if held is None else held.name
    check_release(folder.expanduser(), find_release(release))
    return release


def load(
    folder: Path, release: str | None, shards: list[int] | None, bounds: Mapping[str, Any] | None = None, **options: Any
) -> datasets.Dataset:
    """The rows that the shared options speak of, opened in place."""
    import datasets

    datasets.disable_progress_bars()
    release = choose_release(folder, release)
    ds = datasets.load_dataset("pass", release, data_dir=str(folder), shards=shards, split="train", **options)
    if sys.stderr.isatty():  # for what may take long from here on
        datasets.enable_progress_bars()
    if bounds:
        from ..resolution import filter_resolution

        ds = filter_resolution(ds, **bounds)
    return ds
