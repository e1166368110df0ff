"""The HTML page of a report: statistics and a sample of images as sentences, charts, and tables of
the same counts.

Nothing is fetched and nothing runs: the page forbids it to the browser, as the pages of credits do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from markupsafe import Markup

from .._util.text import one_line, percent
from .._version import __version__
from ..pages.environment import render
from ..pages.facts import Entry, page_facts, structured_data
from ..releases import Release, script
from ..statistics import CELL, Counts, Dates, Quartiles, Resolutions, Statistics, quantiles
from .charts import Chart, draw_bars, draw_locations, draw_resolutions

_YEARS = 30  # before and after the middle one that a chart has room for; some clocks were never set
_FREQUENT = 12  # resolutions that a table names
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
    statistics: Statistics,
    items: Sequence[Entry],
    file: BinaryIO,
    *,
    release: Release,
    selection: str | None,
    command: str | None,
) -> None:
    """Write the page to a file.

    Args:
        statistics: Of all images.
        items: The images shown, with their credits.
        file: What it is written to.
        release: Whose line credits the dataset.
        selection: How the images were chosen, in words.
        command: The command that made the page.
    """
    dates, locations = statistics.dates, statistics.locations
    sections = {
        "images": ("Photos", bool(items)),
        "resolutions": ("Resolutions", bool(statistics.resolutions.counts)),
        "dates": ("Dates", bool(statistics.with_date)),
        "locations": ("Locations", bool(statistics.with_location)),
        "broken": ("Broken files", bool(statistics.broken)),
        "licences": ("Licences", True),
    }
    title = f"Report on {_number(statistics.images, 'photo')}"
    render(
        file,
        "report.html.j2",
        statistics=statistics,
        items=items,
        unseen=sum(item.thumbnail is None for item in items),
        resolutions=_show_resolutions(statistics.resolutions)
        if statistics.resolutions.counts
        else None,
        dates=None if dates is None else _show_dates(dates),
        locations=None if locations is None else _show_locations(locations, statistics.images),
        parts=[(name, text) for name, (text, there) in sections.items() if there],
        facts=page_facts(release),
        structured=structured_data(release, items, name=title),
        percent=percent,
        cell=CELL,
        selection=selection and one_line(selection),
        citation=script.CITATION.strip(),
        command=command,
        version=__version__,
    )


def _show_resolutions(resolutions: Resolutions) -> dict[str, Any]:
    width, height = resolutions.width, resolutions.height
    total = sum(resolutions.counts.values())
    if len(resolutions.counts) == 1 or width is None or height is None:
        (one_width, one_height), _ = next(iter(resolutions.counts.items()))
        return {
            "lines": [
                f"{'All are' if total > 1 else 'It is'} {one_width:,} × {one_height:,} pixels."
            ],
            "chart": None,
        }
    kinds = {
        "landscape": resolutions.landscape,
        "portrait": resolutions.portrait,
        "square": resolutions.square,
    }
    lines = [
        f"{_spread('Widths', width)} {_spread('Heights', height)}",
        ", ".join(f"{percent(count, total)} are {kind}" for kind, count in kinds.items() if count)
        + ".",
    ]
    frequent = list(resolutions.counts.items())[:_FREQUENT]
    (wide, high), count = frequent[0]
    if count > frequent[1][1]:
        lines.append(
            f"The most frequent resolution is {wide:,} × {high:,} pixels, that of "
            f"{percent(count, total)}."
        )
    if len(resolutions.counts) > len(frequent):
        rows = f"The {len(frequent)} most frequent of {len(resolutions.counts):,} resolutions"
    else:
        rows = "All resolutions"
    table = Table(
        rows,
        ("width × height", "photos"),
        [[f"{w:,} × {h:,}", f"{n:,}"] for (w, h), n in frequent],
    )
    chart = draw_resolutions(
        resolutions.counts, "resolutions-chart", "Width by height of the photos", " ".join(lines)
    )
    return {
        "lines": lines,
        "chart": _show("", chart, "On the line are squares, below it landscapes.", table),
    }


def _show_dates(dates: Dates) -> list[Shown]:
    if not dates.years:
        return []
    lower, median, upper = quantiles(dates.years, (0.25, 0.5, 0.75))
    shown = {year: count for year, count in dates.years.items() if abs(year - median) <= _YEARS}
    outside = dates.images - sum(shown.values())
    caption = f"From {min(shown)} to {max(shown)}." if len(shown) > 1 else f"All are of {median}."
    if lower < upper:
        caption += f" Half of the photos are of {lower} to {upper}."
    if outside:
        caption += (
            f" {_number(outside, 'photo')} of other years {'is' if outside == 1 else 'are'} in "
            "the table only."
        )
    table = Table("Photos by year", ("year", "photos"), _rows(dates.years))
    years = draw_bars(shown, "years-chart", "Photos by year", caption)
    months = dict(enumerate(dates.months.tolist()))
    charts = [
        _show("Years", years, caption, table),
        _cycle("Months", months, _MONTHS, _peak(months, _MONTHS, "month")),
    ]
    hours = dict(enumerate(dates.hours.tolist()))
    timed = sum(hours.values())
    if timed:
        caption = _peak(hours, [f"The hour from {hour}:00" for hour in range(24)], "hour")
        if timed < dates.images:
            caption += (
                f" Not counted: {dates.images - timed:,} at 0:00:00, which is how a date without "
                "a time is kept."
            )
        charts.append(_cycle("Hours", hours, [str(hour) for hour in range(24)], caption))
    return charts


def _cycle(name: str, counts: dict[int, int], labels: Sequence[str], caption: str) -> Shown:
    what = name.lower().removesuffix("s")
    title = f"Photos by {what}"
    chart = draw_bars(
        counts, f"{what}s-chart", title, caption, labels=[label[:3] for label in labels]
    )
    rows = [[labels[number], f"{count:,}"] for number, count in counts.items()]
    return _show(name, chart, caption, Table(title, (what, "photos"), rows))


def _show_locations(locations: Counts, images: int) -> dict[str, Any]:
    count = int(locations.sum())
    if not count:
        return {}
    high, wide = _BANDS
    bands = locations.reshape(180 // high, high // CELL, 360 // wide, wide // CELL).sum(
        axis=(1, 3)
    )[::-1]
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
    row, column = (int(index) for index in np.unravel_index(locations.argmax(), locations.shape))
    south, west = row * CELL - 90, column * CELL - 180
    cells, most = int((locations > 0).sum()), int(locations.max())
    caption = (
        f"{_number(cells, 'cell')} of {locations.size:,} {'has' if cells == 1 else 'have'} photos."
    )
    if (locations == most).sum() == 1:
        where = f"{_span(south, south + CELL, 'SN')} and {_span(west, west + CELL, 'WE')}"
        caption = f"{caption.removesuffix('.')}; the one from {where} has the most, {most:,}."
    chart = draw_locations(
        locations, "locations-chart", "World map of the photos by density", caption
    )
    table = Table(f"Photos by bands of {high} and {wide} degrees", ("", *columns), body)
    text = (
        f"{count:,} of {_number(images, 'photo')} ({percent(count, images)}) "
        f"{'says' if count == 1 else 'say'} where."
    )
    return {"text": text, "chart": _show("", chart, caption, table)}


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


def _peak(counts: Mapping[int, int], names: Sequence[str], what: str) -> str:
    """Which of them has the most images.

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


def _number(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"
