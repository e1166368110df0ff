"""The commands of `pass-utils` in, the tables of `docs/command-line.md` out: `python
docs/command_line.py` writes them anew.

A table stands between `<!-- options: NAME -->` and `<!-- end -->`: NAME is `which`, `shared`,
`group`, or a command's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import click

from pass_utils.cli._options import CHOOSING
from pass_utils.cli.main import COMMANDS, cli

PAGE = Path(__file__).with_name("command-line.md")
_TABLE = re.compile(r"(<!-- options: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def options_of(command: click.Command) -> list[click.Option]:
    """The options of a command, without those that all of them have."""
    everywhere = ("help", "verbose")
    return [
        option
        for option in command.params
        if isinstance(option, click.Option) and option.name not in everywhere
    ]


def commands_with(option: click.Option) -> list[str]:
    """The commands that have an option of this name."""
    return [
        command.name
        for command in COMMANDS
        for each in options_of(command)
        if each.name == option.name and command.name
    ]


def tables() -> dict[str, str]:
    """The rows of all tables by name; what several commands explain alike has one row for all of
    them.
    """
    known = {
        option.opts[-1]: option for command in reversed(COMMANDS) for option in options_of(command)
    }
    shared = {
        name
        for name, option in known.items()
        if len(commands_with(option)) > 1 and len({_row(each) for each in _everywhere(option)}) == 1
    }
    order = list(
        dict.fromkeys(option.opts[-1] for command in COMMANDS for option in options_of(command))
    )
    which = [known[name] for name in order if known[name].name in CHOOSING]
    return {
        "which": _table([_row(option, commands_with(option)) for option in which]),
        "shared": _table(
            [
                _row(known[name], commands_with(known[name]))
                for name in order
                if name in shared and known[name] not in which
            ]
        ),
        "group": _table(
            _row(option)
            for option in cli.get_params(_context())
            if isinstance(option, click.Option)
        ),
        **{
            str(command.name): _table(
                _row(option)
                for option in options_of(command)
                if option.name not in CHOOSING and option.opts[-1] not in shared
            )
            for command in COMMANDS
        },
    }


def _context() -> click.Context:
    return click.Context(cli, **cli.context_settings)


def _everywhere(option: click.Option) -> Iterable[click.Option]:
    return (
        each for command in COMMANDS for each in options_of(command) if each.name == option.name
    )


def _row(option: click.Option, commands: Iterable[str] | None = None) -> str:
    names, text = option.get_help_record(_context()) or ("", "")
    cells = [
        f"`{names}`",
        " ".join(text.split()),
        *([] if commands is None else [", ".join(commands)]),
    ]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _table(rows: Iterable[str]) -> str:
    rows = list(rows)
    columns = len(re.findall(r"(?<!\\)\|", rows[0])) - 1 if rows else 0
    head = ["option", "meaning", "commands"][:columns]
    return "\n".join([f"| {' | '.join(head)} |", "|" + "---|" * columns, *rows, ""]) if rows else ""


def write(text: str) -> str:
    """The page with its tables as they should be."""
    made = tables()
    return _TABLE.sub(lambda match: f"{match[1]}{made[match[2]]}{match[3]}", text)


if __name__ == "__main__":
    PAGE.write_text(write(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
