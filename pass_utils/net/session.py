"""HTTP sessions: User-Agent, redirects, the Zenodo token, and the offline variables.

Zenodo asks clients for a User-Agent of their own (some default ones get 403), and gives guests
about 60 requests a minute; a personal token raises the limit.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

import requests
import urllib3

from .._util import retry
from .._util.text import plain_line
from .._version import __version__
from ..errors import RemoteError
from .failures import CONNECTION_ERRORS, describe_failure, is_retryable
from .transport import DeadlineAdapter
from .urls import redirect_target, without_secrets

TOKEN_VARIABLE = "ZENODO_TOKEN"
_TOKEN_ORIGINS = ("https://zenodo.org", "https://sandbox.zenodo.org")
_OFFLINE_VARIABLES = ("HF_DATASETS_OFFLINE", "HF_HUB_OFFLINE")
REDIRECTS = (301, 302, 303, 307, 308)
_MAX_REDIRECTS = 10  # Zenodo has one, from its old URLs to the new ones

_answered: set[str] = set()  # origins that have answered this process


def request_headers() -> dict[str, str]:
    """Returns the headers of every request: our User-Agent, and that bytes come as they are."""
    return {
        "User-Agent": f"pass-utils/{__version__} ({requests.utils.default_user_agent()})",
        "Accept-Encoding": "identity",
        "Accept": "*/*",
    }


class _Requests(requests.Session):
    """A session that leaves redirects alone: `requests` reads their bodies, of any length, even
    where it is not to follow them.
    """

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None."""
        return None


class Session:
    """Connections to servers, with our User-Agent; a context manager for one thread at a time.

    Proxies, certificates and `.netrc` come from the environment.
    """

    def __init__(self) -> None:
        self._adapter = DeadlineAdapter()
        self._session = _Requests()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, self._adapter)
        self._session.headers.update(request_headers())

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> requests.Response:
        """Returns the answer to a GET, with its body unread; redirects are followed.

        Only Zenodo gets the token, each server on the way its own headers. The body of a redirect
        is not read.

        Args:
            url: http or https.
            headers: beside the usual ones.

        Raises:
            RemoteError: the URL, or one that it redirects to, cannot be used: malformed, from https
                to http, redirects without end, a certificate that is not valid; or the environment
                forbids the network.
            Exception: one of `CONNECTION_ERRORS` that is worth a retry.
        """
        policy, asked = retry.RETRY, url
        check_online(without_secrets(url).partition("?")[0].rpartition("/")[2])
        for _ in range(_MAX_REDIRECTS + 1):
            origin = _origin(url)
            if origin is None:
                raise _unusable(asked, url, "no http or https URL with a host")
            token = auth_headers(url)
            self._adapter.deadline.start(policy.header_timeout)
            try:
                response = self._session.get(
                    url,
                    headers={**(headers or {}), **token},
                    auth=_as_it_is if token else None,
                    stream=True,
                    timeout=(policy.connect_timeout, policy.read_timeout),
                    allow_redirects=False,
                )
            except (*CONNECTION_ERRORS, requests.RequestException, ValueError) as err:
                if is_retryable(err):
                    raise
                cause = err if url == without_secrets(url) else None
                raise _unusable(asked, url, describe_failure(err)) from cause
            _answered.add(origin)
            location = response.headers.get("Location")
            if response.status_code not in REDIRECTS or location is None:
                return response
            response.close()
            url = _follow(asked, url, location)
        raise _unusable(asked, url, f"more than {_MAX_REDIRECTS} redirects")

    def allow(self, seconds: float) -> None:
        """Lets the body of an answer be read for so many seconds from now."""
        self._adapter.deadline.start(seconds)

    def close(self) -> None:
        """Closes the connections."""
        self._session.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def has_answered(url: str) -> bool:
    """Whether the server of a URL has answered this process before."""
    return _origin(url) in _answered


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Authentication by a header that is there already; without it `.netrc` would replace it."""
    return request


def _follow(asked: str, url: str, location: str) -> str:
    """The URL that a redirect leads to."""
    try:
        return redirect_target(url, location)
    except ValueError as err:
        raise _unusable(asked, location, str(err)) from None


def _unusable(asked: str, url: str, reason: str) -> RemoteError:
    name = without_secrets(asked)
    via = "" if url == asked else f", at {plain_line(without_secrets(url))}"
    return RemoteError(
        f"{name}: expected a valid URL, found: {reason}{via}. Check the URL.", url=name
    )


def auth_headers(url: str) -> dict[str, str]:
    """Returns the header with the token of the environment's `ZENODO_TOKEN`, which goes to Zenodo
    over HTTPS and nowhere else.

    Raises:
        RemoteError: the token cannot be sent; the message does not show it.
    """
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token or _origin(url) not in _TOKEN_ORIGINS:
        return {}
    if not re.fullmatch("[!-~]+", token):
        raise RemoteError(
            f"{TOKEN_VARIABLE}: expected a token of printable ASCII characters, found others too. "
            "Set it again, or unset it.",
            url=without_secrets(url),
        )
    return {"Authorization": f"Bearer {token}"}


def _origin(url: str) -> str | None:
    """The scheme, host and port of an http or https URL as the connection will read it, else
    None.
    """
    try:
        address = urllib3.util.parse_url(url)
    except urllib3.exceptions.LocationParseError:
        return None
    default = {"https": 443, "http": 80}.get(address.scheme or "")
    if default is None or not address.host:
        return None
    port = "" if address.port in (None, default) else f":{address.port}"
    return f"{address.scheme}://{address.host}{port}"


def check_online(wanted: str) -> None:
    """Refuses to use the network where the environment forbids it.

    Args:
        wanted: what would be fetched, for the message.

    Raises:
        RemoteError: `HF_DATASETS_OFFLINE` or `HF_HUB_OFFLINE` is set.
    """
    variable = offline_variable()
    if variable is not None:
        raise RemoteError(
            f"{variable} is set: expected {wanted} on this machine, found it missing. Unset "
            f"{variable} to fetch it, or give the folder that holds it with `data_dir=`."
        )


def offline_variable() -> str | None:
    """Returns the environment variable that forbids the network, None where none does."""
    forbids = ("1", "ON", "YES", "TRUE")
    return next(
        (name for name in _OFFLINE_VARIABLES if os.environ.get(name, "").upper() in forbids), None
    )
