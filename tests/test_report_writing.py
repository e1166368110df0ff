"""Reports on datasets of every kind, as an HTML parser and a real browser have them, and what is
refused.
"""

from __future__ import annotations

import sys

import datasets
import pytest
from conftest import image_hash
from datasets import load_dataset
from support.browser import DESKTOP, PHONE
from support.hostile import raw_names, read_names
from support.reporting import dataset, picture, row

import pass_utils
from pass_utils import DatasetError, ReleaseError, ReportError, write_report
from pass_utils.releases import dummy_folder

html5lib = pytest.importorskip("html5lib")
pytest.importorskip("matplotlib", reason="pip install 'pass-utils[report]'")

SVG = "{http://www.w3.org/2000/svg}"


def parsed(path, *, strict: bool = True):
    return html5lib.HTMLParser(strict=strict, namespaceHTMLElements=False).parse(path.read_text())


def text(element) -> str:
    return " ".join("".join(element.itertext()).split())


def sections(tree) -> dict[str, str]:
    return {section.get("id"): text(section) for section in tree.findall(".//main/section")}


def table(tree, title: str) -> list[list[str]]:
    found = next(part for part in tree.iter("div") if part.get("aria-label") == title)
    return [[text(cell) for cell in line] for line in found.iter("tr")]


@pytest.fixture
def bundled_rows():
    return load_dataset("pass", data_dir=str(dummy_folder("v2")), split="train")


def test_a_report_says_what_the_dataset_is_like(bundled_rows, tmp_path):
    path = tmp_path / "report.html"
    statistics = write_report(
        bundled_rows,
        path,
        selection="from shard 0; <b>",
        command="pass-utils report FOLDER --shards 0",
    )
    assert statistics.images == 24
    tree = parsed(path)
    assert text(tree.find(".//h1")) == "Report on 24 photos"
    assert text(tree.find(".//header/p")) == (
        "Of PASS (Pictures without humAns for Self-Supervision), release v2 (2021-10-14). They "
        "were chosen: from shard 0; <b>."
    )
    figures = {text(one.find("dt")): text(one.find("dd")) for one in tree.findall(".//dl/div")}
    assert figures == {
        "Photos": "24",
        "Creators": "8",
        "Files": "384.1 kB",
        "With a date": "21 88%",
        "With a location": "7 29%",
    }
    found = sections(tree)
    assert list(found) == ["images", "resolutions", "dates", "locations", "licences"]
    assert [link.get("href") for link in tree.findall(".//nav//a")] == [
        f"#{name}" for name in found
    ]
    assert "All of them, each with its credit." in found["images"]
    assert len(tree.findall(".//main//li//img")) == 24
    assert "67% are landscape, 29% are portrait, 4% are square." in found["resolutions"]
    assert "too coarse to show where anyone lives" in found["locations"]
    for licence in (
        "https://creativecommons.org/licenses/by/2.0/",
        "https://creativecommons.org/licenses/by/4.0/",
    ):
        assert licence in {
            link.get("href") for link in tree.find(".//section[@id='licences']").iter("a")
        }
    assert "@Article{asano21pass," in found["licences"]
    made = f"Made by pass-utils {pass_utils.__version__}: pass-utils report FOLDER --shards 0."
    assert text(tree.find(".//footer/p")) == made


def test_all_that_charts_show_is_there_as_tables(bundled_rows, tmp_path):
    write_report(bundled_rows, tmp_path / "r.html")
    tree = parsed(tmp_path / "r.html")
    assert table(tree, "All resolutions")[:3] == [
        ["width × height", "photos"],
        ["500 × 375", "7"],
        ["375 × 500", "5"],
    ]
    years = [taken.year for taken in bundled_rows["date_taken"] if taken]
    assert table(tree, "Photos by year")[1:] == [
        [str(year), str(years.count(year))] for year in sorted(set(years))
    ]
    hours = [taken.hour for taken in bundled_rows["date_taken"] if taken]
    assert table(tree, "Photos by hour")[1:] == [
        [str(hour), str(hours.count(hour))] for hour in range(24)
    ]
    bands = table(tree, "Photos by bands of 30 and 60 degrees")
    assert bands[0][1:3] == ["180° W to 120° W", "120° W to 60° W"]
    assert bands[2] == ["30° N to 60° N", "0", "1", "0", "2", "0", "0"]
    assert sum(int(cell) for line in bands[1:] for cell in line[1:]) == 7
    svgs = [svg for svg in tree.iter(f"{SVG}svg") if svg.get("role") == "img"]
    assert len(svgs) == 5
    assert all(svg.find(f"{SVG}title").text and svg.find(f"{SVG}desc").text for svg in svgs)


