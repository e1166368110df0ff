"""Rows a second, time to the first row and memory of every way to stream PASS, side by side in one
run.

    python benchmarks/streaming.py [--folder /tmp/pass-benchmark] [--images 1000] [--only TEXT]
    [--json FILE]

Each way runs in a process of its own over the same ten shards, after their bytes were read once.
Rates are counted from the first row on, so that reading the CSV shows in the time to the first row
only. "http" reads from a server on this machine that behaves as Zenodo does. `raw` rows hold the
bytes of the image, `decoded` ones its pixels.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from goals import report
from historical import historical_rows
from make_input import input_parser, make_input

TESTS = Path(__file__).resolve().parent.parent / "tests"


class Setting(NamedTuple):
    """What a way needs: the folder, the server that serves it, and a cache folder for
    `datasets`.
    """

    folder: Path
    base_url: str
    cache: Path

    @property
    def shards(self) -> list[Path]:
        """The tars."""
        return sorted(self.folder.glob("PASS.*.tar"))


Counts = Iterator[int]  # rows, as they come


def plain_read(setting: Setting) -> Counts:
    """The limit: the bytes of the tars."""
    buffer = bytearray(1 << 20)
    for shard in setting.shards:
        with shard.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass
        yield images_in(shard)


def images_in(shard: Path) -> int:
    """Images in a shard, as its folder's name of the input says."""
    made = next(shard.parent.glob("*.made")).name
    return int(made.partition("x")[2].partition("+")[0])


def tarfile_read(setting: Setting) -> Counts:
    """Python's `tarfile`, no metadata."""
    for shard in setting.shards:
        with tarfile.open(shard, "r|") as tar:
            for member in tar:
                file = tar.extractfile(member)
                if file is not None:
                    file.read()
                    yield 1


def webdataset_library(setting: Setting) -> Counts:
    """The webdataset library, no metadata."""
    import webdataset

    for _ in webdataset.WebDataset(
        [str(shard) for shard in setting.shards], shardshuffle=False, empty_check=False
    ):
        yield 1


def datasets_webdataset(setting: Setting) -> Counts:
    """`datasets`' own builder for tars, no metadata."""
    import datasets

    stream = datasets.load_dataset(
        "webdataset",
        data_files=[str(shard) for shard in setting.shards],
        split="train",
        streaming=True,
    )
    for _ in stream.cast_column("jpg", datasets.Image(decode=False)):
        yield 1


def historical(setting: Setting) -> Counts:
    """The historical loader's way, with metadata."""
    import datasets

    from pass_utils.releases import FEATURES

    stream = datasets.IterableDataset.from_generator(
        historical_rows, features=FEATURES, gen_kwargs={"folder": setting.folder}
    )
    for _ in stream.cast_column("image", datasets.Image(decode=False)):
        yield 1


def ours(setting: Setting, *, http: bool = False) -> Any:
    """`load_dataset("pass", streaming=True)`."""
    import datasets

    import pass_utils  # noqa: F401
    from pass_utils.releases import RELEASES

    options: dict[str, Any] = {"data_dir": str(setting.folder)}
    if http:
        RELEASES["v2"] = describe(setting.folder)
        options = {"base_url": setting.base_url}
    return datasets.load_dataset(
        "pass", split="train", streaming=True, cache_dir=str(setting.cache), **options
    )


def ours_tables(setting: Setting, *, http: bool = False) -> Counts:
    """Ours as Arrow tables of 100 rows, with metadata."""
    yield from map(len, ours(setting, http=http).with_format("arrow").iter(100))


def ours_rows(setting: Setting) -> Counts:
    """Ours as Python rows, with metadata."""
    import datasets

    for _ in ours(setting).cast_column("image", datasets.Image(decode=False)):
        yield 1


def ours_http(setting: Setting) -> Counts:
    """Ours over HTTP as Arrow tables of 100 rows, with metadata."""
    yield from ours_tables(setting, http=True)


