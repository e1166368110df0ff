"""Answers to Range requests: which bytes of the file they hold, or what is wrong with them."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import NamedTuple

import requests

from .._util.retry import TRANSIENT, retry_after_seconds
from .._util.text import plain_line
from ..errors import RemoteError
from .session import TOKEN_VARIABLE

# numbers of more digits than any file has bytes are no numbers
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
_LENGTH = re.compile(r"[0-9]{1,18}")
_STRONG_ETAG = re.compile(r'"[!#-~]*"')  # RFC 9110, section 8.8.3


class Span(NamedTuple):
    """The bytes `[start, end)` of a file of `size` bytes that an answer holds.

    `etag` is its strong ETag, None without one; `full` says that Range was ignored.
    """

    start: int
    end: int
    size: int
    etag: str | None
    full: bool


class RetryLater(Exception):  # noqa: N818  (not an error)
    """The server is busy; `retry_after` has the seconds that it asks for, 0 for none."""

    def __init__(self, response: requests.Response) -> None:
        wanted = response.headers.get("Retry-After", "")
        super().__init__(
            describe_status(response) + (f", Retry-After: {plain_line(wanted)}" if wanted else "")
        )
        self.status = response.status_code
        self.retry_after = retry_after_seconds(wanted)


def describe_status(response: requests.Response) -> str:
    """The status of an answer and the server's words for it."""
    return f"{response.status_code} {plain_line(response.reason or '')}".strip()


def read_span(response: requests.Response, offset: int, *, name: str) -> Span:
    """Returns which bytes an answer holds that was to begin at `offset`.

    Args:
        response: to a GET with Range; its body is not read.
        offset: in bytes.
        name: the URL, for messages.

    Raises:
        RetryLater: the server is busy.
        requests.ConnectionError: other bytes than those asked for; another attempt may do.
        RemoteError: refused, encoded, or in several parts.
    """
    headers, status = response.headers, response.status_code
    if status in TRANSIENT:
        raise RetryLater(response)
    if status not in (HTTPStatus.PARTIAL_CONTENT, HTTPStatus.OK):
        raise _refused(response, name)
    for header, refused in (
        ("Content-Encoding", r"(?!identity$|$).*"),
        ("Content-Type", r"multipart/.*"),
    ):
        value = headers.get(header, "").strip()
        if re.fullmatch(refused, value, re.IGNORECASE | re.DOTALL):
            raise RemoteError(
                f"{name}: expected the bytes of the file as they are, found {header} "
                f"{plain_line(value)}. Check the server, and proxies on the way.",
                url=name,
                status=status,
            )
    etag = headers.get("ETag", "")
    strong = etag if _STRONG_ETAG.fullmatch(etag) else None
    if status == HTTPStatus.OK:
        length = headers.get("Content-Length", "")
        if not _LENGTH.fullmatch(length):
            raise requests.ConnectionError("the answer does not say how long it is")
        return Span(0, int(length), int(length), strong, full=True)
    found = headers.get("Content-Range", "")
    match = _CONTENT_RANGE.fullmatch(found)
    start, last, size = map(int, match.groups()) if match else (0, -1, 0)
    if start != offset or last < start:
        raise requests.ConnectionError(
            f"requested bytes from {offset}, got Content-Range {plain_line(found)!r}"
        )
    return Span(start, last + 1, size, strong, full=False)


def size_of_unsatisfied(response: requests.Response) -> str:
    """The number of bytes that a 416 says the file has, in words."""
    size = response.headers.get("Content-Range", "").rpartition("/")[2]
    return f"{int(size):,}" if _LENGTH.fullmatch(size) else "another number of"


def _refused(response: requests.Response, name: str) -> RemoteError:
    advice = {
        401: f"Set {TOKEN_VARIABLE} to a valid token, or unset it.",
        403: (
            f"The server refuses this client for now; wait a while, or set {TOKEN_VARIABLE} to "
            "a personal token."
        ),
        404: "Check release and base URL.",
        410: "The record was withdrawn; see its page.",
    }.get(response.status_code, "Try again later.")
    return RemoteError(
        f"{name}: expected 206 or 200, found {describe_status(response)}. {advice}",
        url=name,
        status=response.status_code,
    )
