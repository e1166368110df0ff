"""What tests share: a cache of their own, and folders laid out as PASS is."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import logging
import os
import signal
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import datasets
import pytest
from PIL import Image
from support.browser import browser  # noqa: F401  (a fixture)

import pass_utils  # noqa: F401  (makes load_dataset("pass") work)
from pass_utils.releases import dummy_folder

HEADER = ["", "unickname", "datetaken", "licensename", "hash", "latitude", "longitude"]


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty `datasets` cache."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", folder)
    datasets.disable_progress_bars()
    return folder


@pytest.fixture(params=["v2", "v3"])
def bundled(request: pytest.FixtureRequest) -> tuple[str, Path]:
    """Each bundled release and its folder."""
    return request.param, dummy_folder(request.param)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C as usual, also where the tests run in the background, which is told to ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Ended(NamedTuple):
    """How a command ended, and what it had printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Runs `pass-utils` in this process; what is logged is not in what it printed, since pytest
    catches it.
    """
    from pass_utils.cli.main import main

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["pass-utils", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        datasets.disable_progress_bars()
        logging.getLogger().setLevel(logging.WARNING)
        return Ended(int(ended.value.code or 0), *capfd.readouterr())

    return run


def read_terminal(terminal: int) -> bytes:
    """All that a program writes to a terminal, up to its end; closes our side of it."""
    shown = b""
    with contextlib.suppress(OSError):  # which is how Linux says that the other side has gone
        while piece := os.read(terminal, 1 << 16):
            shown += piece
    os.close(terminal)
    return shown


def jpeg(text: str) -> bytes:
    """A small picture of a colour that depends on the text."""
    buffer = io.BytesIO()
    colour = hashlib.md5(text.encode()).digest()
    Image.new("RGB", (8 + colour[0] % 8, 8), tuple(colour[:3])).save(buffer, "JPEG")
    return buffer.getvalue()


def image_hash(number: int) -> str:
    """The hash of image `number`, printed as PASS prints MD5s."""
    return "".join(f"{byte:x}" for byte in hashlib.md5(str(number).encode()).digest())


def write_tar(path: Path, files: Mapping[str, bytes] | Sequence[tuple[str, bytes]]) -> None:
    """A tar of `(name, data)` files."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in files.items() if isinstance(files, Mapping) else files:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def write_csv(path: Path, rows: Sequence[Sequence[object]], header: Sequence[str] = HEADER) -> None:
    """A metadata CSV of these rows."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder whose shard n holds the images with the given numbers, all in the CSV."""

    def make(shards: Sequence[Sequence[int]] = ((0, 1), (2, 3, 4)), name: str = "pass") -> Path:
        made = tmp_path / name
        made.mkdir()
        numbers = sorted({number for shard in shards for number in shard}, reverse=True)
        for shard, images in enumerate(shards):
            hashes = [image_hash(number) for number in images]
            write_tar(
                made / f"PASS.{shard}.tar",
                [(f"PASS_dataset/{shard}/{h}.jpg", jpeg(h)) for h in hashes],
            )
        rows = [
            (
                n,
                f"user+{n}",
                f"2011-01-0{n % 9 + 1} 10:11:12.0",
                "Attribution License",
                image_hash(n),
                "",
                "",
            )
            for n in numbers
        ]
        write_csv(made / "pass_metadata.csv", rows)
        return made

    return make