def test_an_html_parser_gets_every_hostile_name_back(tmp_path):
    rows = dataset(*(row(number, name=name) for number, name in enumerate(raw_names())))
    write_report(rows, tmp_path / "r.html", images=100)
    tree = parsed(tmp_path / "r.html")
    assert [
        item.find(".//bdi").text for item in tree.findall(".//main//ul[@class='credits']/li")
    ] == read_names()
    tags = {element.tag for element in tree.iter() if isinstance(element.tag, str)}
    assert not tags & {"iframe", "object", "link", "base", "form", "b", "i"}
    assert len(tree.findall(".//script")) == 1
    assert tree.find(".//script").get("type") == "application/ld+json"
    assert not [name for element in tree.iter() for name in element.attrib if name.startswith("on")]
    policy = next(meta.get("content") for meta in tree.iter("meta") if meta.get("http-equiv"))
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_a_browser_shows_all_of_it_in_any_window(browser, bundled_rows, tmp_path, width, dark):
    names = [
        {**one, "creator_username": name}
        for one, name in zip(bundled_rows, raw_names(), strict=False)
    ]
    path = tmp_path / "r.html"
    write_report(
        datasets.Dataset.from_list(names, features=bundled_rows.features), path, selection="x" * 200
    )
    seen = browser(path, width=width, dark=dark)
    assert seen.content_width == seen.width == width
    assert (seen.images, seen.broken) == (24, [])
    assert seen.requests == []
    assert seen.problems == []


