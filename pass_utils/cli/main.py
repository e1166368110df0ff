"""The command `pass-utils`: parses the command line, runs one command, exits with its code."""

from __future__ import annotations

import io
import logging
import os
import sys

import click

from ._errors import report_error, use_colors
from ._framework import add_verbose, interrupt_on_sigterm
from .credits import credits
from .croissant import croissant
from .demo import demo
from .download import download
from .export import export
from .info import info
from .push import push
from .report import report
from .show import show
from .statement import statement
from .verify import verify

# In the order of the help page: from a first run to publishing images.
COMMANDS = (
    *(demo, download, verify, show, info, report, credits, export, push, croissant),
    statement,
)


class _Group(click.Group):
    """Lists commands in the order in which they were added, and takes `help` for `--help`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read `help` as `--help`, and `help COMMAND` as `COMMAND --help`."""
        if args[:1] == ["help"]:
            args = [*args[1:2], "--help"]
        return super().parse_args(ctx, args)


@click.group(
    cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(package_name="pass-utils", message="%(prog)s %(version)s")
def cli() -> None:
    """PASS: 1.4 million CC-BY photos without people, for self-supervised pretraining."""


add_verbose(cli)
for each in COMMANDS:
    cli.add_command(each)


def main() -> None:
    """Run the command, and exit: 0, 1 (an error, reported in one line), 2 (usage) or 130
    (interrupted by Ctrl-C or SIGTERM).
    """
    _open_standard_streams()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # a name that the terminal's encoding lacks is printed escaped instead of raising
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with interrupt_on_sigterm():
            # exits 1 on a broken pipe
            code = cli.main(prog_name="pass-utils", standalone_mode=False, color=use_colors())
    except (Exception, KeyboardInterrupt) as err:
        code = report_error(err)
    sys.exit(code or 0)


def _open_standard_streams() -> None:
    """Open those standard streams that are closed, as by `2>&-`, on the null device: or the next
    file that is opened would get the descriptor of one, and receive what is printed.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
