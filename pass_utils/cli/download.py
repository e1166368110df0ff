"""A release in, its files in a folder out: `pass-utils download`."""

from __future__ import annotations

from pathlib import Path

import click

from ._framework import command
from ._options import as_json, base_url, dry_run, folder, quiet, selection
from ._output import GO_ON, print_json, print_plan


@command(
    "pass-utils download ~/pass --release v3",
    "pass-utils download ~/pass --shards 0,3-5 --dry-run",
    interrupted=GO_ON,
)
@folder
@selection
@base_url
@click.option(
    "--connections",
    type=click.IntRange(1, 8),
    default=2,
    show_default=True,
    metavar="N",
    help="Files fetched at a time.",
)
@dry_run
@as_json
@quiet
def download(
    folder: Path,
    release: str | None,
    shards: list[int] | None,
    base_url: str | None,
    connections: int,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Fetch a release into FOLDER, verified.

    Run it again to go on after a break.
    """
    from ..net.urls import without_secrets
    from ..releases import file_url
    from ..transfer.download import download
    from ..transfer.folder import release_in
    from ..transfer.planning import plan_download

    release = release_in(folder, release).name
    plan = plan_download(folder, release, shards=shards)
    facts = {"folder": str(folder), "release": release, "record": plan.release.record}
    if dry_run and as_json:
        files = [
            {
                "name": task.file.name,
                "size": task.file.size,
                "state": task.state.value,
                "bytes_to_fetch": task.bytes_to_fetch,
                "url": without_secrets(file_url(plan.release, task.file, base_url)),
            }
            for task in plan.tasks
        ]
        print_json({**facts, "bytes_to_fetch": plan.bytes_to_fetch, "files": files})
    elif dry_run:
        print_plan(plan, base_url)
    else:
        where = download(
            folder, release, shards=shards, base_url=base_url, connections=connections, quiet=quiet
        )
        if as_json:
            print_json({**facts, "files": [task.file._asdict() for task in plan.tasks]})
        else:
            click.echo(f"{where} holds the chosen files of release {release}, verified.")
