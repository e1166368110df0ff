"""One attempt to fetch one image: a request, and the checks that its answer has to pass.

An answer is complete that ends where it said, holds a JPEG from its start to its end, and has the
checksum that is known of it. Format: ITU-T T.81 (JPEG), annex B.
"""

from __future__ import annotations

import hashlib
import re
import ssl
import struct
import threading
from collections.abc import Callable
from enum import Enum
from http import HTTPStatus
from typing import NamedTuple

import urllib3

from .._util import retry
from .client import Client, RedirectError, content_length
from .failures import describe_failure, is_unreachable
from .transport import read_some

# bytes of an image that are read at most; those of PASS have 124 KB on average
LARGEST_IMAGE = 32 << 20
LONGEST_ATTEMPT = 120.0  # seconds
_CHUNK = 1 << 16

_SLOW_DOWN = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_DENIED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_UNTYPED = ("", "application/octet-stream", "binary/octet-stream")
_ETAG_MD5 = re.compile(r'"(?:md5:)?([0-9a-fA-F]{32})"')


class Kind(Enum):
    """What came of an attempt."""

    COMPLETE = "complete"
    MISSING = "missing"  # the server has no such image
    REFUSED = "refused"  # no image, and perhaps none for any hash: access denied, or another page
    WRONG = "wrong"  # an image that is not the one expected
    BROKEN = "broken"  # the connection or the answer broke off
    THROTTLED = "throttled"  # the server wants fewer requests
    UNREACHABLE = "unreachable"  # no connection
    UNTRUSTED = "untrusted"  # a certificate that does not hold


class Answer(NamedTuple):
    """What came of an attempt; `reason` says why there is no image, `retry_after` has seconds."""

    kind: Kind
    reason: str | None = None
    data: bytes | None = None
    sha256: str | None = None
    etag_md5: str | None = None
    retry_after: float = 0.0


def ask(
    client: Client,
    url: str,
    *,
    expected: str | None,
    ended: threading.Event,
    count: Callable[[int], object],
) -> Answer:
    """Requests one image, and checks the answer.

    Args:
        client: the connections.
        url: where the image is.
        expected: the SHA-256 that it must have, in hex; None where that is unknown.
        ended: ends the attempt when set.
        count: called with the number of bytes of each piece, and with their negative sum where
            they are of no use.
    """
    try:
        response = client.get(url, seconds=LONGEST_ATTEMPT)
        refusal = _refusal(response)
        if refusal is not None:
            client.give_back(response)
            return refusal
        try:
            data = _read(response, ended, count)
        finally:
            response.close()
    except (RedirectError, _TooLargeError) as err:
        return Answer(Kind.REFUSED, str(err))
    except (urllib3.exceptions.HTTPError, OSError) as err:
        return Answer(_kind(err), describe_failure(err))
    answer = _check(response, data, expected)
    if answer.data is None:
        count(-len(data))
    return answer


def _kind(err: Exception) -> Kind:
    if isinstance(err, urllib3.exceptions.SSLError):
        untrusted = any(isinstance(cause, ssl.SSLCertVerificationError) for cause in err.args)
        return Kind.UNTRUSTED if untrusted else Kind.UNREACHABLE
    return Kind.UNREACHABLE if is_unreachable(err) else Kind.BROKEN


class _TooLargeError(Exception):
    """A body that is not read to its end."""


