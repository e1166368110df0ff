"""`pass-utils show`: one image by its hash, with its credit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ._framework import command
from ._options import DEFAULT_RELEASE, as_json, release_of
from ._output import print_json


@command(
    "pass-utils show 17adb3efa1542a240867fa5f8c185db --data-dir ~/pass",
    "pass-utils show 17adb3efa1542a240867fa5f8c185db --save photo.jpg",
    interrupted="Run the same command again.",
)
@click.argument("hash")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="A folder with shards or a subset.  [default: fetched by URL]",
)
@release_of(f"what the folder holds, else {DEFAULT_RELEASE}")
@click.option(
    "--save",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the image to a file.",
)
@as_json
def show(
    hash: str, data_dir: Path | None, release: str | None, save: Path | None, as_json: bool
) -> None:
    """Print the row and the credit of one image, and write the image to a file."""
    import datasets

    from .._util.atomic import atomic_write
    from .._util.text import plain_line
    from ..attribution.writing import credits
    from ..images.header import image_size
    from ..loading.lookup import find_image
    from ..releases import FEATURES
    from ..shards.places import Place

    datasets.disable_progress_bars()
    row = find_image(hash, data_dir, release=release, decode=False)
    image = row["image"]
    data: bytes = image["bytes"] or Place.from_url(image["path"]).read()
    found = datasets.Dataset.from_list([row], features=FEATURES)
    credit = next(iter(credits(found)))
    facts: dict[str, Any] = {name: value for name, value in row.items() if name != "image"}
    if facts["date_taken"] is not None:
        facts["date_taken"] = facts["date_taken"].isoformat(sep=" ")
    width, height = image_size(data)
    facts |= {"width": width, "height": height, "bytes": len(data), "source_url": credit.source_url}
    if save is not None:
        with atomic_write(save) as part:
            part.write_bytes(data)
    if as_json:
        print_json({**facts, "credit": str(credit), "path": None if save is None else str(save)})
        return
    for name, value in facts.items():
        if value is not None:
            click.echo(f"  {name:<17} {plain_line(str(value))}")
    click.echo(f"\n{credit}")
    if save is not None:
        click.echo(f"{save}: the image as it is in PASS.")
