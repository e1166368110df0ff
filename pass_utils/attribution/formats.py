"""The formats of credit lists, by name and by the end of a file's name.

A format is a function and an entry in the `FORMATS` of one of the modules below.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import AttributionError
from . import html, manifests, tables, texts
from .options import Format

FORMATS: dict[str, Format] = {
    form.name: form for form in (*tables.FORMATS, *texts.FORMATS, *html.FORMATS, *manifests.FORMATS)
}


def find_format(path: Path, name: str | None = None) -> Format:
    """The format of a list.

    Args:
        path: The file that it is written to.
        name: The format's name; None for what the end of the file's name means.

    Raises:
        AttributionError: there is no such format, or none that the file's name asks for.
    """
    if name is not None:
        if name not in FORMATS:
            raise AttributionError(f"format: expected one of {', '.join(FORMATS)}, found {name!r}.")
        return FORMATS[name]
    for form in FORMATS.values():
        if path.name.lower().endswith(form.suffix.lower()):
            return form
    raise AttributionError(
        f"{path.name}: expected a name that ends in "
        f"{', '.join(form.suffix for form in FORMATS.values())}, found "
        f"{path.suffix or 'no suffix'}. "
        'Choose one, or give `format="csv"`.'
    )


def check_options(form: Format, given: dict[str, Any]) -> None:
    """Checks that a format takes the options given.

    Args:
        form: The format.
        given: Options of `write_attribution` that are for some formats only, by name; those that
            are None or False are not given.

    Raises:
        AttributionError: it does not take one of them.
    """
    for option, value in given.items():
        if value is None or value is False or option in form.options:
            continue
        takes = [other for other in FORMATS.values() if option in other.options]
        raise AttributionError(
            f"{option}: expected a list in {' or '.join(other.name for other in takes)}, found "
            f"{form.name}. Write to a file that ends in "
            f"{' or '.join(other.suffix for other in takes)}."
        )
