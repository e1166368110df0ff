"""Writes a statement of the data: its facts from a dataset or a release, as a page of Markdown."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .._datasets import open_splits, progress_bars
from .._util.text import percent
from ..attribution.inputs import check_changes
from ..errors import ReportError
from ..pages.markdown import environment, inline
from ..pages.output import atomic_output
from ..releases import Release, find_release
from ..selection.manifest import read_subset
from ..selection.record import Selection
from ..selection.selected import Parts, shard_folder
from ..statistics import dataset_statistics
from .document import Document


def write_statement(
    source: Any,
    path: str | os.PathLike[str],
    *,
    release: str | Release | None = None,
    selection: Selection | str | None = None,
    changes: str | None = None,
    quiet: bool | None = None,
) -> dict[str, Any]:
    """Write a statement of the data, for the card of a model that was trained on it.

    It has what a model card, or the part on public datasets of the European Union's template for
    summaries of training content, asks of a dataset: name, DOI, modality, numbers, dates, licences,
    how it was obtained and selected, a digest of the hashes, withdrawals, personal data, changes,
    and the measured distribution of locations and dates. It states facts and makes no legal claim.
    What the data does not say is a marked gap, `**[gap: ...]**`. The same dataset gives the same
    page.

    Args:
        source: A Dataset with a column of images, a dict of them by split, counted together; or the
            name or record of a release, of which only what is known without its files is stated.
        path: The file to write, in Markdown.
        release: Of which the images are; by default the dataset's own.
        selection: How they were chosen: a record, or words. The manifest of a subset is read from
            its folder.
        changes: What was done to the images, such as "resized to 256 pixels".
        quiet: Whether to show no progress bars; by default as `datasets` does.

    Returns:
        The facts, as values of JSON, None for what is not known; `gaps` has in words what that is.

    Raises:
        DatasetError: it is no dataset, a stream, or has no column of images.
        ReportError: the file cannot be written.
        ReleaseError: there is no such release.
        SelectionError: the manifest of the folder is damaged.
        ShardError: a shard is gone or has changed.
    """
    changes = check_changes(changes)
    where = Path(path).expanduser().absolute()
    with atomic_output(where, error=ReportError) as (file, _), progress_bars(quiet):
        if isinstance(source, (str, Release)):
            document = _of_release(find_release(source), selection, changes)
        else:
            splits = open_splits(source, streams=False)
            known = splits.release if release is None else find_release(release)
            document = _of_parts(dict(splits.parts), known, selection, changes)
        facts = document.to_json()
        file.write(_page(facts).encode())
    return facts


def _of_release(
    release: Release, selection: Selection | str | None, changes: str | None
) -> Document:
    document = Document(release)
    document.add_release()
    document.add_selection(selection, None, complete=True)
    document.add_origin({}, None, None)
    document.add_changes(changes, original=False)
    return document


def _of_parts(
    parts: Parts, release: Release | None, selection: Selection | str | None, changes: str | None
) -> Document:
    folder = shard_folder(parts)
    subset = None if folder is None else read_subset(folder)
    document = Document(release)
    statistics = dataset_statistics(parts.values())
    document.add_counts(parts, statistics)
    document.add_hashes(parts)
    complete = release is not None and statistics.images == release.images
    document.add_selection(selection, subset, complete=complete)
    document.add_origin(parts, folder, subset)
    document.add_changes(changes, original=folder is not None)
    return document


def _page(facts: dict[str, Any]) -> str:
    def gap(name: str) -> str:
        return f"**[gap: {facts['gaps'][name]}]**"

    template = environment().get_template("statement.md.jinja")
    return template.render(facts=facts, gap=gap, inline=inline, percent=percent)
