"""Text of other people in lists and reports: nothing of it is active, in any format."""

from __future__ import annotations

import re
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import image_hash
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.hostile import raw_names
from support.reporting import dataset as report_dataset
from support.reporting import row

from pass_utils import write_attribution, write_report
from pass_utils.attribution.formats import FORMATS

html5lib = pytest.importorskip("html5lib")
markdown_it = pytest.importorskip("markdown_it")

# controls (terminal escapes) but for ends of lines, and what turns the direction of text
ACTIVE = re.compile(
    "[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
TAGS = {
    *("html", "head", "meta", "title", "style", "script", "body", "header", "main", "footer"),
    *("a", "h1", "h2", "h3", "p", "cite", "span", "ul", "li", "bdi", "small", "nav", "section"),
    *("div", "img"),
}
REPORT_TAGS = {
    *TAGS,
    *("dl", "dt", "dd", "figure", "figcaption", "svg", "g", "path", "rect", "text", "tspan"),
    *("defs", "use", "clipPath", "desc", "details", "summary", "table", "thead", "tbody", "tr"),
    *("th", "td", "pre", "code"),
}
HOSTS = ("https://multimedia-commons.s3-us-west-2.amazonaws.com/", "https://www.flickr.com/")
LICENCES = ("https://creativecommons.org/licenses/", "https://doi.org/10.5281/zenodo.")
PAGES = re.compile(r"#[a-z0-9-]+|(\.\./)?C\.html(_files/[a-z0-9-]+\.html)?|[a-z0-9-]+\.html(#\w+)?")

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
HOSTILE = [name or "" for name in raw_names()]


def check_html(text: str, tags: set[str] = TAGS) -> None:
    """Nothing runs, and links lead to pages of ours, photos and licences only."""
    assert not ACTIVE.search(text)
    tree = html5lib.parse(text, namespaceHTMLElements=False)
    scripts = 0
    for element in tree.iter():
        if not isinstance(element.tag, str):
            raise AssertionError(f"a comment: {element.text}")
        tag = element.tag.rpartition("}")[2]
        assert tag in tags
        scripts += tag == "script"
        assert not [name for name in element.attrib if name.startswith("on")]
        if tag == "a":
            href = element.get("href")
            assert href.startswith((*HOSTS, *LICENCES)) or PAGES.fullmatch(href)
        if tag == "img":
            assert element.get("src").startswith("data:image/jpeg;base64,")
    assert scripts == 1
    assert tree.find(".//script").get("type") == "application/ld+json"


def check_markdown(text: str) -> None:
    """A list with links to photos and licences, whatever a name holds."""
    assert not ACTIVE.search(text)
    tree = html5lib.parse(markdown_it.MarkdownIt().render(text), namespaceHTMLElements=False)
    tags = {element.tag for element in tree.iter()}
    assert tags <= {"html", "head", "body", "h1", "h2", "p", "ul", "li", "a", "code"}
    assert all(link.get("href").startswith((*HOSTS, *LICENCES)) for link in tree.iter("a"))


def check(path: Path) -> None:
    """No part of a list is active."""
    if path.suffix == ".parquet":
        for column in pq.read_table(path).columns:
            assert not any(ACTIVE.search(text or "") for text in column.to_pylist())
    elif path.suffix == ".html":
        for page in [path, *path.parent.glob("*_files/*")]:
            check_html(page.read_text())
    elif path.suffix == ".md":
        check_markdown(path.read_text())
    else:
        assert not ACTIVE.search(path.read_bytes().decode())


@pytest.mark.parametrize("group_by", [None, "creator"])
@pytest.mark.parametrize("form", FORMATS)
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(TEXT, min_size=1, max_size=5), TEXT)
@example(HOSTILE, HOSTILE[0])
@example(HOSTILE, "\x1b[31mred\u202e\n# heading\n[[annotations]]\n<b>")
def test_no_text_of_other_people_is_active_in_any_list(
    tmp_path_factory, monkeypatch, form, group_by, texts, changes
):
    monkeypatch.setattr("pass_utils.attribution.html.PAGE_CREDITS", 3)
    work = tmp_path_factory.mktemp("lists")
    hashes = [image_hash(number) for number in range(len(texts))]
    pages = [f"https://www.flickr.com/photos/1@N00/{number}/" for number in range(len(texts))]
    yfcc = pa.table({"hash": hashes, "title": texts[::-1], "pageurl": [*pages[1:], texts[0]]})
    pq.write_table(yfcc, work / "yfcc.parquet")
    ds = datasets.Dataset.from_dict({"hash": hashes, "creator_username": texts})
    suffix = FORMATS[form].suffix
    path = work / (f"C{suffix}" if suffix.startswith(".") else suffix)
    write_attribution(
        ds, path, group_by=group_by, changes=changes, yfcc=work / "yfcc.parquet", quiet=True
    )
    check(path)


@pytest.mark.slow
@pytest.mark.parametrize("selection", HOSTILE[:12] + ["\x1b[31mred\u202e<script>alert(1)</script>"])
def test_no_text_of_other_people_is_active_in_a_report(tmp_path, selection):
    pytest.importorskip("matplotlib")
    ds = report_dataset(
        *(row(number, name=name) for number, name in enumerate(HOSTILE[:12])),
        row(99, name=selection),
    )
    write_report(ds, tmp_path / "R.html", selection=selection, quiet=True)
    check_html((tmp_path / "R.html").read_text(), REPORT_TAGS)
