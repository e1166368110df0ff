"""Goals of the benchmarks, and the table of what was measured beside them.

    python benchmarks/goals.py [--results build/benchmark.json] [--write docs/measurements.md]

A benchmark reports each figure by its name with `report`, which prints `name, measured, goal,
reached` and keeps the figure in the file that `PASS_BENCHMARK_RESULTS` names. This command prints
all kept figures as a table, and writes it between the two markers of a page.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import NamedTuple

RESULTS = "PASS_BENCHMARK_RESULTS"
DEFAULT = Path(__file__).resolve().parent.parent / "build" / "benchmark.json"
BEGIN, END = "<!-- figures -->\n", "<!-- end of figures -->\n"


class Goal(NamedTuple):
    """What a figure should be; `unit` follows it, and None is a figure without a goal."""

    goal: float | None = None
    unit: str = "times"
    at_most: bool = False

    def reached(self, measured: float) -> str:
        """What to say of a figure."""
        if self.goal is None:
            return ""
        good = measured <= self.goal if self.at_most else measured >= self.goal
        return "reached" if good else "missed"

    def text(self, value: float) -> str:
        """A figure with its unit."""
        digits = 2 if value < 10 else 1 if value < 100 else 0
        return f"{value:,.{digits}f} {self.unit}"

    @property
    def wanted(self) -> str:
        """The goal in words."""
        if self.goal is None:
            return ""
        return f"{'at most' if self.at_most else 'at least'} {self.goal:,g} {self.unit}"


PEAK = Goal(250, "MB", at_most=True)
GOALS: dict[str, Goal] = {
    "open PASS in full size, headers in memory": Goal(45, "s", at_most=True),
    "the same, walk of one shard: one cursor": Goal(1),
    "the same, 1 ms for each read: one cursor": Goal(30),
    "the same, headers on the disk: one cursor": Goal(2),
    "open PASS in full size again": Goal(unit="s"),
    "open other shards of it": Goal(unit="s"),
    "widths and heights of PASS in full size": Goal(unit="s"),
    "the same, 1 ms for each read: one after the other": Goal(30),
    "filter PASS in full size by resolution": Goal(unit="s"),
    "shuffle PASS in full size": Goal(unit="s"),
    "5,000 random images of PASS in full size": Goal(unit="s"),
    "credits of PASS in full size": Goal(unit="s"),
    "sample of PASS in full size": Goal(unit="s"),
    "split of PASS in full size by creator": Goal(unit="s"),
    "peak memory of these": Goal(unit="MB"),
    "open in place, first time": Goal(unit="s"),
    "open in place, again": Goal(unit="s"),
    "open in place, written of the tars": Goal(0.5, "%", at_most=True),
    "stream Python rows: webdataset library": Goal(1.3),
    "stream Arrow tables: plain reading": Goal(0.5),
    "stream over HTTP: requests": Goal(0.9),
    "stream decoded rows: Pillow": Goal(0.9),
    "stream Python rows: historical loader": Goal(),
    "peak memory of a stream of Python rows": PEAK,
    "peak memory of a stream of Arrow tables": PEAK,
    "peak memory of a stream over HTTP": PEAK,
    "`cat_file`: `os.pread`": Goal(0.6),
    "`fsspec.open`: `os.pread`": Goal(),
    "bytes of batches: `os.pread`": Goal(0.85),
    "decoded rows in place: Pillow, per CPU-second": Goal(0.95),
    "decoded rows embedded: Pillow, per CPU-second": Goal(),
    "filter by resolution, not known yet: decoding": Goal(100),
    "filter by resolution, known: decoding": Goal(500),
    "filter by resolution, stream: without the filter": Goal(0.9),
    "credits as CSV: loop": Goal(4),
    "drop withdrawn images: `ds.filter`": Goal(2),
    "split by creator: loop": Goal(1),
    "export to Parquet: cat and fsync": Goal(0.8),
    "export to Parquet: `to_parquet`": Goal(),
    "export to WebDataset: webdataset library": Goal(1.5),
    "export to an image folder: loop": Goal(1.5),
    "export by two processes: one": Goal(),
    "export resized, per CPU-second: Pillow alone": Goal(0.9),
    "export resized by two processes: one": Goal(1.8),
    "peak memory of a worker that resizes": Goal(400, "MB", at_most=True),
    "download: curl and sha256sum": Goal(1),
    "single images: loop of requests": Goal(10),
    "push: `push_to_hub`": Goal(1),
}


def report(name: str, measured: float) -> None:
    """Print a figure beside its goal, and keep it; any name of a figure without a goal will do."""
    goal = GOALS.get(name, Goal())
    print(f"{name}, {goal.text(measured)}, {goal.wanted}, {goal.reached(measured)}", flush=True)
    if kept := os.environ.get(RESULTS):
        path = Path(kept)
        figures = json.loads(path.read_text()) if path.exists() else {}
        figures[name] = {"measured": measured, "script": Path(sys.argv[0]).name}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(figures, indent=1) + "\n")


def table(results: Path) -> str:
    """The kept figures in the order of the goals, as Markdown."""
    figures = json.loads(results.read_text())
    order = list(GOALS)
    names = sorted(figures, key=lambda name: order.index(name) if name in GOALS else len(order))
    rows = ["| figure | measured | goal | | command |", "|---|---|---|---|---|"]
    for name in names:
        goal, figure = GOALS.get(name, Goal()), figures[name]
        rows.append(
            f"| {name} | {goal.text(figure['measured'])} | {goal.wanted} "
            f"| {goal.reached(figure['measured'])} | `python benchmarks/{figure['script']}` |"
        )
    return "\n".join(rows) + "\n"


def write(page: Path, text: str) -> None:
    """Put the table between the markers of a page."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{page}: expected the markers {BEGIN.strip()} and {END.strip()}.")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}")


def main() -> None:
    """Print the table, or write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=DEFAULT)
    parser.add_argument("--write", type=Path, help="a page with the markers")
    options = parser.parse_args()
    text = table(options.results)
    print(text)
    if options.write:
        write(options.write, text)


if __name__ == "__main__":
    main()
