"""Error reporting of the command line: maps an exception to one line on standard error and an exit
code.
"""

from __future__ import annotations

import errno
import logging
import os
import traceback
from collections.abc import Iterator

import click

from ..errors import PassError
from ._framework import Interrupted

EXIT_ERROR, EXIT_INTERRUPTED = 1, 130  # beside 0, and click's 2 for usage


def report_error(err: BaseException) -> int:
    """Prints the exception that ended a command as one line on standard error.

    A traceback goes before it when the exception was not expected and `-v` is given.

    Args:
        err: what was raised.

    Returns:
        The exit code: `EXIT_ERROR`, `EXIT_INTERRUPTED`, or click's own.
    """
    if isinstance(err, click.ClickException):
        err.show()
        return err.exit_code
    if isinstance(err, (Interrupted, KeyboardInterrupt, click.Abort)):
        click.echo(" ".join(filter(None, ["pass-utils: interrupted.", *err.args])), err=True)
        return EXIT_INTERRUPTED
    if not isinstance(err, PassError) and logging.getLogger().isEnabledFor(logging.INFO):
        traceback.print_exception(err)
    click.secho(f"pass-utils: {explain(err)}", err=True, fg="red", color=use_colors())
    return EXIT_ERROR


def use_colors() -> bool | None:
    """Whether to print in colors: False where `NO_COLOR` is set (https://no-color.org), else None,
    which means on terminals.
    """
    return False if os.environ.get("NO_COLOR") else None


def explain(err: BaseException) -> str:
    """The message of an exception or of what caused it, with what to do, in one line.

    >>> explain(FileNotFoundError(2, "No such file or directory", "PASS.0.tar"))[:74]
    'PASS.0.tar: expected to read or write it, found: No such file or directory'
    """
    for each in _causes(err):
        if isinstance(each, PassError):
            return _line(each)
        if isinstance(each, OSError):
            return _explain_system(each)
        if isinstance(each, MemoryError):
            return (
                "expected free memory, found none. End other programs, or select fewer `--shards`."
            )
    return (
        f"expected to carry this out, found {type(err).__name__}: {_line(err)}. This is a bug in "
        "pass-utils: run the same command again with -v, and report what it prints."
    )


def _explain_system(err: OSError) -> str:
    """The message of an error of the operating system or the network."""
    where = f"{os.fsdecode(err.filename)}: " if isinstance(err.filename, (str, bytes)) else ""
    if err.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"{where}expected free disk space, found none. Free some, and run the same "
            "command again."
        )
    what = "to read or write it" if where else "to read or write"
    return (
        f"{where}expected {what}, found: {err.strerror or _line(err)}. Fix that, and run the same "
        "command again."
    )


def _causes(err: BaseException | None) -> Iterator[BaseException]:
    """An exception and its causes, outermost first: `datasets` wraps what is raised while it
    prepares a dataset.
    """
    while err is not None:
        yield err
        err = err.__cause__


def _line(err: BaseException) -> str:
    return " ".join(str(err).split())
