"""Two small releases, v2 and v3, of which the later one withdrew some images."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import pytest

from pass_utils.releases import RELEASES, URL_LISTS, File, UrlList
from support.folders import image_hash, write_csv
from support.jpegs import jpeg
from support.tars import write_tar
from support.zenodo import Zenodo, clear_environment, describe

IMAGES, SHARDS = 30, 10
WITHDRAWN = (4, 17, 29)
GONE = {image_hash(number) for number in WITHDRAWN}


class Made(NamedTuple):
    """The folder of each release."""

    v2: Path
    v3: Path

    @property
    def still(self) -> list[str]:
        """The hashes that v3 still has, in the order of the shards."""
        numbers = sorted(range(IMAGES), key=lambda n: (n % SHARDS, n))
        return [image_hash(n) for n in numbers if n not in WITHDRAWN]


def make_releases(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Write both, and let `RELEASES` have them for this test.

    As of the real ones, the shards of v3 have other sizes, and its CSV lacks the withdrawn images.
    """
    clear_environment(monkeypatch)
    made = Made(folder / "v2", folder / "v3")
    for name, where in zip(made._fields, made, strict=True):
        where.mkdir(parents=True)
        numbers = [n for n in range(IMAGES) if name == "v2" or n not in WITHDRAWN]
        for shard in range(SHARDS):
            own = [n for n in numbers if n % SHARDS == shard]
            files = {f"PASS_dataset/{shard}/{image_hash(n)}.jpg": jpeg(image_hash(n)) for n in own}
            if name == "v3":  # what a Mac leaves, which makes the tar longer
                files[f"PASS_dataset/{shard}/._hidden.jpg"] = bytes(30_000)
            write_tar(where / f"PASS.{shard}.tar", files)
        rows = [
            (n, f"user+{n % 7}", "", "Attribution License", image_hash(n), "", "") for n in numbers
        ]
        write_csv(where / "pass_metadata.csv", rows)
        record = RELEASES[name].record
        monkeypatch.setitem(
            RELEASES,
            name,
            describe(where, record)._replace(
                name=name, version=RELEASES[name].version, date=RELEASES[name].date
            ),
        )
    monkeypatch.delitem(URL_LISTS, "v3")
    return made


def serve_url_list(server: Zenodo, made: Made, monkeypatch: pytest.MonkeyPatch) -> File:
    """Write the list of v3's URLs into the folder that a server serves, and let it be known."""
    path = server.folder / "pass_urls.txt"
    path.write_text("".join(f"https://example.org/{h[:3]}/{h}.jpg\n" for h in made.still))
    data = path.read_bytes()
    file = File(path.name, len(data), hashlib.sha256(data).hexdigest())
    monkeypatch.setitem(URL_LISTS, "v3", UrlList(file, server.url(path.name)))
    return file
