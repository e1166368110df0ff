"""How fast images are exported at training size, beside Pillow alone.

    python benchmarks/resizing.py [--folder /tmp/pass-benchmark] [--images 1000] [--repeat 3]
    [--side 256]

Pillow alone is a loop that reads each image from its tar, decodes it with `draft`, resizes it with
Lanczos, and keeps the JPEG in memory; ours writes Parquet. Each way runs in a process of its own,
the ways take turns, and the median of each counts. CPU seconds are those of the process and of all
that it started: per core, ours must reach 0.9 of the loop. Peak memory is that of the largest
process.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from goals import report
from make_input import input_parser, make_input

QUALITY = 90


def loop(folder: Path, out: Path, cache: Path, side: int) -> Callable[[], object]:
    """Pillow alone."""
    from PIL import Image

    def run() -> None:
        for path in sorted(folder.glob("PASS.*.tar")):
            with tarfile.open(path) as tar:
                for member in tar:
                    file = tar.extractfile(member)
                    assert file is not None
                    image: Any = Image.open(BytesIO(file.read()))
                    image.draft("RGB", (2 * side, 2 * side))
                    scale = side / min(image.size)
                    if scale < 1:
                        size = round(image.width * scale), round(image.height * scale)
                        image = image.resize(size, Image.Resampling.LANCZOS)
                    image.save(BytesIO(), "JPEG", quality=QUALITY)

    return run


def ours(folder: Path, out: Path, cache: Path, side: int, **options: Any) -> Callable[[], object]:
    """`write_parquet(ds, out, resize=side)`."""
    import datasets

    import pass_utils

    shards = list(range(len(list(folder.glob("PASS.*.tar")))))
    where = {"data_dir": str(folder), "cache_dir": str(cache), "shards": shards}
    ds = datasets.load_dataset("pass", split="train", **where)
    return lambda: pass_utils.write_parquet(
        ds, out, resize=side, quality=QUALITY, max_shard_size="5MB", quiet=True, **options
    )


WAYS: dict[str, Callable[..., Callable[[], object]]] = {
    "Pillow alone, in memory": loop,
    "`write_parquet(resize=...)`": ours,
    "the same, two processes": lambda *setting: ours(*setting, num_proc=2),
}


def measure(title: str, folder: Path, side: int) -> dict[str, float]:
    """Run one way in this process."""
    out, cache = Path(tempfile.mkdtemp(prefix="pass-out-")), Path(tempfile.mkdtemp())
    try:
        run = WAYS[title](folder, out, cache, side)
        before = _cpu()
        begin = time.perf_counter()
        run()
        seconds = time.perf_counter() - begin
        size = sum(file.stat().st_size for file in out.glob("*.parquet"))
    finally:
        shutil.rmtree(out)
        shutil.rmtree(cache)
    peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, _CHILDREN)]
    return {"seconds": seconds, "cpu": _cpu() - before, "peak": max(peaks) / 1024, "bytes": size}


_CHILDREN = resource.RUSAGE_CHILDREN


def _cpu() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def main() -> None:
    """Make the input, run every way, print a table."""
    parser: argparse.ArgumentParser = input_parser(__doc__)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    options = parser.parse_args()
    folder = make_input(options.folder, shards=options.shards, images=options.images)
    if options.way:
        print(json.dumps(measure(options.way, folder, options.side)))
        return
    images = options.shards * options.images
    runs: dict[str, list[dict[str, float]]] = {title: [] for title in WAYS}
    for _ in range(options.repeat):
        for title in WAYS:
            command = [sys.executable, *sys.argv, "--way", title]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            runs[title].append(json.loads(done.stdout.splitlines()[-1]))
    medians = {
        title: {name: statistics.median(run[name] for run in of) for name in of[0]}
        for title, of in runs.items()
    }
    alone, one = (medians[title] for title in list(WAYS)[:2])
    print("| way | images/s | images/CPU-s | of Pillow per core | times one process | peak MB |")
    print("|---|---|---|---|---|---|")
    for title, of in medians.items():
        print(
            f"| {title} | {images / of['seconds']:,.0f} | {images / of['cpu']:,.0f} "
            f"| {alone['cpu'] / of['cpu']:.2f} | {one['seconds'] / of['seconds']:.2f} "
            f"| {of['peak']:.0f} |"
        )
    print(f"\nWritten: {one['bytes'] / images:,.0f} bytes an image.\n")
    two = medians["the same, two processes"]
    report("export resized, per CPU-second: Pillow alone", alone["cpu"] / one["cpu"])
    report("export resized by two processes: one", one["seconds"] / two["seconds"])
    report("peak memory of a worker that resizes", max(one["peak"], two["peak"]))


if __name__ == "__main__":
    main()
