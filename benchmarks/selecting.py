"""How long it takes to drop from v2's rows what v3 withdrew, once the lists are parsed.

    python benchmarks/selecting.py [--rows 1439719] [--withdrawn 131]

The input is made: ten tars with as many images as v2 has (of a few bytes each, as none is read),
v2's CSV, and v3's, which lacks some lines. Each way runs in a process of its own, on the rows as
they are opened in place. The peer is `Dataset.filter` with a set of the hashes. Parsing the lists
and opening the rows are measured apart. "Beyond" is the peak of memory above that of a process that
has opened the rows and parsed the list.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import random
import resource
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
from goals import report
from make_input import RELEASE_ROWS, image_hash, write_metadata

import pass_utils
from pass_utils.hashes import Keys
from pass_utils.releases import METADATA_FILE, RELEASES, File
from pass_utils.selection.membership import filter_keys
from pass_utils.transfer.withdrawn import read_release_list

SHARDS = 10
IMAGE = b"\xff\xd8\xff\xd9"


def make_releases(folder: Path, rows: int, withdrawn: int) -> None:
    """v2's shards and CSV, and v3's CSV in a folder of its own."""
    v2, v3 = folder / "v2", folder / "v3"
    v2.mkdir()
    v3.mkdir()
    write_metadata(v2, rows=rows)
    gone = {image_hash(number) for number in random.Random(3).sample(range(rows), withdrawn)}
    with (v2 / METADATA_FILE).open() as lines, (v3 / METADATA_FILE).open("w") as left:
        left.writelines(line for line in lines if line.split(",")[4] not in gone)
    for shard in range(SHARDS):
        member = tarfile.TarInfo("")
        member.size = len(IMAGE)
        empty, data = member.tobuf(tarfile.USTAR_FORMAT), IMAGE.ljust(512, b"\0")
        total = sum(empty[:148]) + 8 * 32 + sum(empty[156:])
        with (v2 / f"PASS.{shard}.tar").open("wb") as tar:
            for number in range(shard, rows, SHARDS):
                name = f"PASS_dataset/{shard}/{image_hash(number)}.jpg".encode()
                checksum = b"%06o\0 " % (total + sum(name))
                header = name.ljust(100, b"\0") + empty[100:148] + checksum + empty[156:]
                tar.write(header + data)
            tar.write(bytes(1024))


def patch_releases(folder: Path, rows: int, withdrawn: int) -> None:
    """Let the releases be those that were made."""
    for name, images in (("v2", rows), ("v3", rows - withdrawn)):
        files = [
            File(path.name, path.stat().st_size, hashlib.sha256().hexdigest())
            for path in sorted((folder / name).iterdir())
        ]
        release = RELEASES[name]
        RELEASES[name] = release._replace(images=images, files=tuple(files))


def peer(ds: Any, keys: Keys) -> int:
    """`Dataset.filter`."""
    still = set(keys.text().to_pylist())
    return len(ds.filter(still.__contains__, input_columns="hash"))


def ours(ds: Any, keys: Keys) -> int:
    """What `drop_withdrawn` does with the parsed list."""
    return len(filter_keys(ds, include=keys)[1])


def excluded(ds: Any, keys: Keys) -> int:
    """`filter_hashes` with a list of as many hashes to leave out as v3 withdrew."""
    return len(pass_utils.filter_hashes(ds, exclude=ds["hash"][:131]))


WAYS: dict[str, Callable[[Any, Keys], int]] = {
    "`ds.filter` with a set": peer,
    '`drop_withdrawn(ds, "v3")`': ours,
    "`filter_hashes(ds, exclude=131 hashes)`": excluded,
}


def measure(title: str, folder: Path, rows: int, withdrawn: int, answer: Any) -> None:
    """Run one way; send its rows, seconds, and MB, after those of opening and of parsing."""
    datasets.config.HF_DATASETS_CACHE = folder / "cache"
    datasets.disable_progress_bars()
    patch_releases(folder, rows, withdrawn)
    clock = [time.perf_counter()]
    ds = datasets.load_dataset("pass", "v2", data_dir=str(folder / "v2"), split="train")
    clock.append(time.perf_counter())
    keys = read_release_list(RELEASES["v3"], folder / "v3" / METADATA_FILE)
    clock.append(time.perf_counter())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    count = WAYS[title](ds, keys)
    clock.append(time.perf_counter())
    beyond = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    answer.send((count, *(b - a for a, b in zip(clock, clock[1:], strict=False)), beyond / 1024))


def main() -> None:
    """Make the input, measure every way, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=RELEASE_ROWS)
    parser.add_argument("--withdrawn", type=int, default=131)
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="pass-selecting-") as name:
        folder = Path(name)
        make_releases(folder, options.rows, options.withdrawn)
        print(
            f"| {options.rows:,} rows | rows left | seconds | open | parse the list | beyond, MB |"
        )
        print("|---|---|---|---|---|---|")
        spent: dict[str, float] = {}
        for title in WAYS:
            here, there = context.Pipe()
            arguments = (title, folder, options.rows, options.withdrawn, there)
            process = context.Process(target=measure, args=arguments)
            process.start()
            count, opened, parsed, seconds, beyond = here.recv()
            process.join()
            spent[title] = seconds
            print(
                f"| {title} | {count:,} | {seconds:.1f} | {opened:.1f} | {parsed:.1f} | "
                f"{beyond:.0f} |",
                flush=True,
            )
        loop, dropped, *_ = spent.values()
        report("drop withdrawn images: `ds.filter`", loop / dropped)


if __name__ == "__main__":
    main()
