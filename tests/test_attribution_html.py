"""Credits as HTML: what people read, what programs find, and what a browser does with names that
other people chose.
"""

from __future__ import annotations

import io
import json

import datasets
import numpy as np
import pyarrow as pa
import pytest
from conftest import image_hash
from datasets import load_dataset
from support.browser import DESKTOP, PHONE
from support.hostile import raw_names, read_names

from pass_utils.attribution.credit import credit_batch
from pass_utils.attribution.formats import Sheet
from pass_utils.attribution.html import PAGE_NAME, plan_pages, write_page
from pass_utils.attribution.order import Order
from pass_utils.attribution.writing import write_attribution
from pass_utils.releases import RELEASES, dummy_folder

html5lib = pytest.importorskip("html5lib")

RAW, READ = raw_names(), read_names()
BY2, BY4 = (
    "https://creativecommons.org/licenses/by/2.0/",
    "https://creativecommons.org/licenses/by/4.0/",
)


def batch() -> pa.RecordBatch:
    """A credit for each hostile name, which is also the title of the next picture."""
    return credit_batch(
        pa.array([image_hash(place) for place in range(len(RAW))]),
        pa.array(RAW, pa.string()),
        pa.array([None, *READ[:-1]], pa.string()),
        pa.array(
            [None, *[f"https://www.flickr.com/photos/1@N00/{n}/" for n in range(1, len(RAW))]],
            pa.string(),
        ),
    )


def page(**options) -> str:
    file = io.BytesIO()
    write_page([batch()], Sheet(RELEASES["v2"], **options), file, creators=3)
    return file.getvalue().decode()


def parsed(html: str, *, strict: bool = False):
    return html5lib.HTMLParser(strict=strict, namespaceHTMLElements=False).parse(html)


def text(element) -> str:
    return " ".join("".join(element.itertext()).split())


def triples(tree) -> list[tuple[str, str, str]]:
    """What the RDFa of a page says, as (subject, predicate, object), by the rules that the page
    makes use of.
    """
    found = []

    def walk(element, subject):
        subject = element.get("about", subject)
        if element.get("property"):
            found.append((subject, element.get("property"), "".join(element.itertext())))
        for predicate in (element.get("rel") or "").split():
            found.append((subject, predicate, element.get("href")))
        for child in element:
            walk(child, subject)

    walk(tree.find("body"), "")
    return found


def test_an_html_parser_gets_every_name_and_title_back():
    tree = parsed(page(changes="<b>resized</b>"), strict=True)
    items = tree.findall(".//main//li")
    assert [item.find(".//bdi").text for item in items] == READ
    assert [
        title.text if (title := item.find(".//cite")) is not None else None for item in items
    ] == [None, *READ[:-1]]
    assert "Changes: <b>resized</b>." in text(tree.find(".//header"))
    tags = {element.tag for element in tree.iter() if isinstance(element.tag, str)}
    assert not tags & {"img", "iframe", "object", "link", "base", "form", "b", "i"}
    assert len(tree.findall(".//script")) == 1
    assert not [
        name
        for element in tree.iter()
        for name in element.attrib
        if name.startswith("on") or name == "style"
    ]


def test_programs_find_each_credit_as_ccrel():
    found = triples(parsed(page()))
    source = "https://multimedia-commons.s3-us-west-2.amazonaws.com/data/images/"
    for place, name in enumerate(READ):
        hash = image_hash(place)
        about = f"{source}{hash[:3]}/{hash[3:6]}/{hash}.jpg"
        link = f"https://www.flickr.com/photos/1@N00/{place}/" if place else about
        title = (
            [(about, "dct:title", READ[place - 1]), (about, "cc:attributionURL", link)]
            if place
            else []
        )
        mine = [triple for triple in found if triple[0] == about]
        assert sorted(mine) == sorted(
            [
                (about, "cc:attributionName", name),
                (about, "license", BY2),
                (about, "dct:source", link),
                *title,
            ]
        )
    doi = "https://doi.org/10.5281/zenodo.5570664"
    assert [triple for triple in found if triple[0] == doi] == [
        (doi, "dct:title", "PASS (Pictures without humAns for Self-Supervision)"),
        (
            doi,
            "cc:attributionName",
            "Yuki M. Asano, Christian Rupprecht, Andrew Zisserman and Andrea Vedaldi",
        ),
        (doi, "cc:attributionURL", doi),
        (doi, "license", BY4),
    ]
    assert (
        parsed(page()).get("prefix")
        == "cc: http://creativecommons.org/ns# dct: http://purl.org/dc/terms/"
    )


