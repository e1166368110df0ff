"""Failures in a row in, whether to try again and when out; the same for all servers that
are asked.
"""

from __future__ import annotations

import contextlib
import email.utils
import random
import time
from typing import NamedTuple

# what a server answers that may do better the next time
TRANSIENT = (408, 425, 429, 500, 502, 503, 504)


class Retry(NamedTuple):
    """How long to go on: attempts in a row without a byte, and seconds to wait before them and
    within them.
    """

    attempts: int = 12
    first_wait: float = 0.5
    longest_wait: float = 60.0
    longest_retry_after: float = 3600.0  # Zenodo's longest window
    connect_timeout: float = 10.0
    read_timeout: float = 20.0

    def wait(self, failures: int) -> float:
        """Seconds before the next attempt after that many failures: doubled each time, with
        jitter.
        """
        doubled: float = self.first_wait * 2 ** (failures - 1)
        return min(self.longest_wait, doubled) * random.uniform(0.5, 1.5)


RETRY = Retry()


def retry_seconds(retry_after: str) -> float:
    """The seconds that a `Retry-After` header means, which is a number or a date; 0 where it means
    none.
    """
    if retry_after.strip().isdecimal():
        return float(retry_after)
    with contextlib.suppress(ValueError):
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    return 0.0
