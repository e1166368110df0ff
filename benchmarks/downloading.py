"""What a download costs beside `curl` and `sha256sum`, and what breaks on the way cost in bytes.

    python benchmarks/downloading.py [--folder /tmp/pass-benchmark]

A server on this machine, in a process of its own, behaves as Zenodo does. Three downloads of all
shards: without faults (beside `curl` and then `sha256sum` of the same files), through a server that
cuts every 5 to 50 MB, stalls and answers 429, and the same with the client killed by SIGKILL 20
times. Prints the speed, and the bytes served beyond those needed.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from goals import report
from make_input import make_input

TESTS = Path(__file__).resolve().parent.parent / "tests"
KILLS = 20


def serve(folder: Path, *, faults: bool) -> None:
    """Serve until standard input ends, then print what was served as JSON."""
    sys.path.insert(0, str(TESTS))
    from support.zenodo import Fault, Zenodo

    rng = random.Random(0)

    def fault(path: str, start: int) -> Any:
        kind = rng.random()
        if kind < 0.05:
            return Fault(status=429, headers=(("Retry-After", "1"),))
        if kind < 0.1:
            return Fault(stall=(rng.randrange(5_000_000, 50_000_000), 8.0))
        return Fault(cut=rng.randrange(5_000_000, 50_000_000))

    with Zenodo(folder) as server:
        if faults:
            server.always = fault
        print(server.base_url, flush=True)
        sys.stdin.read()
        print(json.dumps({"sent": server.sent, "requests": len(server.requests)}), flush=True)


class Server:
    """`serve` in a process of its own."""

    def __init__(self, folder: Path, *, faults: bool) -> None:
        command = [
            sys.executable,
            __file__,
            "--folder",
            str(folder),
            "--serve",
            "faults" if faults else "well",
        ]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.base_url = self.process.stdout.readline().strip()

    def stop(self) -> dict[str, int]:
        """End it, and say what it served."""
        out, _ = self.process.communicate()
        served: dict[str, int] = json.loads(out)
        return served


def describe(folder: Path) -> Path:
    """A file with names, sizes and checksums of the folder's files, made once."""
    path = folder / "release.json"
    if not path.exists():
        files = [folder / "pass_metadata.csv", *sorted(folder.glob("PASS.*.tar"))]
        sums = subprocess.run(
            ["sha256sum", *map(str, files)], check=True, capture_output=True, text=True
        ).stdout
        path.write_text(
            json.dumps(
                [
                    (file.name, file.stat().st_size, line.split()[0])
                    for file, line in zip(files, sums.splitlines(), strict=True)
                ]
            )
        )
    return path


def fetch(described: Path, target: Path, base_url: str) -> None:
    """Download in this process."""
    from pass_utils import File, Release, download
    from pass_utils._util import retry

    retry.RETRY = retry.RETRY._replace(first_wait=0.05, read_timeout=5.0)
    files = tuple(File(*file) for file in json.loads(described.read_text()))
    download(
        target, Release("benchmark", "0.0.0", 1, "", 0, 0, files), base_url=base_url, quiet=True
    )


def curl(described: Path, target: Path, base_url: str) -> None:
    """`curl`, two at a time as ours does, then `sha256sum`."""
    target.mkdir()
    names = [name for name, _, _ in json.loads(described.read_text())]
    urls = [
        part for name in names for part in ("-o", str(target / name), f"{base_url}/1/files/{name}")
    ]
    subprocess.run(
        ["curl", "--no-progress-meter", "--fail", "--parallel", "--parallel-max", "2", *urls],
        check=True,
    )
    subprocess.run(
        ["sha256sum", *(str(target / name) for name in names)],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def ours(described: Path, target: Path, base_url: str, *, kills: int = 0) -> None:
    """`fetch` in a process of its own, killed and started again."""
    command = [
        sys.executable,
        __file__,
        "--folder",
        str(described.parent),
        "--fetch",
        base_url,
        "--target",
        str(target),
    ]
    rng = random.Random(1)
    for _ in range(kills):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=rng.uniform(0.6, 1.6))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def main() -> None:
    """Run all, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()) / "pass-benchmark"
    )
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--fetch", help=argparse.SUPPRESS)
    parser.add_argument("--target", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.folder, faults=options.serve == "faults")
        return
    if options.fetch:
        fetch(options.folder / "release.json", options.target, options.fetch)
        return
    described = describe(make_input(options.folder))
    needed = sum(size for _, size, _ in json.loads(described.read_text()))
    print(
        f"{needed / 1e6:,.0f} MB\n\n"
        f"{'':<34}{'seconds':>9}{'MB/s':>8}{'requests':>10}{'served beyond':>15}"
    )
    rates: dict[str, list[float]] = {}
    for title, way, faults, kills in (
        ("curl, sha256sum", curl, False, None),
        ("ours", ours, False, None),
        ("curl, sha256sum, again", curl, False, None),
        ("ours, again", ours, False, None),
        ("ours, cuts, stalls, 429", ours, True, None),
        (f"ours, the same, {KILLS} kills", ours, True, KILLS),
    ):
        target = Path(tempfile.mkdtemp(prefix="pass-download-")) / "pass"
        server = Server(options.folder, faults=faults)
        begin = time.perf_counter()
        way(described, target, server.base_url, **({"kills": kills} if kills else {}))
        seconds = time.perf_counter() - begin
        served = server.stop()
        rates.setdefault(title.removesuffix(", again"), []).append(needed / 1e6 / seconds)
        for name, size, _ in json.loads(described.read_text()):
            assert (target / name).stat().st_size == size
        shutil.rmtree(target.parent)
        print(
            f"{title:<34}{seconds:>9.1f}{needed / 1e6 / seconds:>8,.0f}{served['requests']:>10}"
            f"{served['sent'] / needed - 1:>15.3%}",
            flush=True,
        )
    report("download: curl and sha256sum", max(rates["ours"]) / max(rates["curl, sha256sum"]))
    print(
        "\nspeed, ours : curl and sha256sum"
        f"{max(rates['ours']) / max(rates['curl, sha256sum']):>10.2f}"
    )


if __name__ == "__main__":
    main()
