"""The click command class: examples in the help, `-v` everywhere, and what to do after an
interruption by Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any

import click

from ._options import CHOOSING


class Interrupted(Exception):  # noqa: N818  (as KeyboardInterrupt is called)
    """Ctrl-C or SIGTERM; the message says what to do next."""


class Command(click.Command):
    """A command with examples, which the tests run, and with advice after an interruption.

    Args:
        examples: command lines for the end of the help page.
        interrupted: one sentence that says what to do after an interruption.
        *args: as of `click.Command`.
        **options: as of `click.Command`.
    """

    def __init__(
        self, *args: Any, examples: Sequence[str], interrupted: str, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.examples = tuple(examples)
        self.interrupted = interrupted

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, those that select images under a heading of their own."""
        options = [option for option in self.get_params(ctx) if isinstance(option, click.Option)]
        for heading, choosing in (("Selection", True), ("Options", False)):
            lines = [
                option.get_help_record(ctx)
                for option in options
                if (option.name in CHOOSING) == choosing
            ]
            if lines:
                with formatter.section(heading):
                    formatter.write_dl([line for line in lines if line is not None])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples unwrapped, so that they can be copied from any terminal."""
        with formatter.section("Example" if len(self.examples) == 1 else "Examples"):
            for example in self.examples:
                formatter.write(f"{'':{formatter.current_indent}}{example}\n")

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command.

        Raises:
            Interrupted: Ctrl-C or SIGTERM; click itself would print "Aborted!" and no advice.
        """
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as err:
            raise Interrupted(self.interrupted) from err


def command(
    *examples: str, interrupted: str = "Run the same command again."
) -> Callable[[Callable[..., None]], Command]:
    """Makes a function the command of its name; its docstring is the help page.

    Args:
        *examples: command lines for the end of the help page.
        interrupted: one sentence that says what to do after Ctrl-C or SIGTERM.

    Returns:
        A decorator.
    """

    def decorate(function: Callable[..., None]) -> Command:
        made = click.command(cls=Command, examples=examples, interrupted=interrupted)(function)
        add_verbose(made)
        return made

    return decorate


def add_verbose(made: click.Command) -> None:
    """Add `-v` to a command; the group and each command have it, so it works in both places."""
    text = "Log progress, and print the traceback of unexpected errors."
    option = click.Option(
        ["-v", "--verbose"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_set_log_level,
        help=text,
    )
    made.params.append(option)


def _set_log_level(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        logging.getLogger().setLevel(logging.INFO)


@contextlib.contextmanager
def interrupt_on_sigterm() -> Iterator[None]:
    """Handles SIGTERM as Ctrl-C while it is entered, so that a stopped job cleans up, too.

    Only in the process and the thread that entered it: a forked worker that is terminated ends at
    once, as its pool expects.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner = os.getpid()

    def interrupt(number: int, frame: FrameType | None) -> None:
        if os.getpid() == owner:
            raise KeyboardInterrupt
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
