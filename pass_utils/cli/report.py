"""`pass-utils report`: an HTML page about the photos in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ._framework import command
from ._options import as_json, filters, folder, quiet, saves_selection, selection
from ._output import print_json
from ._selection import load, save_selection, selection_of


@command(
    "pass-utils report ~/pass -o report.html",
    "pass-utils report ~/pass -o report.html --min-side 375 --images 48",
    interrupted="Run the same command again: there is no half of a report.",
)
@folder
@selection
@filters
@saves_selection
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default="report.html",
    show_default=True,
    help="The page.",
)
@click.option(
    "--images",
    type=click.IntRange(0, 1000),
    default=30,
    show_default=True,
    metavar="N",
    help="How many photos to show, spread evenly.",
)
@as_json
@quiet
def report(
    folder: Path,
    out: Path,
    release: str | None,
    shards: list[int] | None,
    filters: dict[str, Any],
    images: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write one HTML page about the photos in FOLDER.

    It shows some of them with their credits, and of all of them the widths and heights, dates,
    locations on a map, and licences. It needs nothing but a browser. To make it takes `pip install
    'pass-utils[report]'`.
    """
    from ..report.svg import new_figure
    from ..report.writing import write_report

    # when it cannot be drawn, say so before the folder is read, which takes its time
    new_figure(1, 1)
    chosen = selection_of(release, shards, filters)
    dataset = load(folder, release, shards, filters, quiet=quiet)
    statistics = write_report(
        dataset,
        out,
        selection=chosen.words(),
        images=images,
        command=f"pass-utils report FOLDER {chosen.command_options()}".rstrip(),
        quiet=quiet,
    )
    save_selection(chosen, dataset)
    shown = min(images, statistics.images)
    if as_json:
        print_json({"path": str(out), "shown": shown, **statistics.to_json()})
    else:
        click.echo(
            f"{out}: {statistics.images:,} {'image' if statistics.images == 1 else 'images'}, "
            f"{shown} of them shown."
        )
