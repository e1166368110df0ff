"""A folder in, a page about its pictures out: `pass-utils report`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ._framework import command
from ._options import as_json, filters, folder, quiet, selection
from ._output import print_json
from ._selection import describe_selection, load


@command(
    "pass-utils report ~/pass -o report.html",
    "pass-utils report ~/pass -o report.html --min-side 375 --pictures 48",
    interrupted="Run the same command again: there is no half of a report.",
)
@folder
@selection
@filters
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default="report.html",
    show_default=True,
    help="The page.",
)
@click.option(
    "--pictures",
    type=click.IntRange(0, 1000),
    default=30,
    show_default=True,
    metavar="N",
    help="How many pictures to show, spread evenly.",
)
@as_json
@quiet
def report(
    folder: Path,
    out: Path,
    release: str | None,
    shards: list[int] | None,
    bounds: dict[str, Any],
    pictures: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Show on one page what pictures there are.

    The page is about those of FOLDER: some of them with their credits, their sizes, dates, places
    on a map, and licences. It needs nothing but a browser. To make it takes `pip install
    'pass-utils[report]'`.
    """
    from ..report.svg import new_figure
    from ..report.writing import write_report

    # when it cannot be drawn, say so before the folder is read, which takes its time
    new_figure(1, 1)
    census = write_report(
        load(folder, release, shards, bounds, quiet=quiet),
        out,
        selection=describe_selection(shards, bounds),
        pictures=pictures,
        command=_as_typed(release, shards, bounds),
        quiet=quiet,
    )
    shown = min(pictures, census.pictures)
    if as_json:
        print_json({"path": str(out), "pictures": census.pictures, "shown": shown})
    else:
        click.echo(
            f"{out}: {census.pictures:,} {'picture' if census.pictures == 1 else 'pictures'}, "
            f"{shown} of them shown."
        )


def _as_typed(release: str | None, shards: list[int] | None, bounds: dict[str, Any]) -> str:
    """The command, without the places of files, which are nobody else's business.

    >>> _as_typed("v3", [0, 3], {"min_side": 375})
    'pass-utils report FOLDER --release v3 --shards 0,3 --min-side 375'
    """
    words = ["pass-utils report FOLDER"]
    if release is not None:
        words.append(f"--release {release}")
    if shards is not None:
        words.append(f"--shards {','.join(map(str, shards))}")
    words += [f"--{name.replace('_', '-')} {bound}" for name, bound in bounds.items()]
    return " ".join(words)
