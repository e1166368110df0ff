"""A function in, a command of `pass-utils` out: with examples in its help, and with what to say
when it is interrupted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import click

from ._options import CHOOSING


class Interrupted(Exception):  # noqa: N818  (as KeyboardInterrupt is called)
    """Ctrl-C; the message says what to do next."""


class Command(click.Command):
    """A command with examples that run, which the tests do, and with advice for whoever interrupts
    it.
    """

    def __init__(
        self, *args: Any, examples: Sequence[str], interrupted: str, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.examples = tuple(examples)
        self.interrupted = interrupted

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, those that choose pictures under a heading of their own."""
        options = [option for option in self.get_params(ctx) if isinstance(option, click.Option)]
        for heading, choosing in (("Which pictures", True), ("Options", False)):
            lines = [
                option.get_help_record(ctx)
                for option in options
                if (option.name in CHOOSING) == choosing
            ]
            if lines:
                with formatter.section(heading):
                    formatter.write_dl([line for line in lines if line is not None])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples as they are typed, however wide the terminal is."""
        with formatter.section("Example" if len(self.examples) == 1 else "Examples"):
            for example in self.examples:
                formatter.write(f"{'':{formatter.current_indent}}{example}\n")

    def invoke(self, ctx: click.Context) -> Any:
        """Run it.

        Raises:
            Interrupted: Ctrl-C, which click would turn into something that says nothing.
        """
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as err:
            raise Interrupted(self.interrupted) from err


def command(
    *examples: str, interrupted: str = "Run the same command again."
) -> Callable[[Callable[..., None]], Command]:
    """Makes a function the command of its name, with its docstring as help; `interrupted` is what
    to do after Ctrl-C.
    """

    def decorate(function: Callable[..., None]) -> Command:
        made = click.command(cls=Command, examples=examples, interrupted=interrupted)(function)
        add_verbose(made)
        return made

    return decorate


def add_verbose(made: click.Command) -> None:
    """Give a command the option `-v`: the group and each command have it, since people type it at
    either place.
    """
    text = "Log what is done, and the traceback of what nobody expected."
    option = click.Option(
        ["-v", "--verbose"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_log_more,
        help=text,
    )
    made.params.append(option)


def _log_more(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        logging.getLogger().setLevel(logging.INFO)
