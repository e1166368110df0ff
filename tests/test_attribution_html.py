"""Credit lists in HTML, as parsers, programs and a browser read them."""

from __future__ import annotations

import io
import json

import datasets
import pyarrow as pa
import pytest
from conftest import image_hash
from datasets import load_dataset
from support.browser import DESKTOP, PHONE
from support.hostile import known_names, raw_names, read_names

from pass_utils.attribution.credit import credit_batch
from pass_utils.attribution.html import FORMATS, write_html
from pass_utils.attribution.options import ListOptions
from pass_utils.attribution.order import ImageTable
from pass_utils.attribution.writing import write_attribution
from pass_utils.pages.output import PAGE_NAME, pages_folder
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
    order = ImageTable([batch()]).by_creator()
    write_html([batch()], ListOptions(RELEASES["v2"], order=order, **options), file)
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
    assert len(unnamed) == known_names().count(None)


def test_a_page_forbids_requests_and_has_landmarks():
    tree = parsed(page())
    policy = next(meta.get("content") for meta in tree.iter("meta") if meta.get("http-equiv"))
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert tree.get("lang") == "en"
    assert [element.tag for element in tree.find("body")] == ["a", "header", "main", "footer"]
    assert tree.find("body/a").get("href") == f"#{tree.find('.//main').get('id')}"
    assert [text(heading) for heading in tree.iter("h1")] == ["Photo credits"]


def paged(monkeypatch, size: int) -> None:
    monkeypatch.setattr("pass_utils.attribution.html.PAGE_CREDITS", size)


def pages_of(target) -> dict[str, str]:
    """The pages beside an index, by their names."""
    return {path.name: path.read_text() for path in pages_folder(target).iterdir()}


def dataset(*names: str | None) -> datasets.Dataset:
    """Image n is by name n."""
    return datasets.Dataset.from_dict(
        {"hash": [image_hash(n) for n in range(len(names))], "creator_username": names}
    )


def test_many_credits_are_full_pages_with_an_index_by_name(folder, tmp_path, monkeypatch):
    paged(monkeypatch, 3)
    where = folder([[0, 1], [2, 3, 4, 5, 6, 7]])
    csv = where / "pass_metadata.csv"
    csv.write_text(csv.read_text().replace("user+7", "anna").replace("user+6", "%3Cb%3Ebo"))
    target = tmp_path / "my #1 credits.html"
    assert write_attribution(where, target, changes="resized") == 8
    pages = pages_of(target)
    names = ["credits-1.html", "credits-2.html", "credits-3.html"]
    assert sorted(pages) == [*names, "hashes.html"]
    trees = [parsed(pages[name], strict=True) for name in names]
    headings = [[text(heading) for heading in tree.findall(".//main//h2")] for tree in trees]
    assert headings == [
        ["anna 1 photo", "<b>bo 1 photo", "user 0 1 photo"],
        ["user 1 1 photo", "user 2 1 photo", "user 3 1 photo"],
        ["user 4 1 photo", "user 5 1 photo"],
    ]
    assert [tree.findall(".//main//h2/bdi")[0].text for tree in trees] == [
        "anna",
        "user 1",
        "user 4",
    ]
    assert text(trees[0].find(".//h1")) == "Photo credits, anna to user 0"
    assert "licensed under CC BY 2.0. Changes: resized." in text(trees[1].find(".//header"))
    links = [link.get("href") for link in trees[1].iter("a")]
    assert "../my%20%231%20credits.html" in links
    around = {link.get("rel"): link.get("href") for link in trees[1].find("body/footer").iter("a")}
    assert around == {"prev": "credits-1.html", "next": "credits-3.html"}
    index = parsed(target.read_text(), strict=True)
    assert text(index.find(".//header/p")) == (
        "8 photos by 8 photographers. Each photo is its photographer’s, licensed under CC BY 2.0. "
        "Changes: resized."
    )
    beside = "my%20%231%20credits.html_files"
    listed = {
        text(section.find("h3")): [(link.get("href"), text(link)) for link in section.iter("a")]
        for section in index.iter("section")
    }
    assert listed == {
        "A": [(f"{beside}/credits-1.html", "anna")],
        "B": [(f"{beside}/credits-1.html", "<b>bo")],
        "U": [
            (f"{beside}/credits-1.html", "user 0"),
            (f"{beside}/credits-2.html", "user 1 to user 3"),
            (f"{beside}/credits-3.html", "user 4 to user 5"),
        ],
    }


def test_a_photo_of_many_is_found_by_its_hash(tmp_path, monkeypatch):
    paged(monkeypatch, 3)
    count = 60
    write_attribution(dataset(*[f"user+{n % 7}" for n in range(count)]), tmp_path / "C.html")
    index = parsed((tmp_path / "C.html").read_text(), strict=True)
    prefixes = {
        text(link): link.get("href")
        for link in index.findall(".//nav[@aria-label='Photos by hash']//a")
    }
    hashes = [image_hash(n) for n in range(count)]
    assert sorted(prefixes) == sorted({hash[0] for hash in hashes})
    pages = {
        name: parsed(page, strict=True) for name, page in pages_of(tmp_path / "C.html").items()
    }
    found = []
    for prefix, href in prefixes.items():
        for link in pages[href.rpartition("/")[2]].findall(".//main//a"):
            assert text(link).startswith(prefix)
            name, _, anchor = link.get("href").partition("#")
            (photo,) = [item for item in pages[name].iter("li") if item.get("id") == anchor]
            assert text(photo) == text(link)
            found.append(text(link))
    assert sorted(found) == sorted(hashes)


