"""A census and a sample in, one HTML page out: what people read, with the charts and the tables
that say the same.

Nothing is fetched and nothing runs: the page forbids it to the browser, as the pages of credits do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from markupsafe import Markup

from .._version import __version__
from ..attribution.formats import Sheet
from ..attribution.html import Item, environment, facts, structured
from ..releases import Release, script
from ..statistics import CELL, Census, Counts, Dates, Quartiles, Shapes
from .charts import Chart, draw_bars, draw_places, draw_sizes

_YEARS = 30  # before and after the middle one that a chart has room for; some clocks were never set
_FREQUENT = 12  # sizes that a table names
_BANDS = (30, 60)  # degrees of latitude and longitude of a table's cells
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


class Table(NamedTuple):
    """Counts as text, the first cell of a row being its heading."""

    title: str
    head: Sequence[str]
    body: list[list[str]]


class Shown(NamedTuple):
    """A chart as the page has it: with its heading, its legend in words, what it says in a
    sentence, and the counts.
    """

    title: str
    svg: Markup
    legend: list[dict[str, Any]]
    caption: str
    table: Table


def write_page(
    census: Census,
    items: Sequence[Item],
    file: BinaryIO,
    *,
    release: Release,
    selection: str | None,
    command: str | None,
) -> None:
    """Everything into a file, as one page."""
    sheet = Sheet(release)
    dates, places = census.dates, census.places
    sections = {
        "pictures": ("Pictures", bool(items)),
        "sizes": ("Sizes", bool(census.shapes.counts)),
        "dates": ("Dates", bool(dates and dates.pictures)),
        "places": ("Places", places is not None and bool(places.any())),
        "licences": ("Licences", True),
    }
    title = f"Report on {_number(census.pictures, 'picture')}"
    stream = (
        environment()
        .get_template("report.html.j2")
        .stream(
            census=census,
            items=items,
            unseen=sum(item.thumbnail is None for item in items),
            sizes=_show_sizes(census.shapes) if census.shapes.counts else None,
            dates=None
            if dates is None
            else {"pictures": dates.pictures, "charts": _show_dates(dates)},
            places=None if places is None else _show_places(places, census.pictures),
            parts=[(name, text) for name, (text, there) in sections.items() if there],
            facts=facts(sheet),
            structured=structured(sheet, list(items), name=title),
            percent=_percent,
            cell=CELL,
            selection=selection,
            citation=script.CITATION.strip(),
            command=command,
            version=__version__,
        )
    )
    stream.enable_buffering(100)
    stream.dump(file, encoding="utf-8")


def _show_sizes(shapes: Shapes) -> dict[str, Any]:
    width, height = shapes.width, shapes.height
    total = sum(shapes.counts.values())
    if len(shapes.counts) == 1 or width is None or height is None:
        (one_width, one_height), _ = next(iter(shapes.counts.items()))
        return {
            "lines": [
                f"{'All are' if total > 1 else 'It is'} {one_width:,} × {one_height:,} pixels."
            ],
            "chart": None,
        }
    kinds = {"landscape": shapes.landscape, "portrait": shapes.portrait, "square": shapes.square}
    lines = [
        f"{_spread('Widths', width)} {_spread('Heights', height)}",
        ", ".join(f"{_percent(count, total)} are {kind}" for kind, count in kinds.items() if count)
        + ".",
    ]
    frequent = list(shapes.counts.items())[:_FREQUENT]
    (wide, high), count = frequent[0]
    if count > frequent[1][1]:
        lines.append(
            f"The most frequent size is {wide:,} × {high:,} pixels, that of "
            f"{_percent(count, total)}."
        )
    if len(shapes.counts) > len(frequent):
        rows = f"The {len(frequent)} most frequent of {len(shapes.counts):,} sizes"
    else:
        rows = "All sizes"
    table = Table(
        rows,
        ("width × height", "pictures"),
        [[f"{w:,} × {h:,}", f"{n:,}"] for (w, h), n in frequent],
    )
    chart = draw_sizes(
        shapes.counts, "sizes-chart", "Width by height of the pictures", " ".join(lines)
    )
    return {
        "lines": lines,
        "chart": _show("", chart, "On the line are squares, below it landscapes.", table),
    }


def _show_dates(dates: Dates) -> list[Shown]:
    if not dates.years:
        return []
    lower, median, upper = (_quantile(dates.years, part) for part in (0.25, 0.5, 0.75))
    shown = {year: count for year, count in dates.years.items() if abs(year - median) <= _YEARS}
    outside = dates.pictures - sum(shown.values())
    caption = f"From {min(shown)} to {max(shown)}." if len(shown) > 1 else f"All are of {median}."
    if lower < upper:
        caption += f" Half of the pictures are of {lower} to {upper}."
    if outside:
        caption += (
            f" {_number(outside, 'picture')} of other years {'is' if outside == 1 else 'are'} in "
            "the table only."
        )
    table = Table("Pictures by year", ("year", "pictures"), _rows(dates.years))
    years = draw_bars(shown, "years-chart", "Pictures by year", caption)
    months = dict(enumerate(dates.months.tolist()))
    charts = [
        _show("Years", years, caption, table),
        _cycle("Months", months, _MONTHS, _peak(months, _MONTHS, "month")),
    ]
    hours = dict(enumerate(dates.hours.tolist()))
    timed = sum(hours.values())
    if timed:
        caption = _peak(hours, [f"The hour from {hour}:00" for hour in range(24)], "hour")
        if timed < dates.pictures:
            caption += (
                f" Not counted: {dates.pictures - timed:,} at 0:00:00, which is how a date without "
                "a time is kept."
            )
        charts.append(_cycle("Hours", hours, [str(hour) for hour in range(24)], caption))
    return charts


def _cycle(name: str, counts: dict[int, int], labels: Sequence[str], caption: str) -> Shown:
    what = name.lower().removesuffix("s")
    title = f"Pictures by {what}"
    chart = draw_bars(
        counts, f"{what}s-chart", title, caption, labels=[label[:3] for label in labels]
    )
    rows = [[labels[number], f"{count:,}"] for number, count in counts.items()]
    return _show(name, chart, caption, Table(title, (what, "pictures"), rows))


def _show_places(places: Counts, pictures: int) -> dict[str, Any]:
    count = int(places.sum())
    if not count:
        return {"pictures": 0}
    high, wide = _BANDS
    bands = places.reshape(180 // high, high // CELL, 360 // wide, wide // CELL).sum(axis=(1, 3))[
        ::-1
    ]
    rows = [
        _span(90 - high * (number + 1), 90 - high * number, "SN") for number in range(len(bands))
    ]
    columns = [
        _span(-180 + wide * number, -180 + wide * (number + 1), "WE")
        for number in range(360 // wide)
    ]
    body = [
        [row, *(f"{cell:,}" for cell in band)]
        for row, band in zip(rows, bands.tolist(), strict=True)
    ]
    row, column = (int(place) for place in np.unravel_index(places.argmax(), places.shape))
    south, west = row * CELL - 90, column * CELL - 180
    cells, most = int((places > 0).sum()), int(places.max())
    caption = (
        f"{_number(cells, 'cell')} of {places.size:,} {'has' if cells == 1 else 'have'} pictures."
    )
    if (places == most).sum() == 1:
        where = f"{_span(south, south + CELL, 'SN')} and {_span(west, west + CELL, 'WE')}"
        caption = f"{caption.removesuffix('.')}; the one from {where} has the most, {most:,}."
    chart = draw_places(places, "places-chart", "World map of the pictures by density", caption)
    table = Table(f"Pictures by bands of {high} and {wide} degrees", ("", *columns), body)
    text = (
        f"{count:,} of {_number(pictures, 'picture')} ({_percent(count, pictures)}) "
        f"{'says' if count == 1 else 'say'} where."
    )
    return {"pictures": count, "pictures_text": text, "chart": _show("", chart, caption, table)}


def _show(title: str, chart: Chart, caption: str, table: Table) -> Shown:
    legend = [{"shade": one.shade, "text": _range(one.first, one.last)} for one in chart.legend]
    return Shown(title, chart.svg, legend, caption, table)


def _range(first: int, last: int) -> str:
    return f"{first:,}" if first == last else f"{first:,} to {last:,}"


def _span(begin: int, end: int, names: str) -> str:
    """Degrees from south to north, or from west to east.

    >>> _span(-30, 0, "SN"), _span(0, 60, "WE")
    ('30° S to 0°', '0° to 60° E')
    """
    return " to ".join(
        f"{abs(degree)}°{f' {names[degree > 0]}' if degree else ''}" for degree in (begin, end)
    )


def _spread(what: str, values: Quartiles) -> str:
    if values.min == values.max:
        return f"{what} are all {values.min:,} pixels."
    half = (
        f"{values.lower:,} to {values.upper:,}"
        if values.lower < values.upper
        else f"{values.lower:,}"
    )
    return (
        f"{what} go from {values.min:,} to {values.max:,} pixels; the middle half are {half}, the "
        f"median {values.median:,}."
    )


def _quantile(counts: Mapping[int, int], part: float) -> int:
    """The least value that so large a part of the pictures does not exceed."""
    values = sorted(counts)
    ends = np.cumsum([counts[value] for value in values])
    return values[int(np.searchsorted(ends, max(1, np.ceil(part * ends[-1]))))]


def _peak(counts: Mapping[int, int], names: Sequence[str], what: str) -> str:
    """Which of them has the most pictures.

    >>> months = ["January", "February"]
    >>> _peak({0: 1, 1: 3}, months, "month"), _peak({0: 2, 1: 2}, months, "month")
    ('February has the most, 3.', '2 months have the most, 2 each.')
    """
    most = max(counts.values())
    first, *others = [names[number] for number, count in counts.items() if count == most]
    return (
        f"{len(others) + 1} {what}s have the most, {most:,} each."
        if others
        else f"{first} has the most, {most:,}."
    )


def _rows(counts: Mapping[int, int]) -> list[list[str]]:
    return [[str(value), f"{count:,}"] for value, count in counts.items()]


def _percent(count: int, whole: int) -> str:
    """A share as people say it.

    >>> _percent(1, 3), _percent(1, 10_000), _percent(9_999, 10_000)
    ('33%', 'less than 1%', 'more than 99%')
    """
    part = count / max(whole, 1)
    if 0 < part < 0.01:
        return "less than 1%"
    return "more than 99%" if 0.99 < part < 1 else f"{part:.0%}"


def _number(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"
