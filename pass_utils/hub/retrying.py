"""Retries for calls of the Hub client, with exponential backoff, and their errors as RemoteError.

From version 1 on, `huggingface_hub` itself retries uploads, the listing of trees and downloads;
older versions retry less, and none retries what is asked once: the creation of a repository or a
branch, its last commit, its pull requests, and the commit.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import requests

from .._util.retry import TRANSIENT, Retry, retry_after_seconds
from .._util.text import plain_line
from ..errors import RemoteError
from ..net.urls import redact_urls

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

RETRY = Retry(attempts=8, longest_wait=30.0)
# before the Hub has answered at all; a wrong network does not get better
FIRST_CONTACT = Retry(attempts=4, first_wait=1.0)
_FIRST_CONTACT_SECONDS = 8.0
_ADVICE = {
    401: "Run `hf auth login`, or set HF_TOKEN to a token that may write there.",
    403: "Use a token that may write there, or the name of a repository of your own.",
    404: "Check the name, the revision and the token.",
}


class HubCalls:
    """Calls the Hub client until it answers.

    Args:
        url: The page of the repository, for messages.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.answered = False  # whether the Hub ever was

    def call(self, function: Callable[[], Answer]) -> Answer:
        """Call a function, again while its failure is transient.

        Args:
            function: Calls the Hub client.

        Returns:
            What it returns.

        Raises:
            RemoteError: the Hub refuses, cannot be reached, or fails for long.
        """
        attempts = Attempts(self)
        while True:
            try:
                answer = function()
            except client_errors() as err:
                attempts.wait(err)
            else:
                self.answered = True
                return answer


class Attempts:
    """The failed attempts of one call.

    Args:
        calls: Knows whether the Hub has answered before.
    """

    def __init__(self, calls: HubCalls) -> None:
        self._calls = calls
        self._failures = 0
        self._begin = time.monotonic()

    def wait(self, err: BaseException) -> None:
        """Sleep before the next attempt.

        Args:
            err: What the last attempt raised.

        Raises:
            RemoteError: another attempt would not help, or there were enough.
        """
        self._failures += 1
        cause = next((each for each in _chain(err) if _is_transient(each)), None)
        status = status_of(err)
        self._calls.answered |= status is not None
        if cause is None or status not in (None, *TRANSIENT):
            raise self._refused(err, status) from err
        if not self._calls.answered:
            self._wait_for_first_contact(cause)
            return
        seconds = retry_after_seconds(_header(cause, "Retry-After"))
        if self._failures >= RETRY.attempts or seconds > RETRY.longest_retry_after:
            raise RemoteError(
                f"{self._calls.url}: expected an answer, found none in {self._failures} attempts; "
                f"the last: {describe(cause)}. Run the same again later: uploaded files are kept.",
                url=self._calls.url,
                status=status_of(cause),
            ) from err
        seconds = seconds or RETRY.backoff(self._failures)
        logger.warning(
            "%s: %s; retrying in %.1f s", self._calls.url, describe(cause, limit=80), seconds
        )
        time.sleep(seconds)

    def _wait_for_first_contact(self, cause: BaseException) -> None:
        waited = time.monotonic() - self._begin
        if self._failures >= FIRST_CONTACT.attempts or waited > _FIRST_CONTACT_SECONDS:
            raise RemoteError(
                f"{self._calls.url}: expected to reach the Hub, found no connection "
                f"({describe(cause)}). Check the network, HF_ENDPOINT and proxies.",
                url=self._calls.url,
            ) from cause
        time.sleep(FIRST_CONTACT.backoff(self._failures))

    def _refused(self, err: BaseException, status: int | None) -> RemoteError:
        advice = _ADVICE.get(
            status or 0, "Fix that, and run the same again: uploaded files are kept."
        )
        return RemoteError(
            f"{self._calls.url}: expected the Hub to take what is pushed, found: {describe(err)}. "
            f"{advice}",
            url=self._calls.url,
            status=status,
        )


def client_errors() -> tuple[type[Exception], ...]:
    """What `huggingface_hub` raises when a call fails; each version has an HTTP library."""
    networks = [sys.modules[name].HTTPError for name in ("httpx", "httpx2") if name in sys.modules]
    return (OSError, RuntimeError, ValueError, *networks)


def status_of(err: BaseException | None) -> int | None:
    """The HTTP status of an error, or of what caused it; None where there was no answer.

    Args:
        err: What was raised.
    """
    codes = (getattr(getattr(each, "response", None), "status_code", None) for each in _chain(err))
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


def _chain(err: BaseException | None) -> Iterator[BaseException]:
    while err is not None:
        yield err
        err = err.__cause__ or err.__context__


def _is_transient(err: BaseException) -> bool:
    """Whether the same call may succeed later; a page where JSON was expected is a gateway's."""
    transport = [
        sys.modules[name].TransportError for name in ("httpx", "httpx2") if name in sys.modules
    ]
    connection = (
        ConnectionError,
        TimeoutError,
        requests.ConnectionError,
        requests.Timeout,
        *transport,
        json.JSONDecodeError,
    )
    status = getattr(getattr(err, "response", None), "status_code", None)
    return isinstance(err, connection) if status is None else status in TRANSIENT


def _header(err: BaseException | None, name: str) -> str:
    response = getattr(err, "response", None)
    return str(response.headers.get(name, "")) if response is not None else ""
