"""`pass-utils push`."""

from __future__ import annotations

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
from ._output import human_bytes, print_json, print_planned_files
from ._selection import load, save_selection, selection_of, split


@command(
    "pass-utils push ~/pass me/pass-large --min-side 375 --private",
    "pass-utils push ~/pass me/pass-large --min-side 375 --dry-run",
    interrupted="Run the same command again to go on: uploaded files are kept.",
)
@folder
@click.argument("repository")
@selection
@filters
@saves_selection
@test_size
@rewriting
@click.option("--private", is_flag=True, help="Make the repository a private one, if it is new.")
@click.option(
    "--branch",
    "--revision",
    "revision",
    metavar="BRANCH",
    help="The branch to push to.  [default: main]",
)
@click.option(
    "--pull-request",
    "--create-pr",
    "create_pr",
    is_flag=True,
    help="Open a pull request instead of changing the branch.",
)
@click.option(
    "--config-name",
    default="default",
    show_default=True,
    help="What to call these images beside others there.",
)
@max_shard_size("500MB")
@changes
@dry_run
@as_json
@quiet
def push(
    folder: Path,
    repository: str,
    release: str | None,
    shards: list[int] | None,
    filters: dict[str, Any],
    test_size: float | None,
    rewriting: dict[str, Any],
    max_shard_size: str | None,
    changes: str | None,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Push images to the Hub.

    The images of FOLDER go to REPOSITORY, such as me/pass-large, with a card and their credits.
    Run it again to go on after a break.
    """
    from ..export.exporting import ExportOptions, plan_export
    from ..export.originals import local_folders
    from ..export.parquet import PARQUET
    from ..hub.push import compare
    from ..hub.push import push as push_rows

    ds = load(folder, release, shards, filters, quiet=quiet)
    size: dict[str, Any] = {} if max_shard_size is None else {"max_shard_size": max_shard_size}
    facts: dict[str, Any] = {"repository": repository}
    rows = split(ds, test_size, filters)
    how = ExportOptions(changes=changes, quiet=quiet, **rewriting)
    if dry_run:
        planned = plan_export(PARQUET, rows, how, **size)
        plans = planned.plans.values()
        names = {name: options[name] for name in ("config_name", "revision")}
        found = compare(planned, repository, **names)
        total = sum(plan.bytes for plan in plans) * found.new // max(len(ds), 1)
        facts |= {**found._asdict(), "bytes_to_send": total} if as_json else {}
        print_planned_files(repository, plans, facts if as_json else None, local_folders(ds))
        if not as_json:
            click.echo(
                f"to send: {found.new:,} images, about {human_bytes(total)}; there already: "
                f"{found.kept:,}; to remove: {found.removed:,}"
            )
        return
    chosen = selection_of(release, shards, filters, test_size)
    pushed = push_rows(rows, repository, how, selection=chosen, **size, **options)
    save_selection(chosen, ds)
    if as_json:
        print_json({**facts, **pushed._asdict()})
    else:
        changed, same = map(human_bytes, (pushed.changed_bytes, pushed.unchanged_bytes))
        click.echo(f"{pushed.page}\nfiles that changed: {changed}; that were there: {same}")
