"""URLs in messages: no user, password or query, whatever the URL; and where redirects lead."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pass_utils.net.urls import redact_urls, redirect_target, without_secrets

FROM = "https://images.example/012/a.jpg"


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


def test_redact_urls_drops_secrets_of_every_url_in_a_text():
    text = "GET https://me:SECRET@a/b?token=SECRET; then <s3://SECRET@c/d#SECRET> of /home/me@x?y"
    assert redact_urls(text) == "GET https://a/b?... then <s3://c/d> of /home/me@x?y"


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
    assert redirect_target(FROM, location) == target


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://images.example/012/a.jpg", "from https to something else"),
        ("ftp://images.example/a.jpg", "from https to something else"),
        ("data:image/jpeg;base64,", "from https to something else"),
        ("https://[::1/", "from https to something else"),
        ("https://images.example:99999/", "from https to something else"),
        ("https://me:secret@images.example/", "a URL with user or password$"),
    ],
)
def test_a_redirect_is_not_followed(location, reason):
    with pytest.raises(ValueError, match=reason):
        redirect_target(FROM, location)


@pytest.mark.parametrize("location", ["ftp://a/b", "http://[::1/", "http://a:99999/", "\x80\xff"])
def test_a_redirect_from_plain_http_to_a_malformed_url_is_not_followed(location):
    with pytest.raises(ValueError, match="a redirect to a malformed URL"):
        redirect_target("http://a/b", location)


def test_plain_http_may_lead_to_https_and_to_plain_http():
    assert redirect_target("http://a/b", "https://a/b") == "https://a/b"
    assert redirect_target("http://a/b", "http://c/b") == "http://c/b"
