"""How PASS opens, filters, reads and credits in its true size: 180 GB of tars, 1,439,719 images.

    python benchmarks/full_size.py [--folder /tmp/pass-full-size] [--only TEXT]

The tars are sparse files (`make_full_size.py`) that take 7 GB of disk and are kept between runs.
Every figure comes from a process of its own. "1 ms" adds a millisecond to each read of a shard, as
a network file system or a spinning disk does; "on the disk" drops the page cache before, for
which it has to run as root. A single cursor, the peer,
follows a part of the headers of one shard, each after the other.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from goals import DEFAULT, RESULTS, report
from make_full_size import FOLDER, make_full_size

DROP = Path("/proc/sys/vm/drop_caches")
LATENCY = 0.001  # seconds
READS = 5000
PART = 2000  # headers that a single cursor follows where reads are slow


def load(folder: Path, **options: Any) -> Any:
    """`load_dataset("pass")`, in place."""
    from datasets import load_dataset

    import pass_utils  # noqa: F401

    return load_dataset("pass", data_dir=str(folder), split="train", **options)


def add_latency() -> None:
    """Let each read of a shard take a millisecond more."""
    from pass_utils.shards import source

    def slow(read: Callable[..., Any]) -> Callable[..., Any]:
        def wait(*arguments: Any) -> Any:
            time.sleep(LATENCY)
            return read(*arguments)

        return wait

    source._read_at, source._pread = slow(source._read_at), slow(source._pread)


@contextlib.contextmanager
def first_shard(folder: Path) -> Iterator[Any]:
    """The first shard, open."""
    from pass_utils.shards.source import ShardFile

    with ShardFile(folder / "PASS.0.tar", random_access=True) as source:
        yield source


def walk(folder: Path) -> float:
    """Seconds of a walk of one shard by many cursors, for each 1,000 headers."""
    from pass_utils.shards.images import walk_images

    with first_shard(folder) as source:
        begin = time.perf_counter()
        count = sum(len(images.hashes) for images in walk_images(source))
        return (time.perf_counter() - begin) / count * 1000


def walk_singly(folder: Path, count: int | None = None) -> float:
    """The same by one cursor."""
    from pass_utils.shards.images import list_images

    with first_shard(folder) as source:
        begin = time.perf_counter()
        found = sum(1 for _ in islice(list_images(source), count))
        return (time.perf_counter() - begin) / found * 1000


def part_of(folder: Path, shard: int = 1) -> Any:
    """Places of images of one shard, about 20,000."""
    from pass_utils.images.files import dataset_places

    (places,) = dataset_places(load(folder, shards=[shard]).select(range(20_000)), "image")
    return places


def widths(folder: Path) -> float:
    """Seconds in which the resolutions of 1,000 images are read."""
    from pass_utils.images.resolutions import _from_shard

    places = part_of(folder)
    add_latency()
    begin = time.perf_counter()
    _from_shard(places)
    return (time.perf_counter() - begin) / len(places.offsets) * 1000


def widths_singly(folder: Path) -> float:
    """The same, one after the other."""
    from functools import partial

    from pass_utils.images.header import read_resolution
    from pass_utils.shards.source import ShardFile

    places = part_of(folder)
    add_latency()
    with ShardFile(places.shard, random_access=True) as shard:
        begin = time.perf_counter()
        for offset, size in zip(places.offsets[:PART], places.sizes[:PART], strict=True):
            read_resolution(partial(shard.pread, int(offset)), int(size))
        return (time.perf_counter() - begin) / PART * 1000


def open_all(folder: Path) -> float:
    """Seconds to open it."""
    return timed(lambda: load(folder))


def open_part(folder: Path) -> float:
    """Seconds to open other shards than before."""
    return timed(lambda: load(folder, shards=[0, 3]))


def resolutions(folder: Path) -> float:
    """Seconds in which all widths and heights are read."""
    from pass_utils.images.resolutions import dataset_resolutions

    ds = load(folder)
    return timed(lambda: dataset_resolutions(ds, "image"))


def choose(folder: Path) -> float:
    """Seconds of the filter by resolution."""
    import pass_utils

    ds = load(folder)
    return timed(lambda: pass_utils.filter_resolution(ds, min_side=375))


def shuffle(folder: Path) -> float:
    """Seconds of a shuffle."""
    ds = load(folder)
    return timed(lambda: ds.shuffle(seed=0))


def read(folder: Path) -> float:
    """Seconds in which so many images are read in any order."""
    import datasets

    ds = load(folder).cast_column("image", datasets.Image(decode=False))
    import fsspec

    system = fsspec.filesystem("pass")
    rows = random.Random(0).sample(range(len(ds)), READS)
    return timed(lambda: [system.cat_file(ds[row]["image"]["path"]) for row in rows])


def credit(folder: Path) -> float:
    """Seconds in which the credits are written as CSV."""
    import pass_utils

    with tempfile.TemporaryDirectory() as out:
        return timed(lambda: pass_utils.write_attribution(folder, f"{out}/CREDITS.csv"))


def sample(folder: Path) -> float:
    """Seconds to open a sample."""
    return timed(lambda: load(folder, sample=1000, seed=0))


def split(folder: Path) -> float:
    """Seconds of a split by creator."""
    import pass_utils

    ds = load(folder)
    return timed(lambda: pass_utils.split_by_creator(ds))


def timed(work: Callable[[], object]) -> float:
    """Seconds of some work."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def slowly(way: Callable[..., float], *arguments: Any) -> Callable[[Path], float]:
    """A way with the latency."""

    def run(folder: Path) -> float:
        add_latency()
        return way(folder, *arguments)

    return run


