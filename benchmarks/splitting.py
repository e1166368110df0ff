"""How long it takes to split a release by creator, and to limit how many images each creator has.

    python benchmarks/splitting.py [--rows 1439719]

The rows are made: hash and creator alone, in an Arrow file; a tenth of them without a name, and
creators of whom the few have the many images. Each way runs in a process of its own. The peer is
a loop over the rows that does the same with `hashlib` and `ds.select`. "Beyond" is the peak of
memory above that of a process that has opened the rows.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
from goals import report
from make_input import RELEASE_ROWS, image_hash

import pass_utils


def make_rows(path: Path, rows: int) -> None:
    """An Arrow file of so many rows."""
    rng = np.random.default_rng(0)
    creators = (rows // 8 * rng.random(rows) ** 3).astype(np.int64)
    named = rng.random(rows) < 0.9
    with pa.ipc.new_stream(str(path), _schema()) as writer:
        for begin in range(0, rows, 1000):
            part = range(begin, min(begin + 1000, rows))
            names = [f"photographer+{creators[row]}" if named[row] else None for row in part]
            writer.write_table(pa.table([list(map(image_hash, part)), names], schema=_schema()))


def _schema() -> pa.Schema:
    return pa.schema([("hash", pa.string()), ("creator_username", pa.string())])


def loop(ds: Any) -> list[int]:
    """The split by a loop in Python."""
    limit = int(0.05 * 2**64).to_bytes(8, "big")
    test: list[int] = []
    train: list[int] = []
    for index, (hash, name) in enumerate(
        zip(ds["hash"][:], ds["creator_username"][:], strict=True)
    ):
        key = hash if name is None else name
        below = hashlib.sha256(f"0:{key}".encode()).digest()[:8] < limit
        (test if below else train).append(index)
    return [len(ds.select(train)), len(ds.select(test))]


def split(ds: Any) -> list[int]:
    """`split_by_creator`."""
    return [len(part) for part in pass_utils.split_by_creator(ds).values()]


def limit(ds: Any) -> list[int]:
    """`limit_per_creator`."""
    return [len(pass_utils.limit_per_creator(ds, 20))]


SPLIT = "`split_by_creator(ds)`"
WAYS: dict[str, Callable[[Any], list[int]]] = {
    "a loop that splits": loop,
    SPLIT: split,
    "`limit_per_creator(ds, 20)`": limit,
}


def measure(title: str, path: Path, answer: Any) -> None:
    """Run one way and send its rows, its seconds and its peaks in MB."""
    ds = datasets.Dataset.from_file(str(path))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.perf_counter()
    rows = WAYS[title](ds)
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer.send((rows, seconds, peak / 1024, (peak - before) / 1024))


def main() -> None:
    """Make the rows, measure every way, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=RELEASE_ROWS)
    rows = parser.parse_args().rows
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="pass-splitting-") as folder:
        path = Path(folder) / "rows.arrow"
        make_rows(path, rows)
        print(f"| {rows:,} rows | rows of the result | seconds | peak MB | beyond |")
        print("|---|---|---|---|---|")
        spent: dict[str, float] = {}
        for title in WAYS:
            here, there = context.Pipe()
            process = context.Process(target=measure, args=(title, path, there))
            process.start()
            counts, seconds, peak, beyond = here.recv()
            process.join()
            spent[title] = seconds
            shown = ", ".join(f"{count:,}" for count in counts)
            print(f"| {title} | {shown} | {seconds:.1f} | {peak:.0f} | {beyond:.0f} |")
        report("split by creator: loop", spent["a loop that splits"] / spent[SPLIT])


if __name__ == "__main__":
    main()
