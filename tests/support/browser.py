"""Opens a page on disk in Chromium and measures it: its width, its requests, its console."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

DESKTOP, PHONE = 1200, 400


class Look(NamedTuple):
    """What is seen of a page in a window `width` pixels wide.

    `content_width` is what the page takes, `images` are the pictures that it could show and
    `broken` those that it could not, `requests` what it asked for beside itself, `problems` what
    the console holds.
    """

    html: str
    width: int
    content_width: int
    images: int
    broken: list[str]
    requests: list[str]
    problems: list[str]


_MEASURE = """async () => {
    const broken = [];
    for (const image of document.images) {
        image.loading = "eager";
        await image.decode().catch(() => broken.push(image.alt));
        if (!image.naturalWidth && !broken.includes(image.alt)) broken.push(image.alt);
    }
    return [document.documentElement.scrollWidth, document.images.length - broken.length, broken];
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Callable[..., Look]]:
    """Looks at a file, as `browser(path, width=1200, dark=False)`."""
    program = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if program is None:
        pytest.skip("no chromium on this machine")
    sync_playwright = pytest.importorskip("playwright.sync_api").sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])

        def look(path: Path, *, width: int = DESKTOP, dark: bool = False) -> Look:
            scheme = "dark" if dark else "light"
            page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            requests: list[str] = []
            problems: list[str] = []
            page.on("request", lambda request: requests.append(request.url))
            page.on("console", lambda message: problems.append(message.text))
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.goto(path.as_uri())
            content_width, images, broken = page.evaluate(_MEASURE)
            html = page.content()
            page.close()
            others = [url for url in requests if url != path.as_uri()]
            return Look(html, width, content_width, images, broken, others, problems)

        yield look
        chromium.close()
