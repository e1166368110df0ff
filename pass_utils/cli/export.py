"""`pass-utils export`."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

import click

from ._framework import command
from ._options import (
    as_json,
    changes,
    dry_run,
    filters,
    folder,
    max_shard_size,
    quiet,
    rewriting,
    saves_selection,
    selection,
    test_size,
)
from ._output import GO_ON, print_files, print_planned_files
from ._selection import load, save_selection, selection_of, split


@command(
    "pass-utils export parquet ~/pass ~/pass-parquet --num-proc 4",
    "pass-utils export parquet ~/pass ~/pass-256 --resize 256 --drop-columns gps --test-size 0.05",
    "pass-utils export webdataset ~/pass ~/pass-tars --min-side 375 --dry-run",
    interrupted=GO_ON,
)
@click.argument("kind", type=click.Choice(["parquet", "webdataset", "imagefolder"]), metavar="KIND")
@folder
@click.argument("out", type=click.Path())
@selection
@filters
@saves_selection
@test_size
@rewriting
@max_shard_size("500MB of Parquet, 1GB of WebDataset")
@click.option(
    "--num-proc",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Processes, a file each.",
)
@click.option(
    "--scheduler", metavar="tcp://HOST:PORT", help="Have the workers of a Dask cluster do it."
)
@changes
@click.option(
    "--credits/--no-credits",
    default=True,
    show_default=True,
    help="Write CREDITS.csv beside the images.",
)
@dry_run
@as_json
@quiet
def export(
    kind: str,
    folder: Path,
    out: str,
    release: str | None,
    shards: list[int] | None,
    filters: dict[str, Any],
    test_size: float | None,
    rewriting: dict[str, Any],
    max_shard_size: str | None,
    num_proc: int,
    scheduler: str | None,
    changes: str | None,
    credits: bool,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write images for other tools.

    KIND is parquet, webdataset or imagefolder. The images of FOLDER go to OUT, a folder or a URL.
    Run it again to go on after a break.
    """
    from ..export.exporting import KINDS, ExportOptions, plan_export
    from ..export.exporting import export as write
    from ..export.originals import local_folders
    from ..export.workers import cluster

    chosen = KINDS[kind]
    if max_shard_size is not None and "max_shard_size" not in chosen.options:
        raise click.UsageError(
            "--max-shard-size: expected none, since an image folder has a file for each image."
        )
    size: dict[str, Any] = {} if max_shard_size is None else {"max_shard_size": max_shard_size}
    ds = load(folder, release, shards, filters, quiet=quiet)
    facts = {"kind": kind, "out": out} if as_json else None
    rows = split(ds, test_size, filters)
    record = selection_of(release, shards, filters, test_size)
    options = ExportOptions(
        num_proc=num_proc,
        quiet=quiet,
        changes=changes,
        credits=credits,
        selection=record,
        **rewriting,
    )
    if dry_run:
        planned = plan_export(chosen, rows, options, **size)
        print_planned_files(out, planned.plans.values(), facts, local_folders(ds))
        return
    with contextlib.ExitStack() as stack:
        if scheduler is not None:
            executor = stack.enter_context(cluster(scheduler))
            options = dataclasses.replace(options, executor=executor)
        written = write(chosen, rows, out, options, **size)
    save_selection(record, ds)
    print_files(out, len(ds), written, facts)
