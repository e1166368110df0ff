"""A URL and an offset in, bytes out: through cuts, stalls, rate limits, redirects and servers that
ignore Range.

Zenodo's manners, as seen in its answers: it says `Accept-Ranges: none` and yet serves ranges; its
ETag names the file's MD5; guests get about 60 requests a minute, then 429 with `Retry-After`; some
default User-Agents get 403.
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

from .._util import retry as retries
from .._util.threads import Stopped
from .._version import __version__
from ..errors import RemoteError

logger = logging.getLogger(__name__)

TOKEN_VARIABLE = "ZENODO_TOKEN"
_TOKEN_HOSTS = ("zenodo.org", "sandbox.zenodo.org")
# what stands in for Zenodo here; no encryption needed
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_CHUNK = 1 << 20  # bytes asked of the connection at a time, and the longest gap that is read over
# bytes kept of a file that cannot be opened in the middle, so that its next reader can look back
_KEPT = 4 << 20
_BREAKS = (
    requests.ConnectionError,
    requests.Timeout,
    urllib3.exceptions.HTTPError,
    ConnectionError,
    TimeoutError,
)


def open_session() -> requests.Session:
    """A session with our User-Agent; proxies and certificates come from the environment."""
    session = requests.Session()
    session.headers["User-Agent"] = (
        f"pass-utils/{__version__} ({requests.utils.default_user_agent()})"
    )
    session.headers["Accept-Encoding"] = "identity"
    return session


def auth_headers(url: str) -> dict[str, str]:
    """The token of the environment's `ZENODO_TOKEN`, for Zenodo or a server on this machine, and
    nobody else.

    Raises:
        RemoteError: the token cannot be sent; the message does not show it.
    """
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    try:
        address = urllib3.util.parse_url(url)  # as the connection will read it
    except urllib3.exceptions.LocationParseError:
        return {}
    trusted = address.host in _LOOPBACK or (
        address.scheme == "https" and address.host in _TOKEN_HOSTS
    )
    if not token or not trusted:
        return {}
    if not re.fullmatch("[!-~]+", token):
        raise RemoteError(
            f"{TOKEN_VARIABLE}: expected a token of printable ASCII characters, found others too. "
            "Set it again, or unset it.",
            url=url,
        )
    return {"Authorization": f"Bearer {token}"}


def check_online(wanted: str) -> None:
    """Refuse to ask the network where the environment forbids it.

    Raises:
        RemoteError: `HF_DATASETS_OFFLINE` or `HF_HUB_OFFLINE` is set; the message names what was
        wanted.
    """
    for variable in ("HF_DATASETS_OFFLINE", "HF_HUB_OFFLINE"):
        if os.environ.get(variable, "").upper() in ("1", "ON", "YES", "TRUE"):
            raise RemoteError(
                f"{variable} is set: expected {wanted} on this machine, found it missing. Unset "
                f"{variable} to fetch it, or give the folder that holds it with `data_dir=`."
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
        self._kept: deque[bytes] = deque()  # what came last: the bytes from _kept_from to _position
        self._kept_from = 0

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
            data = self._look_back(offset, stop)
            if not data:
                try:
                    self._seek(offset, stop)
                    data = self._take(stop - offset)
                except (_Busy, *_BREAKS) as err:
                    failures += 1
                    self._close_response()
                    self._wait(failures, offset, err)
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
        self._begin_at(0, 0)

    def _wait(self, failures: int, offset: int, err: Exception) -> None:
        """Sleep before the next attempt, or give up."""
        reason = str(err) or type(err).__name__
        retry_after, status = (
            (err.retry_after, err.status) if isinstance(err, _Busy) else (0.0, None)
        )
        if failures >= retries.RETRY.attempts or retry_after > retries.RETRY.longest_retry_after:
            raise RemoteError(
                f"{self.name}: expected bytes from {offset:,} on, got none in {failures} attempts; "
                f"the last: {reason}. Check the connection, or try again later.",
                url=self.name,
                status=status,
            ) from err
        seconds = retry_after or retries.RETRY.wait(failures)
        logger.warning(
            "%s: %s; going on at byte %s in %.1f s", self.name, reason, f"{offset:,}", seconds
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
            self._take(offset - self._position)

    def _take(self, size: int) -> bytes:
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
            self._kept.append(data)
            while self._position - self._kept_from - len(self._kept[0]) >= _KEPT:
                self._kept_from += len(self._kept.popleft())
        return data

    def _look_back(self, offset: int, stop: int) -> bytes:
        """Some of these bytes where they are kept, else none."""
        begin = self._kept_from
        for data in self._kept if begin <= offset < self._position else ():
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
                timeout=(retries.RETRY.connect_timeout, retries.RETRY.read_timeout),
            )
        except _BREAKS as err:
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
            self._accept_part(response, offset)
        elif status == HTTPStatus.OK:
            self._accept_whole(response)
        elif status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            total = response.headers.get("Content-Range", "").rpartition("/")[2]
            raise self._changed(f"a file of {total or 'another number of'} bytes")
        elif status in retries.TRANSIENT:
            raise _Busy(response)
        else:
            raise self._refused(response)

    def _accept_part(self, response: requests.Response, offset: int) -> None:
        found = response.headers.get("Content-Range", "")
        match = _CONTENT_RANGE.fullmatch(found)
        if match is None or int(match[1]) != offset or int(match[2]) < offset:
            raise requests.ConnectionError(
                f"asked for bytes from {offset}, got Content-Range {found!r}"
            )
        self._check_same(response, int(match[3]))
        self._begin_at(offset, int(match[2]) + 1)

    def _accept_whole(self, response: requests.Response) -> None:
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
        self._begin_at(0, int(length))

    def _begin_at(self, position: int, end: int) -> None:
        self._position = self._kept_from = position
        self._response_end = end
        self._kept.clear()

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
            f"{self.name}: expected an address that can be asked, found: {err}. Check the URL.",
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


class _Busy(Exception):  # noqa: N818  (not an error)
    """The server asks to come again later, in so many seconds where it says."""

    def __init__(self, response: requests.Response) -> None:
        wanted = response.headers.get("Retry-After", "")
        super().__init__(
            f"{response.status_code} {response.reason}"
            + (f", Retry-After: {wanted}" if wanted else "")
        )
        self.status = response.status_code
        self.retry_after = retries.retry_seconds(wanted)
