"""What the shared options say in, the rows that they speak of out, and the same in words."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._options import BOUNDED

if TYPE_CHECKING:
    import datasets


def describe_selection(shards: Iterable[int] | None, bounds: Mapping[str, Any]) -> str | None:
    """What the options chose, for people; None for all there is.

    >>> describe_selection([0, 3], {"min_side": 375, "max_aspect": 2.0})
    'from shards 0 and 3; shorter side at least 375 pixels; width by height at most 2.0'
    """
    chosen = []
    if shards is not None:
        *others, last = map(str, shards)
        chosen.append(
            f"from shards {', '.join(others)} and {last}" if others else f"from shard {last}"
        )
    for what, (_, least, greatest) in BOUNDED.items():
        for end, text, name in (("min", "at least", least), ("max", "at most", greatest)):
            bound = bounds.get(f"{end}_{what}")
            if bound is not None:
                unit = " pixels" if name.endswith(" in pixels") else ""
                chosen.append(f"{name.removesuffix(' in pixels').lower()} {text} {bound:,}{unit}")
    return "; ".join(chosen) or None


def load(
    folder: Path,
    release: str | None,
    shards: list[int] | None,
    bounds: Mapping[str, Any] | None = None,
    *,
    quiet: bool = False,
    **options: Any,
) -> datasets.Dataset:
    """The rows that the shared options speak of, opened in place; progress is shown on terminals
    only.
    """
    import datasets

    if quiet or not sys.stderr.isatty():
        datasets.disable_progress_bars()
    else:
        datasets.enable_progress_bars()
    ds = datasets.load_dataset(
        "pass", release, data_dir=str(folder), shards=shards, split="train", **options
    )
    if bounds:
        from ..selection.resolution import filter_resolution

        ds = filter_resolution(ds, **bounds)
    return ds
