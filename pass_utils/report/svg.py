"""Themed, accessible inline SVG from a matplotlib figure: in the page's colours and fonts, with a
title and a description.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from markupsafe import Markup

from ..errors import ReportError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# What figures are drawn in, and what the page's style sheet calls it.
INK, FAINT, LINE, ACCENT = "#010101", "#020202", "#030303", "#040404"
_COLOURS = {INK: "var(--ink)", FAINT: "var(--faint)", LINE: "var(--line)", ACCENT: "var(--accent)"}
_NAMESPACE = re.compile(r"^\{.*\}")
_NEEDLESS = ("metadata", "style")


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, so many points wide and high, for which no window opens.

    Raises:
        ReportError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as err:
        raise ReportError(
            f"report: expected matplotlib to draw its figures, found none ({err}). `pip install "
            "'pass-utils[report]'`."
        ) from err
    return Figure(figsize=(width / 72, height / 72))


def to_svg(figure: Figure, name: str, title: str, description: str) -> Markup:
    """The figure as an element of a page; `name` is its own there, `title` and `description` say
    what it shows.
    """
    import matplotlib

    drawn = io.BytesIO()
    with matplotlib.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": name, "path.simplify": False}
    ):
        figure.savefig(drawn, format="svg", transparent=True)
    root = ElementTree.fromstring(drawn.getvalue())
    for parent in list(root.iter()):
        parent.tag = _NAMESPACE.sub("", parent.tag)
        for child in list(parent):
            if _NAMESPACE.sub("", child.tag) in _NEEDLESS:
                parent.remove(child)
        if "id" in parent.attrib and parent.tag != "clipPath":
            del parent.attrib["id"]
        if "style" in parent.attrib:
            parent.set("style", _in_page_style(parent.get("style", "")))
    _, _, width, height = root.get("viewBox", "").split()
    root.attrib.clear()
    root.attrib.update(
        {
            "viewBox": f"0 0 {width} {height}",
            "role": "img",
            "aria-labelledby": f"{name}-title {name}-desc",
        }
    )
    for index, (tag, text) in enumerate((("title", title), ("desc", description))):
        element = ElementTree.Element(tag, {"id": f"{name}-{tag}"})
        element.text = text
        root.insert(index, element)
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _in_page_style(style: str) -> str:
    for colour, variable in _COLOURS.items():
        style = style.replace(colour, variable)
    return "; ".join(one.strip() for one in style.split(";") if not one.strip().startswith("font"))