def _refusal(response: urllib3.BaseHTTPResponse) -> Answer | None:
    """What status and headers say against reading the body; None where nothing."""
    status = response.status
    if status != HTTPStatus.OK:
        known = status in {each.value for each in HTTPStatus}
        reason = f"{status} {HTTPStatus(status).phrase}" if known else f"status {status}"
        if status in _SLOW_DOWN:
            seconds = retry.retry_after_seconds(response.headers.get("Retry-After", ""))
            return Answer(Kind.THROTTLED, reason, retry_after=seconds)
        if status in retry.TRANSIENT:
            return Answer(Kind.BROKEN, reason)
        return Answer(Kind.REFUSED if status in _DENIED else Kind.MISSING, reason)
    content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if content_type not in _UNTYPED and not content_type.startswith("image/"):
        return Answer(Kind.REFUSED, f"expected image/jpeg, found {content_type[:60]}")
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        return Answer(Kind.REFUSED, f"expected the file as it is, found it as {encoding[:60]}")
    length = content_length(response)
    if length is not None and length > LARGEST_IMAGE:
        return Answer(Kind.REFUSED, f"expected {LARGEST_IMAGE:,} bytes at most, found {length:,}")
    return None


def _read(
    response: urllib3.BaseHTTPResponse,
    ended: threading.Event,
    count: Callable[[int], object],
) -> bytes:
    """The body, up to its end.

    Raises:
        _TooLargeError: it is too large.
        OSError, urllib3.exceptions.HTTPError: it breaks off, or takes too long.
    """
    data = bytearray()
    length = content_length(response)
    of = "" if length is None else f" of {length:,}"
    failure = None
    try:
        while piece := read_some(response, _CHUNK):
            data += piece
            count(len(piece))
            if len(data) > LARGEST_IMAGE:
                raise _TooLargeError(f"expected {LARGEST_IMAGE:,} bytes at most, found more")
            if ended.is_set():
                raise ConnectionError("cancelled")
    except urllib3.exceptions.ReadTimeoutError:
        failure = "timed out"
    except urllib3.exceptions.HTTPError:
        failure = "cut off"
    except BaseException:
        count(-len(data))
        raise
    if failure is None and length is not None and len(data) != length:  # so with urllib3 1
        failure = "cut off"
    if failure is not None:
        count(-len(data))
        raise ConnectionError(f"{failure} after {len(data):,}{of} bytes")
    return bytes(data)


def _check(response: urllib3.BaseHTTPResponse, data: bytes, expected: str | None) -> Answer:
    """The answer that holds these bytes."""
    match = _ETAG_MD5.fullmatch(response.headers.get("ETag", "").strip())
    etag_md5 = match[1].lower() if match else None
    sha256 = hashlib.sha256(data).hexdigest()
    if expected is not None and sha256 != expected.lower():
        return Answer(Kind.WRONG, f"expected SHA-256 {expected}, found {sha256}")
    if expected is None and etag_md5 is not None:
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        if md5 != etag_md5:
            return Answer(Kind.WRONG, f"expected MD5 {etag_md5} (its ETag), found {md5}")
    start = _first_scan(data)
    if start is None:
        return Answer(Kind.REFUSED, f"expected a JPEG, found {data[:8]!r}")
    verified = expected is not None or etag_md5 is not None
    if not verified and data.find(b"\xff\xd9", start) < 0:
        return Answer(Kind.BROKEN, f"expected a JPEG with its end, found {len(data):,} bytes of it")
    return Answer(Kind.COMPLETE, None, data, sha256, etag_md5)


def _first_scan(data: bytes) -> int | None:
    """Where the header of a JPEG ends and its first scan begins; None where there is no header, or
    only a part of one.

    >>> _first_scan(bytes.fromhex("ffd8 ffc0 000b 08 0002 0003 01 011100 ffda 0000"))
    15
    """
    if data[:3] != b"\xff\xd8\xff":
        return None
    position = 2
    framed = False
    while position + 4 <= len(data):
        marker, length = struct.unpack_from(">HH", data, position)
        if marker == 0xFFFF:  # a fill byte
            position += 1
            continue
        if marker < 0xFF00 or length < 2 and marker != 0xFFDA:
            return None
        if marker == 0xFFDA:
            return position if framed else None
        framed |= 0xFFC0 <= marker <= 0xFFCF and marker not in (0xFFC4, 0xFFC8, 0xFFCC)
        position += 2 + length
    return None
