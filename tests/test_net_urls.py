"""URLs in messages: no user, password or query, whatever the URL."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pass_utils.net.urls import without_secrets


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://zenodo.org/records/1/files/a.tar", "https://zenodo.org/records/1/files/a.tar"),
        ("http://127.0.0.1:80/a", "http://127.0.0.1:80/a"),
        ("http://[::1]:80/a", "http://[::1]:80/a"),
        ("https://me:pw@host/a", "https://host/a"),
        ("https://me@host:8080/a", "https://host:8080/a"),
        ("https://me:p@w@host/a", "https://host/a"),
        ("https://me:p/w@host/a", "https://..."),
        ("https://me:p?w@host/a", "https://..."),
        ("https://me:p#w@host/a", "https://..."),
        ("https://me:pw@[::1", "https://[::1"),
        ("//me:pw@host/a", "//host/a"),
        ("me:pw@host/a", "host/a"),
        ("https://host/a?token=pw", "https://host/a?..."),
        ("https://host?token=pw", "https://host?..."),
        ("https://host/a#pw", "https://host/a"),
        ("https://me:pw@host/a?mail=x@y", "https://host/a?..."),
        ("https://host/a@b/c", "https://host/a@b/c"),
        ("https://host/a\x1b[2J\n", "https://host/a[2J"),
        ("/home/me/PASS.0.tar", "/home/me/PASS.0.tar"),
        ("", ""),
    ],
)
def test_without_secrets_drops_user_password_and_query(url, shown):
    assert without_secrets(url) == shown


@settings(deadline=None, max_examples=200, database=None, derandomize=True)
@given(
    st.sampled_from(["https://", "http://", "ftp://", "//", ""]),
    st.sampled_from(["me:SECRET@", "SECRET@", "SECRET:x@", "me:SECRET/x@", "me:x?SECRET@", ""]),
    st.sampled_from(["host", "host:80", "[::1]:80", "[::1", "a b", "host:port", ""]),
    st.sampled_from(["", "/", "/a/b.tar", "/a@b"]),
    st.sampled_from(["", "?token=SECRET", "?a=@&b=SECRET", "?a#SECRET", "#SECRET", "?@SECRET"]),
)
def test_without_secrets_never_shows_a_secret(scheme, user, host, path, query):
    assert "SECRET" not in without_secrets(scheme + user + host + path + query)
