"""URLs: as they may be printed, without user, password and query; and where redirects lead."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

from .._util.text import plain_line

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://|//")
_URL = re.compile(r"\w+://[^\s'\"<>]+")
_HOST = re.compile(r"(?:\[[0-9a-fA-F:.%]*\]|[^\[\]:@\\]*)(?::\d*)?")


def without_secrets(url: str) -> str:
    """Returns the URL for messages and logs: no user, no password, `?...` for a query, no fragment.

    Of a URL so malformed that a password could be anywhere in it, only the scheme is left.

    >>> without_secrets("https://me:pass@mirror.example/records/1/PASS.0.tar?token=secret")
    'https://mirror.example/records/1/PASS.0.tar?...'
    """
    match = _SCHEME.match(url)
    scheme, rest = (match[0], url[match.end() :]) if match else ("", url)
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    if "@" in authority:
        rest = authority.rpartition("@")[2] + rest[len(authority) :]
    elif "@" in rest and not _HOST.fullmatch(authority):  # a password with an unescaped / ? or #
        return f"{scheme}..."
    path = re.split("[?#]", rest, maxsplit=1)[0]
    return plain_line(scheme + path + ("?..." if "?" in rest[len(path) :] else ""), limit=1000)


def redact_urls(text: str) -> str:
    """Returns a text, such as the message of an error, whose URLs are without their secrets.

    >>> redact_urls("503 for url 'https://s3.example/lfs/1?Signature=secret'")
    "503 for url 'https://s3.example/lfs/1?...'"
    """
    return _URL.sub(lambda match: without_secrets(match[0]), text)


def redirect_target(url: str, location: str) -> str:
    """Returns the URL that a redirect leads to.

    Args:
        url: what was asked for.
        location: the Location header of the answer, as `http.client` decodes it.

    Raises:
        ValueError: it is not to be followed; the message says why.
    """
    try:
        target = urljoin(url, location.encode("latin-1").decode())
        parts = urlsplit(target)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if usable and "@" in parts.netloc:
        raise ValueError("a redirect to a URL with user or password")
    if urlsplit(url).scheme == "https" and not (usable and parts.scheme == "https"):
        raise ValueError("a redirect from https to something else")
    if not usable:
        raise ValueError("a redirect to a malformed URL")
    return target
