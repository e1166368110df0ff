"""HTTP client for many small GET requests without credentials: connections kept alive, redirects
followed by hand.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import threading
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from .._util import retry
from .session import REDIRECTS, request_headers
from .transport import ThreadDeadline, read_some, set_deadline
from .urls import redirect_target

_LONGEST_CHAIN = 5  # redirects from one URL
_LARGEST_DRAIN = 1 << 16  # bytes of an unused body that are read to keep its connection
_LONGEST_DRAIN = 1.0  # seconds for that


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
        self._deadline = ThreadDeadline()
        self._proxy = functools.lru_cache(maxsize=64)(_find_proxy)

    def get(self, url: str, *, seconds: float) -> urllib3.BaseHTTPResponse:
        """Returns the answer to a GET request, behind at most five redirects, its body unread.

        Args:
            url: http or https.
            seconds: how long reading the answer may take, its body included.

        Raises:
            RedirectError: redirects lead in circles, from HTTPS to plain HTTP, or nowhere.
            urllib3.exceptions.HTTPError: there is no answer.
        """
        self._deadline.start(seconds)
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
            location = response.headers.get("Location")
            if response.status not in REDIRECTS or location is None:
                return response
            self.give_back(response)
            self._deadline.start(seconds)
            try:
                url = redirect_target(url, location)
            except ValueError as err:
                raise RedirectError(str(err)) from None
        raise RedirectError(f"more than {_LONGEST_CHAIN} redirects")

    def give_back(self, response: urllib3.BaseHTTPResponse) -> None:
        """Keeps the connection of an unused answer, where the rest of the body is short and comes
        at once; closes it else.
        """
        length = content_length(response)
        if length is not None and length <= _LARGEST_DRAIN:
            self._deadline.start(_LONGEST_DRAIN)
            with contextlib.suppress(urllib3.exceptions.HTTPError, OSError):
                while read_some(response, _LARGEST_DRAIN):
                    pass
        response.close()  # which leaves a connection alone whose answer was read to its end

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
        pools: urllib3.PoolManager
        if proxy is None:
            pools = urllib3.PoolManager(maxsize=self._connections, **options)
        else:  # requests knows the proxy's password and SOCKS
            adapter = requests.adapters.HTTPAdapter(pool_maxsize=self._connections)
            pools = adapter.proxy_manager_for(proxy, **options)
        set_deadline(pools, self._deadline)
        return pools


def content_length(response: urllib3.BaseHTTPResponse) -> int | None:
    """Returns the bytes that the body has by its header; None where that names no number."""
    length = response.headers.get("Content-Length", "").strip()
    return int(length) if re.fullmatch("[0-9]{1,18}", length) else None


def _find_proxy(scheme: str, host: str) -> str | None:
    url = f"{scheme}://{host}/"
    proxy = requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url))
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy
