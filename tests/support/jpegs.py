"""Image files for tests: small JPEGs, and JPEGs of every kind that a header can be of, written by
Pillow and rewritten segment by segment.
"""

from __future__ import annotations

import hashlib
import io
import random
import struct
from collections.abc import Callable

import PIL
from PIL import ExifTags, Image

SOI = b"\xff\xd8"


def segment(marker: int, body: bytes) -> bytes:
    """A segment of a JPEG: its marker (the lower byte), its length, its body."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def insert(jpeg: bytes, extra: bytes) -> bytes:
    """The JPEG with `extra` behind its first two bytes."""
    return jpeg[:2] + extra + jpeg[2:]


def exif(
    orientation: int,
    *,
    order: str = "<",
    kind: int = 3,
    count: int = 1,
    again: tuple[int, ...] = (),
    more: bytes = b"",
) -> bytes:
    """An EXIF segment: a camera's entry, the orientation (`again`: and others), and `more` bytes
    behind the directory.
    """
    entries = [struct.pack(f"{order}HHI4s", 0x010F, 2, 4, b"cam\0")]
    value = {1: "Bxxx", 3: "Hxx", 4: "I", 9: "i"}[kind]
    entries += [
        struct.pack(f"{order}HHI{value}", 0x0112, kind, count, one) for one in (orientation, *again)
    ]
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8)
    return segment(
        0xE1,
        b"Exif\0\0"
        + head
        + struct.pack(f"{order}H", len(entries))
        + b"".join(entries)
        + bytes(4)
        + more,
    )


def xmp(orientation: int) -> bytes:
    """An XMP segment that names an orientation."""
    return segment(
        0xE1,
        b'http://ns.adobe.com/xap/1.0/\0<rdf:Description tiff:Orientation="%d"/>' % orientation,
    )


def picture(rng: random.Random, mode: str = "RGB") -> Image.Image:
    """A picture of one colour, of up to 70 pixels a side."""
    size = (rng.randrange(1, 70), rng.randrange(1, 70))
    return Image.new(
        mode,
        size,
        rng.randrange(256) if mode == "L" else tuple(rng.choices(range(256), k=len(mode))),
    )


def save(image: Image.Image, format: str = "JPEG", **options: object) -> bytes:
    """The picture as a file."""
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def jpeg(text: str) -> bytes:
    """A small JPEG of a colour that depends on the text."""
    colour = hashlib.md5(text.encode()).digest()
    return save(Image.new("RGB", (8 + colour[0] % 8, 8), tuple(colour[:3])))


def grey_jpeg(width: int, height: int) -> bytes:
    """A grey JPEG."""
    return save(Image.new("L", (width, height), 90))


def _with_thumbnail(rng: random.Random) -> bytes:
    data = Image.Exif()
    data[ExifTags.Base.Orientation] = rng.randrange(1, 9)
    data[ExifTags.Base.Make] = "Perlin Optical"
    data.get_ifd(ExifTags.IFD.Exif).update({ExifTags.Base.FNumber: 8.0})
    small = save(picture(rng))
    return insert(
        save(picture(rng), exif=data),
        exif(rng.randrange(1, 9), more=small) if rng.random() < 0.3 else b"",
    )


def _with_pictures(rng: random.Random) -> bytes:
    return save(picture(rng), "MPO", save_all=True, append_images=[picture(rng), picture(rng)])


def _twelve_bits(rng: random.Random) -> bytes:
    """Headers only: nothing here writes or reads such a file."""
    height, width = rng.randrange(1, 9000), rng.randrange(1, 9000)
    frame = struct.pack(">BHHB", 12, height, width, 1) + b"\1\x11\0"
    return (
        SOI
        + segment(0xDB, b"\x10" + bytes(128))
        + segment(0xC1, frame)
        + segment(0xDA, b"\1\1\0\0\x3f\0")
    )


def _orientation(rng: random.Random) -> int:
    return rng.choice([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 600])


KINDS: dict[str, Callable[[random.Random], bytes]] = {
    "baseline": lambda rng: save(picture(rng), quality=rng.randrange(1, 96)),
    "optimized": lambda rng: save(picture(rng), optimize=True),
    "progressive": lambda rng: save(picture(rng), progressive=True),
    "grey": lambda rng: save(picture(rng, "L")),
    "cmyk": lambda rng: save(picture(rng, "CMYK")),
    "restart markers": lambda rng: save(picture(rng), restart_marker_rows=1),
    "fill bytes": lambda rng: insert(save(picture(rng)), b"\xff" * rng.randrange(1, 700)),
    "junk between segments": lambda rng: insert(
        save(picture(rng)), segment(0xFE, b"a") + b"junk\xff\0"
    ),
    "exif": lambda rng: insert(save(picture(rng)), exif(_orientation(rng), order=rng.choice("<>"))),
    "exif of other types": lambda rng: insert(
        save(picture(rng)), exif(rng.randrange(1, 9), kind=rng.choice([1, 4, 9]))
    ),
    "exif with a count": lambda rng: insert(
        save(picture(rng)), exif(6, count=rng.choice([0, 2, 3]))
    ),
    "exif with two orientations": lambda rng: insert(
        save(picture(rng)), exif(rng.randrange(1, 9), again=(rng.randrange(1, 9),))
    ),
    "exif twice": lambda rng: insert(save(picture(rng)), exif(6) + exif(1, order=">")),
    "exif behind the frame": lambda rng: save(picture(rng)).replace(
        b"\xff\xc4", exif(rng.randrange(1, 9)) + b"\xff\xc4", 1
    ),
    "exif and xmp": lambda rng: insert(
        save(picture(rng)), exif(_orientation(rng)) + xmp(rng.randrange(1, 9))
    ),
    "xmp": lambda rng: insert(save(picture(rng)), xmp(rng.randrange(1, 9))),
    "thumbnail": _with_thumbnail,
    "several pictures": _with_pictures,
    "large segments": lambda rng: insert(
        save(picture(rng)), segment(0xE2, rng.randbytes(65533)) * rng.randrange(1, 4)
    ),
    "icc profile": lambda rng: save(picture(rng), icc_profile=rng.randbytes(100_000)),
    "arithmetic tables": lambda rng: insert(
        save(picture(rng)), segment(0xCC, b"\0\1") + segment(0xDD, b"\0\0")
    ),
    "12 bits": _twelve_bits,
}
if tuple(map(int, PIL.__version__.split(".")[:2])) < (11, 3):
    del KINDS["several pictures"]  # which it writes so that it cannot read them


def make_jpegs(count: int, seed: int = 0) -> list[tuple[str, bytes]]:
    """So many JPEGs, each with the name of its kind, of all kinds in turn."""
    rng = random.Random(seed)
    kinds = list(KINDS)
    return [
        (kind, KINDS[kind](rng)) for number in range(count) for kind in [kinds[number % len(kinds)]]
    ]
