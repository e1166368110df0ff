"""Errors of the Hub client: which they are, whether a retry may help, and their first line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import requests

from .._util.retry import TRANSIENT
from .._util.text import plain_line
from .urls import redact_urls


def client_errors() -> tuple[type[Exception], ...]:
    """What `huggingface_hub` raises when a call fails; each version has an HTTP library."""
    networks = [sys.modules[name].HTTPError for name in ("httpx", "httpx2") if name in sys.modules]
    return (OSError, RuntimeError, ValueError, *networks)


def status_of(err: BaseException | None) -> int | None:
    """The HTTP status of an error, or of what caused it; None where there was no answer.

    Args:
        err: What was raised.
    """
    codes = (getattr(getattr(each, "response", None), "status_code", None) for each in causes(err))
    return next((int(code) for code in codes if code is not None), None)


def describe(err: BaseException, *, limit: int = 300) -> str:
    """The first line of an error's message, without secrets of URLs and terminal escapes.

    Args:
        err: What was raised.
        limit: Characters of it, at most.
    """
    line = next(
        (line.strip(" .") for line in str(err).splitlines() if line.strip()), type(err).__name__
    )
    return plain_line(redact_urls(line), limit=limit)


def causes(err: BaseException | None) -> Iterator[BaseException]:
    """An error, what caused it, what caused that, and so on.

    Args:
        err: What was raised.
    """
    while err is not None:
        yield err
        err = err.__cause__ or err.__context__


def is_transient(err: BaseException) -> bool:
    """Whether the same call may succeed later; a page where JSON was expected is a gateway's.

    Args:
        err: What was raised.
    """
    transport = [
        sys.modules[name].TransportError for name in ("httpx", "httpx2") if name in sys.modules
    ]
    connection = (
        ConnectionError,
        TimeoutError,
        requests.ConnectionError,
        requests.Timeout,
        requests.exceptions.ChunkedEncodingError,  # a body that was cut
        *transport,
        json.JSONDecodeError,
    )
    status = getattr(getattr(err, "response", None), "status_code", None)
    return isinstance(err, connection) if status is None else status in TRANSIENT
