"""Retries for calls of the Hub client, with exponential backoff, and their errors as RemoteError.

From version 1 on, `huggingface_hub` itself retries uploads, the listing of trees and downloads;
older versions retry less, and none retries what is asked once: the creation of a repository or a
branch, its last commit, its pull requests, and the commit.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from .._util.retry import TRANSIENT, Retry, retry_after_seconds
from ..errors import RemoteError
from ..net.hub_errors import causes, client_errors, describe, is_transient, status_of

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
        cause = next((each for each in causes(err) if is_transient(each)), None)
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


def _header(err: BaseException | None, name: str) -> str:
    response = getattr(err, "response", None)
    return str(response.headers.get(name, "")) if response is not None else ""