WAYS: dict[str, Callable[[Path], float]] = {
    "walk": walk,
    "walk singly": walk_singly,
    "walk, 1 ms": slowly(walk),
    "walk singly, 1 ms": slowly(walk_singly, PART),
    "walk, on the disk": walk,
    "walk singly, on the disk": lambda folder: walk_singly(folder, 10 * PART),
    "open": open_all,
    "open again": open_all,
    "open other shards": open_part,
    "widths": resolutions,
    "widths, 1 ms": widths,
    "widths singly, 1 ms": widths_singly,
    "filter": choose,
    "shuffle": shuffle,
    "random reads": read,
    "credits": credit,
    "sample": sample,
    "split": split,
}
NAMES = {
    "open": "open PASS in full size, headers in memory",
    "open again": "open PASS in full size again",
    "open other shards": "open other shards of it",
    "widths": "widths and heights of PASS in full size",
    "filter": "filter PASS in full size by resolution",
    "shuffle": "shuffle PASS in full size",
    "random reads": "5,000 random images of PASS in full size",
    "credits": "credits of PASS in full size",
    "sample": "sample of PASS in full size",
    "split": "split of PASS in full size by creator",
}
RATIOS = {
    "the same, walk of one shard: one cursor": ("walk", "walk singly"),
    "the same, 1 ms for each read: one cursor": ("walk, 1 ms", "walk singly, 1 ms"),
    "the same, headers on the disk: one cursor": ("walk, on the disk", "walk singly, on the disk"),
    "the same, 1 ms for each read: one after the other": ("widths, 1 ms", "widths singly, 1 ms"),
}


def measure(way: str, folder: Path, cache: Path) -> None:
    """Run one way in this process, and print seconds and peak as JSON."""
    import datasets
    import pyarrow.compute  # imports are not what is measured
    import pyarrow.csv  # noqa: F401

    import pass_utils.loading.builder  # noqa: F401

    datasets.config.HF_DATASETS_CACHE = cache
    datasets.disable_progress_bars()
    seconds = WAYS[way](folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(json.dumps([seconds, peak]))


def drop_caches() -> bool:
    """Forget what the system has in memory of files; False where that is not allowed."""
    os.sync()
    try:
        DROP.write_text("3")
    except OSError:
        return False
    return True


def main() -> None:
    """Make the input, run every way, print a table and the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--only", default="", help="only ways whose name holds this text")
    parser.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--measure", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure, options.folder, options.cache)
        return
    os.environ.setdefault(RESULTS, str(DEFAULT))
    folder = make_full_size(options.folder)
    seconds: dict[str, float] = {}
    peaks: dict[str, float] = {}
    print(f"{'':<28}{'seconds':>10}{'peak MB':>10}")
    with tempfile.TemporaryDirectory(prefix="pass-cache-") as cache:
        me = [sys.executable, __file__, "--folder", str(folder), "--cache", cache]
        for way in WAYS:
            if options.only not in way:
                continue
            if "on the disk" in way and not drop_caches():
                print(f"{way}: the page cache cannot be dropped here; run it as root")
                continue
            if way in ("walk", "open"):  # so that its headers are in memory
                for shard in range(1 if way == "walk" else 10):
                    warm(folder / f"PASS.{shard}.tar")
            done = subprocess.run(
                [*me, "--measure", way], check=True, stdout=subprocess.PIPE, text=True
            )
            seconds[way], peaks[way] = json.loads(done.stdout.splitlines()[-1])
            print(f"{way:<28}{seconds[way]:>10.3f}{peaks[way]:>10,.0f}", flush=True)
    print()
    for way, name in NAMES.items():
        if way in seconds:
            report(name, seconds[way])
    for name, (one, other) in RATIOS.items():
        if one in seconds and other in seconds:
            report(name, seconds[other] / seconds[one])
    if peaks:
        report("peak memory of these", max(peaks.values()))


def warm(shard: Path) -> None:
    """Read the headers of a shard."""
    from pass_utils.shards.source import ShardFile
    from pass_utils.shards.walk import walk_members

    with ShardFile(shard, random_access=True) as source:
        for _ in walk_members(source):
            pass


if __name__ == "__main__":
    main()
