"""The Jinja environment of all pages: templates are filled with escaped text, and streamed."""

from __future__ import annotations

import functools
from typing import Any, BinaryIO

import jinja2

_BUFFERED = 100  # pieces of a template that are written at once


@functools.cache
def environment() -> jinja2.Environment:
    """The environment in which the templates of `pages/templates` are: all text is escaped."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("pass_utils.pages"),
        autoescape=True,
        undefined=jinja2.ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(file: BinaryIO, template: str, **values: Any) -> None:
    """Writes a filled template to a file, in UTF-8.

    Args:
        file: What it is written to.
        template: Its file name.
        values: What the template shows, by the names that it has there.
    """
    stream = environment().get_template(template).stream(**values)
    stream.enable_buffering(_BUFFERED)
    stream.dump(file, encoding="utf-8")
