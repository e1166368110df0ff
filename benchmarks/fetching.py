"""How fast many small images come from a server whose every answer takes 20 ms, beside a loop of
`requests.get` and `aria2c -i`.

    python benchmarks/fetching.py [--images 3000] [--latency 0.02]

`aria2c` is in the Debian package `aria2` (`apt-get install aria2`); without it, the benchmark says
so and runs the others. A server on this machine, in a process of its own, has as many images of
8 KB each as are asked for. Each way writes them to files; ours checks each of them besides (length,
JPEG, MD5 of the ETag). The loop runs over a tenth of the images. Prints images a second, the better
of two turns, and how many connections that took.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import requests
from goals import report
from PIL import Image

TESTS = Path(__file__).resolve().parent.parent / "tests"
TURNS = 2
CONNECTIONS = 16


def make_images(number: int) -> dict[str, bytes]:
    """So many JPEGs of 8 KB by hash: noise, each with a comment of its own."""
    rng = random.Random(0)
    buffer = io.BytesIO()
    Image.frombytes("RGB", (90, 90), rng.randbytes(90 * 90 * 3)).save(buffer, "JPEG", quality=85)
    jpeg = buffer.getvalue()
    hashes = [f"{rng.getrandbits(128):032x}" for _ in range(number)]
    comment = b"\xff\xfe\x00\x22"
    return {hash: jpeg[:2] + comment + hash.encode() + jpeg[2:] for hash in hashes}


def serve(number: int, latency: float) -> None:
    """Serve until standard input ends, then print what was served as JSON."""
    sys.path.insert(0, str(TESTS))
    from support.bucket import Bucket

    with Bucket(make_images(number), latency=latency) as server:
        print(server.template, flush=True)
        sys.stdin.read()
        print(json.dumps([server.connections, server.requests.total()]), flush=True)


class Server:
    """`serve` in a process of its own."""

    def __init__(self, number: int, latency: float) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--serve", f"--images={number}", f"--latency={latency}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.template = self.process.stdout.readline().strip()

    def stop(self) -> tuple[int, int]:
        """End it; returns how many connections and requests there were."""
        out, _ = self.process.communicate()
        connections, requested = json.loads(out)
        return connections, requested


def loop(urls: Mapping[str, str], template: str, folder: Path) -> None:
    """One `requests.get` after the other."""
    for hash, url in urls.items():
        response = requests.get(url, timeout=20)
        response.raise_for_status()
        (folder / f"{hash}.jpg").write_bytes(response.content)


def aria2c(urls: Mapping[str, str], template: str, folder: Path) -> None:
    """`aria2c -i` with as many connections as ours."""
    listed = folder.parent / "urls.txt"
    listed.write_text("\n".join(urls.values()))
    subprocess.run(
        [
            "aria2c",
            "-q",
            "--file-allocation=none",
            "-i",
            str(listed),
            "-d",
            str(folder),
            "-j",
            str(CONNECTIONS),
        ],
        check=True,
    )


def ours(urls: Mapping[str, str], template: str, folder: Path) -> None:
    """`fetch_images`."""
    from pass_utils.net.images import fetch_images

    for fetched in fetch_images(urls, url_template=template, connections=CONNECTIONS):
        assert fetched.data is not None, fetched.reason
        (folder / f"{fetched.hash}.jpg").write_bytes(fetched.data)


def measure(
    way: Callable[[Mapping[str, str], str, Path], None],
    images: Mapping[str, bytes],
    options: argparse.Namespace,
) -> tuple[float, int]:
    """Images a second, and connections."""
    from pass_utils.net.images import image_url

    server = Server(options.images, options.latency)
    folder = Path(tempfile.mkdtemp(prefix="pass-fetch-")) / "images"
    folder.mkdir()
    urls = {hash: image_url(hash, server.template) for hash in images}
    begin = time.perf_counter()
    way(urls, server.template, folder)
    seconds = time.perf_counter() - begin
    connections, requested = server.stop()
    assert requested == len(images)
    assert all((folder / f"{hash}.jpg").read_bytes() == data for hash, data in images.items())
    shutil.rmtree(folder.parent)
    return len(images) / seconds, connections


def main() -> None:
    """Run all, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--latency", type=float, default=0.02, help="seconds")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.images, options.latency)
        return
    images = make_images(options.images)
    tenth = dict(list(images.items())[: max(1, len(images) // 10)])
    ways = {"requests.get, in a loop": (loop, tenth), "ours": (ours, images)}
    if shutil.which("aria2c"):
        ways["aria2c -i"] = (aria2c, images)
    else:
        print("aria2c is not installed (apt-get install aria2): skipped\n")
    print(
        f"{len(images):,} images of {len(next(iter(images.values()))):,} bytes, "
        f"{options.latency * 1000:g} ms of latency, {CONNECTIONS} connections; "
        f"load {os.getloadavg()[0]:.1f}\n\n{'':<28}{'images/s':>10}{'connections':>14}"
    )
    best: dict[str, float] = {}
    for _ in range(TURNS):
        for title, (way, chosen) in ways.items():
            rate, connections = measure(way, chosen, options)
            best[title] = max(rate, best.get(title, 0.0))
            print(f"{title:<28}{rate:>10,.0f}{connections:>14}", flush=True)
    for title, rate in best.items():
        if title.startswith("requests"):
            report("single images: loop of requests", best["ours"] / rate)
        if title != "ours":
            print(f"\nours : {title:<24}{best['ours'] / rate:>7.2f}", end="")
    print()


if __name__ == "__main__":
    main()
