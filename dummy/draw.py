"""Landscapes in, miniature releases out: `python dummy/draw.py` rewrites 1.0.0 (v2) and 2.0.0 (v3),
laid out like PASS.

landscapes.py computes the pictures; the names, dates and places beside them are invented. The
releases are for tests, and for a demo that people look at.
"""

import hashlib
import io
import re
import struct
import tarfile
from datetime import datetime, timezone
from itertools import count
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote_plus

import numpy as np
from landscapes import SCENES
from PIL import ExifTags, Image

LIMIT = 950_000  # bytes of both releases together: they live in the repository
BYTES_PER_PIXEL = 0.1  # each picture gets the best JPEG quality that stays below
SHARDS = range(10)
TURNS = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
LOST = "a picture that no shard holds"

# Two blanks or more end a column. "hex" is the length of the hash, "shards" are the ones in v2 and
# in v3.
TABLE = """
scene           seed  size     hex  unickname       datetaken              place                 shards  stored
ridges at dawn  6     500x333  31   north ridge     2004-05-17 00:44:29.0  35.562871,-83.498516  0 7     plain
dunes of gold   16    500x375  32   halftone        2006-11-02 17:20:05.0  -24.736421,15.292817  0 2     plain
aurora          6     500x375  30   雪山            2009-02-27 22:13:40.0  69.649205,18.955324   0 5     plain
lagoon          4     500x375  31   tide table 🌊   2007-08-14 11:02:58.0  -17.535,-149.569594   1 0     plain
milky way       3     333x500  29   halftone        2012-09-15 02:31:07.0  -                     1 9     plain
forest in fog   7     375x500  31   café & fog      2005-10-30 07:48:12.0  -                     2 1     plain
sea at sunset   4     500x333  32   tide table 🌊   2006-07-21 20:55:33.0  -                     2 8     progressive
coral           8     320x240  28   moss <3         -                      -                     2 4     plain
lava            4     500x333  32   north ridge     2010-04-19 23:05:51.0  -                     2 3     turned 3
lake at noon    1     375x500  31   雪山            2008-06-08 12:26:19.0  45.976574,7.658452    3 6     turned 8 camera
dunes in grey   1     375x500  30   "slow", a lens  2004-12-05 16:09:44.0  -                     4 2     grey
evening clouds  7     500x375  32   café & fog      2011-05-25 20:40:02.0  -                     4 0     plain
lavender        8     500x375  31   moss <3         2007-07-03 20:58:36.0  -                     4 7     plain
eclipse         3     500x500  32   halftone        2012-11-13 20:39:10.0  -16.91855,145.778055  5 9     plain
fields          5     375x500  31   paper kites     -                      -                     6 3     plain
ridges of jade  8     160x120  30   north ridge     2004-06-29 06:12:00.0  -                     6 6     plain
pack ice        3     500x375  31   "slow", a lens  2009-08-11 14:33:27.0  -                     6 8     plain
moonlit sea     2     333x500  32   tide table 🌊   2010-01-30 23:47:15.0  -                     7 1     plain
night forest    8     500x333  29   paper kites     2008-12-21 16:41:08.0  -                     7 -     plain
ridges at dusk  3     500x281  31   north ridge     2005-09-09 19:15:22.0  -                     8 4     cmyk
light in water  3     375x500  32   tide table 🌊   -                      -                     8 5     turned 6
tulips          8     500x333  30   paper kites     2011-04-23 13:08:59.0  52.270833,4.546       9 2     plain
dunes of rose   10    240x180  31   halftone        2006-11-03 06:02:41.0  -                     9 7     plain
lake at dawn    6     500x375  32   雪山            2008-06-09 05:17:46.0  -                     9 5     plain
"""


class Release(NamedTuple):
    """A release: its folder, its day, and the shard in which a Mac left a hidden file."""

    folder: str
    day: datetime
    hidden: int | None


class Picture(NamedTuple):
    """A line of the table; missing values are empty, a missing shard is None."""

    scene: str
    seed: int
    size: tuple[int, int]
    hash: str
    unickname: str
    datetaken: str
    place: str
    shards: tuple[int | None, ...]
    stored: str


RELEASES = (
    Release("1.0.0", datetime(2021, 10, 14, tzinfo=timezone.utc), hidden=6),
    Release("2.0.0", datetime(2022, 4, 7, tzinfo=timezone.utc), hidden=None),
)


def unpadded_md5(text: str, digits: int) -> str:
    """Gives an MD5 of the text and a counter that is `digits` long when its bytes are written
    without zero padding.
    """
    sums = (hashlib.md5(f"{text} {number}".encode()).digest() for number in count())
    return next(
        name
        for name in ("".join(f"{byte:x}" for byte in md5) for md5 in sums)
        if len(name) == digits
    )


def read_table() -> list[Picture]:
    """Gives the pictures in the order of the table."""
    pictures = []
    for line in TABLE.strip().splitlines()[1:]:
        scene, seed, size, digits, *facts, shards, stored = re.split(" {2,}", line)
        width, height = size.split("x")
        unickname, taken, place = ("" if fact == "-" else fact for fact in facts)
        numbers = tuple(None if number == "-" else int(number) for number in shards.split())
        name, area = unpadded_md5(scene, int(digits)), (int(width), int(height))
        pictures.append(
            Picture(scene, int(seed), area, name, unickname, taken, place, numbers, stored)
        )
    return pictures


