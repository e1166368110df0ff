"""Charts as a page holds them: what they show, in words too, and what stands in their SVG."""

from __future__ import annotations

import re
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pass_utils import ReportError
from pass_utils.report.charts import classes, draw_bars, draw_locations, draw_resolutions
from pass_utils.report.svg import INK, new_figure, to_svg

pytest.importorskip("matplotlib", reason="pip install 'pass-utils[report]'")


def texts(svg: str) -> list[str]:
    return [element.text for element in ElementTree.fromstring(svg).iter("text")]


def places(*cells: tuple[int, int, int]) -> np.ndarray:
    """Counts by (degrees south or north, degrees west or east) of the corner of a cell."""
    grid = np.zeros((36, 72), np.int64)
    for latitude, longitude, count in cells:
        grid[(latitude + 90) // 5, (longitude + 180) // 5] = count
    return grid


def squares(svg: str) -> list[tuple[float, list[tuple[float, float]]]]:
    """The shade of each path of cells, and the lower left corner of each cell in it."""
    found = []
    for path in ElementTree.fromstring(svg).iter("path"):
        shade = re.search(r"fill: var\(--accent\); opacity: ([\d.]+)", path.get("style", ""))
        if shade or path.get("style") == "fill: var(--accent)":
            corners = re.findall(r"M ([\d.-]+) ([\d.-]+)", path.get("d"))
            found.append(
                (float(shade[1]) if shade else 1.0, [(float(x), float(y)) for x, y in corners])
            )
    return found


@given(st.integers(1, 10**9))
def test_each_count_is_in_one_class(largest):
    found = classes(largest)
    assert found[0].first == 1
    assert found[-1].last == largest
    assert all(one.first <= one.last for one in found)
    assert all(one.last + 1 == other.first for one, other in zip(found, found[1:], strict=False))
    assert [one.shade for one in found] == sorted({one.shade for one in found})
    assert len(found) <= 5


def test_a_chart_has_the_words_that_it_stands_for():
    svg = draw_bars({2004: 2, 2006: 1}, "years", "Pictures <by> year", "Two & one").svg
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "years-title years-desc"
    assert {element.get("id"): element.text for element in root if element.get("id")} == {
        "years-title": "Pictures <by> year",
        "years-desc": "Two & one",
    }
    assert "Pictures &lt;by&gt; year" in svg
    assert {"2004", "2005", "2006"} <= set(texts(svg))


def test_a_chart_takes_the_colours_and_letters_of_its_page_and_nothing_from_elsewhere():
    for chart in (
        draw_bars({1: 1}, "bars", "t", "d"),
        draw_resolutions({(4, 3): 1, (3, 4): 9}, "sizes", "t", "d"),
        draw_locations(places((0, 0, 1)), "places", "t", "d"),
    ):
        colours = set(re.findall(r"(?:fill|stroke): ([^;\"]+)", chart.svg))
        assert colours <= {"var(--ink)", "var(--faint)", "var(--line)", "var(--accent)", "none"}
        assert "font" not in chart.svg
        assert "href" not in chart.svg
        assert {element.tag for element in ElementTree.fromstring(chart.svg).iter()} <= {
            *("svg", "title", "desc", "g", "path", "text", "defs", "clipPath", "rect")
        }


def test_charts_of_one_page_share_no_name():
    charts = [draw_bars({1: 1, 2: 3}, name, "t", "d").svg for name in ("a", "b")]
    ids = [re.findall(r'id="([^"]+)"', chart) for chart in charts]
    assert ids[0]
    assert not set(ids[0]) & set(ids[1])
    used = re.findall(r"url\(#([^)]+)\)", charts[0])
    assert set(used) <= set(ids[0])


def test_the_same_counts_give_the_same_chart():
    first, second = (
        draw_locations(places((50, 0, 3), (-35, 150, 1)), "map", "t", "d").svg for _ in range(2)
    )
    assert first == second


def test_the_map_has_each_cell_where_it_lies_and_as_dark_as_its_count():
    chart = draw_locations(places((50, 0, 300), (-35, 150, 1), (-35, 155, 2)), "map", "t", "d")
    width, height = 460.0, 460.0 * 140 / 360
    found = squares(chart.svg)
    near = pytest.approx
    x, y = (
        (lambda degree: (degree + 180) / 360 * width),
        (lambda degree: (80 - degree) / 140 * height),
    )
    assert [tuple(one) for one in chart.legend] == [
        (1, 1, 0.18),
        (2, 4, 0.36),
        (5, 19, 0.56),
        (20, 49, 0.78),
        (50, 300, 1.0),
    ]
    assert found == [
        (0.18, [(near(x(150)), near(y(-35)))]),
        (0.36, [(near(x(155)), near(y(-35)))]),
        (1.0, [(near(x(0)), near(y(50)))]),
    ]


def test_the_map_ends_where_pictures_do_but_always_has_the_inhabited_world():
    heights = [
        float(
            ElementTree.fromstring(draw_locations(cells, "m", "t", "d").svg)
            .get("viewBox")
            .split()[3]
        )
        for cells in (places((0, 0, 1)), places((-65, 0, 1)), places((85, 0, 1)))
    ]
    assert heights == pytest.approx([460 * 140 / 360, 230, 230], abs=0.1)


def test_sizes_are_in_the_cell_around_their_own():
    chart = draw_resolutions({(500, 375): 7, (500, 371): 2, (100, 100): 1}, "sizes", "t", "d")
    found = [cell for _, cells in squares(chart.svg) for cell in cells]
    assert len(found) == 3  # 375 is nearer to 380, and 371 to 370
    assert {"width in pixels", "height in pixels"} <= set(texts(chart.svg))


def test_a_landscape_is_below_the_line_of_squares_and_a_portrait_above():
    [(_, [(x, down)])] = squares(draw_resolutions({(480, 120): 1}, "s", "t", "d").svg)
    [(_, [(across, y)])] = squares(draw_resolutions({(120, 480): 1}, "s", "t", "d").svg)
    assert x - across > 200  # pixels of the figure; `y` grows downwards
    assert down - y > 200


def test_a_large_and_a_tiny_size_can_be_drawn():
    for counts in ({(1, 1): 1}, {(40_000, 9): 3, (1, 1): 1}):
        assert squares(draw_resolutions(counts, "sizes", "t", "d").svg)


def test_what_is_missing_has_a_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ReportError, match=r"found none .* `pip install 'pass-utils\[report\]'`"):
        new_figure(10, 10)


def test_words_in_a_figure_are_text():
    figure = new_figure(100, 100)
    figure.text(0.5, 0.5, "a <b> & c", color=INK)
    assert "a &lt;b&gt; &amp; c</text>" in to_svg(figure, "n", "t", "d")
