"""`pass-utils croissant`: a release, a subset or a selection, described for machines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ._framework import command
from ._options import DEFAULT_RELEASE, base_url, changes, filters, quiet, selection
from ._output import print_json
from ._selection import load, selection_of


@command(
    "pass-utils croissant --release v3 > pass.croissant.json",
    "pass-utils croissant ~/pass --min-side 375 > croissant.json",
)
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@selection
@filters
@base_url
@changes
@quiet
def croissant(
    folder: Path | None,
    release: str | None,
    shards: list[int] | None,
    filters: dict[str, Any],
    base_url: str | None,
    changes: str | None,
    quiet: bool,
) -> None:
    """Print a Croissant description.

    Of the images that are chosen in FOLDER, or of a release where there is no FOLDER.
    """
    from ..croissant.describing import croissant_jsonld

    if folder is None:
        if filters:
            raise click.UsageError("the options that choose images need FOLDER, where these are.")
        source: Any = release or DEFAULT_RELEASE
        described = croissant_jsonld(source, shards=shards, base_url=base_url, changes=changes)
    else:
        described = croissant_jsonld(
            load(folder, release, shards, filters, quiet=quiet),
            base_url=base_url,
            selection=selection_of(release, shards, filters),
            changes=changes,
        )
    print_json(described)
