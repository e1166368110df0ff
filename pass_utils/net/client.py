"""An HTTP client for many small GET requests without credentials: connections kept alive, redirects
followed by hand.
"""

from __future__ import annotations

import functools
import os
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from .._util import retry
from .session import open_session

_REDIRECTS = (301, 302, 303, 307, 308)
_LONGEST_CHAIN = 5  # redirects from one URL


class RedirectError(Exception):
    """A redirect that is not followed; the message says why."""


class Client:
    """Connections to whatever hosts URLs name, for any number of threads; proxies and certificates
    come from the environment, credentials from nowhere.

    Args:
        connections: Connections to a host that are kept alive.
    """

    def __init__(self, connections: int) -> None:
        self._connections = connections
        self._pools = functools.lru_cache(maxsize=16)(self._open_pools)
        self._headers = {name: str(value) for name, value in open_session().headers.items()}

    def get(self, url: str) -> urllib3.BaseHTTPResponse:
        """The answer to GET whose body is not yet read, behind at most five redirects.

        Raises:
            RedirectError: a redirect leads in circles, to plain HTTP, or nowhere.
            urllib3.exceptions.HTTPError: there is no answer.
        """
        for _ in range(_LONGEST_CHAIN + 1):
            parts = urlsplit(url)
            pools = self._pools(parts.scheme, parts.netloc)
            response = pools.request(
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
            release(response)
            url = _follow(url, location)
        raise RedirectError(f"redirected more than {_LONGEST_CHAIN} times")

    def _open_pools(self, scheme: str, host: str) -> urllib3.PoolManager:
        url = f"{scheme}://{host}/"
        proxy = requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url))
        options: dict[str, Any] = {
            "maxsize": self._connections,
            "cert_reqs": "CERT_REQUIRED",
            "ca_certs": os.environ.get("REQUESTS_CA_BUNDLE")
            or os.environ.get("CURL_CA_BUNDLE")
            or requests.utils.DEFAULT_CA_BUNDLE_PATH,
        }
        if proxy is None:
            return urllib3.PoolManager(**options)
        if "://" not in proxy:
            proxy = f"http://{proxy}"
        pools: urllib3.PoolManager = requests.adapters.HTTPAdapter().proxy_manager_for(
            proxy, **options
        )
        return pools


def release(response: urllib3.BaseHTTPResponse, *, at_most: int = 1 << 16) -> None:
    """Give a connection back for the next request, where few bytes of the answer are left; else
    close it.
    """
    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) <= at_most:
        response.drain_conn()
    response.close()
    response.release_conn()


def _follow(url: str, location: str) -> str:
    """Where a redirect leads.

    Raises:
        RedirectError: it is not to be followed.
    """
    try:
        target = urlsplit(urljoin(url, location))
        acceptable = bool(target.hostname) and target.port != 0
    except ValueError:
        acceptable = False
    if not location or not acceptable or target.scheme not in ("http", "https"):
        raise RedirectError(f"redirected to {location[:100]!r}, which is no URL")
    if urlsplit(url).scheme == "https" and target.scheme != "https":
        raise RedirectError(f"redirected from HTTPS to plain HTTP, at {target.hostname}")
    if "@" in target.netloc:
        raise RedirectError(f"redirected to a URL with credentials, at {target.hostname}")
    return target.geturl()
