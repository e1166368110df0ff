"""Draws docs/credits.png and docs/report.png, from the bundled miniature: `python
docs/screenshots.py` with Chromium, playwright and matplotlib.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path
from urllib.parse import unquote_plus

import datasets
from PIL import Image
from playwright.sync_api import sync_playwright

import pass_utils

FOLDER = Path(__file__).parent
WIDTH, HEIGHT = 1000, 620  # pixels
COLORS = 256  # a palette keeps each file below 150 kB


def shoot(page: Path, target: Path) -> None:
    """Write what a browser shows of the top of a page."""
    with sync_playwright() as playwright:
        program = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        tab.goto(page.as_uri())
        shot = tab.screenshot()
        browser.close()
    image = Image.open(io.BytesIO(shot)).convert("RGB").quantize(COLORS)
    image.save(target, optimize=True)
    print(f"{target}  {target.stat().st_size:,} bytes")


def main() -> None:
    """Write both."""
    ds = datasets.load_dataset("pass", data_dir=str(pass_utils.dummy_folder()), split="train")
    names = [unquote_plus(name or "") for name in ds["creator_username"]]
    # fonts for all scripts are not on every machine
    ds = ds.select([row for row, name in enumerate(names) if name.isascii()])
    with tempfile.TemporaryDirectory() as made:
        page = Path(made).resolve() / "page.html"
        pass_utils.write_attribution(ds, page, thumbnails=160)
        shoot(page, FOLDER / "credits.png")
        pass_utils.write_report(ds, page)
        shoot(page, FOLDER / "report.png")


if __name__ == "__main__":
    main()
