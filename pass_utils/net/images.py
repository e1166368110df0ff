"""Many single images by URL, fetched concurrently: retries with exponential backoff, adaptive
concurrency, memory that does not depend on their number.

Threads send one request after the other and check what comes; what to ask next, and when, is
decided in the one loop of `_Fetch.run`.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import NamedTuple

import pyarrow as pa
import urllib3

from .._util import retry
from .._util.text import tidy
from .._util.threads import Stopped
from ..errors import ReleaseError, RemoteError
from ..hashes import HASH_MEANS
from ..releases import SOURCE_URL
from .attempt import LONGEST_ATTEMPT, Answer, Kind, ask
from .client import Client
from .pace import Pace
from .session import check_online

logger = logging.getLogger(__name__)

URL_VARIABLE = "PASS_IMAGE_URL"
DEFAULT_TEMPLATE = SOURCE_URL + "{h[:3]}/{h[3:6]}/{h}.jpg"

_FIELD = re.compile(r"\{h(?:\[(\d{0,2}):(\d{0,2})\])?\}")
_HASH = re.compile("[0-9a-f]{16,32}")
# attempts at an image; all others are final
_ATTEMPTS = {Kind.WRONG: 2, Kind.BROKEN: 6, Kind.UNREACHABLE: 6, Kind.THROTTLED: 12}
_REFUSALS = 16  # first answers that are no images, after which no more are asked for
_PARKED = 1000  # images that wait for their next attempt, at most
_TICK = 0.1  # seconds between two looks at what the threads cannot notice


class Fetched(NamedTuple):
    """What came of one image.

    Args:
        hash: Its hash.
        data: The bytes of its file; None when it is not to be had.
        sha256: Their SHA-256 in hex; None without them.
        etag_md5: The MD5 of the file that the server's ETag names, in hex; None where it names
            none.
        reason: Why there are no bytes, on one line, fit for a terminal; None where there are.
        transient: Whether asking again another day may give them.
    """

    hash: str
    data: bytes | None
    sha256: str | None
    etag_md5: str | None
    reason: str | None
    transient: bool = False


def image_url(hash: str, template: str | None = None) -> str:
    """The URL of one image.

    >>> image_url("0123456789abcdef", "https://example.org/{h[:3]}/{h[3:6]}/{h}.jpg")
    'https://example.org/012/345/0123456789abcdef.jpg'

    Args:
        hash: The image's hash.
        template: A URL in which `{h}` stands for the hash and `{h[3:6]}` for a part of it; None for
            that of the environment's `PASS_IMAGE_URL`, and else of YFCC100M's public bucket.

    Raises:
        RemoteError: the template makes no URLs, or the same for several images.
        ReleaseError: the hash is none.
    """
    return _fill(_check_template(template), hash)


def fetch_images(
    hashes: Iterable[str],
    *,
    url_template: str | None = None,
    connections: int = 16,
    stopped: threading.Event | None = None,
    expected: Mapping[str, str] | None = None,
    progress: Callable[[int], object] | None = None,
) -> Iterator[Fetched]:
    """Fetch single images, and yield what came of each as soon as it is known.

    What fails for a while is asked for again; what is not to be had has the reason. Nothing but
    complete images has bytes. No more images are in memory than twice as many as there are
    connections. Closing the iterator ends the threads.

    Args:
        hashes: The images, read as they are needed; one named twice is fetched twice.
        url_template: As in `image_url`.
        connections: Connections at the same time at most, kept alive; fewer are used where the
            server answers 429 or 503.
        stopped: Ends it when set, by `Stopped`.
        expected: The SHA-256 of images whose is known, in hex, by hash.
        progress: Called with the number of bytes of each piece that comes, and with a negative
            number where pieces were of no use; by several threads.

    Returns:
        An iterator in the order in which images are complete, one item for each of `hashes`.

    Raises:
        RemoteError: the template is none, the network may not be asked, the server cannot be
            reached, gives nothing any more, or its first answers are no images at all.
        ReleaseError: there is no connection to use, or one of the hashes is none.
        Stopped: `stopped` was set.
    """
    template = _check_template(url_template)
    if connections < 1:
        raise ReleaseError(f"connections: expected 1 or more, found {connections}.")
    return _Fetch(
        template, connections, stopped or threading.Event(), expected or {}, progress
    ).run(iter(hashes))


def _check_template(template: str | None) -> str:
    template = template or os.environ.get(URL_VARIABLE, "").strip() or DEFAULT_TEMPLATE
    try:
        parts = urllib3.util.parse_url(_FIELD.sub("0", template))
    except urllib3.exceptions.LocationParseError:
        parts = urllib3.util.Url()
    if (
        not re.fullmatch("[!-~]+", template)
        or "{h}" not in template
        or set("{}") & set(_FIELD.sub("", template))
        or parts.scheme not in ("http", "https")
        or not parts.host
        or parts.auth is not None
    ):
        shown = "one with credentials" if parts.auth else repr(template)
        raise RemoteError(
            f"{URL_VARIABLE}: expected a URL with {{h}} where the hash of an image stands, such as "
            f"{DEFAULT_TEMPLATE}, found {shown}. Set it to such a one, or unset it."
        )
    return template


def _fill(template: str, hash: str) -> str:
    if not _HASH.fullmatch(hash):
        raise ReleaseError(f"hash: expected {HASH_MEANS}, found {hash!r}.")

    def part(match: re.Match[str]) -> str:
        begin, end = match[1], match[2]
        return hash[int(begin or 0) : int(end) if end else None]

    return _FIELD.sub(part, template)


@dataclass(eq=False)
class _Task:
    """An image, how often asking for it failed, and the attempt that is under way."""

    hash: str
    url: str
    failures: int = 0


@dataclass(eq=False)
class _Attempt:
    """One attempt at a task; `started` by a thread at that time, `abandoned` by the loop when it
    takes too long.
    """

    task: _Task
    started: float | None = None
    abandoned: bool = False


class _Fetch:
    """A run of `fetch_images`: its threads, and what is under way."""

    def __init__(
        self,
        template: str,
        connections: int,
        stopped: threading.Event,
        expected: Mapping[str, str],
        progress: Callable[[int], object] | None,
    ) -> None:
        self._template, self._connections = template, connections
        self._stopped, self._expected = stopped, expected
        self._count = progress or (lambda size: None)
        self._client = Client(connections)
        self._pace = Pace(connections, time.monotonic())
        self._attempts: SimpleQueue[_Attempt | None] = SimpleQueue()
        self._answers: SimpleQueue[tuple[_Attempt, Answer | BaseException]] = SimpleQueue()
        self._under_way: set[_Attempt] = set()
        self._parked: list[tuple[float, int, _Task]] = []  # a heap of what to ask again, by time
        self._numbers = itertools.count()
        self._threads = 0
        self._abandoned = 0
        self._ended = threading.Event()
        self._refused: list[Fetched] = []  # the first answers, while they are refusals
        self._proven = False  # some answer was no refusal

    def run(self, hashes: Iterator[str]) -> Iterator[Fetched]:
        """Yield what comes of each image."""
        online = False
        exhausted = False
        next_look = 0.0
        try:
            while True:
                now = time.monotonic()
                while len(self._under_way) < self._pace.window and now >= self._pace.paused_until:
                    if self._parked and self._parked[0][0] <= now:
                        self._send(heapq.heappop(self._parked)[2])
                        continue
                    if exhausted or len(self._parked) >= _PARKED:
                        break
                    hash = next(hashes, None)
                    if hash is None:
                        exhausted = True
                        break
                    task = _Task(hash, _fill(self._template, hash))
                    if not online:
                        check_online(f"the image {task.url}")
                        online = True
                    self._send(task)
                if exhausted and not self._under_way and not self._parked:
                    yield from self._refused
                    return
                if self._stopped.is_set():
                    raise Stopped
                if now >= next_look:
                    next_look = now + _TICK
                    self._abandon_overdue(now)
                    if self._pace.contacted and self._pace.is_over(now):
                        raise self._given_up("none for a while")
                try:
                    attempt, answer = self._answers.get(timeout=_TICK)
                except Empty:
                    continue
                if isinstance(answer, BaseException):
                    raise answer
                if attempt in self._under_way:
                    self._under_way.remove(attempt)
                    yield from self._take(attempt, answer)
        finally:
            self._ended.set()
            for _ in range(self._threads):
                self._attempts.put(None)

    def _send(self, task: _Task) -> None:
        attempt = _Attempt(task)
        self._under_way.add(attempt)
        if self._threads < min(self._connections, len(self._under_way)):
            self._start_thread()
        self._attempts.put(attempt)

    def _start_thread(self) -> None:
        self._threads += 1
        threading.Thread(target=self._work, daemon=True, name="pass-utils image").start()

    def _work(self) -> None:
        """Make one attempt after the other; in threads."""
        while (attempt := self._attempts.get()) is not None and not self._ended.is_set():
            attempt.started = time.monotonic()
            task = attempt.task
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
            if attempt.abandoned:
                return
            self._answers.put((attempt, answer))

    def _abandon_overdue(self, now: float) -> None:
        """Leave threads alone that a server keeps busy beyond every deadline, by headers that never
        end, and start others.
        """
        for attempt in list(self._under_way):
            if attempt.started is not None and now - attempt.started > 1.1 * LONGEST_ATTEMPT:
                attempt.abandoned = True
                self._threads -= 1
                self._abandoned += 1
                if self._abandoned > self._connections:
                    raise self._given_up("answers that do not end")
                self._start_thread()
                reason = f"no complete answer in {LONGEST_ATTEMPT:.0f} seconds"
                self._answers.put((attempt, Answer(Kind.BROKEN, reason)))

    def _take(self, attempt: _Attempt, answer: Answer) -> Iterator[Fetched]:
        """Yield what is known of an image after an attempt, or have it asked for again."""
        task, now, kind = attempt.task, time.monotonic(), answer.kind
        if kind is Kind.UNTRUSTED or (kind is Kind.UNREACHABLE and self._pace.is_over(now)):
            raise self._given_up(_plain(answer.reason or ""))
        if kind in _ATTEMPTS:
            task.failures += 1
            self._pace_failure(attempt, answer, now)
            waits = kind is Kind.UNREACHABLE and not self._pace.contacted
            if waits or task.failures < _ATTEMPTS[kind]:
                wait = retry.RETRY.backoff(min(task.failures, 2) if waits else task.failures)
                heapq.heappush(self._parked, (now + wait, next(self._numbers), task))
                return
        else:
            self._pace.succeed(now)
        if kind is Kind.COMPLETE:
            fetched = Fetched(task.hash, answer.data, answer.sha256, answer.etag_md5, None)
        else:
            reason = _plain(answer.reason or "")
            if task.failures > 1:
                reason += f" ({task.failures} attempts)"
            transient = kind in (Kind.BROKEN, Kind.UNREACHABLE, Kind.THROTTLED)
            fetched = Fetched(task.hash, None, None, None, reason, transient)
        if not self._proven and kind is Kind.REFUSED:
            self._refused.append(fetched)
            if len(self._refused) >= _REFUSALS:
                raise self._given_up(f"no image in the first {_REFUSALS} answers: {reason}")
            return
        self._proven = True
        yield from self._refused
        self._refused.clear()
        yield fetched

    def _pace_failure(self, attempt: _Attempt, answer: Answer, now: float) -> None:
        if answer.kind is not Kind.THROTTLED:
            if answer.kind is not Kind.UNREACHABLE:
                self._pace.contacted = True
            return
        if answer.retry_after > retry.RETRY.longest_retry_after:
            raise self._given_up(f"{answer.reason}, Retry-After: {answer.retry_after:,.0f} seconds")
        if self._pace.throttle(attempt.started or now, now, answer.retry_after):
            logger.warning(
                "%s: %s; going on with %d requests at the same time%s",
                self._host,
                answer.reason,
                int(self._pace.limit),
                f" in {answer.retry_after:,.0f} s" if answer.retry_after else "",
            )

    @property
    def _host(self) -> str:
        return str(urllib3.util.parse_url(_FIELD.sub("0", self._template)).host)

    def _given_up(self, found: str) -> RemoteError:
        return RemoteError(
            f"{self._host}: expected images at {self._template}, found {found}. Check the "
            f"connection and {URL_VARIABLE}, or try again later.",
            url=self._template,
        )


def _plain(text: str) -> str:
    """Other people's text on one line, at most 200 characters of it."""
    plain: str = tidy(pa.array([text], pa.string()))[0].as_py()
    return plain[:200]
