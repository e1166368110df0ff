"""Adaptive concurrency: how many requests a server gets at the same time, and when to give it up.

Additive increase, multiplicative decrease, as in TCP (RFC 5681): a round of answers allows one
request more, a burst of 429 or 503 halves them. A circuit breaker: where one image after the other
fails, requests go out one at a time, with exponential backoff, until one is answered.
"""

from __future__ import annotations

from .._util import retry

SILENCE = 300.0  # seconds without a useful answer after which a server is given up
_OUTAGE = 8  # different images that fail in a row


class Pace:
    """Decides on concurrency, pauses and giving up, from what happened when; reads no clock.

    Times are seconds of one monotonic clock.

    Args:
        connections: requests at the same time at most; as many are allowed at first.
        now: when the first request is sent.
    """

    def __init__(self, connections: int, now: float) -> None:
        self.connections = connections
        self.limit = float(connections)
        self.paused_until = now
        self.contacted = False  # whether the server answered anything
        self._useful = now  # when it last answered usefully
        self._slowed = now
        self._longest_pause = 0.0  # that it asked for since then
        self._failing: set[str] = set()  # images that failed since the last useful answer
        self._probes = 0  # that failed since the outage began

    @property
    def window(self) -> int:
        """How many images may be under way: at the server, or with an answer nobody has looked at.

        No more than there are connections, so that a crash loses one answer of each at most.
        """
        return int(self.limit)

    @property
    def outage(self) -> bool:
        """Whether one image after the other fails."""
        return len(self._failing) >= _OUTAGE

    def succeed(self, now: float) -> None:
        """Notes a useful answer at `now`."""
        self.contacted = True
        self._failing.clear()
        self._probes = 0
        self._useful = now
        self._longest_pause = 0.0
        self.limit = min(self.connections, self.limit + 1 / self.limit)

    def throttle(self, hash: str, started: float, now: float, *, retry_after: float) -> bool:
        """Notes an answer of 429 or 503.

        Args:
            hash: the image that was asked for.
            started: when the request was sent; those sent before the last decrease decrease
                nothing again.
            now: when it was answered.
            retry_after: seconds that the server wants to be left alone; 0 where it names none.

        Returns:
            Whether this is the first such answer of a burst.
        """
        self.contacted = True
        self.paused_until = max(self.paused_until, now + retry_after)
        self._longest_pause = max(self._longest_pause, retry_after)
        first = started >= self._slowed
        if first:
            self._slowed = now
            self.limit = max(1.0, self.limit / 2)
        self.fail(hash, started, now)
        return first

    def fail(self, hash: str, started: float, now: float) -> None:
        """Notes a request that was sent at `started` and failed at `now`."""
        self._failing.add(hash)
        if self.outage and started >= self.paused_until:
            self._probes += 1
            self.limit = 1.0
            self.paused_until = now + retry.RETRY.backoff(self._probes)

    def is_over(self, now: float) -> bool:
        """Returns whether the server gave nothing useful for so long that it is given up."""
        longest = SILENCE + self._longest_pause if self.contacted else retry.RETRY.first_seconds
        return now - self._useful > longest
