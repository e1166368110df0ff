"""A made YFCC100M: lines of its metadata, images of some of them, and what curation should give."""

from __future__ import annotations

import hashlib
import io
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from pass_utils.attribution.yfcc import hash_of_url

LINES = 200_000
LICENCES = (
    *("Attribution+License", "Attribution-ShareAlike+License", "Attribution-NonCommercial+License"),
    *("Attribution-NoDerivs+License", "Attribution-NonCommercial-NoDerivs+License"),
    "Attribution-NonCommercial-ShareAlike+License",
)
CAP, SAMPLE, SEED = 20, 1000, 5
DETECTOR = '''"""A detector for tests: finds the rectangle of pure red that stands for a face."""

from __future__ import annotations

import io
from typing import NamedTuple

import numpy as np
from PIL import Image


class Box(NamedTuple):
    score: float


class RedSquares:
    def __call__(self, data: bytes) -> list[Box]:
        pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
        red = (pixels[..., 0] > 200) & (pixels[..., 1] < 60) & (pixels[..., 2] < 60)
        return [Box(0.9)] if red.mean() > 0.1 else []
'''
CONFIG = """
metadata = ["yfcc*.tsv"]
images = {images}
output = {output!r}
seed = 5
processes = {processes}
steps = [
    {{name = "photos"}},
    {{name = "licence"}},
    {{name = "removals", file = "removals.csv"}},
    {{name = "unique"}},
    {{name = "decodable", min_side = 16}},
    {{name = "single_colour"}},
    {{name = "detector", call = "red_squares.py:RedSquares", what = "face"}},
    {{name = "per_creator", count = 20}},
    {{name = "sample", count = 1000}},
]
"""


@dataclass
class Made:
    """What was made: the bytes of each image, and why an image must be left out."""

    folder: Path
    images: dict[str, bytes] = field(default_factory=dict)
    creators: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    unnamed: set[str] = field(default_factory=set)

    def expected(self) -> set[str]:
        """The set that curation should give, by plain loops."""

        def rank(hash: str) -> str:
            return hashlib.sha256(f"{SEED}:{hash}".encode()).hexdigest()

        of: dict[str, list[str]] = defaultdict(list)
        for hash in self.images:
            if hash not in self.reasons:
                of[self.creators[hash]].append(hash)
        capped = [
            hash
            for creator, hashes in of.items()
            for hash in (sorted(hashes, key=rank)[:CAP] if creator else hashes)
        ]
        return set(sorted(capped, key=rank)[:SAMPLE])

    def config(self, output: str, *, images: str | None = None, processes: int = 1) -> Path:
        path = self.folder / f"{output}.toml"
        template = images or repr("images/{h[:3]}/{h}.jpg")
        path.write_text(CONFIG.format(output=output, images=template, processes=processes))
        return path


def make(folder: Path) -> Made:
    made = Made(folder)
    rng, noise = random.Random(1), np.random.default_rng(1)
    (folder / "red_squares.py").write_text(DETECTOR)
    names = ["", *(f"creator+{number}+%22quoted%22%2C" for number in range(90))]
    lines: list[str] = []
    removed: list[str] = []
    for number in range(LINES):
        url = f"http://farm1.staticflickr.com/{number % 99}/{number}_{number * 7919:x}.jpg"
        hash = hash_of_url(url)
        wanted = number % 100 == 0
        licence = LICENCES[0] if wanted or number % 1000 == 7 else LICENCES[1 + number % 5]
        marker = "1" if number % 1000 == 7 else "0"  # the other CC BY lines are videos
        creator = rng.choice(names) if rng.random() < 0.9 else names[1]
        located = number % 3 == 0
        lines.append(
            "\t".join(
                [
                    *(str(number), f"{number % 50}@N00", creator),
                    "2010-05-17 00:44:29.0" if number % 7 else "null",
                    *("1273000000", "Canon", f"title+{number}", "text%0Awith", "tags", ""),
                    *(("-0.5", "51.25", "16") if located else ("", "", "")),
                    *(f"http://www.flickr.com/photos/x/{number}/", url, licence, "http://cc/"),
                    *("1", "1", "s", "o", "jpg", marker),
                ]
            )
        )
        if not wanted:
            continue
        if number % 10_000 == 0:  # a line that stands twice
            lines.append(lines[-1])
        made.creators[hash] = creator
        made.images[hash] = _image(number // 100, noise, made.reasons, hash)
        if number // 100 % 40 == 5 and hash not in made.reasons:
            made.reasons[hash] = "removed"
            removed.append(hash)
        elif number // 100 % 40 == 8:
            made.unnamed.add(hash)
    for index in (0, 1):
        half = lines[index * len(lines) // 2 : (index + 1) * len(lines) // 2]
        (folder / f"yfcc{index}.tsv").write_text("\n".join(half) + "\n")
    rows = [f"{hash},remove,asked for" for hash in removed]
    rows += [f"{hash},withhold_name," for hash in made.unnamed]
    (folder / "removals.csv").write_text("hash,action,reason\n" + "\n".join(rows) + "\n")
    for hash, data in made.images.items():
        if made.reasons.get(hash) == "no such file":
            continue
        path = folder / "images" / hash[:3] / f"{hash}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return made


def _image(number: int, noise: np.random.Generator, reasons: dict[str, str], hash: str) -> bytes:
    pixels = noise.integers(0, 256, (24, 32, 3), np.uint8)
    kind = {1: "cannot be decoded", 2: "single colour", 3: "face", 4: "no such file", 6: "no JPEG"}
    reason = kind.get(number % 20)
    if number % 20 == 7:
        pixels, reason = pixels[:12], "shorter side below 16 pixels"
    elif reason == "single colour":
        pixels[:] = noise.integers(0, 256, 3)
    elif reason == "face":
        pixels[6:18, 8:24] = (255, 0, 0)
    if reason:
        reasons[hash] = reason
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG" if reason == "no JPEG" else "JPEG", quality=90)
    data = file.getvalue()
    return data[: len(data) // 3] if reason == "cannot be decoded" else data


def counts_of(made: Made) -> Counter[str]:
    return Counter(made.reasons.values())
