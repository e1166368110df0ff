"""`pass-utils credits`: the credits of a folder's images, as a list."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

import click

from ._framework import command
from ._options import (
    as_json,
    changes,
    filters_of_credits,
    folder,
    quiet,
    saves_selection,
    selection,
)
from ._output import print_json
from ._selection import load, save_selection, selection_of


@command(
    "pass-utils credits ~/pass CREDITS.csv",
    "pass-utils credits ~/pass CREDITS.html --shards 0 --thumbnails 160",
    interrupted="Run the same command again: no incomplete list is left.",
)
@folder
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@selection
@filters_of_credits
@saves_selection
@click.option("--group-by", type=click.Choice(["creator"]), help="Sort the images by creator.")
@changes
@click.option(
    "--exclude",
    metavar="TEXT",
    multiple=True,
    help="Not these images: a hash, a creator, a file of hashes or of removals; may be repeated.",
)
@click.option(
    "--exclude-from",
    type=click.File(encoding="utf-8-sig"),
    help="A file of these, one in each line.",
)
@click.option(
    "--yfcc",
    metavar="SOURCE",
    help="Titles and pages: YFCC100M's metadata, or Parquet: a file, a folder, hf://...",
)
@click.option(
    "--thumbnails",
    type=click.IntRange(16, 1024),
    metavar="PIXELS",
    help="Show the images in HTML, their longer side that long.",
)
@click.option(
    "--spreadsheet-safe",
    is_flag=True,
    help="Escape cells of a CSV that a spreadsheet would run as formulas (CSV injection).",
)
@as_json
@quiet
def credits(
    folder: Path,
    out: Path,
    release: str | None,
    shards: list[int] | None,
    filters: dict[str, Any],
    exclude: tuple[str, ...],
    exclude_from: TextIO | None,
    thumbnails: int | None,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Write the credits of FOLDER's images into OUT.

    OUT ends in .html, .csv, .jsonl, .parquet, .txt, .md or .spdx.json, or is REUSE.toml. Without a
    selection by shards or resolution all images of the CSV are credited, and the shards need not be
    there.
    """
    from ..attribution.inputs import image_keys
    from ..attribution.overwriting import is_same
    from ..attribution.writing import write_attribution
    from ..transfer.folder import release_in

    if exclude_from is not None and is_same(out, Path(exclude_from.name)):
        raise click.UsageError(
            f"OUT: expected the name of a new list, found {out}, which --exclude-from reads. "
            "Choose another name."
        )
    chosen = shards is not None or bool(filters) or thumbnails is not None
    excluded, unnamed = _read_excluded(exclude)
    target = load(folder, release, shards, filters, quiet=quiet) if chosen else folder
    excluded += _lines(exclude_from)
    count = write_attribution(
        target,
        out,
        release=release,
        exclude=excluded,
        withhold_names=unnamed,
        thumbnails=thumbnails,
        quiet=quiet,
        **options,
    )
    listed = {"exclude": names} if (names := _lists_of(exclude)) else {}
    save_selection(
        selection_of(release_in(folder, release).name, shards, {**filters, **listed}),
        lambda: image_keys(target, release, exclude=excluded),
    )
    if as_json:
        print_json({"path": str(out), "credits": count})
    else:
        click.echo(
            f"{out}: {count:,} credits, "
            f"{'of the selected images' if chosen else 'of all images in the CSV'}."
        )


def _read_excluded(values: Iterable[str]) -> tuple[list[str], list[str]]:
    """Hashes and creators as they are, with the hashes of files; and the hashes of images whose
    creator is not named.
    """
    from ..selection.removals import read_removals

    given: list[str] = []
    files: list[str] = []
    for value in values:
        (files if Path(value).is_file() else given).append(value)
    removed, unnamed = (
        [] if listed.keys is None else listed.keys.text().to_pylist()
        for listed in read_removals(files)
    )
    return [*given, *removed], unnamed


def _lists_of(values: Iterable[str]) -> list[str]:
    """The hashes and files among what is excluded: no names of people, of whom no record is."""
    import pyarrow as pa

    from ..hashes import are_hashes

    given = list(values)
    hashes = are_hashes(pa.array(given, pa.string())).to_pylist()
    return [v for v, is_hash in zip(given, hashes, strict=True) if is_hash or Path(v).is_file()]


def _lines(file: TextIO | None) -> list[str]:
    try:
        return [line.strip() for line in file or ()]
    except UnicodeDecodeError as err:
        raise click.UsageError(
            f"--exclude-from: expected text in UTF-8, found: {err}. Save the file in UTF-8."
        ) from err
