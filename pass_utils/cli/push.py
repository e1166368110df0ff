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
    saves_selection,
    selection,
)
from ._output import print_json, print_planned_files
from ._selection import load, save_selection, selection_of


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
@click.option("--private", is_flag=True, help="Make the repository a private one, if it is new.")
@click.option("--revision", metavar="BRANCH", help="The branch to push to.  [default: main]")
@click.option(
    "--create-pr", is_flag=True, help="Open a pull request instead of changing the branch."
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
    from ..export.originals import check_dataset, local_folders
    from ..export.parquet import plan_parquet
    from ..hub.push import push_to_hub

    ds = load(folder, release, shards, filters, quiet=quiet)
    size: dict[str, Any] = {} if max_shard_size is None else {"max_shard_size": max_shard_size}
    facts = {"repository": repository}
    if dry_run:
        check_dataset(ds, changes)
        plan = plan_parquet(ds, **size)
        print_planned_files(repository, plan, facts if as_json else None, local_folders(ds))
        return
    chosen = selection_of(release, shards, filters)
    page = push_to_hub(
        ds, repository, selection=chosen.words(), changes=changes, quiet=quiet, **size, **options
    )
    save_selection(chosen, ds)
    if as_json:
        print_json({**facts, "rows": len(ds), "page": page})
    else:
        click.echo(page)
