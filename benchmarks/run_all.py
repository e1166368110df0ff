"""Runs all benchmarks, one after the other, and prints one table of their figures and goals.

    python benchmarks/run_all.py [--minutes 12] [--output docs/measurements.md] [--only TEXT]

A benchmark that fails or takes too long is reported, and the others run; those for which no time is
left are named. `full_size.py` is not among them: its figures join the table when it was run.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from goals import DEFAULT, RESULTS, table, write

HERE = Path(__file__).resolve().parent
SCRIPTS = (  # the most wanted first
    "reading.py",
    "streaming.py",
    "exporting.py --repeat 1",
    "opening.py",
    "resolution.py",
    "crediting.py",
    "splitting.py",
    "selecting.py --rows 300000",
    f"resizing.py --repeat 1 --images 100 --folder {tempfile.gettempdir()}/pass-benchmark-100",
    "fetching.py",
    "downloading.py",
    "pushing.py",
)
LONGEST = 240  # seconds of one benchmark


def main() -> None:
    """Run them, print the table, write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=12, help="for all of them")
    parser.add_argument("--output", type=Path, help="a page with the markers of the table")
    parser.add_argument("--only", default="", help="only those whose name holds this text")
    parser.add_argument("--results", type=Path, default=DEFAULT)
    options = parser.parse_args()
    end = time.monotonic() + 60 * options.minutes
    failed = []
    for script in SCRIPTS:
        name, *arguments = script.split()
        if options.only not in name or not (HERE / name).exists():
            continue
        left = end - time.monotonic()
        print(f"\n# {script}, {left:,.0f} s left\n", flush=True)
        begin = time.monotonic()
        try:
            if left < 10:
                raise subprocess.TimeoutExpired(name, 0)
            subprocess.run(
                [sys.executable, str(HERE / name), *arguments],
                check=True,
                timeout=min(left, LONGEST),
                env={**os.environ, RESULTS: str(options.results.resolve())},
            )
        except (subprocess.SubprocessError, OSError) as err:
            failed.append(f"{name}: {err}")
            print(failed[-1], file=sys.stderr)
        print(f"# {name}: {time.monotonic() - begin:,.0f} s", flush=True)
    text = table(options.results)
    print(f"\n{text}")
    if options.output:
        write(options.output, text)
    if failed:
        raise SystemExit("not measured:\n" + "\n".join(failed))


if __name__ == "__main__":
    main()
