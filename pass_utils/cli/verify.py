"""`pass-utils verify`: compares the files in a folder with a release."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from ._framework import command
from ._options import as_json, folder, quiet, selection
from ._output import print_json


@command(
    "pass-utils verify ~/pass",
    "pass-utils verify ~/pass --shards 0 --quick",
    interrupted=(
        "Run the same command again: files that were read to their end are not read again, unless "
        "--force says so."
    ),
)
@folder
@selection
@click.option(
    "--quick", is_flag=True, help="Compare sizes, and read no more of the tars than their headers."
)
@click.option("--force", is_flag=True, help="Read files again that were verified before.")
@as_json
@quiet
def verify(
    folder: Path,
    release: str | None,
    shards: list[int] | None,
    quick: bool,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Find damaged files in FOLDER.

    Compares them with the release's sizes and checksums; the exit code is 1 if one differs.
    """
    from ..transfer.folder import release_in
    from ..transfer.verification import verify

    release = release_in(folder, release).name
    findings = verify(folder, release, shards=shards, quick=quick, force=force, quiet=quiet)
    if as_json:
        found = [finding._asdict() for finding in findings]
        print_json(
            {"folder": str(folder), "release": release, "intact": not findings, "findings": found}
        )
    elif findings:
        click.echo("\n".join(f"{finding.name}: {finding.problem}" for finding in findings))
    else:
        click.echo(f"{folder}: what is there is intact.")
    if findings:
        click.echo(f"pass-utils: {_advise(folder, release, shards)}", err=True)
        click.get_current_context().exit(1)


def _advise(folder: Path, release: str, shards: list[int] | None) -> str:
    from ..releases import METADATA_FILE, miniature_of

    if miniature_of(folder.expanduser() / METADATA_FILE) is not None:
        return (
            "this is a bundled miniature, drawings laid out as a release is. Nothing of it is "
            "damaged."
        )
    shards = shards or _present_shards(folder, release)
    chosen = f" --shards {','.join(map(str, shards))}" if shards else ""
    return (
        f"run `pass-utils download {shlex.quote(str(folder))} --release {release}{chosen}` to fix "
        "it."
    )


def _present_shards(folder: Path, release: str) -> list[int]:
    """The shards that are there, which are those that were compared; none where all are, or where
    nothing is.
    """
    from ..releases import find_release

    known = find_release(release).shards
    present = [
        number for number, file in known.items() if (folder.expanduser() / file.name).is_file()
    ]
    return present if len(present) < len(known) else []
