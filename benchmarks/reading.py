"""How fast images of a dataset opened in place are read, one by one and in batches, and decoded.

    python benchmarks/reading.py [--folder /tmp/pass-benchmark] [--shards 10] [--images 1000]
    [--rows 1439719]

The bytes are in the page cache. The limit of reads is `os.pread` of the same bytes; of decoding,
Pillow in a loop over bytes that are in memory. Each figure is the best of several turns, in which
the ways take turns; rates are per second of CPU time, which other work on the machine changes less.
"""

from __future__ import annotations

import io
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import fsspec
from goals import report
from make_input import input_parser, make_input
from PIL import Image

import pass_utils  # noqa: F401
from pass_utils.images.files import embed
from pass_utils.shards.places import Place

READS, DECODED, TURNS = 2000, 400, 5
BATCH = 100  # rows


def rates(ways: dict[str, Callable[[], object]], count: int) -> dict[str, float]:
    """The best rate of each way per CPU-second."""
    best = dict.fromkeys(ways, 0.0)
    for _ in range(TURNS):
        for name, way in ways.items():
            begin = time.process_time()
            way()
            best[name] = max(best[name], count / (time.process_time() - begin))
    for name, rate in best.items():
        print(f"{name:<28}{rate:>10,.0f} images a CPU-second", flush=True)
    return best


def main() -> None:
    """Make the input, measure every way, print the rates."""
    options = input_parser(__doc__).parse_args()
    folder = make_input(
        options.folder, shards=options.shards, images=options.images, rows=options.rows
    )
    cache = Path(tempfile.mkdtemp(prefix="pass-cache-"))
    datasets.disable_progress_bars()

    def load(**more: Any) -> Any:
        shards = list(range(min(2, options.shards)))
        return datasets.load_dataset(
            "pass", data_dir=str(folder), shards=shards, split="train", cache_dir=str(cache), **more
        )

    try:
        in_place = load()
        count = min(READS, len(in_place))
        urls = in_place.data["image"].combine_chunks().field("path").to_pylist()[:count]
        places = [Place.from_url(url) for url in urls]
        files = {place.shard: os.open(place.shard, os.O_RDONLY) for place in places}
        chosen = random.Random(0).sample(range(count), count)
        stored = [
            in_place.data["image"].combine_chunks()[begin : begin + BATCH]
            for begin in range(0, count, BATCH)
        ]
        system = fsspec.filesystem("pass")

        def pread() -> None:
            for row in chosen:
                place = places[row]
                os.pread(files[place.shard], place.size, place.offset)

        def cat_file() -> None:
            for row in chosen:
                system.cat_file(urls[row])

        def open_each() -> None:
            for row in chosen:
                with fsspec.open(urls[row]) as file:
                    file.read()

        def batches() -> None:
            for images in stored:
                embed(images)

        found = rates(
            {
                "os.pread": pread,
                "cat_file": cat_file,
                "fsspec.open": open_each,
                f"batches of {BATCH} rows": batches,
            },
            count,
        )
        limit = found.pop("os.pread")
        for name, rate in zip(
            ("`cat_file`: `os.pread`", "`fsspec.open`: `os.pread`", "bytes of batches: `os.pread`"),
            found.values(),
            strict=True,
        ):
            report(name, rate / limit)

        some = in_place.select(range(DECODED))
        embedded = load(embed_images=True).select(range(DECODED))
        data = [system.cat_file(url) for url in urls[:DECODED]]

        def pillow() -> None:
            for each in data:
                Image.open(io.BytesIO(each)).load()

        def iterate(ds: Any) -> None:
            for _ in ds:
                pass

        found = rates(
            {
                "Pillow": pillow,
                "decoded, in place": lambda: iterate(some),
                "decoded, embedded": lambda: iterate(embedded),
            },
            DECODED,
        )
        for way in ("in place", "embedded"):
            report(
                f"decoded rows {way}: Pillow, per CPU-second",
                found[f"decoded, {way}"] / found["Pillow"],
            )
    finally:
        shutil.rmtree(cache)


if __name__ == "__main__":
    main()