def requests_alone(setting: Setting) -> Counts:
    """The limit over HTTP: `requests` reading the same files."""
    import requests

    for shard in setting.shards:
        with requests.get(
            f"{setting.base_url}/1/files/{shard.name}", stream=True, timeout=60
        ) as response:
            for _ in response.iter_content(1 << 20):
                pass
        yield images_in(shard)


def ours_decoded(setting: Setting) -> Counts:
    """Ours as `datasets` delivers rows, decoded."""
    for _ in ours(setting):
        yield 1


def pillow_loop(setting: Setting) -> Counts:
    """The limit of decoding: the same bytes, decoded by Pillow in a loop."""
    from PIL import Image

    for shard in setting.shards:
        with tarfile.open(shard, "r|") as tar:
            for member in tar:
                file = tar.extractfile(member)
                if file is not None:
                    Image.open(io.BytesIO(file.read())).load()
                    yield 1


def ours_workers(setting: Setting) -> Counts:
    """Ours, decoded, from two DataLoader workers."""
    from torch.utils.data import DataLoader

    yield from DataLoader(ours(setting), batch_size=32, num_workers=2, collate_fn=len)


WAYS: dict[str, Callable[[Setting], Counts]] = {
    "plain read (limit)": plain_read,
    "tarfile": tarfile_read,
    "webdataset library": webdataset_library,
    "datasets' webdataset": datasets_webdataset,
    "historical loader": historical,
    "ours, raw tables": ours_tables,
    "ours, raw rows": ours_rows,
    "requests alone (http limit)": requests_alone,
    "ours, raw tables, http": ours_http,
    "Pillow in a loop (limit)": pillow_loop,
    "ours, decoded": ours_decoded,
    "ours, decoded, 2 workers": ours_workers,
}


GOALS = (
    ("stream Python rows: webdataset library", "ours, raw rows", "webdataset library"),
    ("stream Arrow tables: plain reading", "ours, raw tables", "plain read (limit)"),
    ("stream over HTTP: requests", "ours, raw tables, http", "requests alone (http limit)"),
    ("stream decoded rows: Pillow", "ours, decoded", "Pillow in a loop (limit)"),
    ("stream Python rows: historical loader", "ours, raw rows", "historical loader"),
)
PEAKS = (
    ("of Python rows", "ours, raw rows"),
    ("of Arrow tables", "ours, raw tables"),
    ("over HTTP", "ours, raw tables, http"),
)


def describe(folder: Path) -> Any:
    """The folder as a release; checksums of the shards are not needed to stream them."""
    from pass_utils.releases import File, Release

    files = [folder / "pass_metadata.csv", *sorted(folder.glob("PASS.*.tar"))]
    kept = folder / f"csv-{files[0].stat().st_mtime_ns}.sha256"
    if not kept.exists():
        kept.write_text(hashlib.sha256(files[0].read_bytes()).hexdigest())
    return Release(
        "v2",
        "1.0.0",
        1,
        "2021-10-14",
        0,
        0,
        tuple(File(file.name, file.stat().st_size, kept.read_text()) for file in files),
    )


def measure(way: str, setting: Setting) -> None:
    """Stream in this process, and print the figures as JSON."""
    import datasets
    import pyarrow.compute  # imports are not what is measured
    import pyarrow.csv  # noqa: F401

    import pass_utils.loading.builder  # noqa: F401

    if way == "historical loader":
        import pandas as pd  # noqa: F401
    if "workers" in way:
        import torch.utils.data  # noqa: F401
    datasets.disable_progress_bars()
    size = sum(shard.stat().st_size for shard in setting.shards)
    begin = time.perf_counter()
    counts = WAYS[way](setting)
    first_rows = next(counts)
    first = time.perf_counter()
    rows = sum(counts)
    seconds = time.perf_counter() - first
    if not rows:  # a single batch
        rows, seconds = first_rows, first - begin
    print(
        json.dumps(
            {
                "way": way,
                "rows_per_second": rows / seconds,
                "megabytes_per_second": size / 1e6 * rows / (rows + first_rows) / seconds,
                "seconds_to_first_row": first - begin,
                "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
            }
        )
    )


