"""Batches of credits in, HTML out: one page that holds everything, or many with an index by letter.

People read the credits; programs find each of them as ccREL in RDFa and the page's as schema.org
JSON-LD. Nothing is fetched and nothing runs: the page forbids it to the browser, whatever a name
may hold.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import quote

import jinja2
import pyarrow as pa

from ..images.thumbnails import Thumbnail
from ..releases import (
    AUTHORS_LINE,
    DATASET_AUTHORS,
    DATASET_LICENSE,
    DATASET_LICENSE_URL,
    DATASET_TITLE,
    LICENSE,
    LICENSE_URL,
    doi_url,
)
from .credit import UNKNOWN, Credit, credit_records, is_named, sentence
from .formats import Sheet
from .order import Order, letter_of

PAGE_CREDITS = 2_000  # that a page holds; about 1.5 MB without thumbnails
PAGE_NAME = re.compile(r"([A-Z]|0-9|other)-[1-9][0-9]*\.html")  # as `plan_pages` gives them

FindThumbnail = Callable[[str], Thumbnail | None]


class Item(NamedTuple):
    """What a page shows of a picture; `pictures` is its creator's count where a heading stands
    above.
    """

    credit: Credit
    link: str
    pictures: int | None
    thumbnail: Thumbnail | None


class Page(NamedTuple):
    """One of many pages: its file's name, its letter, its rows, and the names that it begins and
    ends with.
    """

    name: str
    letter: str
    start: int
    stop: int
    first: str
    last: str


def plan_pages(order: Order, size: int) -> list[Page]:
    """Cut pictures that are ordered by creator into pages of at most `size`, none with creators of
    two letters.
    """
    pages: list[Page] = []
    numbers: Counter[str] = Counter()
    place = 0
    for name, count in zip(order.names, order.counts.tolist(), strict=True):
        letter = {"0": "0-9", "#": "other"}.get(letter_of(name), letter_of(name))
        shown, left = name or UNKNOWN, count
        while left:
            last = pages[-1] if pages and pages[-1].letter == letter else None
            if last is None or last.stop - last.start == size:
                numbers[letter] += 1
                last = Page(f"{letter}-{numbers[letter]}.html", letter, place, place, shown, shown)
                pages.append(last)
            taken = min(left, size - (last.stop - last.start))
            place, left = place + taken, left - taken
            pages[-1] = last._replace(stop=place, last=shown)
    return pages


def write_page(
    batches: Iterable[pa.RecordBatch],
    sheet: Sheet,
    file: BinaryIO,
    *,
    creators: int,
    thumbnail: FindThumbnail | None = None,
) -> None:
    """All credits on one page."""
    items = list(_items(batches, sheet, thumbnail))
    grouped = any(item.pictures for item in items)
    _render(
        file, "page.html.j2", sheet, items, pictures=len(items), creators=creators, grouped=grouped
    )


def write_pages(
    batches: Iterable[pa.RecordBatch],
    sheet: Sheet,
    file: BinaryIO,
    *,
    order: Order,
    size: int,
    folder: Path,
    named: tuple[str, str],
    thumbnail: FindThumbnail | None = None,
) -> None:
    """The index into a file, and the pages of `size` credits that it leads to into a folder.

    `named` is what file and folder will be called.
    """
    pages = plan_pages(order, size)
    index, beside = map(quote, named)
    firsts = {page.letter: page.name for page in reversed(pages)}
    letters = [(letter, firsts[letter]) for letter in dict.fromkeys(page.letter for page in pages)]
    items = _items(batches, sheet, thumbnail)
    for number, page in enumerate(pages):
        shown = list(islice(items, page.stop - page.start))
        with (folder / page.name).open("wb") as out:
            _render(
                out,
                "page.html.j2",
                sheet,
                shown,
                grouped=True,
                letter=page.letter,
                letters=letters,
                index=index,
                previous=pages[number - 1].name if number else None,
                next=pages[number + 1].name if number + 1 < len(pages) else None,
            )
    sections = [
        (letter, [page for page in pages if page.letter == letter]) for letter, _ in letters
    ]
    _render(
        file,
        "index.html.j2",
        sheet,
        [],
        pictures=len(order.rows),
        creators=sum(map(bool, order.names)),
        sections=sections,
        folder=beside,
        letters=[(letter, f"{beside}/{name}") for letter, name in letters],
    )


def _items(
    batches: Iterable[pa.RecordBatch], sheet: Sheet, thumbnail: FindThumbnail | None
) -> Iterator[Item]:
    for batch in batches:
        grouped = "pictures" in batch.schema.names
        counts = batch.column("pictures").to_pylist() if grouped else [None] * len(batch)
        for credit, count in zip(credit_records(batch, sheet.changes), counts, strict=True):
            yield Item(credit, credit.link, count, thumbnail(credit.hash) if thumbnail else None)


def _render(file: BinaryIO, template: str, sheet: Sheet, items: list[Item], **shown: Any) -> None:
    stream = (
        environment()
        .get_template(template)
        .stream(facts=facts(sheet), structured=structured(sheet, items), items=items, **shown)
    )
    stream.enable_buffering(100)
    stream.dump(file, encoding="utf-8")


@functools.cache
def environment() -> jinja2.Environment:
    """Where the templates of pages are, and how they are filled: all text is escaped."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("pass_utils.pages"),
        autoescape=True,
        undefined=jinja2.ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def facts(sheet: Sheet) -> dict[str, Any]:
    """What all of a page's credits share, and whom to credit for the dataset."""
    return {
        "license": LICENSE,
        "license_url": LICENSE_URL,
        "changes": sentence(sheet.changes) if sheet.changes else None,
        "dataset": {
            "title": DATASET_TITLE,
            "release": sheet.release.name,
            "date": sheet.release.date,
            "authors": AUTHORS_LINE,
            "url": doi_url(sheet.release),
            "license": DATASET_LICENSE,
            "license_url": DATASET_LICENSE_URL,
        },
    }


def structured(sheet: Sheet, items: list[Item], *, name: str = "Picture credits") -> dict[str, Any]:
    """The page in schema.org's words."""
    dataset = {
        "@type": "Dataset",
        "name": DATASET_TITLE,
        "version": sheet.release.name,
        "datePublished": sheet.release.date,
        "identifier": doi_url(sheet.release),
        "url": doi_url(sheet.release),
        "license": DATASET_LICENSE_URL,
        "creator": [{"@type": "Person", "name": name} for name in DATASET_AUTHORS],
    }
    page = {
        "@context": "https://schema.org",
        "@type": "CollectionPage",
        "name": name,
        "isBasedOn": dataset,
    }
    return {**page, "hasPart": [_image_object(item) for item in items]} if items else page


def _image_object(item: Item) -> dict[str, Any]:
    credit = item.credit
    found: dict[str, Any] = {
        "@type": "ImageObject",
        "identifier": credit.hash,
        "contentUrl": credit.source_url,
        "creditText": credit.creator,
        "license": LICENSE_URL,
        "acquireLicensePage": item.link,
    }
    if is_named(credit):
        found["creator"] = {"@type": "Person", "name": credit.creator}
    if credit.title:
        found["name"] = credit.title
    return found
