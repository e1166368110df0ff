"""How fast and in how much memory a dataset is exported, beside `cat` and what other libraries do,
in one run.

    python benchmarks/exporting.py [--folder /tmp/pass-benchmark] [--images 1000] [--repeat 3]
    [--only TEXT]

Each way runs in a process of its own, over the same ten shards, after their bytes were read once
and what the way before wrote was deleted. The ways take turns, and the median of each counts. Ours
(but for the image folder) and `cat` end when the device has everything; the other libraries do not
wait for it. Peak memory is that of the process, and of the largest one that it started.
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
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from goals import report
from make_input import input_parser, make_input

MANY = "100MB"  # files of this size, where several workers are to get some each


class Setting(NamedTuple):
    """What a way needs: the folder, where to write, and a cache folder for `datasets`."""

    folder: Path
    out: Path
    cache: Path


class Figures(NamedTuple):
    """What one way cost: seconds, peak resident bytes."""

    seconds: float
    peak: int


def cat(setting: Setting) -> Callable[[], object]:
    """The limit: `cat` of the tars into one file, with fsync."""
    tars = sorted(map(str, setting.folder.glob("PASS.*.tar")))

    def run() -> None:
        with (setting.out / "all").open("wb") as file:
            subprocess.run(["cat", *tars], stdout=file, check=True)
            os.fsync(file.fileno())

    return run


def load(setting: Setting, **options: Any) -> Any:
    """`load_dataset("pass")`."""
    import datasets

    import pass_utils  # noqa: F401

    shards = list(range(len(list(setting.folder.glob("PASS.*.tar")))))
    return datasets.load_dataset(
        "pass",
        data_dir=str(setting.folder),
        shards=shards,
        split="train",
        cache_dir=str(setting.cache),
        **options,
    )


def parquet(
    setting: Setting, *, source: dict[str, Any] | None = None, **options: Any
) -> Callable[[], object]:
    """`write_parquet`."""
    from pass_utils import write_parquet

    ds = load(setting, **(source or {}))
    return lambda: write_parquet(ds, setting.out, **options)


def parquet_dask(setting: Setting) -> Callable[[], object]:
    """`write_parquet` by two workers of a Dask cluster, each a process with one thread, reached
    over TCP.
    """
    from distributed import Client, LocalCluster

    import pass_utils

    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    )
    client = Client(cluster)
    executor = client.get_executor()
    for done in [
        executor.submit(__import__, "pass_utils.export.parquet") for _ in range(8)
    ]:  # imports are not measured
        done.result()
    ds = load(setting)
    return lambda: pass_utils.write_parquet(ds, setting.out, max_shard_size=MANY, executor=executor)


def datasets_parquet(setting: Setting) -> Callable[[], object]:
    """`datasets`' own: `Dataset.to_parquet` of the embedded dataset."""
    ds = load(setting, embed_images=True)
    return lambda: ds.to_parquet(str(setting.out / "all.parquet"))


def tars(setting: Setting) -> Callable[[], object]:
    """`write_webdataset`."""
    from pass_utils import write_webdataset

    ds = load(setting)
    return lambda: write_webdataset(ds, setting.out)


def webdataset_library(setting: Setting) -> Callable[[], object]:
    """The webdataset library's `ShardWriter` over the rows of the dataset opened in place."""
    import fsspec
    import webdataset
    from datasets import Image

    ds = load(setting).cast_column("image", Image(decode=False))

    def run() -> None:
        with webdataset.ShardWriter(
            str(setting.out / "train-%06d.tar"), maxsize=1e9, verbose=0
        ) as writer:
            for row in ds:
                with fsspec.open(row["image"]["path"]) as file:
                    picture = file.read()
                rest = {
                    name: value
                    for name, value in row.items()
                    if name not in ("image", "date_taken")
                }
                rest["date_taken"] = row["date_taken"].isoformat()
                writer.write({"__key__": row["hash"], "jpg": picture, "json": rest})

    return run


def files(setting: Setting) -> Callable[[], object]:
    """`write_imagefolder`."""
    from pass_utils import write_imagefolder

    ds = load(setting)
    return lambda: write_imagefolder(ds, setting.out)


def loop(setting: Setting) -> Callable[[], object]:
    """A loop over `ds[i]`'s files, undecoded, each written by its hash; no metadata."""
    import fsspec
    from datasets import Image

    ds = load(setting).cast_column("image", Image(decode=False))

    def run() -> None:
        for row in ds:
            with fsspec.open(row["image"]["path"]) as file:
                (setting.out / f"{row['hash']}.jpg").write_bytes(file.read())

    return run


