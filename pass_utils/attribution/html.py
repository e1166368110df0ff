"""Credit lists in HTML: one page, or many with an index by name and by hash.

People read the credits; programs find each of them as ccREL in RDFa, and the page, with the photos
of a short one, as schema.org JSON-LD. Nothing is fetched and nothing runs: the page forbids it to
the browser, whatever a name may hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from ..images.thumbnails import Thumbnail
from ..pages.environment import render
from ..pages.facts import Entry, page_facts, structured_data
from ..pages.output import pages_folder
from ..releases import LICENSE_URL
from .credit import COLUMNS
from .options import Batches, FindThumbnail, Format, ListOptions, join, links, shown_creators
from .order import CreatorOrder
from .paging import plan_hash_pages, plan_letters, plan_pages

PAGE_CREDITS = 2_000  # on a page; about 0.8 MB without thumbnails
_BYTES = 500  # of a credit on a page and in the index, about, without a thumbnail
_MANY = 50_000  # credits, above which the size is reported before
_ID_CHARACTERS = 12  # of a hash: the anchor of its photo in a page
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"}
# RDFa: every photo in the list has this licence
_LIST = f'<ul about="{LICENSE_URL}" rev="license">\n'
_END = "</ul></section>\n"


def entries(batch: pa.RecordBatch, thumbnail: FindThumbnail | None = None) -> Iterator[Entry]:
    """The photos of a batch of credits as a page shows them one by one.

    Args:
        batch: Credits.
        thumbnail: Finds the thumbnail of an image by its hash.
    """
    columns = (batch.column(name).to_pylist() for name in COLUMNS.names)
    for hash, creator, _, source, title, page in zip(*columns, strict=True):
        yield Entry(hash, creator, source, title, page, thumbnail(hash) if thumbnail else None)


def write_html(batches: Batches, options: ListOptions, file: BinaryIO) -> None:
    """One page, or, of more than `PAGE_CREDITS` credits, an index and a folder of pages."""
    order = options.order
    if order is None:
        raise TypeError("a list in HTML needs the order of its creators")
    if len(order.rows) > PAGE_CREDITS:
        _write_pages(batches, options, file, order)
        return
    shown: list[Entry] = []
    body = None
    for rows in _cut(batches, PAGE_CREDITS):
        if "images" in rows.schema.names:
            body = _sections(rows, options.thumbnail)
        else:
            shown = list(entries(rows, options.thumbnail))
    render(
        file,
        "page.html.j2",
        facts=page_facts(options.release, options.changes),
        structured=structured_data(options.release, shown),
        images=len(order.rows),
        creators=order.creators,
        items=shown,
        body=body,
    )


def _write_pages(
    batches: Batches, options: ListOptions, file: BinaryIO, order: CreatorOrder
) -> None:
    """The index into a file, and the pages by name and by hash that it leads to into a folder."""
    facts = page_facts(options.release, options.changes)
    shared = {"facts": facts, "structured": structured_data(options.release, [])}
    back = {"index": f"../{quote(options.path.name)}"}
    pages = plan_pages(order, PAGE_CREDITS)
    for number, (page, rows) in enumerate(zip(pages, _cut(batches, PAGE_CREDITS), strict=True)):
        around = {
            "previous": pages[number - 1] if number else None,
            "next": pages[number + 1] if number + 1 < len(pages) else None,
        }
        body = _sections(rows, options.thumbnail)
        with (options.pages / page.name).open("xb") as out:
            render(out, "page.html.j2", **shared, **back, **around, page=page, body=body)
    hash_pages = []
    for found in plan_hash_pages(order, PAGE_CREDITS):
        hash_pages.append((found.prefix, found.name))
        body = _lookup(found.hashes, [pages[number].name for number in found.pages.tolist()])
        with (options.pages / found.name).open("xb") as out:
            render(out, "hashes.html.j2", **shared, **back, prefix=found.prefix, body=body)
    render(
        file,
        "index.html.j2",
        **shared,
        images=len(order.rows),
        creators=order.creators,
        folder=quote(pages_folder(options.path).name),
        letters=plan_letters(order, PAGE_CREDITS),
        hash_pages=hash_pages,
    )


def _cut(batches: Iterable[pa.RecordBatch], size: int) -> Iterator[pa.RecordBatch]:
    """Batches of `size` rows each, but for the last one."""
    rows: pa.RecordBatch | None = None
    for batch in batches:
        parts = [batch] if rows is None else [rows, batch]
        rows = pa.Table.from_batches(parts).combine_chunks().to_batches()[0]
        while len(rows) > size:
            yield rows.slice(0, size)
            rows = rows.slice(size)
    if rows is not None:
        yield rows


def _sections(batch: pa.RecordBatch, thumbnail: FindThumbnail | None) -> Markup:
    """Photos under a heading for each creator, also for one who has photos on the page before."""
    counts = batch.column("images")
    noun = pc.if_else(pc.equal(counts, 1), " photo", " photos")
    small = pc.fill_null(join(counts.cast(pa.string()), noun), "continued")
    creators = escape(shown_creators(batch))
    first = pa.array(np.arange(len(batch)) == 0)
    heading = join(
        pc.if_else(first, "", _END),
        "<section><h2><bdi>",
        creators,
        "</bdi> <small>",
        small,
        "</small></h2>\n",
        _LIST,
    )
    heading = pc.if_else(pc.or_(first, pc.is_valid(counts)), heading, "")
    return Markup("".join(join(heading, _photos(batch, creators, thumbnail)).to_pylist()) + _END)


def _photos(
    batch: pa.RecordBatch, creators: pa.StringArray, thumbnail: FindThumbnail | None
) -> pa.StringArray:
    """Each photo as an item of a list: its hash as a link, after its title where there is one."""
    hashes, sources, pages = (batch.column(name) for name in ("hash", "source_url", "page_url"))
    title = escape(batch.column("title"))
    shown = pc.fill_null(join('<cite property="dct:title" dir="auto">', title, "</cite> "), "")
    if thumbnail:
        shown = join(pa.array([_image(thumbnail(hash)) for hash in hashes.to_pylist()]), shown)
    rel = pc.if_else(pc.is_valid(pages), "cc:attributionURL dct:source", "dct:source")
    return join(
        '<li id="',
        pc.utf8_slice_codeunits(hashes, 0, _ID_CHARACTERS),
        '" about="',
        sources,
        '" property="cc:attributionName" content="',
        creators,
        '">',
        shown,
        '<a rel="',
        rel,
        '" href="',
        escape(links(batch)),
        '">',
        hashes,
        "</a></li>\n",
    )


def _image(thumbnail: Thumbnail | None) -> str:
    return (
        ""
        if thumbnail is None
        else (
            f'<img src="{thumbnail.uri}" width="{thumbnail.width}" height="{thumbnail.height}" '
            'alt="" loading="lazy">'
        )
    )


def _lookup(hashes: pa.StringArray, pages: list[str]) -> Markup:
    """Hashes as a list of links to the photos in their pages."""
    anchors = pc.utf8_slice_codeunits(hashes, 0, _ID_CHARACTERS)
    page = pa.array(pages, pa.string())
    items = join('<li><a href="', page, "#", anchors, '">', hashes, "</a></li>\n")
    return Markup("".join(items.to_pylist()))


def escape(texts: pa.StringArray) -> pa.StringArray:
    """Texts for HTML, in elements and in quoted attributes."""
    for character, escaped in _ESCAPES.items():
        texts = pc.replace_substring(texts, character, escaped)
    return texts


def _note(count: int, thumbnails: int | None) -> str:
    """How large many pages will be, and what is better then."""
    if count <= _MANY:
        return ""
    size = count * (_BYTES + (0 if thumbnails is None else thumbnails**2 // 3))
    return (
        f"{count:,} credits make {-(-count // PAGE_CREDITS):,} pages of {size / 1e6:,.0f} MB "
        "in all. So many are better searched in one file: .csv or .parquet."
    )


FORMATS = (
    Format(
        "html",
        ".html",
        write_html,
        "people: one page, or above 2,000 credits many with an index; `thumbnails=160` shows the "
        "photos",
        grouped=lambda count: count > PAGE_CREDITS,
        in_memory=True,
        pages=True,
        note=_note,
        options=frozenset({"thumbnails"}),
    ),
)
