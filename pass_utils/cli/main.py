"""The command `pass-utils`: what is typed in, one of its commands and an exit code out."""

from __future__ import annotations

import io
import logging
import os
import sys

import click

from ._errors import colours, tell
from ._framework import add_verbose
from .credits import credits
from .croissant import croissant
from .demo import demo
from .download import download
from .export import export
from .info import info
from .push import push
from .report import report
from .verify import verify

# As help shows them: from a first look to passing pictures on.
COMMANDS = (demo, download, verify, info, report, credits, export, push, croissant)


class _Group(click.Group):
    """Commands in the order in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(
    cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(package_name="pass-utils", message="%(prog)s %(version)s")
def cli() -> None:
    """PASS: 1.4 million CC-BY pictures without people, for self-supervised pretraining."""


add_verbose(cli)
for each in COMMANDS:
    cli.add_command(each)


def main() -> None:
    """Run the command; exit 0, 1 (what went wrong, and what to do), 2 (usage) or 130
    (interrupted).
    """
    _open_streams()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    if isinstance(
        sys.stdout, io.TextIOWrapper
    ):  # a name that the terminal cannot show is no reason to fail
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        # exits 1 when nobody reads on
        code = cli.main(prog_name="pass-utils", standalone_mode=False, color=colours())
    except (Exception, KeyboardInterrupt) as err:
        code = tell(err)
    sys.exit(code or 0)


def _open_streams() -> None:
    """Have all standard streams, also those that are closed, as by `2>&-`: or a file would get the
    number of one of them.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