def draw(picture: Picture) -> Image.Image:
    """Draws a picture at twice its size and scales it down, so that edges are smooth."""
    width, height = picture.size
    canvas = SCENES[picture.scene](np.random.default_rng(picture.seed), (2 * width, 2 * height))
    image = Image.fromarray((np.clip(canvas, 0, 1) * 255 + 0.5).astype(np.uint8))
    return image.resize(picture.size, Image.Resampling.LANCZOS)


def exif_of(picture: Picture) -> Image.Exif:
    """Gives the EXIF data of a turned picture: the orientation and, where the table says so, an
    invented camera.
    """
    exif, tag, when = Image.Exif(), ExifTags.Base, picture.datetaken[:19].replace("-", ":")
    _, orientation, *camera = picture.stored.split()
    exif[tag.Orientation] = int(orientation)
    if camera:
        exif.update(
            {
                tag.Make: "Perlin Optical",
                tag.Model: "Perlin 8",
                tag.Software: "draw.py",
                tag.DateTime: when,
            }
        )
        exif.get_ifd(ExifTags.IFD.Exif).update(
            {tag.DateTimeOriginal: when, tag.FNumber: 8.0, tag.FocalLength: 35.0}
        )
    return exif


def encode(picture: Picture) -> bytes:
    """Draws a picture and stores it as the table says; turned ones have an EXIF orientation that
    turns them back.
    """
    image, exif = draw(picture), Image.Exif()
    if picture.stored.startswith("turned"):
        exif = exif_of(picture)
        image = image.transpose(TURNS[exif[ExifTags.Base.Orientation]])
    image = image.convert({"grey": "L", "cmyk": "CMYK"}.get(picture.stored, "RGB"))
    for quality in range(92, 0, -2):
        file = io.BytesIO()
        progressive = picture.stored == "progressive"
        image.save(file, "JPEG", quality=quality, optimize=True, progressive=progressive, exif=exif)
        if file.tell() <= BYTES_PER_PIXEL * image.width * image.height:
            return file.getvalue()
    raise ValueError(
        f"{picture.scene}: expected a JPEG of at most {BYTES_PER_PIXEL} bytes per pixel, found "
        "none."
    )


def shard(release: Release, number: int, jpegs: dict[str, bytes]) -> bytes:
    """Packs JPEGs, given by hash, into a tar."""
    folder = f"PASS_dataset/{number}/"
    contents = {"PASS_dataset/": b"", folder: b""}
    if release.hidden == number:
        finder = struct.pack(
            ">II16sHIII", 0x51607, 0x20000, b"Mac OS X".ljust(16), 1, 9, 38, 32
        ) + bytes(32)
        # an AppleDouble header and 32 bytes for the Finder
        contents[f"{folder}._{min(jpegs)}.jpg"] = finder
    contents |= {f"{folder}{name}.jpg": jpeg for name, jpeg in jpegs.items()}
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in contents.items():
            entry = tarfile.TarInfo(name)
            entry.uname = entry.gname = "pass"
            entry.size, entry.mtime = len(content), int(release.day.timestamp())
            entry.type, entry.mode = (
                (tarfile.DIRTYPE, 0o750) if name.endswith("/") else (tarfile.REGTYPE, 0o640)
            )
            tar.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def metadata(pictures: list[Picture], column: int) -> bytes:
    """Writes the CSV: rows in the order of their hashes, one of them for a picture that is in no
    shard.
    """
    facts = {
        p.hash: (p.unickname, p.datetaken, p.place, p.shards[column] is not None) for p in pictures
    }
    facts[unpadded_md5(LOST, 31)] = ("paper kites", "2013-03-08 10:01:54.0", "", True)
    lines, index = [",unickname,datetaken,licensename,hash,latitude,longitude"], 2
    for name, (unickname, taken, place, present) in sorted(facts.items()):
        index += 1 + int(name[:2], 16) % 40  # sparse as in PASS, and the same in both releases
        if present:
            lines.append(
                f"{index},{quote_plus(unickname)},{taken},Attribution License,{name},{place or ','}"
            )
    return "\n".join([*lines, ""]).encode()


def main() -> None:
    """Writes both releases, or neither if they are too large."""
    pictures = read_table()
    jpegs = {picture.hash: encode(picture) for picture in pictures}
    files: dict[Path, bytes] = {}
    for column, release in enumerate(RELEASES):
        folder = Path(__file__).parent / release.folder
        files[folder / "pass_metadata.csv"] = metadata(pictures, column)
        for number in SHARDS:
            chosen = {p.hash: jpegs[p.hash] for p in pictures if p.shards[column] == number}
            files[folder / f"PASS.{number}.tar"] = shard(release, number, chosen)
    total = sum(map(len, files.values()))
    if total >= LIMIT:
        raise SystemExit(
            f"dummy: expected less than {LIMIT:,} bytes, found {total:,}. Lower BYTES_PER_PIXEL."
        )
    for path, content in files.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    for column, release in enumerate(RELEASES):
        size = sum(
            len(content) for path, content in files.items() if path.parent.name == release.folder
        )
        print(
            f"{release.folder}: {sum(p.shards[column] is not None for p in pictures)} pictures, "
            f"{size:,} bytes"
        )


if __name__ == "__main__":
    main()
