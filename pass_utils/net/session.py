"""HTTP sessions: User-Agent, the Zenodo token, and the variables that forbid the network.

Zenodo asks clients for a User-Agent of their own (some default ones get 403), and gives guests
about 60 requests a minute; a personal token raises the limit.
"""

from __future__ import annotations

import os
import re

import requests
import urllib3

from .._version import __version__
from ..errors import RemoteError

TOKEN_VARIABLE = "ZENODO_TOKEN"
_TOKEN_ORIGINS = ("https://zenodo.org", "https://sandbox.zenodo.org")
_OFFLINE_VARIABLES = ("HF_DATASETS_OFFLINE", "HF_HUB_OFFLINE")


def open_session() -> requests.Session:
    """Opens a session with our User-Agent; proxies and certificates come from the environment."""
    session = requests.Session()
    session.headers["User-Agent"] = (
        f"pass-utils/{__version__} ({requests.utils.default_user_agent()})"
    )
    session.headers["Accept-Encoding"] = "identity"
    return session


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
            url=url,
        )
    return {"Authorization": f"Bearer {token}"}


def _origin(url: str) -> str | None:
    """The scheme, host and port of a URL as the connection will read it; None where it is none."""
    try:
        address = urllib3.util.parse_url(url)
    except urllib3.exceptions.LocationParseError:
        return None
    default = {"https": 443, "http": 80}.get(address.scheme or "")
    port = "" if address.port in (None, default) else f":{address.port}"
    return f"{address.scheme}://{address.host}{port}"


def check_online(wanted: str) -> None:
    """Refuses to use the network where the environment forbids it.

    Args:
        wanted: what would be fetched, for the message.

    Raises:
        RemoteError: `HF_DATASETS_OFFLINE` or `HF_HUB_OFFLINE` is set.
    """
    for variable in _OFFLINE_VARIABLES:
        if os.environ.get(variable, "").upper() in ("1", "ON", "YES", "TRUE"):
            raise RemoteError(
                f"{variable} is set: expected {wanted} on this machine, found it missing. Unset "
                f"{variable} to fetch it, or give the folder that holds it with `data_dir=`."
            )
