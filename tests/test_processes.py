"""Many processes at once, as the ranks of a training job: one cache, one release, right results."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.zenodo import Fault, Zenodo, describe

from pass_utils import Release
from pass_utils.transfer.state import STATE_FILE

pytestmark = pytest.mark.slow

RANK = """
import json, logging, sys
import datasets, pass_utils
from pass_utils import releases
from pass_utils.releases import File, Release
logging.basicConfig(level=logging.INFO, format="%(message)s")
logging.getLogger("filelock").setLevel(logging.WARNING)
datasets.disable_progress_bars()
releases.RELEASES["v2"] = Release(*{release!r})
"""
STREAM = """
ds = datasets.load_dataset("pass", split="train", streaming=True, base_url={url!r})
print(json.dumps([row["hash"] for row in ds.select_columns("hash")]))
"""
SHARDS = """
ds = datasets.load_dataset("pass", split="train", shards=[0, 1], base_url={url!r})
print(json.dumps(ds["hash"][:]))
"""
ALL = """
from pathlib import Path
ds = datasets.load_dataset("pass", split="train", data_dir={folder!r}, shards=[0, 1, 2])
chosen = pass_utils.filter_resolution(ds, min_side=1)
out = Path(sys.argv[1])
out.mkdir()
count = pass_utils.write_attribution(chosen, out / "C.csv", quiet=True)
written = pass_utils.write_parquet(chosen, out / "parquet", quiet=True)
print(json.dumps([chosen["hash"][:], count, sum(file.rows for file in written)]))
"""


@pytest.fixture
def served(folder) -> Path:
    """A release of three shards."""
    return folder([range(0, 40), range(40, 80), range(80, 120)], name="served")


@pytest.fixture
def release(served) -> Release:
    return describe(served)._replace(name="v2")


@pytest.fixture
def server(served, release) -> Iterator[Zenodo]:
    with Zenodo(served, release.record) as zenodo:
        yield zenodo


def start(code: str, cache: Path, *arguments: object) -> subprocess.Popen[str]:
    """A rank of a job whose ranks share a cache."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "HF_HOME": str(cache), "HF_DATASETS_CACHE": str(cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def results(ranks: list[subprocess.Popen[str]]) -> tuple[list[object], list[str]]:
    """What the ranks found, and what they logged."""
    ended = [rank.communicate(timeout=120) for rank in ranks]
    assert not any(rank.returncode for rank in ranks), [err[-2000:] for _, err in ended]
    return [json.loads(out.splitlines()[-1]) for out, _ in ended], [err for _, err in ended]


@pytest.mark.parametrize(("code", "rows"), [(STREAM, 120), (SHARDS, 80)], ids=["stream", "shards"])
def test_ranks_with_an_empty_cache_wait_for_the_one_that_downloads(
    code, rows, server, release, cache
):
    """The CSV comes slowly enough that all of them ask for it meanwhile."""
    server.faults = [Fault(stall=(1000, 3.0), name="pass_metadata.csv")]
    code = RANK.format(release=tuple(release)) + code.format(url=server.base_url)
    found, logged = results([start(code, cache) for _ in range(4)])
    assert found[1:] == found[:1] * 3
    assert len(set(found[0])) == rows
    fetched = [request for request in server.requests if request.path.endswith(".csv")]
    assert sum(request.sent for request in fetched) == release.metadata.size
    waits = [line for text in logged for line in text.splitlines() if ": waiting for" in line]
    assert 1 <= len(waits) <= 3
    # one that asks before the holder has written its name finds no name yet
    known = re.compile(
        r": waiting for (process \d+ on \S+|another process), which fetches into it\.$"
    )
    assert all(known.search(line) for line in waits), waits


def test_a_rank_that_was_killed_keeps_no_other_from_going_on(server, release, cache):
    server.faults = [Fault(stall=(1000, 60.0), name="pass_metadata.csv")]
    code = RANK.format(release=tuple(release)) + SHARDS.format(url=server.base_url)
    first = start(code, cache)
    while not server.requests:
        assert first.poll() is None
    second = start(code, cache)
    assert second.stderr is not None
    line = next(line for line in second.stderr if ": waiting for" in line)
    assert f"process {first.pid} on" in line
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    found, _ = results([second])
    assert len(found[0]) == 80
    (state,) = cache.rglob(STATE_FILE)
    assert f"process {second.pid} on" in json.loads(state.read_text())["holder"]


def test_eight_processes_on_one_cache_open_filter_credit_and_export_rightly(
    served, release, cache, tmp_path
):
    code = RANK.format(release=tuple(release)) + ALL.format(folder=str(served))
    found, _ = results([start(code, cache, tmp_path / str(number)) for number in range(8)])
    assert found[1:] == found[:1] * 7
    hashes, count, rows = found[0]
    assert (len(set(hashes)), count, rows) == (120, 120, 120)
    credits = {(tmp_path / str(number) / "C.csv").read_bytes() for number in range(8)}
    assert len(credits) == 1
