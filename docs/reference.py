"""The public names of pass_utils in, one page of reference out.

    python docs/reference.py [FOLDER]

The docstrings are the text. What pdoc warns of is an error: a name that it does not find, a type
that it cannot tell.
"""

from __future__ import annotations

import inspect
import sys
import warnings
from functools import cached_property
from pathlib import Path
from typing import Any

import pdoc

import pass_utils

FOLDER = Path(__file__).parent.parent / "build" / "docs"


def reference() -> str:
    """The page, as HTML that needs nothing else."""
    public = {name: getattr(pass_utils, name) for name in pass_utils.__all__}
    for name, value in public.items():
        # pdoc does not ask `__getattr__`, which imports them when they are wanted
        setattr(pass_utils, name, value)
        if fields := getattr(value, "_fields", ()):  # named tuples say "Alias for field number 0"
            value.__new__.__doc__ = ""
            for field in fields:
                getattr(value, field).__doc__ = ""
    pdoc.render.configure(
        docformat="google",
        show_source=False,
        search=False,
        footer_text=f"version {pass_utils.__version__}",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        module = _Ordered(pass_utils)
        return pdoc.render.html_module(module, {module.modulename: module})


class _Ordered(pdoc.doc.Module):
    """The module, with what one looks up most first: functions, then what they give, then
    errors.
    """

    @cached_property
    def members(self) -> dict[str, pdoc.doc.Doc[Any]]:
        """The public names, by kind and name."""
        found = super().members
        return {
            name: found[name]
            for name in sorted(found, key=lambda name: (_kind(found[name].obj), name.lower()))
        }


def _kind(value: object) -> int:
    return (
        0
        if inspect.isfunction(value)
        else 2
        if isinstance(value, type) and issubclass(value, Exception)
        else 1
    )


def main() -> None:
    """Write the page, and say where it is."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "index.html"
    page.write_text(reference(), encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
