"""The steps of `pass-utils demo`, each printed as the call that it shows and the result."""

from __future__ import annotations

import contextlib
import tempfile
import time
from pathlib import Path
from typing import Any

import click
from datasets import load_dataset

from ..attribution.writing import credits, write_attribution
from ..export.writing import write_parquet
from ..releases import dummy_folder
from ..selection.resolution import filter_resolution
from ..statistics import dataset_statistics
from ..transfer.planning import plan_download
from ._output import human_bytes, print_code, print_heading, print_plan, print_row, print_statistics
from ._selection import load

_OUT = "pass-demo"  # a folder of its own, so that no credit list of the user's is overwritten


def run_demo() -> None:
    """Open, stream, filter, credit and export the bundled miniature; the credits stay in the folder
    `pass-demo` of the current folder.
    """
    folder = dummy_folder()
    ds = _open(folder)
    _stream(folder)
    _plan_download()
    _filter(ds)
    _credit(ds)
    _export(ds)
    print_heading("Statistics, and where the files are")
    print_code(f"pass-utils info {folder}")
    print_statistics(dataset_statistics([ds]))
    click.echo(f"  shards      {folder}")
    click.echo(f"  cache       {Path(ds.cache_files[0]['filename']).parent}")


def _open(folder: Path) -> Any:
    print_heading("In place: the tars stay as they are, nothing is copied")
    print_code(f'ds = load_dataset("pass", data_dir="{folder}", split="train")')
    begin = time.perf_counter()
    ds = load(folder, "v2", None, quiet=True)
    seconds = time.perf_counter() - begin
    click.echo(f"{len(ds)} rows in {seconds:.2f} s\n")
    for row in (ds[0], ds[1]):
        print_row(row)
    click.echo("the cache holds the place of the first image in its shard (offset, size, stamp):")
    click.echo(f"  {ds.data['image'][0]['path']}")
    return ds


def _stream(folder: Path) -> None:
    print_heading("Streaming: byte ranges, for any number of readers")
    print_code('ds = load_dataset("pass", data_dir="...", split="train", streaming=True)')
    stream = load(folder, "v2", None, quiet=True, streaming=True, range_size=1 << 15)
    for row in stream.take(1):
        print_row(row)
    print_code(
        "state = stream.state_dict()  # after ten rows; later: stream.load_state_dict(state)"
    )
    rows = iter(stream)
    seen = [next(rows)["hash"] for _ in range(10)]
    stream.load_state_dict(stream.state_dict())
    rest = [row["hash"] for row in stream]
    click.echo(
        f"{len(seen)} rows, and after a restart the other {len(rest)}: {len({*seen, *rest})} "
        "different ones"
    )


def _plan_download() -> None:
    print_heading("Download: resumes where it stopped, and verifies")
    print_code("pass-utils download ~/pass --release v3 --dry-run")
    with tempfile.TemporaryDirectory() as empty:
        print_plan(plan_download(empty, "v3"), None)


def _filter(ds: Any) -> None:
    print_heading("Filter: by resolution, without decoding an image")
    print_code("pass_utils.filter_resolution(ds, min_side=375)")
    click.echo(
        f"{len(filter_resolution(ds, min_side=375))} of {len(ds)} images have a shorter side of "
        "375 pixels or more"
    )


def _credit(ds: Any) -> None:
    print_heading("Credit: the photographer, source and licence of each image")
    with contextlib.suppress(OSError):  # write_attribution reports it
        Path(_OUT).mkdir(exist_ok=True)
    for name, thumbnails in ((f"{_OUT}/CREDITS.html", 160), (f"{_OUT}/CREDITS.csv", None)):
        option = f", thumbnails={thumbnails}" if thumbnails else ""
        print_code(f'pass_utils.write_attribution(ds, "{name}"{option})')
        click.echo(
            f"{write_attribution(ds, name, thumbnails=thumbnails)} credits in "
            f"{Path(name).absolute()}"
        )
    click.echo(f"\n{next(credits(ds))}")


def _export(ds: Any) -> None:
    print_heading("Export: Parquet, WebDataset or an image folder, for other tools")
    print_code('pass_utils.write_parquet(ds, "out", max_shard_size="150KB")')
    with tempfile.TemporaryDirectory() as out, tempfile.TemporaryDirectory() as cache:
        for file in write_parquet(ds, out, max_shard_size="150KB"):
            click.echo(f"  {file.name}  {file.rows} rows, {human_bytes(file.size)}")
        print_code('load_dataset("out", split="train")')
        back = load_dataset(out, split="train", cache_dir=cache)
        click.echo(f"{len(back)} rows with the same features: {back.features == ds.features}")
        del back  # it maps files in the folder, which is deleted now
