"""HTTP client for many small GET requests without credentials: connections kept alive, redirects
followed by hand.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import threading
import time
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from .._util import retry
from .session import request_headers

_REDIRECTS = (301, 302, 303, 307, 308)
_LONGEST_CHAIN = 5  # redirects from one URL
_LARGEST_DRAIN = 1 << 16  # bytes of an unused body that are read to keep its connection
_LONGEST_DRAIN = 1.0  # seconds for that
_CHUNK = 1 << 16


class RedirectError(Exception):
    """A redirect that is not followed; the message says why."""


class Client:
    """Connections to the hosts of URLs, for any number of threads.

    Proxies and certificates come from the environment; cookies and credentials from nowhere
    (urllib3 knows neither `.netrc` nor a cookie jar).

    Args:
        connections: connections to a host that are kept alive.
    """

    def __init__(self, connections: int) -> None:
        self._connections = connections
        self._lock = threading.Lock()
        self._pools: dict[str | None, urllib3.PoolManager] = {}  # by proxy
        self._headers = request_headers()
        self._proxy = functools.lru_cache(maxsize=64)(_find_proxy)

    def get(self, url: str) -> urllib3.BaseHTTPResponse:
        """Returns the answer to a GET request, behind at most five redirects, its body unread.

        Raises:
            RedirectError: redirects lead in circles, from HTTPS to plain HTTP, or nowhere.
            urllib3.exceptions.HTTPError: there is no answer.
        """
        for _ in range(_LONGEST_CHAIN + 1):
            response = self._pool_of(url).request(
                "GET",
                url,
                headers=self._headers,
                preload_content=False,
                redirect=False,
                retries=False,
                timeout=urllib3.Timeout(
                    connect=retry.RETRY.connect_timeout, read=retry.RETRY.read_timeout
                ),
            )
            if response.status not in _REDIRECTS:
                return response
            location = response.headers.get("Location", "")
            give_back(response)
            url = _follow(url, location)
        raise RedirectError(f"more than {_LONGEST_CHAIN} redirects")

    def close(self) -> None:
        """Closes the connections that are not in use, and the others when they are given back."""
        with self._lock:
            for pools in self._pools.values():
                pools.clear()

    def _pool_of(self, url: str) -> urllib3.PoolManager:
        parts = urlsplit(url)
        proxy = self._proxy(parts.scheme, parts.netloc)
        with self._lock:
            if proxy not in self._pools:
                self._pools[proxy] = self._open(proxy)
            return self._pools[proxy]

    def _open(self, proxy: str | None) -> urllib3.PoolManager:
        options: dict[str, Any] = {
            "cert_reqs": "CERT_REQUIRED",
            "ca_certs": os.environ.get("REQUESTS_CA_BUNDLE")
            or os.environ.get("CURL_CA_BUNDLE")
            or requests.utils.DEFAULT_CA_BUNDLE_PATH,
        }
        if proxy is None:
            return urllib3.PoolManager(maxsize=self._connections, **options)
        # knows the proxy's password and SOCKS
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=self._connections)
        pools: urllib3.PoolManager = adapter.proxy_manager_for(proxy, **options)
        return pools


def content_length(response: urllib3.BaseHTTPResponse) -> int | None:
    """Returns the bytes that the body has by its header; None where that names no number."""
    length = response.headers.get("Content-Length", "").strip()
    return int(length) if re.fullmatch("[0-9]{1,18}", length) else None


def give_back(response: urllib3.BaseHTTPResponse) -> None:
    """Gives the connection of an unused answer back for the next request, where the rest of the
    body is short and comes at once; closes it else.
    """
    length = content_length(response)
    if length is not None and length <= _LARGEST_DRAIN:
        deadline = time.monotonic() + _LONGEST_DRAIN
        with contextlib.suppress(urllib3.exceptions.HTTPError, OSError):
            while read_some(response) and time.monotonic() < deadline:
                pass
    response.close()  # which leaves a connection alone whose answer was read to its end


def read_some(response: urllib3.BaseHTTPResponse) -> bytes:
    """Returns the next bytes of a body, as soon as there are any; none at its end."""
    # urllib3 1 has only `read`, which waits for all that it is asked for
    read = getattr(response, "read1", response.read)
    piece: bytes = read(_CHUNK, decode_content=False)
    return piece


def _find_proxy(scheme: str, host: str) -> str | None:
    url = f"{scheme}://{host}/"
    proxy = requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url))
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def _follow(url: str, location: str) -> str:
    """The URL that a redirect leads to.

    Raises:
        RedirectError: it is not to be followed.
    """
    if not re.fullmatch("[!-~]+", location):
        raise RedirectError(f"a redirect to {location[:100]!r}, which is no URL")
    try:
        target = urlsplit(urljoin(url, location))
        host, _ = target.hostname, target.port
    except ValueError:
        raise RedirectError(f"a redirect to {location[:100]!r}, which is no URL") from None
    if not host or target.scheme not in ("http", "https"):
        raise RedirectError(f"a redirect to {location[:100]!r}, which is no URL")
    if urlsplit(url).scheme == "https" and target.scheme != "https":
        raise RedirectError(f"a redirect from HTTPS to plain HTTP, at {host}")
    if "@" in target.netloc:
        raise RedirectError(f"a redirect to a URL with credentials, at {host}")
    return target.geturl()
