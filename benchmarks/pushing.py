"""What a push to the Hub costs beside `datasets`' own, and what breaks on the way cost in bytes.

    python benchmarks/pushing.py [--folder /tmp/pass-benchmark]

A server on this machine, in a process of its own, plays the Hub. Ten shards opened in place are
pushed by `datasets`' own `Dataset.push_to_hub`, by ours, by ours through a server that fails one
request in ten, and by ours killed by SIGKILL 10 times. Prints seconds, the peak memory of the
client, the most that its work folder held, and the bytes sent beyond those needed.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from goals import report
from make_input import make_input

TESTS = Path(__file__).resolve().parent.parent / "tests"
KILLS = 10
REPOSITORY = "me/pass"
SIZE = "100MB"  # of a file: the shards make 13 of them


def serve(folder: Path, *, faults: bool) -> None:
    """Serve until standard input ends, then print what came as JSON."""
    sys.path.insert(0, str(TESTS))
    from support.hub import Fault, Hub

    kinds = itertools.cycle(
        [
            Fault(status=500),
            Fault(status=429, headers=(("Retry-After", "1"),)),
            Fault(cut=50_000_000),
            Fault(status=503),
        ]
    )
    count = itertools.count(1)

    def fault(request: Any) -> Any:
        return next(kinds) if next(count) % 10 == 0 else None

    with Hub(folder) as server:
        if faults:
            server.always = fault
        print(json.dumps(server.environment), flush=True)
        sys.stdin.read()
        large = {
            file.oid: file.size
            for file in server.repositories[REPOSITORY].log()[-1].files.values()
            if file.lfs
        }
        sent = sum(request.received for request in server.requests if request.method == "PUT")
        print(
            json.dumps(
                {"needed": sum(large.values()), "sent": sent, "requests": len(server.requests)}
            ),
            flush=True,
        )


def push(way: str, folder: Path, cache: Path) -> None:
    """Push in this process, and print the peak of its memory in bytes."""
    from datasets import disable_progress_bars, load_dataset

    import pass_utils

    disable_progress_bars()
    ds = load_dataset("pass", data_dir=str(folder), split="train", cache_dir=str(cache))
    if way == "ours":
        pass_utils.push_to_hub(ds, REPOSITORY, max_shard_size=SIZE, quiet=True)
    else:
        ds.push_to_hub(REPOSITORY, max_shard_size=SIZE)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, flush=True)


def held(cache: Path) -> int:
    """Bytes that the work folder holds now."""
    total = 0
    for path in cache.glob("pass/push/**/*"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total


def measure(
    way: str, folder: Path, cache: Path, *, faults: bool = False, kills: int = 0
) -> dict[str, float]:
    """Seconds, bytes of memory, of the work folder, sent and needed."""
    work = Path(tempfile.mkdtemp(prefix="pass-push-"))
    command = [sys.executable, __file__, "--folder", str(folder)]
    server = subprocess.Popen(
        [*command, "--serve", str(work / "kept"), *(["--faults"] if faults else [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    environment = {
        **os.environ,
        **json.loads(server.stdout.readline()),
        "HF_HOME": str(work / "home"),
    }
    environment["HF_DATASETS_CACHE"] = str(cache)
    command += ["--push", way, "--cache", str(cache)]
    most, ended = 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not ended.wait(0.02):
            most = max(most, held(cache))

    watcher = threading.Thread(target=watch, daemon=True)  # or it outlives a push that fails
    watcher.start()
    rng = random.Random(0)
    begin = time.perf_counter()
    for _ in range(kills):
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=rng.uniform(3, 6))
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = subprocess.run(
        command,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    seconds = time.perf_counter() - begin
    ended.set()
    watcher.join()
    out, _ = server.communicate()
    shutil.rmtree(work)
    return {"seconds": seconds, "peak": float(done.stdout), "held": most, **json.loads(out)}


def main() -> None:
    """Run all, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()) / "pass-benchmark"
    )
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--faults", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--push", help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, faults=options.faults)
        return
    if options.push:
        push(options.push, options.folder, options.cache)
        return
    folder = make_input(options.folder)
    cache = Path(tempfile.mkdtemp(prefix="pass-cache-"))
    measure("ours", folder, cache)  # parses the CSV, opens the shards, and warms the system's cache
    print(
        f"{'':<30}{'seconds':>9}{'MB/s':>8}{'peak MB':>9}{'held MB':>9}{'requests':>10}{'sent beyond':>13}"  # noqa: E501
    )
    seconds: dict[str, list[float]] = {}
    for title, way, faults, kills in (
        ("datasets", "datasets", False, 0),
        ("ours", "ours", False, 0),
        ("datasets, again", "datasets", False, 0),
        ("ours, again", "ours", False, 0),
        ("ours, one in ten fails", "ours", True, 0),
        (f"ours, {KILLS} kills", "ours", False, KILLS),
    ):
        found = measure(way, folder, cache, faults=faults, kills=kills)
        seconds.setdefault(title.removesuffix(", again"), []).append(found["seconds"])
        print(
            f"{title:<30}{found['seconds']:>9.1f}{found['needed'] / 1e6 / found['seconds']:>8,.0f}{found['peak'] / 1e6:>9,.0f}"  # noqa: E501
            f"{found['held'] / 1e6:>9,.0f}{found['requests']:>10}{found['sent'] / found['needed'] - 1:>13.3%}",  # noqa: E501
            flush=True,
        )
    shutil.rmtree(cache)
    report("push: `push_to_hub`", min(seconds["datasets"]) / min(seconds["ours"]))
    print(f"\nseconds, datasets : ours{min(seconds['datasets']) / min(seconds['ours']):>10.2f}")


if __name__ == "__main__":
    main()