def test_programs_find_the_page_as_json_ld():
    script = parsed(page()).find(".//script")
    assert script.get("type") == "application/ld+json"
    found = json.loads(script.text)
    assert (found["@context"], found["@type"]) == ("https://schema.org", "CollectionPage")
    assert found["isBasedOn"]["license"] == BY4
    assert found["isBasedOn"]["url"] == "https://doi.org/10.5281/zenodo.5570664"
    images = found["hasPart"]
    assert [image["creditText"] for image in images] == READ
    assert {image["license"] for image in images} == {BY2}
    assert [image.get("name") for image in images] == [None, *READ[:-1]]
    unnamed = [image for image in images if "creator" not in image]
    assert len(unnamed) == READ.count("unknown Flickr user")


def test_a_page_fetches_nothing_and_can_be_found_through_by_keyboard_and_ear():
    tree = parsed(page())
    policy = next(meta.get("content") for meta in tree.iter("meta") if meta.get("http-equiv"))
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert tree.get("lang") == "en"
    assert [element.tag for element in tree.find("body")] == ["a", "header", "main", "footer"]
    assert tree.find("body/a").get("href") == f"#{tree.find('.//main').get('id')}"
    assert [text(heading) for heading in tree.iter("h1")] == ["Picture credits"]


def order(*names: tuple[str, int]) -> Order:
    counts = np.array([count for _, count in names], dtype=np.int64)
    return Order(np.arange(counts.sum()), [name for name, _ in names], counts)


def test_pages_hold_one_letter_each_and_no_more_than_fits():
    pages = plan_pages(
        order(("ada", 2), ("ann", 2), ("äx", 3), ("bo", 7), ("7up", 1), ("山", 1), ("", 1)), size=3
    )
    assert [tuple(page) for page in pages] == [
        ("A-1.html", "A", 0, 3, "ada", "ann"),
        ("A-2.html", "A", 3, 6, "ann", "äx"),
        ("A-3.html", "A", 6, 7, "äx", "äx"),
        ("B-1.html", "B", 7, 10, "bo", "bo"),
        ("B-2.html", "B", 10, 13, "bo", "bo"),
        ("B-3.html", "B", 13, 14, "bo", "bo"),
        ("0-9-1.html", "0-9", 14, 15, "7up", "7up"),
        ("other-1.html", "other", 15, 17, "山", "unknown Flickr user"),
    ]
    assert plan_pages(order(), size=3) == []


