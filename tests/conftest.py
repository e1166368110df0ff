"""What tests share: a cache of their own, and folders laid out as PASS is."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import datasets
import pytest
from support.browser import browser  # noqa: F401  (a fixture)
from support.folders import HEADER, image_hash, write_csv  # noqa: F401
from support.jpegs import jpeg
from support.tars import write_tar

import pass_utils  # noqa: F401  (makes load_dataset("pass") work)
from pass_utils.releases import dummy_folder


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
