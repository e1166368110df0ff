"""Redirects that are followed, and those that are not."""

from __future__ import annotations

import pytest

from pass_utils.net.client import RedirectError, _follow

FROM = "https://images.example/012/a.jpg"


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("b.jpg", "https://images.example/012/b.jpg"),
        ("/b.jpg?x=1", "https://images.example/b.jpg?x=1"),
        ("//other.example/b.jpg", "https://other.example/b.jpg"),
        ("https://other.example:8443/b.jpg", "https://other.example:8443/b.jpg"),
    ],
)
def test_a_redirect_is_followed(location, target):
    assert _follow(FROM, location) == target


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://images.example/012/a.jpg", "from HTTPS to plain HTTP, at images.example"),
        ("ftp://images.example/a.jpg", "which is no URL"),
        ("data:image/jpeg;base64,", "which is no URL"),
        ("https://[::1/", "which is no URL"),
        ("https://images.example:99999/", "which is no URL"),
        ("https://images.example/\x1b[2J", "which is no URL"),
        ("https://me:secret@images.example/", "a URL with credentials, at images.example$"),
        ("", "which is no URL"),
    ],
)
def test_a_redirect_is_not_followed(location, reason):
    with pytest.raises(RedirectError, match=reason):
        _follow(FROM, location)


def test_plain_http_may_lead_to_https_and_to_plain_http():
    assert _follow("http://a/b", "https://a/b") == "https://a/b"
    assert _follow("http://a/b", "http://c/b") == "http://c/b"