def test_many_credits_are_linked_pages_with_an_index_by_letter(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("pass_utils.attribution.writing.PAGE_CREDITS", 3)
    where = folder([[0, 1], [2, 3, 4, 5, 6, 7]])
    csv = where / "pass_metadata.csv"
    csv.write_text(csv.read_text().replace("user+7", "anna").replace("user+6", "%3Cb%3Ebo"))
    target = tmp_path / "my #1 credits.html"
    assert write_attribution(where, target, changes="resized") == 8
    index = parsed(target.read_text())
    links = [link.get("href") for link in index.iter("a") if link.get("href").startswith("my")]
    beside = tmp_path / "my #1 credits.html_files"
    expected = ["A-1", "B-1", "U-1", "A-1", "B-1", "U-1", "U-2"]
    assert links == [f"my%20%231%20credits.html_files/{name}.html" for name in expected]
    names = ["A-1.html", "B-1.html", "U-1.html", "U-2.html"]
    assert sorted(path.name for path in beside.iterdir()) == names
    assert {link.rpartition("/")[2] for link in links} == set(names)
    assert text(index.find(".//header/p")) == (
        "8 photos by 8 photographers. Each is its photographer’s, licensed under CC BY 2.0. "
        "Changes: resized."
    )
    pages = [parsed((beside / name).read_text(), strict=True) for name in names]
    credited = [bdi.text for page in pages for bdi in page.findall(".//main//li//bdi")]
    assert credited == ["anna", "<b>bo", *[f"user {n}" for n in range(6)]]
    second = pages[2]
    assert {
        link.get("rel"): link.get("href")
        for link in second.iter("a")
        if link.get("rel") in ("prev", "next")
    } == {
        "prev": "B-1.html",
        "next": "U-2.html",
    }
    assert [
        link.get("href")
        for link in second.findall(".//nav[@aria-label='Photographers by letter']//a")
    ] == [
        "A-1.html",
        "B-1.html",
        "U-1.html",
    ]
    assert "../my%20%231%20credits.html" in {link.get("href") for link in second.iter("a")}


def test_no_credit_is_lost_whatever_letter_a_name_is_under(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("pass_utils.attribution.writing.PAGE_CREDITS", 1)
    where = folder()
    csv = where / "pass_metadata.csv"
    text = csv.read_text()
    for number, name in enumerate(
        ("zoe", "%C4%B1rmak", "ida", "%F0%9D%9A%A4", "unknown+Flickr+user")
    ):
        text = text.replace(f"user+{number}", name)
    csv.write_text(text)
    assert write_attribution(where, tmp_path / "C.html") == 5
    pages = {path.name: parsed(path.read_text()) for path in (tmp_path / "C.html_files").iterdir()}
    assert {name: page.find(".//main//li//bdi").text for name, page in pages.items()} == {
        "I-1.html": "ida",
        "I-2.html": "\U0001d6a4",
        "I-3.html": "ırmak",
        "U-1.html": "unknown Flickr user",
        "Z-1.html": "zoe",
    }
    image = json.loads(pages["U-1.html"].find(".//script").text)["hasPart"][0]
    assert image["creator"] == {"@type": "Person", "name": "unknown Flickr user"}


def test_the_names_of_pages_never_collide():
    pages = plan_pages(order(("ada", 1), ("bo", 1), ("ann", 1), ("山", 1), ("7up", 1)), size=1)
    assert [page.name for page in pages] == [
        "A-1.html",
        "B-1.html",
        "A-2.html",
        "other-1.html",
        "0-9-1.html",
    ]
    assert all(PAGE_NAME.fullmatch(page.name) for page in pages)


def test_a_browser_runs_nothing_and_shows_every_name(browser, tmp_path):
    path = tmp_path / "CREDITS.html"
    path.write_text(page(changes="<script>document.title=1</script>"))
    tree = parsed(browser(path).html)
    assert text(tree.find(".//title")) == "Picture credits"
    assert [bdi.text for bdi in tree.findall(".//main//li//bdi")] == READ
    assert len(tree.findall(".//script")) == 1


@pytest.mark.slow
@pytest.mark.parametrize("width", [DESKTOP, PHONE])
@pytest.mark.parametrize("dark", [False, True])
def test_a_browser_shows_all_of_it_in_any_window(browser, tmp_path, width, dark):
    rows = load_dataset("pass", data_dir=str(dummy_folder()), split="train")
    named = [{**row, "creator_username": name} for row, name in zip(rows, RAW, strict=False)]
    path = tmp_path / "CREDITS.html"
    write_attribution(
        datasets.Dataset.from_list(named, features=rows.features),
        path,
        thumbnails=600,
        group_by="creator",
        changes="x" * 200,
    )
    seen = browser(path, width=width, dark=dark)
    assert seen.content_width == seen.width == width
    assert (seen.images, seen.broken) == (24, [])
    assert (seen.requests, seen.problems) == ([], [])


@pytest.mark.slow
def test_the_browser_of_these_tests_sees_what_is_wrong(browser, tmp_path):
    path = tmp_path / "wrong.html"
    path.write_text(
        "<img src=none.jpg alt=none><p style='width: 900px'>wide</p><script>missing()</script>"
    )
    seen = browser(path, width=PHONE)
    assert seen.content_width > seen.width
    assert (seen.images, seen.broken) == (0, ["none"])
    assert seen.requests == [(tmp_path / "none.jpg").as_uri()]
    assert any("missing is not defined" in problem for problem in seen.problems)


def test_the_browser_of_these_tests_would_run_a_script(browser, tmp_path):
    path = tmp_path / "script.html"
    path.write_text(
        "<title>before</title><img src=x "
        "onerror=\"document.title='after'\"><script>document.title='after'</script>"
    )
    assert text(parsed(browser(path).html).find(".//title")) == "after"
