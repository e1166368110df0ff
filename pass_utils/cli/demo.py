"""The command `pass-utils demo`: the library's functions, run on the bundled miniature."""

from __future__ import annotations

from ._framework import command


@command("pass-utils demo")
def demo() -> None:
    """Show what the library does, with bundled images.

    They are drawings, laid out as PASS is. Their credits stay in the folder pass-demo.
    """
    from ._demo import run_demo

    run_demo()