def serve(folder: Path) -> None:
    """Serve the folder until the process is ended; prints where."""
    sys.path.insert(0, str(TESTS))
    from support.zenodo import Zenodo

    with Zenodo(folder) as server:
        for shard in folder.glob(
            "PASS.*.tar"
        ):  # its ETag holds an MD5, which would count against the first reader
            server.etag(shard)
        print(server.base_url, flush=True)
        sys.stdin.read()


def warm(folder: Path) -> None:
    """Read the shards once, so that every way finds them in memory."""
    for _ in plain_read(Setting(folder, "", folder)):
        pass


def main() -> None:
    """Make the input, run every way, print a table and the ratios."""
    parser = input_parser(__doc__)
    parser.add_argument("--only", default="", help="only ways whose name holds this text")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    parser.add_argument(
        "--cache", type=Path, default=Path(tempfile.gettempdir()) / "pass-benchmark-cache"
    )
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--base-url", default="", help=argparse.SUPPRESS)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.folder)
        return
    if options.measure:
        measure(options.measure, Setting(options.folder, options.base_url, options.cache))
        return
    folder = make_input(
        options.folder, shards=options.shards, images=options.images, rows=options.rows
    )
    me = [sys.executable, __file__, "--folder", str(folder), "--cache", str(options.cache)]
    server = subprocess.Popen(
        [*me, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    base_url = server.stdout.readline().strip()
    figures: dict[str, dict[str, float]] = {}
    print(f"{'':<30}{'rows/s':>9}{'MB/s':>8}{'first row s':>13}{'peak MB':>9}")
    try:
        for way in WAYS:
            if options.only not in way:
                continue
            command = [*me, "--measure", way, "--base-url", base_url]
            if way.startswith(
                "ours"
            ):  # so that the CSV is cached, as it is at every call but the first
                subprocess.run([*command], check=True, capture_output=True)
            warm(folder)
            # or `datasets` imports it everywhere
            environment = {
                **os.environ,
                "USE_TORCH": "1" if "workers" in way else "0",
            }
            done = subprocess.run(
                command, check=True, stdout=subprocess.PIPE, text=True, env=environment
            )
            found = figures[way] = json.loads(done.stdout.splitlines()[-1])
            print(
                f"{way:<30}{found['rows_per_second']:>9,.0f}{found['megabytes_per_second']:>8,.0f}"
                f"{found['seconds_to_first_row']:>13.2f}{found['peak_megabytes']:>9,.0f}",
                flush=True,
            )
    finally:
        server.kill()
    print()
    for text, one, other, key in (
        (
            "rows/s, ours raw tables : historical",
            "ours, raw tables",
            "historical loader",
            "rows_per_second",
        ),
        (
            "rows/s, ours raw rows : historical",
            "ours, raw rows",
            "historical loader",
            "rows_per_second",
        ),
        (
            "rows/s, ours raw tables : webdataset",
            "ours, raw tables",
            "webdataset library",
            "rows_per_second",
        ),
        (
            "first row, ours : historical",
            "ours, raw tables",
            "historical loader",
            "seconds_to_first_row",
        ),
        (
            "rows/s, ours decoded : Pillow",
            "ours, decoded",
            "Pillow in a loop (limit)",
            "rows_per_second",
        ),
        (
            "MB/s, ours http : requests",
            "ours, raw tables, http",
            "requests alone (http limit)",
            "megabytes_per_second",
        ),
    ):
        if one in figures and other in figures:
            print(f"{text:<40}{figures[one][key] / figures[other][key]:>8.2f}")
    for name, one, other in GOALS:
        if one in figures and other in figures:
            report(name, figures[one]["rows_per_second"] / figures[other]["rows_per_second"])
    for name, way in PEAKS:
        if way in figures:
            report(f"peak memory of a stream {name}", figures[way]["peak_megabytes"])
    if options.json:
        options.json.write_text(json.dumps(list(figures.values()), indent=2) + "\n")


if __name__ == "__main__":
    main()
