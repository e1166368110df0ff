"""A release of PASS in its true size as sparse files: ten tars of 180 GB that take 7 GB of disk.

    python benchmarks/make_full_size.py [--folder /tmp/pass-full-size]

Each tar has the size of v2's, its member headers, and of each image the JPEG's own headers; behind
these the files have holes, which read as zeros. The CSV has a line for each image. What a run left
is overwritten in place, and kept once it is complete.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from make_input import RELEASE_ROWS, image_hash, write_metadata
from PIL import Image

from pass_utils.releases import RELEASES

BLOCK = 512
DISK = 9_000_000_000  # bytes that must be free
DIRECTORIES = ("PASS_dataset/", "PASS_dataset/{shard}/")
RESOLUTIONS = ((500, 375), (500, 375), (500, 333), (375, 500), (333, 500), (500, 281), (500, 500))
FOLDER = Path(tempfile.gettempdir()) / "pass-full-size"


def member_header(name: str, size: int, kind: bytes) -> bytes:
    """A ustar header block."""
    start = name.encode().ljust(100, b"\0") + b"0000644\0" + b"0001750\0" * 2
    start += b"%011o\0" % size + b"14130223000\0"
    rest = kind + bytes(100) + b"ustar\x0000"
    checksum = sum(start) + 8 * 0x20 + sum(rest)
    return (start + b"%06o\0 " % checksum + rest).ljust(BLOCK, b"\0")


def jpeg_headers() -> list[bytes]:
    """The headers of JPEGs, up to and with the start of their scan."""
    found = []
    for resolution in RESOLUTIONS:
        buffer = io.BytesIO()
        Image.new("RGB", resolution).save(buffer, "JPEG", quality=90)
        data = buffer.getvalue()
        found.append(data[: data.index(b"\xff\xda") + 14])
    return found


def image_blocks(count: int, blocks: int, seed: int) -> npt.NDArray[np.int64]:
    """`count` sizes of images in blocks of a tar, which with a header each fill `blocks`."""
    weights = np.random.default_rng(seed).lognormal(0, 0.5, count).clip(0.1, 6)
    ends: npt.NDArray[np.int64] = np.round(
        np.cumsum(weights) / weights.sum() * (blocks - 2 * count)
    ).astype(np.int64)
    sizes: npt.NDArray[np.int64] = 1 + np.diff(ends, prepend=0)
    return sizes


def write_shard(path: Path, size: int, *, shard: int, first: int, count: int) -> None:
    """A sparse tar of `size` bytes with the images `first` to `first + count`."""
    jpegs = jpeg_headers()
    blocks = image_blocks(count, size // BLOCK - len(DIRECTORIES) - 2, shard)
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        os.ftruncate(file, size)
        position = 0
        for name in DIRECTORIES:
            os.pwrite(file, member_header(name.format(shard=shard), 0, b"5"), position)
            position += BLOCK
        for number, length in zip(range(first, first + count), blocks.tolist(), strict=True):
            name = f"PASS_dataset/{shard}/{image_hash(number)}.jpg"
            image = jpegs[number % len(jpegs)]
            bytes_ = max(length * BLOCK - number % BLOCK, len(image))
            os.pwrite(file, member_header(name, bytes_, b"0") + image, position)
            position += (1 + length) * BLOCK
        os.fsync(file)
    finally:
        os.close(file)


def make_full_size(folder: Path) -> Path:
    """The folder, made once."""
    done = folder / "full-size.made"
    if done.exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    present = sum(file.stat().st_blocks * BLOCK for file in folder.iterdir())
    if shutil.disk_usage(folder).free + present < DISK:
        raise SystemExit(f"{folder}: expected {DISK / 1e9:.0f} GB of free disk, found less.")
    release = RELEASES["v2"]
    sizes = [file.size for file in release.shards.values()]
    ends = np.round(np.cumsum([0, *sizes]) / sum(sizes) * RELEASE_ROWS).astype(int).tolist()
    for shard, file in release.shards.items():
        first, end = ends[shard : shard + 2]
        path = folder / file.name
        print(f"{path}: {end - first:,} images", flush=True)
        write_shard(path, file.size, shard=shard, first=first, count=end - first)
    write_metadata(folder, rows=RELEASE_ROWS)
    done.touch()
    return folder


def main() -> None:
    """Make the folder, and print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=FOLDER)
    print(make_full_size(parser.parse_args().folder))


if __name__ == "__main__":
    main()
