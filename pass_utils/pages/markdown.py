"""The Jinja environment of Markdown pages, and other people's text as a part of a line in them."""

from __future__ import annotations

import functools
import re

import jinja2

from .._util.text import plain_line

_ACTIVE = re.compile(r"([\\`*_\[\]|~$!#])")  # characters that Markdown gives a meaning
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "://": ":&#47;&#47;", "@": "&#64;"}


@functools.cache
def environment() -> jinja2.Environment:
    """The environment of the Markdown templates: nothing is escaped but what `inline` is given."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("pass_utils.pages"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )


def inline(text: str | None) -> str:
    """Other people's text as a part of a line of Markdown: no tag, link, emphasis or address.

    >>> inline("<b> see www_page ")
    '&lt;b&gt; see www\\\\_page'
    """
    line = _ACTIVE.sub(r"\\\1", plain_line(text or "", limit=1000)).rstrip(".")
    return re.sub("|".join(_ENTITIES), lambda match: _ENTITIES[match[0]], line)
