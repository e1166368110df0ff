"""URL templates of single images: a URL in which the hash of an image, or a part of it, is a
placeholder.
"""

from __future__ import annotations

import os
import re

import urllib3

from ..errors import ReleaseError, RemoteError
from ..hashes import HASH_MEANS
from ..releases import SOURCE_URL
from .urls import without_secrets

URL_VARIABLE = "PASS_IMAGE_URL"
DEFAULT_TEMPLATE = SOURCE_URL + "{h[:3]}/{h[3:6]}/{h}.jpg"

_PLACEHOLDER = re.compile(r"\{h(?:\[(\d{0,2}):(\d{0,2})\])?\}")
_HASH = re.compile("[0-9a-f]{16,32}")


def image_url(hash: str, template: str | None = None) -> str:
    """Returns the URL of one image.

    >>> image_url("0123456789abcdef", "https://example.org/{h[:3]}/{h[3:6]}/{h}.jpg")
    'https://example.org/012/345/0123456789abcdef.jpg'

    Args:
        hash: the image's hash.
        template: a URL in which `{h}` stands for the hash and `{h[3:6]}` for a part of it; None for
            that of the environment's `PASS_IMAGE_URL`, and else of YFCC100M's public bucket.

    Raises:
        RemoteError: the template makes no URLs, or the same for several images.
        ReleaseError: the hash is none.
    """
    return expand(check_template(template), hash)


def check_template(template: str | None) -> str:
    """Returns the template to use.

    Args:
        template: as in `image_url`.

    Raises:
        RemoteError: it makes no URLs, or the same for several images.
    """
    template = template or os.environ.get(URL_VARIABLE, "").strip() or DEFAULT_TEMPLATE
    text = _PLACEHOLDER.sub("0", template)
    try:
        parts = urllib3.util.parse_url(text)
    except urllib3.exceptions.LocationParseError:
        parts = urllib3.util.Url()
    if (
        not re.fullmatch("[!-~]+", template)
        or "{h}" not in template.partition("#")[0]
        or set("{}") & set(text)
        or parts.scheme not in ("http", "https")
        or not parts.host
        or "@" in (parts.netloc or "")
        or parts.auth is not None
    ):
        raise RemoteError(
            f"{URL_VARIABLE}: expected a URL without user and password, and with {{h}} where the "
            f"hash of an image stands, such as {DEFAULT_TEMPLATE}, found "
            f"{without_secrets(template)!r}. Set it to such a URL, or unset it."
        )
    return template


def template_host(template: str) -> str:
    """Returns the host that a valid template names, for messages."""
    return str(urllib3.util.parse_url(_PLACEHOLDER.sub("0", template)).host)


def expand(template: str, hash: str) -> str:
    """Returns the URL of an image by a valid template.

    Raises:
        ReleaseError: the hash is none.
    """
    if not _HASH.fullmatch(hash):
        raise ReleaseError(f"hash: expected {HASH_MEANS}, found {hash!r}.")

    def part(match: re.Match[str]) -> str:
        begin, end = match[1], match[2]
        return hash[int(begin or 0) : int(end) if end else None]

    return _PLACEHOLDER.sub(part, template)
