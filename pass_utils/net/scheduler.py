"""Scheduler of concurrent requests for single images: what to ask for next, and when.

Threads send one request after the other and check what comes; all decisions are made in the loop
of `Scheduler.run`, in the thread of whoever iterates.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import NamedTuple

from .._util import retry
from .._util.text import plain_line
from .._util.threads import Stopped
from ..errors import RemoteError
from .attempt import Answer, Kind, ask
from .client import Client
from .pace import Pace
from .session import check_online
from .template import URL_VARIABLE, expand, template_host
from .urls import without_secrets

logger = logging.getLogger(__name__)

# attempts that may fail in each way before an image is given up; all other ways are final at once
_ATTEMPTS = {Kind.WRONG: 2, Kind.BROKEN: 6, Kind.UNREACHABLE: 6, Kind.THROTTLED: 12}
_REFUSALS = 16  # first answers that are no images, after which the run ends
_PARKED = 16  # images for each connection that wait for their next attempt, at most
_TICK = 0.1  # seconds between two looks at what the threads cannot notice


class Fetched(NamedTuple):
    """What came of one image.

    Attributes:
        hash: its hash.
        data: the bytes of its file; None when they are not to be had.
        sha256: their SHA-256 in hex; None without them.
        etag_md5: the MD5 of the file that the server's ETag names, in hex; None where it names
            none.
        reason: why there are no bytes, on one line, fit for a terminal; None where there are.
        transient: whether a later run may have more luck; False for a 404, for example.
    """

    hash: str
    data: bytes | None
    sha256: str | None
    etag_md5: str | None
    reason: str | None
    transient: bool = False


@dataclass(eq=False)
class _Task:
    """An image, and how often requests for it failed."""

    hash: str
    url: str
    failures: Counter[Kind] = field(default_factory=Counter)


class Scheduler:
    """One run over many images.

    Args:
        template: a valid URL template.
        connections: requests at the same time, at most.
        stopped: ends the run when set.
        expected: the SHA-256 of images whose is known, by hash.
        count: called with the number of bytes of each piece, in several threads.
    """

    def __init__(
        self,
        template: str,
        connections: int,
        *,
        stopped: threading.Event,
        expected: Mapping[str, str],
        count: Callable[[int], object],
    ) -> None:
        self._template, self._connections = template, connections
        self._stopped, self._expected, self._count = stopped, expected, count
        self._client = Client(connections)
        self._pace = Pace(connections, time.monotonic())
        self._queue: SimpleQueue[_Task | None] = SimpleQueue()  # to the threads
        self._answers: SimpleQueue[tuple[_Task, float, Answer | BaseException]] = SimpleQueue()
        self._under_way = 0
        self._parked: list[tuple[float, int, _Task]] = []  # heap: when to ask again, number, what
        self._numbers = itertools.count()
        self._threads = 0
        self._ended = threading.Event()
        self._refused: list[Fetched] | None = []  # the first answers, while all are refusals
        self._last_failure = ""
        self._slowed = False

    def run(self, hashes: Iterator[str]) -> Iterator[Fetched]:
        """Yields what came of each image, as soon as it is known.

        Raises:
            RemoteError: the network may not be used, or the server is given up.
            Stopped: `stopped` was set.
        """
        tasks: Iterator[_Task] = (_Task(h, expand(self._template, h)) for h in hashes)
        first = next(tasks, None)
        if first is None:
            return
        check_online(f"the image {without_secrets(first.url)}")
        tasks = itertools.chain([first], tasks)
        look_at = 0.0
        try:
            while self._send_due(tasks):
                now = time.monotonic()
                if now >= look_at:
                    self._look(now)
                    look_at = now + _TICK
                try:
                    task, started, answer = self._answers.get(timeout=self._idle(now))
                except Empty:
                    continue
                if isinstance(answer, BaseException):
                    raise answer
                self._under_way -= 1
                yield from self._take(task, started, answer)
            yield from self._refused or ()
        finally:
            self._ended.set()
            for _ in range(self._threads):
                self._queue.put(None)
            self._client.close()

    def _send_due(self, tasks: Iterator[_Task]) -> bool:
        """Send as many requests as the pace allows; False when nothing is left to do."""
        now = time.monotonic()
        while now >= self._pace.paused_until and self._under_way < self._pace.window:
            if self._parked and self._parked[0][0] <= now:
                self._send(heapq.heappop(self._parked)[2])
                continue
            if len(self._parked) >= _PARKED * self._connections:
                break
            task = next(tasks, None)
            if task is None:
                return bool(self._under_way or self._parked)
            self._send(task)
        return True

    def _idle(self, now: float) -> float:
        """The seconds to wait for an answer before something else is due."""
        if self._under_way >= self._pace.window or not (
            self._parked or now < self._pace.paused_until
        ):
            return _TICK
        due = max(self._pace.paused_until, self._parked[0][0] if self._parked else 0.0)
        return min(_TICK, max(0.0, due - now))

    def _send(self, task: _Task) -> None:
        self._under_way += 1
        if self._threads < min(self._connections, self._under_way):
            self._threads += 1
            threading.Thread(target=self._work, daemon=True, name="pass-utils image").start()
        self._queue.put(task)

    def _work(self) -> None:
        """Makes one attempt after the other; the function of the threads."""
        while (task := self._queue.get()) is not None and not self._ended.is_set():
            started = time.monotonic()
            try:
                answer: Answer | BaseException = ask(
                    self._client,
                    task.url,
                    expected=self._expected.get(task.hash),
                    ended=self._ended,
                    count=self._count,
                )
            except BaseException as err:
                answer = err
            self._answers.put((task, started, answer))

    def _look(self, now: float) -> None:
        """Notices what no answer reports: cancellation, and a server that gives nothing useful."""
        if self._stopped.is_set():
            raise Stopped
        if self._pace.contacted and self._pace.is_over(now):
            raise self._given_up(f"none for a while; the last failure: {self._last_failure}")

    def _take(self, task: _Task, started: float, answer: Answer) -> Iterator[Fetched]:
        """Yields what is known of an image after an attempt, or has it asked for again."""
        now, kind = time.monotonic(), answer.kind
        reason = plain_line(answer.reason or "")
        if kind in (Kind.BROKEN, Kind.UNREACHABLE, Kind.THROTTLED):
            self._last_failure = reason
            self._note_failure(task.hash, started, answer, now)
        elif kind is Kind.UNTRUSTED and not self._pace.contacted:
            raise self._given_up(reason)
        else:
            self._pace.succeed(now)
        if kind in _ATTEMPTS:
            # an outage is not the fault of an image
            if self._pace.contacted and not self._pace.outage:
                task.failures[kind] += 1
            if task.failures[kind] < _ATTEMPTS[kind]:
                due = now + retry.RETRY.backoff(max(1, task.failures.total()))
                heapq.heappush(self._parked, (due, next(self._numbers), task))
                return
            reason += f" ({task.failures.total()} attempts)"
        transient = kind in (Kind.BROKEN, Kind.UNREACHABLE, Kind.THROTTLED)
        fetched = Fetched(
            task.hash, answer.data, answer.sha256, answer.etag_md5, reason or None, transient
        )
        if self._refused is None:
            yield fetched
        elif kind is not Kind.REFUSED:
            yield from self._refused
            self._refused = None
            yield fetched
        else:
            self._refused.append(fetched)
            if len(self._refused) >= _REFUSALS:
                raise self._given_up(f"no image in the first {_REFUSALS} answers: {reason}")

    def _note_failure(self, hash: str, started: float, answer: Answer, now: float) -> None:
        if answer.kind is not Kind.THROTTLED:
            self._pace.contacted |= answer.kind is Kind.BROKEN
            self._pace.fail(hash, started, now)
            if not self._pace.contacted and self._pace.is_over(now):
                raise self._given_up(self._last_failure)
            return
        if answer.retry_after > retry.RETRY.longest_retry_after:
            raise self._given_up(f"{answer.reason}, Retry-After: {answer.retry_after:,.0f} seconds")
        if self._pace.throttle(hash, started, now, retry_after=answer.retry_after):
            logger.log(
                logging.INFO if self._slowed else logging.WARNING,
                "%s: %s; slowing down to %d requests at the same time%s",
                template_host(self._template),
                self._last_failure,
                self._pace.limit,
                f", in {answer.retry_after:,.0f} s" if answer.retry_after else "",
            )
            self._slowed = True

    def _given_up(self, found: str) -> RemoteError:
        return RemoteError(
            f"{template_host(self._template)}: expected images at "
            f"{without_secrets(self._template)}, found {found}. Check the connection and "
            f"{URL_VARIABLE}, or try again later.",
            url=without_secrets(self._template),
        )
