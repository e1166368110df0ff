"""What ended a command in, a line on standard error and an exit code out."""

from __future__ import annotations

import errno
import logging
import os
import traceback
from collections.abc import Iterator

import click

from ..errors import PassError
from ._framework import Interrupted

TROUBLE, INTERRUPTED = 1, 130  # exit codes, beside 0 and click's 2 for usage


def tell(err: BaseException) -> int:
    """Say what ended a command, and what to do about it, in one line on standard error; return the
    exit code.
    """
    if isinstance(err, click.ClickException):
        err.show()
        return err.exit_code
    if isinstance(err, (Interrupted, KeyboardInterrupt, click.Abort)):
        click.echo(" ".join(filter(None, ["pass-utils: interrupted.", *err.args])), err=True)
        return INTERRUPTED
    if not isinstance(err, PassError) and logging.getLogger().isEnabledFor(logging.INFO):
        traceback.print_exception(err)
    click.secho(f"pass-utils: {explain(err)}", err=True, fg="red", color=colours())
    return TROUBLE


def colours() -> bool | None:
    """Whether to print in colours: never where the environment says so (https://no-color.org), else
    on terminals.
    """
    return False if os.environ.get("NO_COLOR") else None


def explain(err: BaseException) -> str:
    """What went wrong and what to do, in one line.

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
                "expected room in memory, found none. End other programs, or choose fewer "
                "`--shards`."
            )
    return (
        f"expected to carry this out, found {type(err).__name__}: {_line(err)}. This is a fault of "
        "pass-utils: run the same command again with -v, and report what it prints."
    )


def _explain_system(err: OSError) -> str:
    """What the operating system or the network refused."""
    where = f"{os.fsdecode(err.filename)}: " if isinstance(err.filename, (str, bytes)) else ""
    if err.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"{where}expected room to write, found the disk full. Make room, and run the same "
            "command again."
        )
    what = "to read or write it" if where else "to read or write"
    return (
        f"{where}expected {what}, found: {err.strerror or _line(err)}. Mend that, and run the same "
        "command again."
    )


def _causes(err: BaseException | None) -> Iterator[BaseException]:
    """An error, and those that it came from: `datasets` wraps what went wrong while it prepared a
    dataset.
    """
    while err is not None:
        yield err
        err = err.__cause__


def _line(err: BaseException) -> str:
    return " ".join(str(err).split())
