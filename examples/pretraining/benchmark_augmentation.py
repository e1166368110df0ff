"""Measures augmentation: crops per CPU-second, official and fast, in the same rounds.

    python benchmark_augmentation.py                       # drawn images of 500x375, 120 kB each
    python benchmark_augmentation.py --data-dir ~/pass     # the first photos of a folder

`decode, crop` is what a worker does with `fast`. `all` has the colours, blurs and flips as well,
which `fast` computes in batches where the network is; here that is one thread of the CPU. Seconds
are the CPU's of this process, so that other programs disturb the figures less; the best round
counts.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import official
import torch
from batches import Augment
from draws import Draw, draw
from images import Source
from PIL import Image
from recipes import Recipe, read_recipe

RECIPES = ("moco-v2-r50", "swav-r50", "dino-vits16")
IMAGES, ROUNDS = 24, 5
KEYS = {"seed": 0, "epoch": 0}

Rows = list[dict[str, Any]]


def draw_images() -> Rows:
    """Returns rows of noisy images, of about the size that PASS has them."""
    rng = np.random.default_rng(0)
    rows = []
    for index in range(IMAGES):
        smooth = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize(
            (500, 375), Image.Resampling.BICUBIC
        )
        noise = rng.normal(0, 18, (375, 500, 1))
        pixels = (np.asarray(smooth) + noise).clip(0, 255).astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=88)
        rows.append({"hash": f"{index:031x}", "image": {"bytes": file.getvalue(), "path": None}})
    return rows


def read_images(data_dir: str) -> Rows:
    """Returns the first rows of a folder, with their bytes."""
    import fsspec

    rows = []
    for row in Source(data_dir=data_dir).open().select(range(IMAGES)):
        with fsspec.open(row["image"]["path"], "rb") as file:
            rows.append({"hash": row["hash"], "image": {"bytes": file.read(), "path": None}})
    return rows


def crop_by_pillow(recipe: Recipe, rows: Rows) -> None:
    """Decodes and crops as the official augmentation does, and nothing else."""
    for row in rows:
        image = official.decode(row["image"]["bytes"])
        for index, view in enumerate(recipe.each_view()):
            drawn = draw(view, *image.size, index=index, hash=row["hash"], **KEYS)
            official.apply(image, view, Draw(drawn.box, (), drawn.factors, False, 0, False, False))


def augment(recipe: Recipe, rows: Rows, *, finish: bool) -> None:
    """Does what a worker does, and the rest if `finish`."""
    batch = Augment(recipe, seed=0)([(0, row) for row in rows])
    if finish:
        batch.finish(recipe, torch.device("cpu"))


def main() -> None:
    """Measures all recipes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", help="folder of the shards; default: drawn images")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = read_images(options.data_dir) if options.data_dir else draw_images()
    size = sum(len(row["image"]["bytes"]) for row in rows) / len(rows) / 1000
    print(f"{len(rows)} images of {size:.0f} kB; crops per CPU-second")
    print(f"{'':14}{'decode, crop':>24}{'all':>24}")
    print(f"{'':14}{'official    fast':>24}{'official    fast':>24}")
    for name in RECIPES:
        slow = read_recipe(name, 100_000)
        fast = read_recipe(name, 100_000, changes={"augmentation": "fast"})
        ways: list[Callable[[], None]] = [
            lambda slow=slow: crop_by_pillow(slow, rows),  # type: ignore[misc]
            lambda fast=fast: augment(fast, rows, finish=False),  # type: ignore[misc]
            lambda slow=slow: augment(slow, rows, finish=True),  # type: ignore[misc]
            lambda fast=fast: augment(fast, rows, finish=True),  # type: ignore[misc]
        ]
        best = [float("inf")] * len(ways)
        for _ in range(ROUNDS):
            for index, way in enumerate(ways):
                begin = time.process_time()
                way()
                best[index] = min(best[index], time.process_time() - begin)
        crops = [len(slow.each_view()) * len(rows) / each for each in best]
        first, second = (f"{a:8.0f}{b:8.0f} {b / a:4.1f}x" for a, b in (crops[:2], crops[2:]))
        print(f"{name:14}{first:>24}{second:>24}")


if __name__ == "__main__":
    main()
