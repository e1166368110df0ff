"""Refuses to replace what a list is made from: shards, images, metadata, files of a cache."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.compute as pc

from .._datasets import stored_table
from ..errors import AttributionError, ShardError
from ..releases import RELEASES
from ..shards.places import PROTOCOL, Place

_RELEASE_FILES = {file.name for release in RELEASES.values() for file in release.files}


def check_output(path: Path, reads: Callable[[Path], bool], others: Iterable[Path]) -> None:
    """Checks that a list does not replace what it is made from.

    Args:
        path: The file that the list is written to.
        reads: Whether the images are read from a file; see `Images.reads`.
        others: Other files that are read.

    Raises:
        AttributionError: it would replace one of the files, a shard of the dataset, a file of its
            cache, or a file with a name that a release has.
    """
    is_input = reads(path) or any(is_same(path, other) for other in others)
    if is_input or path.name in _RELEASE_FILES:
        found = "a file that the credits are made from" if is_input else f"the name of {path.name}"
        raise AttributionError(
            f"{path}: expected the name of a new list, found {found}. Choose another name for the "
            "list."
        )


def is_same(path: Path, other: Path) -> bool:
    """Whether two paths lead to the same file, which is there."""
    with contextlib.suppress(OSError):
        return path.samefile(other)
    return False


def is_read(dataset: Any, path: Path) -> bool:
    """Whether a dataset on disk has its rows or images in a file.

    The shards of a stream are not known; they have the names of a release's files.
    """
    if not isinstance(dataset, datasets.Dataset) or not path.exists():
        return False
    if any(is_same(path, Path(file["filename"])) for file in dataset.cache_files):
        return True
    for name, feature in dataset.features.items():
        if isinstance(feature, datasets.Image):
            paths = pc.struct_field(stored_table(dataset).column(name), "path")
            if any(is_same(path, file) for file in _files(paths, path.name)):
                return True
    return False


def _files(paths: pa.ChunkedArray, name: str) -> Iterator[Path]:
    """The shards that images are in, and the files with this name that they are."""
    in_shards = pc.fill_null(pc.starts_with(paths, f"{PROTOCOL}://"), False)
    # without what differs from image to image
    shards = pc.replace_substring_regex(
        paths.filter(in_shards), "^([^-]*)-[0-9]+-([0-9a-f]+/.*/)[^/]+$", rf"{PROTOCOL}://0-0-\2x"
    )
    for url in pc.unique(shards).to_pylist():
        with contextlib.suppress(ShardError):
            yield Path(Place.from_url(url).shard)
    others = paths.filter(pc.invert(in_shards))
    named = pc.unique(others.filter(pc.fill_null(pc.ends_with(others, name), False)))
    yield from map(Path, named.to_pylist())
