"""Nothing in, a show of what there is out: `pass-utils demo`."""

from __future__ import annotations

from ._framework import command


@command("pass-utils demo")
def demo() -> None:
    """Show what there is, with bundled pictures.

    They are drawings, laid out as PASS is. Their credits stay in the folder pass-demo.
    """
    from ._show import show

    show()