def test_the_same_dataset_gives_the_same_page(bundled_rows, tmp_path):
    for name in ("a", "b"):
        write_report(bundled_rows, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_no_pictures_are_said_to_be_none(bundled_rows, tmp_path):
    write_report(
        bundled_rows.select([]), tmp_path / "r.html", selection="shorter side at least 9,000 pixels"
    )
    found = sections(parsed(tmp_path / "r.html"))
    assert list(found) == ["images", "licences"]
    assert found["images"] == "There are no photos in this dataset."


def test_one_picture_is_spoken_of_as_one(tmp_path):
    write_report(dataset(row(0, place=(1, 2), date="2009-03-04T05:06:07")), tmp_path / "r.html")
    tree = parsed(tmp_path / "r.html")
    found = sections(tree)
    assert text(tree.find(".//h1")) == "Report on 1 photo"
    assert found["resolutions"] == "Resolutions It is 60 × 40 pixels."
    assert "All are of 2009." in found["dates"]
    assert "1 of 1 photo (100%) says where." in found["locations"]
    assert (
        "1 cell of 2,592 has photos; the one from 0° to 5° N and 0° to 5° E has the most, 1."
        in found["locations"]
    )


def test_no_place_is_said_to_have_the_most_where_two_have_as_many(tmp_path):
    write_report(
        dataset(row(0, place=(1, 2)), row(1, place=(51, 2))), tmp_path / "r.html", images=0
    )
    found = sections(parsed(tmp_path / "r.html"))["locations"]
    assert "2 cells of 2,592 have photos." in found
    assert "has the most" not in found


def test_what_is_not_there_has_no_section(tmp_path):
    rows = dataset(row(0), row(1))
    for part in (rows, rows.remove_columns(["date_taken", "gps_latitude", "gps_longitude"])):
        write_report(part, tmp_path / "r.html")
        found = sections(parsed(tmp_path / "r.html"))
        assert list(found) == ["images", "resolutions", "licences"]
        assert found["resolutions"] == "Resolutions All are 60 × 40 pixels."


def test_clocks_that_were_never_set_do_not_stretch_the_chart(tmp_path):
    rows = [row(number, date=f"20{10 + number}-01-01T01:00:00") for number in range(3)]
    write_report(dataset(*rows, row(9, date="9999-01-01T00:00:00")), tmp_path / "r.html")
    tree = parsed(tmp_path / "r.html")
    assert (
        "From 2010 to 2012. Half of the photos are of 2010 to 2012. 1 photo of other years is "
        "in the table only." in text(tree)
    )
    assert table(tree, "Photos by year")[-1] == ["9999", "1"]
    assert "Not counted: 1 at 0:00:00, which is how a date without a time is kept." in text(tree)


def test_a_report_on_splits_is_one_on_all_of_them(bundled_rows, tmp_path):
    splits = datasets.DatasetDict(
        {"train": bundled_rows.select(range(20)), "rest": bundled_rows.select(range(20, 24))}
    )
    write_report(splits, tmp_path / "splits.html")
    write_report(bundled_rows, tmp_path / "whole.html")
    assert (tmp_path / "splits.html").read_bytes() == (tmp_path / "whole.html").read_bytes()


def test_a_report_can_be_made_of_pictures_that_are_not_decoded(bundled_rows, tmp_path):
    undecoded = bundled_rows.cast_column("image", datasets.Image(decode=False))
    write_report(undecoded, tmp_path / "r.html", images=3)
    assert len(parsed(tmp_path / "r.html").findall(".//main//li//img")) == 3


def huge() -> bytes:
    """A small file that says of itself that it has four billion pixels."""
    small = picture(60, 40)
    size = small.index(b"\xff\xc0") + 5
    return small[:size] + b"\xfd\xe8" * 2 + small[size + 4 :]


@pytest.mark.parametrize("image", [picture(600, 400)[:1000], huge()])
def test_a_photo_that_cannot_be_decoded_is_named_and_credited(tmp_path, caplog, image):
    rows = dataset(row(0), row(1, image=image))
    write_report(rows, tmp_path / "r.html")
    assert (
        "1 photo cannot be decoded, and is credited without being shown."
        in sections(parsed(tmp_path / "r.html"))["images"]
    )
    assert f"r.html: {image_hash(1)} cannot be decoded" in caplog.text


def test_one_broken_image_does_not_stop_a_report_but_is_listed(tmp_path):
    rows = dataset(row(0), row(1, image=b"no image"), row(2))
    statistics = write_report(rows, tmp_path / "r.html")
    assert (statistics.images, statistics.broken) == (3, 1)
    assert statistics.broken_hashes == (image_hash(1),)
    found = sections(parsed(tmp_path / "r.html"))
    assert list(found) == ["images", "resolutions", "broken", "licences"]
    assert found["broken"] == (
        "Broken files Of 1 file neither width nor height can be read; it is not among the "
        f"resolutions. By hash: {image_hash(1)}."
    )
    assert "1 photo cannot be decoded, and is credited without being shown." in found["images"]


def test_the_release_is_the_datasets_own_unless_another_is_given(tmp_path):
    own = load_dataset("pass", "v3", data_dir=str(dummy_folder("v3")), split="train")
    for release, date in ((None, "2022-04-07"), ("v2", "2021-10-14")):
        write_report(own, tmp_path / "r.html", release=release, images=0)
        assert date in text(parsed(tmp_path / "r.html").find(".//header/p"))
    with pytest.raises(ReleaseError, match="expected one of v2, v3, found 'v9'"):
        write_report(own, tmp_path / "r.html", release="v9")


def test_what_no_report_can_be_made_of_is_refused(bundled_rows, tmp_path):
    path = tmp_path / "r.html"
    stream = bundled_rows.to_iterable_dataset()
    for given, message in (
        (stream, r"found a stream.*data_dir=.*Dataset.from_list"),
        (datasets.IterableDatasetDict({"train": stream}), "found a stream"),
        ("~/pass", "expected a Dataset, an IterableDataset or a dict of them by split, found str"),
        ({}, "expected at least one split, found none"),
    ):
        with pytest.raises(DatasetError, match=message):
            write_report(given, path)
    for given, message in (
        (
            bundled_rows.remove_columns("hash"),
            "expected the columns image, hash, creator_username, found .*; hash missing",
        ),
        (
            bundled_rows.remove_columns("image").add_column("image", ["x"] * 24),
            "image: expected a column of type Image",
        ),
        (
            bundled_rows.remove_columns("date_taken").add_column("date_taken", ["May"] * 24),
            "date_taken: expected dates or timestamps, found string. Cast the column, or remove it",
        ),
        (
            bundled_rows.remove_columns("gps_latitude").add_column("gps_latitude", ["1"] * 24),
            "gps_latitude: expected numbers, found string",
        ),
    ):
        with pytest.raises(ReportError, match=message):
            write_report(given, path)
    for count in (-1, True, 2.5, 1_001):
        with pytest.raises(ReportError, match="images: expected a number from 0 to 1,000, found"):
            write_report(bundled_rows, path, images=count)
    assert list(tmp_path.iterdir()) == []


def test_a_report_is_written_whole_or_not_at_all(bundled_rows, tmp_path, monkeypatch):
    path = tmp_path / "r.html"
    write_report(bundled_rows, path, images=1)
    before = path.read_bytes()
    monkeypatch.setattr("pass_utils.report.page.draw_locations", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_report(bundled_rows, path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["r.html"]
    with pytest.raises(ReportError, match="expected to write it, found: .*No such file"):
        write_report(bundled_rows, tmp_path / "missing" / "r.html")
    with pytest.raises(ReportError, match="expected the name of a file, found a folder"):
        write_report(bundled_rows, tmp_path)


def test_without_matplotlib_nothing_is_begun(bundled_rows, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setattr(
        "pass_utils.report.writing.dataset_statistics", lambda _: pytest.fail("too late")
    )
    with pytest.raises(ReportError, match=r"pip install 'pass-utils\[report\]'"):
        write_report(bundled_rows, tmp_path / "r.html")


def test_a_quiet_report_leaves_the_progress_bars_as_they_were(bundled_rows, tmp_path):
    for before in (True, False):
        (datasets.disable_progress_bars if before else datasets.enable_progress_bars)()
        write_report(bundled_rows, tmp_path / "r.html", images=0, quiet=True)
        assert datasets.are_progress_bars_disabled() is before
