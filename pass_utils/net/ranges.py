"""Resumable reads of a remote file by HTTP Range requests, with retries.

A read resumes at the next byte after a cut, a stall or a rate limit, follows redirects, and copes
with servers that ignore Range. Zenodo says `Accept-Ranges: none` and yet serves ranges; its ETag
names the file's MD5, and is sent back as `If-Range`, so that a changed file is noticed; guests get
429 with `Retry-After` after about 60 requests a minute.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections import deque
from collections.abc import Iterator
from http import HTTPStatus

import requests
import urllib3

from .._util import retry
from .._util.threads import Stopped
from ..errors import RemoteError
from .session import TOKEN_VARIABLE, auth_headers, open_session

logger = logging.getLogger(__name__)

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_CHUNK = 1 << 20  # bytes asked of the connection at a time, and the longest gap that is read over
# bytes buffered of a file whose server ignores Range, for the next reader of the URL
_BUFFER = 4 << 20
_CONNECTION_ERRORS = (
    requests.ConnectionError,
    requests.Timeout,
    urllib3.exceptions.HTTPError,
    ConnectionError,
    TimeoutError,
)


# by process, since a fork must not read what its parent opened
_left_open: dict[tuple[int, str], RemoteFile] = {}


class RemoteFile:
    """A file of `size` bytes behind a URL, read forward; a context manager.

    Reading goes on at the next byte after every break, for as long as bytes keep coming; `stopped`
    ends it from another thread.
    """

    def __init__(self, url: str, size: int, *, stopped: threading.Event | None = None) -> None:
        self.name, self.size = url, size
        self.etag: str | None = None
        self._session = open_session()
        self._shared = False
        self._stopped = stopped or threading.Event()
        self._response: requests.Response | None = None
        self._position = 0  # of the next byte of the response
        self._response_end = 0
        self._ranges_ignored = False
        # the last bytes read, from _buffer_start to _position
        self._buffer: deque[bytes] = deque()
        self._buffer_start = 0

    @classmethod
    def shared(cls, url: str, size: int) -> RemoteFile:
        """A file that several readers open one after the other.

        From a server that ignores Range, the next one goes on in the answer that the last one of
        this process left open.
        """
        remote = _left_open.pop((os.getpid(), url), None) or cls(url, size)
        remote._shared = True
        return remote

    def read(self, offset: int, size: int) -> Iterator[bytes]:
        """The `size` bytes from `offset` on, as they come.

        Raises:
            RemoteError: the file is not there, not given, not of the right size, or changes, or the
            server stays silent.
            Stopped: the event was set while it waited.
        """
        stop = offset + size
        failures = 0
        while offset < stop:
            data = self._from_buffer(offset, stop)
            if not data:
                try:
                    self._seek(offset, stop)
                    data = self._read_some(stop - offset)
                except (_RetryLater, *_CONNECTION_ERRORS) as err:
                    failures += 1
                    self._close_response()
                    self._back_off(failures, offset, err)
                    continue
            failures = 0
            offset += len(data)
            yield data

    def close(self, *, for_good: bool = False) -> None:
        """Let go of the connection.

        Where the file cannot be opened in the middle, leave it to the next reader of this URL,
        unless `for_good`.
        """
        if self._shared and self._ranges_ignored and self._response is not None and not for_good:
            _left_open[os.getpid(), self.name] = self
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

    def _back_off(self, failures: int, offset: int, err: Exception) -> None:
        """Sleep before the next attempt, or give up."""
        reason = str(err) or type(err).__name__
        retry_after, status = (
            (err.retry_after, err.status) if isinstance(err, _RetryLater) else (0.0, None)
        )
        if failures >= retry.RETRY.attempts or retry_after > retry.RETRY.longest_retry_after:
            raise RemoteError(
                f"{self.name}: expected bytes from {offset:,} on, got none in {failures} attempts; "
                f"the last: {reason}. Check the connection, or try again later.",
                url=self.name,
                status=status,
            ) from err
        seconds = retry_after or retry.RETRY.backoff(failures)
        logger.warning(
            "%s: %s; resuming at byte %s in %.1f s", self.name, reason, f"{offset:,}", seconds
        )
        if self._stopped.wait(seconds):
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
        """Up to `size` of the next bytes of the response, as soon as there are any: what a break
        takes, it takes once.
        """
        assert self._response is not None
        raw = self._response.raw
        # urllib3 1 has only `read`, which waits for all of them
        read = getattr(raw, "read1", raw.read)
        data: bytes = read(
            min(size, self._response_end - self._position, _CHUNK), decode_content=False
        )
        if not data:
            raise requests.ConnectionError("the answer ended early")
        self._position += len(data)
        if self._shared and self._ranges_ignored:
            self._buffer.append(data)
            while self._position - self._buffer_start - len(self._buffer[0]) >= _BUFFER:
                self._buffer_start += len(self._buffer.popleft())
        return data

    def _from_buffer(self, offset: int, stop: int) -> bytes:
        """Some of these bytes where they are kept, else none."""
        begin = self._buffer_start
        for data in self._buffer if begin <= offset < self._position else ():
            if offset < begin + len(data):
                return data[offset - begin : stop - begin]
            begin += len(data)
        return b""

    def _request(self, offset: int, stop: int) -> None:
        """Ask for the bytes from `offset` on."""
        headers = {"Range": f"bytes={offset}-{stop - 1}", **auth_headers(self.name)}
        if self.etag is not None:
            headers["If-Range"] = self.etag
        try:
            response = self._session.get(
                self.name,
                headers=headers,
                stream=True,
                timeout=(retry.RETRY.connect_timeout, retry.RETRY.read_timeout),
            )
        except _CONNECTION_ERRORS as err:
            if isinstance(
                err, (requests.exceptions.SSLError, urllib3.exceptions.LocationValueError)
            ):
                raise self._unusable(err) from err
            raise
        except requests.RequestException as err:  # a URL that is none, redirects without end
            raise self._unusable(err) from err
        self._response = response
        status = response.status_code
        if status == HTTPStatus.PARTIAL_CONTENT:
            self._accept_partial(response, offset)
        elif status == HTTPStatus.OK:
            self._accept_full(response)
        elif status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            total = response.headers.get("Content-Range", "").rpartition("/")[2]
            raise self._changed(f"a file of {total or 'another number of'} bytes")
        elif status in retry.TRANSIENT:
            raise _RetryLater(response)
        else:
            raise self._refused(response)

    def _accept_partial(self, response: requests.Response, offset: int) -> None:
        found = response.headers.get("Content-Range", "")
        match = _CONTENT_RANGE.fullmatch(found)
        if match is None or int(match[1]) != offset or int(match[2]) < offset:
            raise requests.ConnectionError(
                f"requested bytes from {offset}, got Content-Range {found!r}"
            )
        self._check_same(response, int(match[3]))
        self._set_span(offset, int(match[2]) + 1)

    def _accept_full(self, response: requests.Response) -> None:
        length = response.headers.get("Content-Length", "")
        if not length.isdecimal():
            raise requests.ConnectionError("the answer does not say how long it is")
        self._check_same(response, int(length))
        if not self._ranges_ignored:
            self._ranges_ignored = True
            logger.warning(
                "%s: the server ignores Range, so the file is read from its start and in order",
                self.name,
            )
        self._set_span(0, int(length))

    def _set_span(self, position: int, end: int) -> None:
        self._position = self._buffer_start = position
        self._response_end = end
        self._buffer.clear()

    def _check_same(self, response: requests.Response, size: int) -> None:
        """Require the size and the ETag that the file had before."""
        if size != self.size:
            raise self._changed(f"a file of {size:,} bytes")
        etag = response.headers.get("ETag")
        if self.etag is not None and etag is not None and etag != self.etag:
            raise self._changed(f"another file of {size:,} bytes (ETag {etag})")
        if etag is not None and not etag.startswith("W/"):
            self.etag = etag

    def _changed(self, found: str) -> RemoteError:
        before = f" with ETag {self.etag}" if self.etag else ""
        return RemoteError(
            f"{self.name}: expected a file of {self.size:,} bytes{before}, found {found}: it "
            "changed on the server, or is another release's. Check release and URL, and start "
            "again.",
            url=self.name,
        )

    def _unusable(self, err: Exception) -> RemoteError:
        return RemoteError(
            f"{self.name}: expected a valid URL, found: {err}. Check the URL.",
            url=self.name,
        )

    def _refused(self, response: requests.Response) -> RemoteError:
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
            f"{self.name}: expected 206 or 200, found {response.status_code} {response.reason}. "
            f"{advice}",
            url=self.name,
            status=response.status_code,
        )


class _RetryLater(Exception):  # noqa: N818  (not an error)
    """The server asks to come again later, in so many seconds where it says."""

    def __init__(self, response: requests.Response) -> None:
        wanted = response.headers.get("Retry-After", "")
        super().__init__(
            f"{response.status_code} {response.reason}"
            + (f", Retry-After: {wanted}" if wanted else "")
        )
        self.status = response.status_code
        self.retry_after = retry.retry_after_seconds(wanted)
