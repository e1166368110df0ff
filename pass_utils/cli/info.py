"""A folder in, figures of its pictures out: `pass-utils info`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ._framework import command
from ._options import as_json, filters, folder, quiet, selection
from ._output import print_json, print_summary
from ._selection import load


@command(
    "pass-utils info ~/pass --shards 0,3-5",
    "pass-utils info ~/pass --min-side 375 --json",
    interrupted="Run the same command again: what is known of whole shards is kept.",
)
@folder
@selection
@filters
@as_json
@quiet
def info(
    folder: Path,
    release: str | None,
    shards: list[int] | None,
    bounds: dict[str, Any],
    as_json: bool,
    quiet: bool,
) -> None:
    """Describe the pictures of FOLDER.

    FOLDER holds the shards and the CSV. The first time reads the first kilobytes of each picture,
    to learn its size.
    """
    from ..summary import summarize

    summary = summarize(load(folder, release, shards, bounds, quiet=quiet))
    if as_json:
        print_json({**asdict(summary), "licenses": {"dataset": "CC-BY-4.0", "photos": "CC-BY-2.0"}})
    else:
        print_summary(summary)
