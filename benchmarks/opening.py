"""How long PASS takes to open in place, how much memory and disk that needs, and how the historical
loader compares.

    python benchmarks/opening.py [--folder /tmp/pass-benchmark] [--shards 10] [--images 1000]
    [--rows 1439719]

Every figure comes from a process of its own, all in one run. The historical way (`historical.py`)
writes every image a second time, into the Arrow cache.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from goals import report
from historical import historical_rows
from make_input import input_parser, make_input


class Figures(NamedTuple):
    """What one way of opening cost: seconds, rows, peak resident bytes, and bytes written."""

    seconds: float
    rows: int
    peak: int
    written: int


def open_in_place(folder: Path, cache: Path, **options: Any) -> int:
    """`load_dataset("pass", data_dir=folder)`."""
    from datasets import load_dataset

    import pass_utils  # noqa: F401

    return len(
        load_dataset("pass", data_dir=str(folder), split="train", cache_dir=str(cache), **options)
    )


def open_embedded(folder: Path, cache: Path) -> int:
    """The same with a copy of the bytes."""
    return open_in_place(folder, cache, embed_images=True)


def open_historically(folder: Path, cache: Path) -> int:
    """All rows, images included, into an Arrow cache."""
    import datasets

    from pass_utils.releases import FEATURES

    return len(
        datasets.Dataset.from_generator(
            historical_rows, features=FEATURES, gen_kwargs={"folder": folder}, cache_dir=str(cache)
        )
    )


WAYS = {"in place": open_in_place, "embedded": open_embedded, "historical": open_historically}


def measure(way: str, folder: Path, cache: Path) -> None:
    """Open in this process, and print the figures as JSON."""
    import datasets
    import pyarrow.compute  # imports are not what is measured
    import pyarrow.csv  # noqa: F401

    import pass_utils.loading.builder  # noqa: F401

    if way == "historical":
        import pandas as pd  # noqa: F401
    datasets.disable_progress_bars()
    before = size_of(cache)
    begin = time.perf_counter()
    rows = WAYS[way](folder, cache)
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(Figures(seconds, rows, peak, size_of(cache) - before)))


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def run(way: str, folder: Path, cache: Path) -> Figures:
    """`measure` in a process of its own."""
    command = [
        sys.executable,
        __file__,
        "--folder",
        str(folder),
        "--measure",
        way,
        "--cache",
        str(cache),
    ]
    return Figures(
        *json.loads(
            subprocess.run(
                command, check=True, stdout=subprocess.PIPE, text=True
            ).stdout.splitlines()[-1]
        )
    )


def main() -> None:
    """Make the input, run every way, print a table."""
    parser = input_parser(__doc__)
    parser.add_argument("--measure", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure, options.folder, options.cache)
        return
    folder = make_input(
        options.folder, shards=options.shards, images=options.images, rows=options.rows
    )
    tars = sum(file.stat().st_size for file in folder.glob("PASS.*.tar"))
    print(f"{options.shards} shards, {tars / 1e6:,.0f} MB, CSV of {options.rows:,} rows\n")
    print(f"{'':<28}{'seconds':>9}{'rows':>9}{'peak MB':>9}{'written MB':>12}{'of the tars':>13}")
    cache = Path(tempfile.mkdtemp(prefix="pass-cache-"))
    for file in filter(Path.is_file, folder.iterdir()):  # so that all find the bytes in memory
        with file.open("rb") as opened:
            while opened.read(1 << 20):
                pass
    try:
        for title, way in (
            ("in place, first time", "in place"),
            ("in place, from the cache", "in place"),
            ("embedded, CSV cached", "embedded"),
            ("historical", "historical"),
        ):
            figures = run(way, folder, cache)
            csv_cache = (
                sum(file.stat().st_size for file in cache.glob("pass/metadata-*"))
                if figures.written
                else 0
            )
            rows_only = (
                max(figures.written - csv_cache, 0)
                if title == "in place, first time"
                else figures.written
            )
            if title == "in place, first time":
                report("open in place, first time", figures.seconds)
                report("open in place, written of the tars", 100 * rows_only / tars)
            elif title == "in place, from the cache":
                report("open in place, again", figures.seconds)
            print(
                f"{title:<28}{figures.seconds:>9.2f}{figures.rows:>9,}{figures.peak / 1e6:>9,.0f}"
                f"{rows_only / 1e6:>12,.1f}{rows_only / tars:>13.2%}"
            )
        print(f"\nthe parsed CSV, once beside them: {csv_cache / 1e6:,.1f} MB")
    finally:
        shutil.rmtree(cache)


if __name__ == "__main__":
    main()
