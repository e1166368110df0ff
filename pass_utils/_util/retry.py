"""Retry policy: exponential backoff with jitter, and the Retry-After header of HTTP."""

from __future__ import annotations

import contextlib
import email.utils
import random
import time
from typing import NamedTuple

# HTTP statuses after which the same request may succeed
TRANSIENT = (408, 425, 429, 500, 502, 503, 504)


class Retry(NamedTuple):
    """How often to retry, and how long to wait between attempts and within one (seconds)."""

    attempts: int = 12  # without `progress_bytes` between them
    first_attempts: int = 5  # to reach a server that has not answered yet
    first_seconds: float = 10.0  # after which there is no further one
    first_wait: float = 0.5
    longest_wait: float = 60.0
    longest_retry_after: float = 3600.0  # Zenodo's longest window
    connect_timeout: float = 10.0
    header_timeout: float = 30.0  # from the request to the end of the answer's headers
    read_timeout: float = 20.0
    progress_bytes: int = 1 << 16  # an answer that gives fewer ...
    progress_seconds: float = 60.0  # ... in these seconds of waiting is broken off

    def backoff(self, failures: int) -> float:
        """Seconds before the next attempt after `failures` in a row: doubled each time, up to
        `longest_wait`, with a jitter of a half.
        """
        doubled: float = self.first_wait * 2 ** (failures - 1)
        return min(self.longest_wait, doubled) * random.uniform(0.5, 1.5)


RETRY = Retry()


def retry_after_seconds(retry_after: str) -> float:
    """The seconds to wait by a `Retry-After` header, which is a number or a date (RFC 9110,
    section 10.2.3); 0 where it is missing or malformed.
    """
    if retry_after.strip().isdecimal():
        return float(retry_after)
    with contextlib.suppress(ValueError, OverflowError):
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    return 0.0
