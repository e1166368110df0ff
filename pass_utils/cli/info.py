"""`pass-utils info`: statistics of the images in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ._framework import command
from ._options import as_json, filters, folder, quiet, saves_selection, selection
from ._output import print_json, print_statistics
from ._selection import load, save_selection, selection_of


@command(
    "pass-utils info ~/pass --shards 0,3-5",
    "pass-utils info ~/pass --min-side 375 --json",
    interrupted="Run the same command again: what was read is cached.",
)
@folder
@selection
@filters
@saves_selection
@as_json
@quiet
def info(
    folder: Path,
    release: str | None,
    shards: list[int] | None,
    filters: dict[str, Any],
    as_json: bool,
    quiet: bool,
) -> None:
    """Print statistics of the photos in FOLDER.

    FOLDER holds the shards and the CSV. The first run reads the first kilobytes of each photo, for
    its width and height; they are cached.
    """
    from ..releases import DATASET_SPDX, METADATA_FILE, SPDX, release_of
    from ..statistics import dataset_statistics
    from ..transfer.withdrawn import find_withdrawn

    dataset = load(folder, release, shards, filters, quiet=quiet)
    statistics, of = dataset_statistics([dataset]), release_of(dataset)
    withdrawn = find_withdrawn([dataset], of, csv=folder / METADATA_FILE)
    save_selection(selection_of(release, shards, filters), dataset)
    if as_json:
        facts: dict[str, Any] = {"release": of and of.name, "release_images": of and of.images}
        licenses = {"dataset": DATASET_SPDX, "photos": SPDX}
        facts["withdrawn"] = withdrawn and {
            "release": withdrawn.release.name,
            "images": withdrawn.images,
        }
        print_json({**facts, **statistics.to_json(), "licenses": licenses})
    else:
        print_statistics(statistics, of)
        if withdrawn is not None:
            click.echo(f"  {'withdrawn':<11} {withdrawn}")