WAYS: dict[str, Callable[[Setting], Callable[[], object]]] = {
    "cat with fsync (limit)": cat,
    "datasets' to_parquet, embedded": datasets_parquet,
    "parquet, in place": parquet,
    "parquet, embedded": lambda setting: parquet(setting, source={"embed_images": True}),
    "parquet, streamed": lambda setting: parquet(setting, source={"streaming": True}),
    "parquet, 100 MB, 1 process": lambda setting: parquet(setting, max_shard_size=MANY),
    "parquet, 100 MB, 2 processes": lambda setting: parquet(
        setting, max_shard_size=MANY, num_proc=2
    ),
    "parquet, 100 MB, Dask, 2 workers": parquet_dask,
    "webdataset library": webdataset_library,
    "webdataset": tars,
    "loop over rows": loop,
    "imagefolder": files,
}
RATIOS = (
    ("parquet in place : cat", "parquet, in place", "cat with fsync (limit)"),
    ("parquet in place : to_parquet", "parquet, in place", "datasets' to_parquet, embedded"),
    ("2 processes : 1", "parquet, 100 MB, 2 processes", "parquet, 100 MB, 1 process"),
    ("Dask : 2 processes", "parquet, 100 MB, Dask, 2 workers", "parquet, 100 MB, 2 processes"),
    ("webdataset : webdataset library", "webdataset", "webdataset library"),
    ("imagefolder : loop", "imagefolder", "loop over rows"),
)

GOALS = (
    ("export to Parquet: cat and fsync", "parquet, in place", "cat with fsync (limit)"),
    ("export to Parquet: `to_parquet`", "parquet, in place", "datasets' to_parquet, embedded"),
    ("export to WebDataset: webdataset library", "webdataset", "webdataset library"),
    ("export to an image folder: loop", "imagefolder", "loop over rows"),
    (
        "export by two processes: one",
        "parquet, 100 MB, 2 processes",
        "parquet, 100 MB, 1 process",
    ),
)


def measure(way: str, setting: Setting) -> None:
    """Export in this process, and print the figures as JSON."""
    import datasets

    datasets.disable_progress_bars()
    run = WAYS[way](setting)
    begin = time.perf_counter()
    run()
    seconds = time.perf_counter() - begin
    peak = (
        max(
            resource.getrusage(who).ru_maxrss
            for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )
        * 1024
    )
    print(json.dumps(Figures(seconds, peak)))


def main() -> None:
    """Make the input, run every way, print a table and the ratios."""
    parser = input_parser(__doc__)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", default="", help="only ways whose name holds this text")
    parser.add_argument(
        "--cache", type=Path, default=Path(tempfile.gettempdir()) / "pass-benchmark-cache"
    )
    parser.add_argument(
        "--out", type=Path, help="where to write; deleted afterwards  [default: a temporary folder]"
    )
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure, Setting(options.folder, options.out, options.cache))
        return
    folder = make_input(
        options.folder, shards=options.shards, images=options.images, rows=options.rows
    )
    size = sum(file.stat().st_size for file in folder.glob("PASS.*.tar"))
    names = [way for way in WAYS if options.only in way]
    figures: dict[str, list[Figures]] = {way: [] for way in names}
    base = Path(tempfile.mkdtemp(prefix="pass-export-", dir=options.out))
    me = [sys.executable, __file__, "--folder", str(folder), "--cache", str(options.cache)]
    try:
        for turn in range(
            options.repeat + 1
        ):  # the first turn fills the caches, and does not count
            for way in names:
                warm(folder)
                out = base / "out"
                out.mkdir()
                os.sync()
                done = subprocess.run(
                    [*me, "--out", str(out), "--measure", way],
                    check=True,
                    stdout=subprocess.PIPE,
                    text=True,
                )
                found = Figures(*json.loads(done.stdout.splitlines()[-1]))
                print(f"{turn}: {way}, {found.seconds:.2f} s", file=sys.stderr, flush=True)
                if turn:
                    figures[way].append(found)
                shutil.rmtree(out)
    finally:
        shutil.rmtree(base)
    print(f"{options.shards} shards, {size / 1e6:,.0f} MB, median of {options.repeat}\n")
    print(f"{'':<34}{'seconds':>9}{'MB/s':>8}{'images/s':>10}{'peak MB':>9}")
    median = {
        way: statistics.median(each.seconds for each in found) for way, found in figures.items()
    }
    for way, seconds in median.items():
        peak = max(each.peak for each in figures[way])
        images = options.shards * options.images
        print(
            f"{way:<34}{seconds:>9.2f}{size / 1e6 / seconds:>8,.0f}{images / seconds:>10,.0f}{peak / 1e6:>9,.0f}"  # noqa: E501
        )
    print()
    for text, one, other in RATIOS:
        if one in median and other in median:
            print(f"speed, {text:<34}{median[other] / median[one]:>8.2f}")
    for name, one, other in GOALS:
        if one in median and other in median:
            report(name, median[other] / median[one])


def warm(folder: Path) -> None:
    """Read the shards once, so that every way finds them in memory."""
    for shard in folder.glob("PASS.*.tar"):
        with shard.open("rb", buffering=0) as file:
            while file.read(1 << 20):
                pass


if __name__ == "__main__":
    main()
