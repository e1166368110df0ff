"""How fast pictures are chosen by their size, beside decoding every one of them.

    python benchmarks/resolution.py [--folder /tmp/pass-benchmark] [--shards 10] [--images 1000]
    [--rows 1439719]

"Decoding" is `ds.filter(lambda row: min(row["image"].size) >= 375)`, over the first 1,000 pictures.
Every figure is the best of three, all in one run, with the bytes in memory; the sizes of pictures
in shards are forgotten between runs where the title says so. A release's number of rows is opened
from ten shards of headers without pictures, 1 KiB each.
"""

from __future__ import annotations

import io
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
from goals import report
from make_input import image_hash, input_parser, make_input, write_metadata

import pass_utils

DECODED = 1000  # pictures
HEADER = bytes.fromhex("ffd8 ffc0 000b 08 0177 01f4 01 011100 ffda 0000")  # 500 by 375


def make_headers(folder: Path, rows: int) -> Path:
    """Ten shards of JPEG headers, `rows` in all, and their CSV; made once."""
    done = folder / f"{rows}.made"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for shard in range(10):
            with tarfile.open(
                folder / f"PASS.{shard}.tar", "w", format=tarfile.USTAR_FORMAT
            ) as tar:
                for number in range(shard, rows, 10):
                    member = tarfile.TarInfo(f"PASS_dataset/{shard}/{image_hash(number)}.jpg")
                    member.size = len(HEADER)
                    tar.addfile(member, io.BytesIO(HEADER))
        write_metadata(folder, rows=rows)
        done.touch()
    return folder


def best(work: Callable[[], Any], before: Callable[[], None] = lambda: None) -> float:
    """Seconds of the fastest of three."""
    seconds = []
    for _ in range(3):
        before()
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def stream_rate(stream: Any, rows: int) -> float:
    """Rows a second of a stream in tables of 100, counted from the first on."""
    tables = iter(stream.with_format("arrow").iter(100))
    seen = len(next(tables))
    begin = time.perf_counter()
    rest = sum(map(len, tables))
    seconds = time.perf_counter() - begin
    if seen + rest != rows:
        raise SystemExit(f"expected {rows} rows, found {seen + rest}")
    return rest / seconds


def main() -> None:
    """Make the input, measure every way, print a table and the ratios."""
    parser = input_parser(__doc__)
    options = parser.parse_args()
    folder = make_input(
        options.folder, shards=options.shards, images=options.images, rows=options.rows
    )
    headers = make_headers(options.folder.with_name(f"{options.folder.name}-headers"), options.rows)
    cache = Path(tempfile.mkdtemp(prefix="pass-cache-"))
    datasets.config.HF_DATASETS_CACHE = cache
    datasets.disable_progress_bars()

    def load(**more: Any) -> Any:
        return datasets.load_dataset(
            "pass",
            data_dir=str(more.pop("folder", folder)),
            split="train",
            cache_dir=str(cache),
            **more,
        )

    def forget() -> None:
        for file in (cache / "pass").glob("sizes-*"):
            file.unlink()

    def decode(ds: Any) -> Any:
        return ds.select(range(DECODED)).filter(
            lambda row: min(row["image"].size) >= 375, load_from_cache_file=False
        )

    def choose(ds: Any, **more: Any) -> Any:
        return pass_utils.filter_resolution(ds, min_side=375, **more)

    try:
        in_place, embedded = load(), load(embed_images=True)
        rows = len(in_place)
        rates = {
            "decoding": DECODED / best(lambda: decode(in_place)),
            "in place, sizes not known": rows / best(lambda: choose(in_place), forget),
            "in place, sizes not known, two processes": rows
            / best(lambda: choose(in_place, num_proc=2), forget),
            "in place, sizes known": rows / best(lambda: choose(in_place)),
            "embedded": rows / best(lambda: choose(embedded)),
        }
        plain, filtered = [], []
        for _ in range(5):  # in turn, so that both meet the same machine
            plain.append(stream_rate(load(streaming=True), rows))
            filtered.append(stream_rate(choose(load(streaming=True)), rows))
        rates |= {"streaming, all rows": max(plain), "streaming, filtered": max(filtered)}
        for title, rate in rates.items():
            print(
                f"{title:<44}{rate:>12,.0f} rows/s{rate / rates['decoding']:>9.1f} times decoding"
            )
        print(
            f"{'the filter costs of the stream':<44}{1 - rates['streaming, filtered'] / rates['streaming, all rows']:>12.1%}"  # noqa: E501
        )
        report(
            "filter by resolution, not known yet: decoding",
            rates["in place, sizes not known"] / rates["decoding"],
        )
        report(
            "filter by resolution, known: decoding",
            rates["in place, sizes known"] / rates["decoding"],
        )
        report(
            "filter by resolution, stream: without the filter",
            rates["streaming, filtered"] / rates["streaming, all rows"],
        )
        whole = load(folder=headers)
        first = best(lambda: choose(whole), forget)
        known = best(lambda: choose(whole))
        print(f"{f'{len(whole):,} rows, sizes not known':<44}{first:>12.2f} s")
        print(f"{f'{len(whole):,} rows, sizes known':<44}{known:>12.2f} s")
    finally:
        shutil.rmtree(cache)


if __name__ == "__main__":
    main()
