"""A size in, a folder of PASS-like shards and a metadata CSV out: the input that every benchmark
here shares.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import random
import tarfile
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

RELEASE_ROWS = 1_439_719  # lines of v2's CSV
HEADER = ",unickname,datetaken,licensename,hash,latitude,longitude\n"


def image_hash(number: int) -> str:
    """The hash of image `number`, printed as PASS prints its MD5s: byte by byte, without zero
    padding.
    """
    return "".join(f"{byte:x}" for byte in hashlib.md5(str(number).encode()).digest())


def draw(number: int, *, size: tuple[int, int] = (500, 375), bytes_wanted: int = 120_000) -> bytes:
    """A JPEG of smooth noise with about `bytes_wanted` bytes of detail."""
    rng = np.random.default_rng(number)
    width, height = size
    coarse = Image.fromarray(rng.integers(0, 255, (9, 12, 3), dtype=np.uint8)).resize(
        size, Image.Resampling.BICUBIC
    )
    grain = rng.normal(0, 26, (height, width, 1))
    pixels = np.clip(np.asarray(coarse, dtype=np.float64) + grain, 0, 255).astype(np.uint8)
    quality = 85
    while True:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
        if buffer.tell() >= bytes_wanted or quality >= 97:
            return buffer.getvalue()
        quality += 3


def with_comment(jpeg: bytes, text: str) -> bytes:
    """The same picture with `text` in a JPEG comment, so that no two files are equal."""
    body = text.encode()
    return jpeg[:2] + b"\xff\xfe" + (len(body) + 2).to_bytes(2, "big") + body + jpeg[2:]


def write_shards(folder: Path, *, shards: int, images: int, drawings: int = 32) -> None:
    """`shards` tars of `images` pictures each."""
    jpegs = [draw(number) for number in range(drawings)]
    for shard in range(shards):
        with tarfile.open(folder / f"PASS.{shard}.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
            for place in range(images):
                name = image_hash(shard * images + place)
                data = with_comment(jpegs[place % drawings], name)
                member = tarfile.TarInfo(f"PASS_dataset/{shard}/{name}.jpg")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))


def write_metadata(folder: Path, *, rows: int) -> None:
    """A CSV of `rows` lines in an order of its own; every image of the shards has one."""
    rng = random.Random(0)
    order = list(range(rows))
    rng.shuffle(order)
    with (folder / "pass_metadata.csv").open("w", encoding="ascii", newline="") as csv:
        csv.write(HEADER)
        for place, number in enumerate(order):
            date = (
                f"20{rng.randrange(4, 15):02}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02} "
                "10:28:19.0"
            )
            where = (
                f"{rng.uniform(-60, 70):.6f},{rng.uniform(-180, 180):.6f}"
                if rng.random() < 0.3
                else ","
            )
            name = f"Photo+Grapher%3C{rng.randrange(200_000)}"
            csv.write(
                f"{place * 11},{name},{date},Attribution License,{image_hash(number)},{where}\n"
            )


def make_input(
    folder: Path, *, shards: int = 10, images: int = 1000, rows: int = RELEASE_ROWS
) -> Path:
    """The folder, made once: a second call with the same figures finds what the first one left."""
    done = folder / f"{shards}x{images}+{rows}.made"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_shards(folder, shards=shards, images=images)
        write_metadata(folder, rows=rows)
        done.touch()
    return folder


def input_parser(text: str) -> argparse.ArgumentParser:
    """A parser of the options that say where the input is and how large, for a program that `text`
    describes.
    """
    parser = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()) / "pass-benchmark"
    )
    parser.add_argument("--shards", type=int, default=10)
    parser.add_argument("--images", type=int, default=1000, help="in each shard")
    parser.add_argument("--rows", type=int, default=RELEASE_ROWS, help="of the CSV")
    return parser


if __name__ == "__main__":
    options = input_parser(__doc__).parse_args()
    print(
        make_input(options.folder, shards=options.shards, images=options.images, rows=options.rows)
    )
