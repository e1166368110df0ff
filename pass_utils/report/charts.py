"""Charts of statistics as SVG: bars, widths by heights, and a map of locations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from markupsafe import Markup

from ..statistics import CELL, Counts
from .svg import ACCENT, FAINT, INK, LINE, new_figure, to_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH = 460.0  # points, which are the pixels of a column of the page
_SHADES = (0.18, 0.36, 0.56, 0.78, 1.0)
_LAND = (  # what people find their way by: degrees north and east of the middle of its name
    ("North America", 47, -101),
    ("South America", -12, -59),
    ("Europe", 50, 15),
    ("Africa", 8, 20),
    ("Asia", 48, 92),
    ("Oceania", -25, 134),
)
# degrees north; Antarctica is large on it, and seldom visited
_WHOLE_MAP, _USUAL_MAP = (-90, 90), (-60, 80)


class Class(NamedTuple):
    """Counts from `first` to `last` that are drawn alike, in a shade from 0 to 1."""

    first: int
    last: int
    shade: float


class Chart(NamedTuple):
    """A chart of counts, and its legend where shades stand for counts."""

    svg: Markup
    legend: list[Class]


def classes(largest: int) -> list[Class]:
    """At most five classes for counts up to `largest`, each a few times as high as the one before.

    >>> [(one.first, one.last) for one in classes(60_000)]
    [(1, 4), (5, 49), (50, 499), (500, 4999), (5000, 60000)]
    """
    firsts = sorted(
        {_round_down(largest ** (number / len(_SHADES))) for number in range(len(_SHADES))}
    )
    lasts = [*(first - 1 for first in firsts[1:]), largest]
    return [Class(*one) for one in zip(firsts, lasts, _SHADES[-len(firsts) :], strict=True)]


def _round_down(value: float) -> int:
    """1, 2 or 5 times a power of ten."""
    power: int = 10 ** (len(str(int(value))) - 1)
    return max(step for step in (1, 2, 5) if step * power <= value) * power


def draw_bars(
    counts: Mapping[int, int],
    name: str,
    title: str,
    description: str,
    *,
    labels: Sequence[str] = (),
) -> Chart:
    """A bar for each number, all numbers between the first and the last included; `labels` stand
    for the numbers.
    """
    figure = new_figure(_WIDTH, 200)
    axes = figure.add_axes((0.1, 0.13, 0.89, 0.82))
    numbers = range(min(counts), max(counts) + 1)
    axes.bar(numbers, [counts.get(number, 0) for number in numbers], width=0.8, color=ACCENT)
    axes.set_xlim(numbers[0] - 0.6, numbers[-1] + 0.6)
    step = -(-len(numbers) // 8)
    ticks = numbers[::step]
    axes.set_xticks(
        list(ticks), [labels[number - numbers[0]] if labels else str(number) for number in ticks]
    )
    axes.yaxis.grid(visible=True, color=LINE, linewidth=0.8)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.locator_params(axis="y", integer=True, nbins=4)
    _style(axes)
    axes.spines["bottom"].set_visible(True)
    axes.spines["bottom"].set_color(FAINT)
    return Chart(to_svg(figure, name, title, description), [])


def draw_resolutions(
    counts: Mapping[tuple[int, int], int], name: str, title: str, description: str
) -> Chart:
    """Width by height: how many images have about that resolution."""
    sides = np.array(list(counts), np.int64)
    most = int(sides.max())
    step = max(
        1,
        next(
            step * 10**power
            for power in range(10)
            for step in (1, 2, 5)
            if step * 10**power * 50 >= most
        ),
    )
    cells = ((sides + step / 2) // step).astype(np.int64)  # cell 3 of 10 pixels goes from 25 to 35
    grid = np.zeros((cells.max() + 1, cells.max() + 1), np.int64)
    np.add.at(grid, (cells[:, 1], cells[:, 0]), list(counts.values()))
    figure = new_figure(_WIDTH, _WIDTH)
    axes = figure.add_axes((0.14, 0.11, 0.85, 0.88))
    end = (len(grid) - 0.5) * step
    axes.plot([0, end], [0, end], color=LINE, linewidth=1)
    legend = _shade(axes, grid, origin=(-step / 2, -step / 2), step=step)
    axes.set_xlim(0, end)
    axes.set_ylim(0, end)
    axes.set_xlabel("width in pixels", color=INK)
    axes.set_ylabel("height in pixels", color=INK)
    axes.xaxis.set_label_coords(0.5, -0.07)
    axes.yaxis.set_label_coords(-0.1, 0.5)
    axes.grid(visible=True, color=LINE, linewidth=0.5)
    axes.locator_params(nbins=6, integer=True)
    _style(axes)
    return Chart(to_svg(figure, name, title, description), legend)


def draw_locations(cells: Counts, name: str, title: str, description: str) -> Chart:
    """A map of the world with the cells of `Statistics.locations`; all degrees are equally long."""
    taken = np.flatnonzero(cells.any(axis=1)) * CELL - 90
    usual = len(taken) == 0 or (taken.min() >= _USUAL_MAP[0] and taken.max() < _USUAL_MAP[1])
    south, north = _USUAL_MAP if usual else _WHOLE_MAP
    figure = new_figure(_WIDTH, _WIDTH * (north - south) / 360)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(-180, 180)
    axes.set_ylim(south, north)
    for degree in range(-150, 180, 30):
        axes.axvline(degree, color=LINE, linewidth=1 if degree == 0 else 0.4)
    for degree in range(-60, 90, 30):
        axes.axhline(degree, color=LINE, linewidth=1 if degree == 0 else 0.4)
    legend = _shade(axes, cells, origin=(-180, -90), step=CELL)
    for text, latitude, longitude in _LAND:
        axes.text(longitude, latitude, text, color=FAINT, ha="center", va="center")
    _style(axes)
    axes.set_axis_off()
    return Chart(to_svg(figure, name, title, description), legend)


def _shade(axes: Axes, grid: Counts, *, origin: tuple[float, float], step: int) -> list[Class]:
    """Draw the cells of a grid in which there is something, those of a class as one path."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    legend = classes(int(grid.max()))
    for first, last, shade in legend:
        rows, columns = np.nonzero((grid >= first) & (grid <= last))
        left, low = origin[0] + columns * step, origin[1] + rows * step
        corners = [
            (left, low),
            (left + step, low),
            (left + step, low + step),
            (left, low + step),
            (left, low),
        ]
        points = np.stack([np.stack(corner, axis=-1) for corner in corners], axis=1).reshape(-1, 2)
        codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * len(rows)
        if codes:
            axes.add_patch(
                PathPatch(Path(points, codes), facecolor=ACCENT, linewidth=0, alpha=shade, zorder=2)
            )
    return legend


def _style(axes: Any) -> None:
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelcolor=FAINT)
    for spine in axes.spines.values():
        spine.set_visible(False)
