"""The rows that the shared options select, opened in place, and the record of that selection."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ._options import BOUNDS, CHOICES, SAVING

if TYPE_CHECKING:
    import datasets

    from ..hashes import Keys
    from ..selection.record import Selection


def selection_of(
    release: str | None,
    shards: Iterable[int] | None,
    filters: Mapping[str, Any],
    test_size: float | None = None,
) -> Selection:
    """Returns the record of what the options select; lists are read.

    >>> selection_of(None, [0, 3], {"min_side": 375, "max_aspect": 2.0}).words()
    'from shards 0 and 3; shorter side at least 375 pixels; width by height at most 2.0'
    """
    from ..selection.bounds import Bounds
    from ..selection.record import Selection

    bounds = {name: value for name, value in filters.items() if name in BOUNDS}
    return Selection(
        release=release,
        shards=None if shards is None else tuple(shards),
        bounds=Bounds(**bounds) if bounds else None,
        test_size=test_size,
        **{name: filters[name] for name in CHOICES if name in filters and name != "release_list"},
    )


def save_selection(
    selection: Selection, chosen: datasets.Dataset | Callable[[], Keys] | Keys | None
) -> None:
    """Writes the record of a selection where `--save-selection` says.

    Args:
        selection: What the options select.
        chosen: The images, or what gives their keys; None where they are not known.
    """
    import datasets

    from ..hashes import Keys
    from ..releases import release_of
    from ..selection.membership import dataset_keys
    from ..selection.saved import write_selection

    path, hashes = click.get_current_context().meta[SAVING]
    if path is None:
        return
    if not isinstance(chosen, (datasets.Dataset, Keys)) and chosen is not None:
        chosen = chosen()
    if isinstance(chosen, datasets.Dataset):
        release = release_of(chosen)
        selection = selection.replace(release=selection.release or (release and release.name))
        chosen = dataset_keys(chosen)
    write_selection(path, selection, chosen, hashes=hashes)


def split(ds: datasets.Dataset, test_size: float | None, filters: Mapping[str, Any]) -> Any:
    """The rows as they are, or in two splits if so asked."""
    if test_size is None:
        return ds
    from ..selection.creators import split_by_creator

    return split_by_creator(ds, test_size, seed=filters.get("seed", 0))


def load(
    folder: Path,
    release: str | None,
    shards: list[int] | None,
    filters: Mapping[str, Any] | None = None,
    *,
    quiet: bool = False,
    **options: Any,
) -> datasets.Dataset:
    """The rows that the shared options select, opened in place; progress is shown on terminals
    only.
    """
    import datasets

    if quiet or not sys.stderr.isatty():
        datasets.disable_progress_bars()
    else:
        datasets.enable_progress_bars()
    given = filters or {}
    choices = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in given.items()
        if name in CHOICES
    }
    ds = datasets.load_dataset(
        "pass",
        release,
        data_dir=str(folder),
        shards=shards,
        split="train",
        **choices,
        **options,
    )
    bounds = {name: value for name, value in given.items() if name in BOUNDS}
    if bounds:
        from ..selection.resolution import filter_resolution

        ds = filter_resolution(ds, **bounds)
    return ds
