"""A subset of a release of full size, through all that servers do and ten SIGKILLs."""

from __future__ import annotations

import contextlib
import hashlib
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from conftest import jpeg, write_tar
from datasets import Image, load_dataset
from support.bucket import Bucket, Fault
from support.zenodo import Zenodo, clear_environment, describe

from pass_utils.releases import RELEASES
from pass_utils.selection.manifest import Manifest

ROWS = 1_439_719
IMAGES = 3_000
SEED = 51
KILLS = 10
CONNECTIONS = 16
JPEG = jpeg("any")
HTML = Fault(body=b"<html>", headers=(("Content-Type", "text/html"),))

DOWNLOAD = f"""
import sys
import pass_utils._util.retry as retry
from pass_utils import download
from pass_utils.releases import RELEASES, File, Release
folder, base_url, files = sys.argv[1:]
retry.RETRY = retry.RETRY._replace(first_wait=0.05, longest_wait=0.2, read_timeout=1.0)
RELEASES["v2"] = RELEASES["v2"]._replace(record=1, files=eval(files))
download(folder, "v2", sample={IMAGES}, seed={SEED}, base_url=base_url, quiet=True)
"""


def image(hash: str) -> bytes:
    """The image of a hash, which is a comment in it."""
    return JPEG[:2] + b"\xff\xfe" + (2 + len(hash)).to_bytes(2, "big") + hash.encode() + JPEG[2:]


class Images(dict[str, bytes]):
    """The image of every hash that there could be."""

    def get(self, hash: str, default: object = None) -> bytes:
        return image(hash)


def percentile(hash: str) -> int:
    """A number below 100 that depends on the hash."""
    return hashlib.md5(hash.encode()).digest()[0] * 100 // 256


class FaultyBucket(Bucket):
    """Lacks 2% of all images, has HTML for 1%, and answers a quarter of the others badly at first.

    Attributes:
        useful: How many answers that can be used were given, by hash.
    """

    def __init__(self) -> None:
        super().__init__(Images(), latency=0.005)
        self.useful: Counter[str] = Counter()
        self.seen: set[str] = set()

    def take_fault(self, hash: str) -> Fault:
        with self.lock:
            first = hash not in self.seen
            self.seen.add(hash)
            number = self.requests.total()
            kind = percentile(hash)
            if number % 600 < 16:  # a burst
                return Fault(status=429, headers=(("Retry-After", "0"),))
            if first and 3 <= kind < 28:
                return (
                    Fault(cut=100),
                    Fault(hang_up=True),
                    Fault(status=503),
                    Fault(length=len(JPEG) + 99),
                    Fault(length=len(JPEG) - 2),
                    *([Fault(stall=(200, 3.0))] if kind == 27 else [Fault(status=500)]),
                )[kind % 6]
            self.useful[hash] += 1
            return Fault(status=404) if kind < 2 else HTML if kind < 3 else Fault()


def write_metadata(folder: Path) -> list[str]:
    """The CSV of a release, in a new folder; returns its hashes."""
    hashes = []
    folder.mkdir()
    with (folder / "pass_metadata.csv").open("w", encoding="utf-8") as csv:
        csv.write(",unickname,datetaken,licensename,hash,latitude,longitude\n")
        for number in range(ROWS):
            hash = hashlib.md5(b"%d" % number).hexdigest()
            place = f"{number % 90}.5,{number % 180}.25" if number % 3 == 0 else ","
            csv.write(
                f"{number * 3},user+{number % 30000},2011-01-{number % 28 + 1:02} 10:11:12.0,"
                f"Attribution License,{hash},{place}\n"
            )
            hashes.append(hash)
    return hashes


def sampled(hashes: list[str]) -> list[str]:
    """The sample, by its definition."""
    return sorted(
        sorted(hashes, key=lambda hash: hashlib.sha256(f"{SEED}:{hash}".encode()).digest())[:IMAGES]
    )


def rows(folder: Path, cache: Path) -> list[dict[str, object]]:
    ds = load_dataset("pass", "v2", data_dir=str(folder), split="train", cache_dir=str(cache))
    data = ds.cast_column("image", Image(decode=False))
    opened = Image(decode=False)
    return [
        {**row, "image": hashlib.sha256(_read(row["image"], opened)).hexdigest()} for row in data
    ]


def _read(image: dict[str, object], feature: Image) -> bytes:
    import fsspec

    if image["bytes"] is not None:
        return image["bytes"]
    with fsspec.open(image["path"]) as file:
        return file.read()


@pytest.mark.slow
def test_a_subset_is_complete_after_ten_kills_with_one_request_per_connection_and_kill_beyond(
    tmp_path, monkeypatch
):
    clear_environment(monkeypatch)
    expected = sampled(write_metadata(tmp_path / "release"))
    there = [hash for hash in expected if percentile(hash) >= 3]
    members = {f"PASS_dataset/0/{hash}.jpg": image(hash) for hash in there}
    write_tar(tmp_path / "release" / "PASS.0.tar", members)
    release = describe(tmp_path / "release")._replace(name="v2")
    folder, log = tmp_path / "few", tmp_path / "log"
    kills = 0
    with (
        Zenodo(tmp_path / "release") as zenodo,
        FaultyBucket() as bucket,
        log.open("wb") as err,
        contextlib.ExitStack() as running,
    ):
        monkeypatch.setenv("PASS_IMAGE_URL", bucket.template)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "hf" / "datasets"))
        files = repr(tuple(map(tuple, release.files)))
        files = f"tuple(File(*each) for each in {files})"
        while True:
            process = subprocess.Popen(
                [sys.executable, "-c", DOWNLOAD, str(folder), zenodo.base_url, files], stderr=err
            )
            running.callback(process.kill)
            wanted = (kills + 1) * IMAGES // (KILLS + 1)
            while process.poll() is None:
                if kills < KILLS and len(bucket.useful) >= wanted:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                time.sleep(0.002)
            if process.returncode != -signal.SIGKILL:
                break
            kills += 1
        assert process.returncode == 0, log.read_text()
    assert kills == KILLS
    assert set(bucket.useful) == set(expected)
    assert bucket.useful.total() - len(expected) <= KILLS * CONNECTIONS
    manifest = Manifest.read(folder / "PASS.subset.json")
    assert [each.hash for each in manifest.images] == there
    assert {each.hash: each.reason for each in manifest.missing} == {
        hash: "404 Not Found" if percentile(hash) < 2 else "expected image/jpeg, found text/html"
        for hash in expected
        if percentile(hash) < 3
    }
    monkeypatch.setitem(RELEASES, "v2", release)
    few = rows(folder, tmp_path / "cache")
    assert [row["image"] for row in few] == [
        hashlib.sha256(image(hash)).hexdigest() for hash in there
    ]
    assert few == rows(tmp_path / "release", tmp_path / "cache")
