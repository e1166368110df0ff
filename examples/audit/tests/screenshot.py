"""Draws ../review.jpg: `python examples/audit/tests/screenshot.py` audits drawn faces and shows it.

It needs Chromium, and the environment of `make examples-test`.
"""

from __future__ import annotations

import io
import random
import shutil
import sys
import tempfile
from pathlib import Path

import datasets
from PIL import Image
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent))

from drawn import planted_folder
from planted import run

from pass_utils import dummy_folder

TARGET = Path(__file__).parent.parent / "review.jpg"
WINDOW = {"width": 1200, "height": 800}
QUALITY = 88
KEYS = ["p", "n", "p", "u", "p", "p", "n", "j", "k", "k", "k"]


def main() -> None:
    """Plant faces, audit, decide, and save what the browser shows."""
    rng = random.Random(5)
    rows = datasets.load_dataset("pass", "v3", data_dir=str(dummy_folder("v3")), split="train")
    faces = {}
    for hash, image in zip(rows["hash"], rows["image"], strict=True):
        widths = rng.choices([24, 40, 70, 100], k=rng.choice([1, 1, 2, 3]))
        room = [(image.width - width, image.height - int(1.3 * width)) for width in widths]
        if min(map(min, room)) > 0:
            faces[hash] = [
                (rng.randrange(x), rng.randrange(y), w)
                for (x, y), w in zip(room, widths, strict=True)
            ]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        run(planted_folder(Path(folder, "pass"), faces), Path(folder, "audit"), "--per-page", 15)
        program = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport=WINDOW)
        page.goto(Path(folder, "audit", "review.html").as_uri())
        for key in KEYS:
            page.keyboard.press(key)
        page.locator("#crops canvas").first.wait_for()
        seen = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        browser.close()
    small = seen.resize((900, 600), Image.Resampling.LANCZOS)
    small.save(TARGET, quality=QUALITY, optimize=True)


if __name__ == "__main__":
    main()
