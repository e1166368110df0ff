"""Resumable reads of a remote file by HTTP Range requests, with retries.

A read resumes at the next byte after a cut, a stall or a rate limit, follows redirects, and copes
with servers that ignore Range. Zenodo says `Accept-Ranges: none` and yet serves ranges; its ETag
names the file's MD5, and is sent back as `If-Range`, so that a changed file is noticed; guests get
429 with `Retry-After` after about 60 requests a minute.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from http import HTTPStatus

import requests

from .._util import retry
from .._util.text import plain_line
from .._util.threads import Stopped
from ..errors import RemoteError
from .answers import RetryLater, Span, read_span, size_of_unsatisfied
from .failures import CONNECTION_ERRORS, describe_failure, is_unreachable
from .session import Session, has_answered
from .transport import read_some
from .urls import without_secrets

logger = logging.getLogger(__name__)

_CHUNK = 1 << 20  # bytes asked of the connection at a time, and the longest gap that is read over
# bytes buffered of a file whose server ignores Range, for the next reader of the URL
_BUFFER = 4 << 20

# by process, since a fork must not read what its parent opened
_left_open: dict[tuple[int, str], RemoteFile] = {}


class RemoteFile:
    """A file behind a URL, read forward; a context manager.

    Reading resumes at the next byte after every break, as long as the server makes progress
    (`Retry.progress_bytes` in `Retry.progress_seconds`).

    Args:
        url: http or https.
        size: of the file, in bytes.
        stopped: ends a read from another thread.
    """

    def __init__(self, url: str, size: int, *, stopped: threading.Event | None = None) -> None:
        self.url, self.size = url, size
        self.name = without_secrets(url)
        self.etag: str | None = None
        self._session = Session()
        self._shared = False
        self._stopped = stopped or threading.Event()
        self._response: requests.Response | None = None
        self._position = 0  # of the next byte of the response
        self._response_end = 0
        self._rate = _Rate()
        self._ranges_ignored = False
        # the last bytes read, from _buffer_start to _position
        self._buffer: deque[bytes] = deque()
        self._buffer_start = 0

    @classmethod
    def shared(cls, url: str, size: int) -> RemoteFile:
        """A file that several readers open one after the other.

        From a server that ignores Range, the next one continues in the answer that the last one of
        this process left open.
        """
        remote = _left_open.pop((os.getpid(), url), None) or cls(url, size)
        remote._shared = True
        return remote

    def read(self, offset: int, size: int) -> Iterator[bytes]:
        """Yields the `size` bytes from `offset` on, in pieces, as they arrive.

        Raises:
            RemoteError: the file is not there, refused, not of the right size, or changes, or the
                server makes no progress.
            Stopped: the event was set while it waited.
        """
        stop = offset + size
        budget = _Budget()
        while offset < stop:
            data = self._from_buffer(offset, stop)
            if not data:
                try:
                    self._seek(offset, stop)
                    data = self._read_some(stop - offset)
                except (RetryLater, *CONNECTION_ERRORS) as err:
                    self._close_response()
                    self._back_off(budget, offset, err)
                    continue
            budget.refill(len(data))
            offset += len(data)
            yield data

    def close(self, *, for_good: bool = False) -> None:
        """Closes the connection.

        Where the server ignores Range, a shared file is left open for the next reader of this URL,
        unless `for_good`.
        """
        if self._shared and self._ranges_ignored and self._response is not None and not for_good:
            _left_open[os.getpid(), self.url] = self
        else:
            self._close_response()
            self._session.close()

    def __enter__(self) -> RemoteFile:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _close_response(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response = None
        self._set_span(0, 0)

    def _back_off(self, budget: _Budget, offset: int, err: Exception) -> None:
        """Sleep before the next attempt, or give up."""
        policy = retry.RETRY
        budget.failures += 1
        reason, retry_after, status = describe_failure(err), 0.0, None
        if isinstance(err, RetryLater):
            reason, retry_after, status = str(err), err.retry_after, err.status
        # a server that never answered: a wrong URL or no network at all, which waiting seldom cures
        first = is_unreachable(err) and not has_answered(self.url)
        if budget.is_spent(first=first) or retry_after > policy.longest_retry_after:
            raise self._error(
                f"expected bytes from {offset:,} on, got {'too few' if budget.bytes else 'none'} "
                f"in {budget.failures} attempts; the last: {reason}. Check the connection, or try "
                "again later.",
                status=status,
            ) from (err if self.name == self.url else None)
        wait = retry_after or policy.backoff(budget.failures)
        logger.log(
            logging.INFO if first else logging.WARNING,
            "%s: %s; resuming at byte %s in %.1f s",
            self.name,
            reason,
            f"{offset:,}",
            wait,
        )
        if self._stopped.wait(wait):
            raise Stopped

    def _seek(self, offset: int, stop: int) -> None:
        """Have an open response whose next byte is `offset`."""
        if self._response is not None and self._position >= self._response_end:
            self._close_response()
        ahead = offset - self._position
        if (
            self._response is None
            or ahead < 0
            or (ahead > _CHUNK and not self._ranges_ignored)
            or offset >= self._response_end
        ):
            self._close_response()
            self._request(offset, stop)
        while self._position < offset:
            self._read_some(offset - self._position)

    def _read_some(self, size: int) -> bytes:
        """Up to `size` of the next bytes of the response, as soon as there are any, so that a break
        loses none that arrived.
        """
        assert self._response is not None
        begin = time.monotonic()
        self._session.allow(retry.RETRY.read_timeout)
        data = read_some(self._response.raw, min(size, self._response_end - self._position, _CHUNK))
        if not data:
            raise requests.ConnectionError("the answer ended early")
        self._rate.add(len(data), time.monotonic() - begin)
        self._position += len(data)
        if self._shared and self._ranges_ignored:
            self._buffer.append(data)
            while self._position - self._buffer_start - len(self._buffer[0]) >= _BUFFER:
                self._buffer_start += len(self._buffer.popleft())
        return data

    def _from_buffer(self, offset: int, stop: int) -> bytes:
        """Some of these bytes where they are buffered, else none."""
        begin = self._buffer_start
        for data in self._buffer if begin <= offset < self._position else ():
            if offset < begin + len(data):
                return data[offset - begin : stop - begin]
            begin += len(data)
        return b""

    def _request(self, offset: int, stop: int) -> None:
        """Ask for the bytes from `offset` on."""
        headers = {"Range": f"bytes={offset}-{stop - 1}"}
        if self.etag is not None:
            headers["If-Range"] = self.etag
        response = self._response = self._session.get(self.url, headers)
        self._rate = _Rate()
        if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise self._changed(f"a file of {size_of_unsatisfied(response)} bytes")
        span = read_span(response, offset, name=self.name)
        self._check_same(span, response.headers.get("ETag"))
        if span.full and not self._ranges_ignored:
            self._ranges_ignored = True
            logger.warning(
                "%s: the server ignores Range, so the file is read from its start and in order",
                self.name,
            )
        self._set_span(span.start, span.end)

    def _set_span(self, position: int, end: int) -> None:
        self._position = self._buffer_start = position
        self._response_end = end
        self._buffer.clear()

    def _check_same(self, span: Span, etag: str | None) -> None:
        """Require the size and the ETag that the file had before."""
        if span.size != self.size:
            raise self._changed(f"a file of {span.size:,} bytes")
        if self.etag is not None and etag is not None and etag != self.etag:
            raise self._changed(f"another file of {span.size:,} bytes (ETag {plain_line(etag)})")
        self.etag = span.etag or self.etag

    def _changed(self, found: str) -> RemoteError:
        before = f" with ETag {self.etag}" if self.etag else ""
        return self._error(
            f"expected a file of {self.size:,} bytes{before}, found {found}: it changed on the "
            "server, or is another release's. Check release and URL, and start again."
        )

    def _error(self, message: str, *, status: int | None = None) -> RemoteError:
        return RemoteError(f"{self.name}: {message}", url=self.name, status=status)


class _Budget:
    """How many attempts of a read have failed since the last `Retry.progress_bytes`."""

    def __init__(self) -> None:
        self.failures = self.bytes = 0
        self._begin = time.monotonic()

    def refill(self, size: int) -> None:
        """Count bytes that arrived."""
        self.bytes += size
        if self.bytes >= retry.RETRY.progress_bytes:
            self.failures = self.bytes = 0

    def is_spent(self, *, first: bool) -> bool:
        """Whether there were enough attempts; fewer do at the `first` contact with a server."""
        policy, seconds = retry.RETRY, time.monotonic() - self._begin
        return self.failures >= policy.attempts or (
            first and (self.failures >= policy.first_attempts or seconds > policy.first_seconds)
        )


class _Rate:
    """How much one answer gave in how many seconds of waiting for it."""

    def __init__(self) -> None:
        self._bytes, self._seconds = 0, 0.0

    def add(self, size: int, seconds: float) -> None:
        """Count bytes and the seconds that they took.

        Raises:
            requests.ConnectionError: they were too few in `Retry.progress_seconds`.
        """
        policy = retry.RETRY
        self._bytes += size
        self._seconds += seconds
        if self._seconds < policy.progress_seconds:
            return
        if self._bytes < policy.progress_bytes:
            raise requests.ConnectionError(f"{self._bytes:,} bytes in {self._seconds:.0f} s")
        self._bytes, self._seconds = 0, 0.0
