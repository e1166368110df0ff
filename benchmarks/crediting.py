"""How long the credits of all of PASS take from its CSV, how much memory, and how a plain Python
loop compares.

    python benchmarks/crediting.py [--folder /tmp/pass-benchmark] [--rows 1439719] [--only TEXT]

Every figure comes from a process of its own, all in one run. The loop reads with `csv.DictReader`
and writes the same fields, as CSV, in the fewest steps. Seconds are those of the call, without
imports.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote_plus

from goals import report
from make_input import RELEASE_ROWS, write_metadata


class Figures(NamedTuple):
    """What a list cost: seconds, credits, and peak resident bytes."""

    seconds: float
    credits: int
    peak: int


def plain_loop(folder: Path, target: Path) -> int:
    """What one would write without a library."""
    by = "https://creativecommons.org/licenses/by/2.0/"
    host = "https://multimedia-commons.s3-us-west-2.amazonaws.com/data/images"
    count = 0
    with (
        (folder / "pass_metadata.csv").open(newline="", encoding="utf-8") as source,
        (target / "CREDITS.csv").open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        header = (
            "hash,creator,creator_username,source_url,license,license_url,spdx,changes,title,"
            "page_url"
        )
        writer.writerow(header.split(","))
        for row in csv.DictReader(source):
            name, hash = row["unickname"], row["hash"]
            url = f"{host}/{hash[:3]}/{hash[3:6]}/{hash}.jpg"
            creator = unquote_plus(name) or "unknown Flickr user"
            writer.writerow([hash, creator, name, url, "CC BY 2.0", by, "CC-BY-2.0", "", "", ""])
            count += 1
    return count


def ours(name: str, group_by: str | None = None) -> Callable[[Path, Path], int]:
    """`write_attribution` into a file of this name."""

    def write(folder: Path, target: Path) -> int:
        from pass_utils import write_attribution

        return write_attribution(folder, target / name, group_by=group_by)

    return write


WAYS: dict[str, Callable[[Path, Path], int]] = {
    "plain loop": plain_loop,
    **{
        f".{end}": ours(f"CREDITS.{end}")
        for end in ("csv", "jsonl", "parquet", "txt", "md", "spdx.json", "html")
    },
    ".txt by creator": ours("CREDITS.txt", "creator"),
}


def measure(way: str, folder: Path) -> None:
    """Write in this process, and print the figures as JSON."""
    if way != "plain loop":
        import pass_utils.attribution  # noqa: F401  (imports are not what is measured)

    target = Path(tempfile.mkdtemp(prefix="pass-credits-"))
    try:
        begin = time.perf_counter()
        count = WAYS[way](folder, target)
        seconds = time.perf_counter() - begin
    finally:
        shutil.rmtree(target)
    print(
        json.dumps(
            Figures(seconds, count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
        )
    )


def run(way: str, folder: Path) -> Figures:
    """`measure` in a process of its own."""
    command = [sys.executable, __file__, "--folder", str(folder), "--measure", way]
    return Figures(
        *json.loads(
            subprocess.run(
                command, check=True, stdout=subprocess.PIPE, text=True
            ).stdout.splitlines()[-1]
        )
    )


def main() -> None:
    """Make the input, run every way, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()) / "pass-benchmark"
    )
    parser.add_argument("--rows", type=int, default=RELEASE_ROWS, help="of the CSV")
    parser.add_argument("--only", default="", help="only ways whose name holds this text")
    parser.add_argument("--measure", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure, options.folder)
        return
    folder = options.folder / f"metadata-{options.rows}"
    if not (folder / "pass_metadata.csv").exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_metadata(folder, rows=options.rows)
    (folder / "pass_metadata.csv").read_bytes()  # so that every way finds it in memory
    print(f"{'':<20}{'seconds':>9}{'credits':>11}{'peak MB':>9}{'loop : this':>13}")
    loop = run("plain loop", folder)
    for way in WAYS:
        if options.only in way:
            figures = loop if way == "plain loop" else run(way, folder)
            print(
                f"{way:<20}{figures.seconds:>9.2f}{figures.credits:>11,}{figures.peak / 1e6:>9,.0f}"
                f"{loop.seconds / figures.seconds:>13.2f}",
                flush=True,
            )
            if way == ".csv":
                report("credits as CSV: loop", loop.seconds / figures.seconds)


if __name__ == "__main__":
    main()
