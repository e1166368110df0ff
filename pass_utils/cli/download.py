"""`pass-utils download`: a release, or a subset of it, into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ._framework import command
from ._options import as_json, base_url, choices, dry_run, folder, quiet, saves_selection, selection
from ._output import GO_ON, human_bytes, print_json, print_plan
from ._selection import save_selection, selection_of


@command(
    "pass-utils download ~/pass --release v3",
    "pass-utils download ~/pass --shards 0,3-5 --dry-run",
    "pass-utils download ~/pass-3k --sample 3000 --seed 51",
    interrupted=GO_ON,
)
@folder
@selection
@choices
@saves_selection
@click.option(
    "--from",
    "source",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Take the images of a subset from shards here.  [default: one by one, by URL]",
)
@click.option("--allow-missing", is_flag=True, help="Exit with 0 also if images are not available.")
@base_url
@click.option(
    "--connections",
    type=click.IntRange(1, 64),
    metavar="N",
    help="Files fetched at a time.  [default: 2 shards, or 16 images]",
)
@dry_run
@as_json
@quiet
def download(
    folder: Path,
    release: str | None,
    shards: list[int] | None,
    filters: dict[str, Any],
    source: Path | None,
    allow_missing: bool,
    base_url: str | None,
    connections: int | None,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Fetch a release into FOLDER, verified; or, with a choice of images, these alone.

    FOLDER then holds PASS.subset.tar, the CSV of its rows and a manifest, and opens as PASS does.
    Run the command again to resume.
    """
    from ..selection.manifest import read_subset
    from ..transfer.download import download
    from ..transfer.folder import release_in

    if selection_of(release, None, filters).is_subset and dry_run:
        _print_planned_subset(folder, release, filters, source, as_json=as_json)
        return
    if dry_run:
        _print_planned_shards(folder, release, shards, base_url, as_json=as_json)
        return
    where = download(
        folder,
        release,
        shards=shards,
        source=source,
        base_url=base_url,
        connections=connections,
        quiet=quiet,
        **filters,
    )
    subset = read_subset(where)
    chosen = selection_of(release_in(where, release).name, shards, filters)
    save_selection(chosen, None if subset is None else subset.keys)
    _print_files(folder, where, release, shards, as_json=as_json, allow_missing=allow_missing)


def _print_files(
    folder: Path,
    where: Path,
    release: str | None,
    shards: list[int] | None,
    *,
    as_json: bool,
    allow_missing: bool,
) -> None:
    """What is in the folder now; the exit code is 1 if images are missing that may not be."""
    from ..selection.manifest import read_subset
    from ..transfer.folder import files_of, release_in

    found = release_in(where, release)
    subset = read_subset(where)
    files = [file._asdict() for file in files_of(where, found, shards)]
    facts: dict[str, Any] = {"folder": str(folder), "release": found.name, "record": found.record}
    if subset is not None:
        facts["selection"] = subset.selection.to_json()
        facts["images"] = len(subset.images)
        facts["missing"] = [each._asdict() for each in subset.missing]
    if as_json:
        print_json({**facts, "files": files})
    elif subset is None:
        click.echo(f"{where} holds the chosen files of release {found.name}, verified.")
    else:
        size = human_bytes(sum(image.size for image in subset.images))
        click.echo(
            f"{where} holds {len(subset.images):,} images of release {found.name}, {size}: "
            f"{subset.selection.words()}."
        )
    if subset is not None and subset.missing and not allow_missing:
        total = len(subset.images) + len(subset.missing)
        click.echo(
            f"pass-utils: expected {total:,} images, found {len(subset.missing):,} of them not "
            "available. Run the same command again to ask for them once more, or accept it with "
            "--allow-missing.",
            err=True,
        )
        click.get_current_context().exit(1)


def _print_planned_subset(
    folder: Path,
    release: str | None,
    filters: dict[str, Any],
    source: Path | None,
    *,
    as_json: bool,
) -> None:
    """What is known of a subset before the CSV is here: how many images it has at most."""
    from ..net.template import check_template
    from ..net.urls import without_secrets
    from ..transfer.folder import release_in

    chosen = selection_of(None, None, filters)
    listed = chosen.include
    found = release_in(folder, release or (None if listed is None else listed.release))
    limits = (chosen.sample, None if listed is None else len(listed), found.images)
    most = min(limit for limit in limits if limit is not None)
    size = most * found.image_bytes // found.images
    origin = "shards" if source is not None else without_secrets(check_template(None))
    if as_json:
        facts = {"folder": str(folder), "release": found.name, "record": found.record}
        print_json(
            {
                **facts,
                "selection": chosen.to_json(),
                "images_at_most": most,
                "bytes_at_most": size,
                "from": origin,
            }
        )
        return
    click.echo(
        f"at most {most:,} images of release {found.name} ({chosen.words()}), about "
        f"{human_bytes(size)}, to fetch from {origin}"
    )
    if source is None:
        click.echo(
            f"{found.metadata.name} of the release, {human_bytes(found.metadata.size)}, to choose "
            "them by, unless the cache has it"
        )


def _print_planned_shards(
    folder: Path,
    release: str | None,
    shards: list[int] | None,
    base_url: str | None,
    *,
    as_json: bool,
) -> None:
    from ..net.urls import without_secrets
    from ..releases import file_url
    from ..transfer.planning import plan_download

    plan = plan_download(folder, release, shards=shards)
    if not as_json:
        print_plan(plan, base_url)
        return
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
    found = plan.release
    facts = {"folder": str(folder), "release": found.name, "record": found.record}
    print_json({**facts, "bytes_to_fetch": plan.bytes_to_fetch, "files": files})
