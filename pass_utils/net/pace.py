"""Adaptive concurrency: how many requests a server gets at once, and when to give it up.

Additive increase, multiplicative decrease, as TCP does it (RFC 5681): a round of answers allows one
more request at a time, an answer of 429 or 503 halves them.
"""

from __future__ import annotations

from .._util import retry

# seconds without an answer after which the server is given up: before its first, and after it
FIRST_CONTACT = 10.0
SILENCE = 300.0


class Pace:
    """Decides on concurrency, pauses and giving up from what happened when; reads no clock.

    Times are seconds of one monotonic clock.

    Args:
        connections: Requests at the same time at most; as many are allowed at first.
        now: When the first request is sent.
    """

    def __init__(self, connections: int, now: float) -> None:
        self.connections = connections
        self.limit = float(connections)
        self.paused_until = now
        self.contacted = False  # whether the server answered anything
        self._answered = now  # when it last answered usefully, or will be asked again
        self._slowed = now
        self._bursts = 0  # in a row, of answers of 429 or 503

    @property
    def window(self) -> int:
        """Images under way at the same time, some of them in a queue where nothing is limited."""
        full = self.limit >= self.connections
        return 2 * self.connections if full else max(1, int(self.limit))

    def succeed(self, now: float) -> None:
        """The server gave a useful answer."""
        self.contacted = True
        self._bursts = 0
        self._answered = max(self._answered, now)
        self.limit = min(self.connections, self.limit + 1 / self.limit)

    def throttle(self, started: float, now: float, retry_after: float) -> bool:
        """The server asked to be asked less.

        Args:
            started: When the request was sent; what was sent before the last decrease decreases
                nothing again.
            now: When it was answered.
            retry_after: Seconds that the server wants to be left alone; 0 where it names none.

        Returns:
            Whether this is the first such answer of a burst.
        """
        self.contacted = True
        self.paused_until = max(self.paused_until, now + retry_after)
        self._answered = max(self._answered, self.paused_until if retry_after else 0)
        if started < self._slowed:
            return False
        self._slowed = now
        self._bursts += 1
        self.limit = max(1.0, self.limit / 2)
        return True

    def is_over(self, now: float) -> bool:
        """Whether the server has given nothing useful for so long that it is given up."""
        if self._bursts > retry.RETRY.attempts:
            return True
        return now - self._answered > (SILENCE if self.contacted else FIRST_CONTACT)
