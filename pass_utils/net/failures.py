"""Failed requests: which may be retried, and why they failed, in words without URLs.

The messages of `requests` and `urllib3` hold the URL, and with it a token in its query.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import requests
import urllib3

from .._util.text import plain_line

CONNECTION_ERRORS = (
    requests.ConnectionError,
    requests.Timeout,
    urllib3.exceptions.HTTPError,
    ConnectionError,
    TimeoutError,
)
# of a URL or a certificate: the next attempt would fail as well
_LASTING = (requests.exceptions.SSLError, urllib3.exceptions.LocationValueError)
_UNREACHABLE = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)


def is_retryable(err: Exception) -> bool:
    """Whether the same request may succeed later."""
    return isinstance(err, CONNECTION_ERRORS) and not isinstance(err, _LASTING)


def is_unreachable(err: Exception) -> bool:
    """Whether there was no connection: the name is not known, the server refused it, or nobody
    answered.
    """
    return any(isinstance(cause, _UNREACHABLE) for cause in _causes(err))


def describe_failure(err: Exception) -> str:
    """Returns why a request failed, on one line that shows no user, password or query."""
    causes = list(_causes(err))
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            return f"the server's name cannot be resolved ({cause.strerror})"
        if type(cause) is urllib3.exceptions.ConnectTimeoutError:  # not one that was refused
            return "connecting timed out"
        if isinstance(cause, urllib3.exceptions.ReadTimeoutError | TimeoutError):
            return "reading timed out"
    last = causes[-1]
    text = str(getattr(last, "strerror", None) or last) or type(last).__name__
    text = re.sub(r"\?[^\s'\")]*", "?...", text)
    return plain_line(re.sub(r"//[^\s/@'\"]*@", "//", text))


def _causes(err: BaseException | None) -> Iterator[BaseException]:
    """An exception and those that it wraps or was raised from."""
    seen: list[BaseException] = []
    while err is not None and err not in seen:
        seen.append(err)
        yield err
        wrapped = [getattr(err, "reason", None), *reversed(err.args)]
        err = next(
            (each for each in wrapped if isinstance(each, BaseException)),
            err.__cause__ or err.__context__,
        )
