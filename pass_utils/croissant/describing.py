"""Describes a release, a subset or a selection in Croissant 1.1: JSON-LD that says where the files
are and how rows are made of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import datasets

from .._datasets import Splits, open_splits
from ..attribution.inputs import check_changes
from ..errors import ReleaseError
from ..net.urls import without_secrets
from ..releases import METADATA_FILE, Release, choose_shards, file_url, find_release
from ..selection.manifest import Manifest, read_subset
from ..selection.record import Selection
from ..selection.selected import Parts, hash_list, selection_steps, shard_folder, shard_names
from ..statement.distribution import distribution_words
from ..statistics import StatisticsBuilder
from .document import Selected, document
from .shards import file_object, file_set, record_set


def croissant_jsonld(
    source: Any,
    *,
    shards: Iterable[int] | None = None,
    base_url: str | None = None,
    selection: Selection | str | None = None,
    changes: str | None = None,
) -> dict[str, Any]:
    """The Croissant description of a release, of some shards, of a subset or a selection;
    `json.dumps` makes it a file.

    It has the fields of the extension for responsible AI (RAI): collection, preprocessing, biases,
    limits, personal data, use and social impact.

    Args:
        source: A release, by name or as a record; or a dataset that `load_dataset("pass")` opened,
            or a dict of such splits. A dataset is described by the files that its rows come from:
            the tar and the CSV of its subset; or its release, and in place only the shards in
            which its images are. Croissant cannot name single rows, so the description of a
            selection has their number, the digest of their hashes, and how they were chosen.
        shards: The numbers of those to describe; by default all of a release, those of a dataset.
        base_url: Where the files are; by default the environment's `PASS_BASE_URL`, else Zenodo.
            The files of a subset are named without a URL: they are beside the description.
        selection: How the rows of a dataset were chosen: a record, or words.
        changes: What was done to the images, such as "resized to 256 pixels".

    Returns:
        The description, as JSON-LD.

    Raises:
        ReleaseError: there is no such release or shard, or the dataset is not one that
            `load_dataset("pass")` opened; or shards or a URL of a subset.
        DatasetError: the source is something else.
        SelectionError: the manifest of a subset is damaged.

    >>> [file["name"] for file in croissant_jsonld("v3", shards=[0])["distribution"]]
    ['pass_metadata.csv', 'PASS.0.tar', 'image-files']
    """
    changes = check_changes(changes)
    if isinstance(source, (str, Release)):
        release = find_release(source)
        steps = selection_steps(None, selection)
        return _of_release(release, shards, base_url, Selected(words=steps.words, changes=changes))
    splits = open_splits(source, resolve=False)
    if splits.release is None:
        raise ReleaseError(
            "croissant_jsonld: expected a release, or a dataset that "
            '`load_dataset("pass")` opened, found a dataset of another origin. Name the '
            'release: `croissant_jsonld("v3")`.'
        )
    parts = _datasets(splits)
    if parts is None:
        steps = selection_steps(None, selection)
        selected = Selected(words=steps.words, changes=changes)
        return _of_release(splits.release, shards, base_url, selected)
    folder = shard_folder(parts)
    subset = None if folder is None else read_subset(folder)
    steps = selection_steps(subset, selection)
    rows = sum(map(len, parts.values()))
    complete = rows == splits.release.images
    selected = Selected(
        images=rows,
        words=steps.words,
        hashes=None if complete else hash_list(parts),
        changes=changes,
        distribution=_distribution(parts),
    )
    if subset is not None:
        if base_url is not None or shards is not None:
            raise ReleaseError(
                "croissant_jsonld: expected a subset alone, whose files are named without a URL, "
                "found shards or base_url. Leave them out."
            )
        return _of_subset(splits.release, subset, selected)
    if shards is None:
        names = shard_names(parts)
        numbers = splits.release.shards.items()
        shards = [number for number, file in numbers if file.name in names] or None
    return _of_release(splits.release, shards, base_url, selected)


def _datasets(splits: Splits) -> Parts | None:
    """The datasets of all splits; None where there is a stream."""
    parts = {
        name: part for name, part in splits.parts.items() if isinstance(part, datasets.Dataset)
    }
    return None if splits.streamed else parts


def _distribution(parts: Parts) -> list[str]:
    builder = StatisticsBuilder()
    for part in parts.values():
        builder.add_metadata(part)
    return distribution_words(builder.build())


def _of_release(
    release: Release, shards: Iterable[int] | None, base_url: str | None, selected: Selected
) -> dict[str, Any]:
    chosen = choose_shards(release, shards)
    part = []
    if len(chosen) < len(release.shards) or selected.images not in (None, release.images):
        part.append(
            f"This is the part of it in {', '.join(file.name for file in chosen.values())}."
        )
        if selected.images is not None:
            part.append(f"{selected.images:,} rows of it are meant.")
    files = [
        file_object(file, without_secrets(file_url(release, file, base_url)))
        for file in (release.metadata, *chosen.values())
    ]
    return document(
        release,
        part=" ".join(part),
        selected=selected,
        distribution=[*files, file_set(chosen.values())],
        record_sets=[record_set()],
    )


def _of_subset(release: Release, subset: Manifest, selected: Selected) -> dict[str, Any]:
    part = [f"This is a subset of {len(subset.images):,} of them."]
    if selected.images != len(subset.images):
        part.append(f"{selected.images:,} rows of it are meant.")
    tars = [file for file in subset.files if file.name != METADATA_FILE]
    return document(
        release,
        part=" ".join(part),
        selected=selected,
        distribution=[*(file_object(file, file.name) for file in subset.files), file_set(tars)],
        record_sets=[record_set()],
    )
