"""`pass-utils statement`: a statement of the data that a model was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ._framework import command
from ._options import as_json, changes, filters, folder, quiet, selection
from ._output import print_json
from ._selection import load, selection_of


@command(
    "pass-utils statement ~/pass -o DATA.md",
    "pass-utils statement ~/pass -o DATA.md --min-side 375 --json",
    interrupted="Run the same command again: what was read is cached.",
)
@folder
@selection
@filters
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default="DATA.md",
    show_default=True,
    help="The statement, in Markdown.",
)
@changes
@as_json
@quiet
def statement(
    folder: Path,
    out: Path,
    release: str | None,
    shards: list[int] | None,
    filters: dict[str, Any],
    changes: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write a statement of the photos in FOLDER.

    It is for the card of a model that was trained on them, or for a summary of training content:
    name, DOI, licences, numbers, selection, withdrawals, personal data, and the measured
    distribution of locations and dates. What is not known is a marked gap.
    """
    from ..statement.writing import write_statement

    facts = write_statement(
        load(folder, release, shards, filters, quiet=quiet),
        out,
        selection=selection_of(release, shards, filters),
        changes=changes,
        quiet=quiet,
    )
    if as_json:
        print_json({"path": str(out), **facts})
        return
    count, gaps = facts["images"], len(facts["gaps"])
    click.echo(
        f"{out}: {count:,} {'image' if count == 1 else 'images'}, "
        f"{gaps} {'gap' if gaps == 1 else 'gaps'} to fill in."
    )