def test_a_creator_with_photos_on_two_pages_has_a_heading_on_both(tmp_path, monkeypatch):
    paged(monkeypatch, 2)
    write_attribution(dataset("ada", "bo", "bo", "bo", "bo", "zoe"), tmp_path / "C.html")
    pages = pages_of(tmp_path / "C.html")
    headings = {
        name: [text(heading) for heading in parsed(page).findall(".//main//h2")]
        for name, page in pages.items()
        if name.startswith("credits-")
    }
    assert headings == {
        "credits-1.html": ["ada 1 photo", "bo 4 photos"],
        "credits-2.html": ["bo continued"],
        "credits-3.html": ["bo continued", "zoe 1 photo"],
    }


@pytest.mark.parametrize("rows_at_a_time", [1, 3, 4, 100])
@pytest.mark.parametrize("size", [1, 3, 8])
def test_pages_have_each_credit_once_however_the_batches_are_cut(
    tmp_path, monkeypatch, rows_at_a_time, size
):
    paged(monkeypatch, size)
    monkeypatch.setattr("pass_utils.attribution.order._ROWS_AT_A_TIME", rows_at_a_time)
    names = ["zoe", "%C4%B1rmak", "ida", "%F0%9D%9A%A4", None, "zoe", "7up", "%E5%B1%B1", "ada"]
    write_attribution(dataset(*names), tmp_path / "C.html")
    credited = {}
    pages = pages_of(tmp_path / "C.html")
    for number in range(1, -(-len(names) // size) + 1):
        items = parsed(pages[f"credits-{number}.html"]).findall(".//main//li")
        assert len(items) == min(size, len(names) - size * (number - 1))
        credited |= {text(item): item.get("content") for item in items}
    expected = [*["zoe", "ırmak", "ida", "𝚤"], "unknown Flickr user", "zoe", "7up", "山", "ada"]
    assert credited == {image_hash(n): name for n, name in enumerate(expected)}


def test_programs_find_the_credits_of_a_grouped_page_as_ccrel(tmp_path):
    write_attribution(
        dataset("ada", "%3Cb%3Ebo", "ada", None), tmp_path / "C.html", group_by="creator"
    )
    tree = parsed((tmp_path / "C.html").read_text(), strict=True)
    found = {}
    for group in tree.findall(".//main//ul"):
        # an RDFa `rev` without an object: each subject below has this licence
        assert (group.get("about"), group.get("rev")) == (BY2, "license")
        for item in group.findall("li"):
            assert item.get("property") == "cc:attributionName"
            assert item.find("a").get("rel") == "dct:source"
            assert item.find("a").get("href") == item.get("about")
            found[item.get("about").rpartition("/")[2]] = item.get("content")
    names = ["ada", "<b>bo", "ada", "unknown Flickr user"]
    assert found == {f"{image_hash(n)}.jpg": name for n, name in enumerate(names)}


def test_pages_of_an_earlier_list_are_replaced(tmp_path, monkeypatch):
    paged(monkeypatch, 1)
    for count in (3, 70):
        write_attribution(dataset(*["a"] * count), tmp_path / "C.html")
        assert all(PAGE_NAME.fullmatch(name) for name in pages_of(tmp_path / "C.html"))
        assert f"credits-{count}.html" in pages_of(tmp_path / "C.html")
    write_attribution(dataset("a"), tmp_path / "C.html")
    assert [path.name for path in tmp_path.iterdir()] == ["C.html"]


def test_the_size_of_many_pages_is_reported_before_they_are_written(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("pass_utils.attribution.html._MANY", 3)
    paged(monkeypatch, 2)
    write_attribution(dataset(*["a"] * 3), tmp_path / "C.html")
    assert caplog.messages == []
    write_attribution(dataset(*["a"] * 4), tmp_path / "C.html")
    write_attribution(dataset(*["a"] * 4), tmp_path / "C.csv")
    assert caplog.messages == [
        "C.html: 4 credits make 2 pages of 0 MB in all. So many are better searched in one file: "
        ".csv or .parquet."
    ]


def test_more_than_50_000_credits_are_better_in_one_file():
    note = next(form.note for form in FORMATS if form.name == "html")
    assert note(50_000, 160) == ""
    advice = "in all. So many are better searched in one file: .csv or .parquet."
    assert note(50_001, None) == f"50,001 credits make 26 pages of 25 MB {advice}"
    assert note(1_439_588, 160) == f"1,439,588 credits make 720 pages of 13,004 MB {advice}"


def test_a_browser_runs_nothing_and_shows_every_name(browser, tmp_path):
    path = tmp_path / "CREDITS.html"
    path.write_text(page(changes="<script>document.title=1</script>"))
    tree = parsed(browser(path).html)
    assert text(tree.find(".//title")) == "Photo credits"
    assert [bdi.text for bdi in tree.findall(".//main//li//bdi")] == READ
    assert len(tree.findall(".//script")) == 1


@pytest.mark.slow
@pytest.mark.parametrize("width", [DESKTOP, PHONE])
@pytest.mark.parametrize("dark", [False, True])
def test_a_browser_shows_a_list_without_overflow_in_any_window(browser, tmp_path, width, dark):
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
