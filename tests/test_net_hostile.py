"""Servers that mean harm, or are broken: each ends in a RemoteError, soon, and without their
escapes or our secrets in it.
"""

from __future__ import annotations

import logging
import socket
import time
import traceback
from collections.abc import Iterator

import pytest
from support.loopback import RawServer
from support.zenodo import Fault, Zenodo, clear_environment

from pass_utils import RemoteError
from pass_utils._util import retry
from pass_utils._util.retry import Retry
from pass_utils.net import session
from pass_utils.net.ranges import RemoteFile

NAME = "PASS.0.tar"
SIZE = 100_000
DATA = bytes(range(250)) * 400
HEAD = b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-99999/100000\r\n"
FULL = HEAD + b"Content-Length: 100000\r\n\r\n"

# in place of minutes: an answer that gives less than 1000 bytes in 0.2 s is broken off
QUICK = Retry(
    attempts=3,
    first_wait=0.001,
    connect_timeout=1,
    header_timeout=0.3,
    read_timeout=0.2,
    progress_bytes=1000,
    progress_seconds=0.2,
)


@pytest.fixture(autouse=True)
def setting(monkeypatch):
    """A plain environment, and short limits."""
    clear_environment(monkeypatch)
    monkeypatch.setattr(retry, "RETRY", QUICK)
    monkeypatch.setattr(session, "_answered", set())


@pytest.fixture
def server(tmp_path) -> Iterator[Zenodo]:
    (tmp_path / NAME).write_bytes(DATA)
    with Zenodo(tmp_path) as zenodo:
        yield zenodo


def read(url: str, offset: int = 0) -> bytes:
    with RemoteFile(url, SIZE) as file:
        return b"".join(file.read(offset, SIZE - offset))


def fails(url: str, match: str) -> RemoteError:
    """The error of a read, which comes soon: 20 s are an age beside the limits above."""
    begin = time.monotonic()
    with pytest.raises(RemoteError, match=match) as caught:
        read(url)
    assert time.monotonic() - begin < 20
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 800
    return caught.value


def trickle(connection: socket.socket, begin: bytes, piece: bytes, server: RawServer) -> None:
    """Sends the beginning at once, and then the same piece, again and again."""
    connection.sendall(begin)
    while not server.stopped.wait(0.02):
        connection.sendall(piece)


class TestTime:
    @pytest.mark.parametrize(
        ("begin", "piece", "match"),
        [
            (FULL, b"x", "too few in 3 attempts; the last: "),
            (HEAD + b"X-Long: ", b"x", "none in 3 attempts; the last: reading timed out"),
            (HEAD, b"X: y\r\n", "none in 3 attempts; the last: "),
            (b"", b"HTTP/1.1 100 Continue\r\n\r\n", "none in 3 attempts; the last: reading timed"),
            (b"HTTP/1.1 100 Continue\r\n", b"X: y\r\n", "none in 3 attempts; the last: "),
            (b"", b"H", "none in 3 attempts; the last: reading timed out"),
            (
                HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;",
                b"x",
                "none in 3 attempts; the last: reading timed out",
            ),
            (
                HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
                b"1\r\nx\r\n",
                "too few in 3 attempts; the last: ",
            ),
        ],
        ids=["body", "header", "headers", "100s", "100", "status", "chunk size", "chunks"],
    )
    def test_a_server_that_trickles_is_given_up(self, begin, piece, match):
        with RawServer(lambda connection: trickle(connection, begin, piece, server)) as server:
            fails(f"{server.host}/{NAME}", match)
            assert len(server.requests) == 3

    def test_a_proxy_that_trickles_is_given_up(self, monkeypatch):
        with RawServer(
            lambda connection: trickle(connection, b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", server)
        ) as server:
            monkeypatch.setenv("https_proxy", server.host)
            fails(f"https://mirror.example/{NAME}", "none in 3 attempts; the last: ")
            assert server.requests[0].startswith(b"CONNECT mirror.example:443")

    def test_a_server_that_cuts_after_each_byte_is_given_up(self, server):
        server.always = lambda path, start: Fault(cut=1)
        fails(server.url(NAME), "expected bytes from 3 on, got too few in 3 attempts")
        assert len(server.requests) == 3

    def test_a_server_that_cuts_after_enough_bytes_is_read_to_the_end(self, server):
        server.always = lambda path, start: Fault(cut=1000)
        assert read(server.url(NAME)) == DATA

    def test_the_pauses_of_the_reader_do_not_count(self, server, monkeypatch):
        monkeypatch.setattr(retry, "RETRY", QUICK._replace(progress_bytes=SIZE))
        monkeypatch.setattr("pass_utils.net.ranges._CHUNK", 10_000)
        with RemoteFile(server.url(NAME), SIZE) as file:
            got = b""
            for data in file.read(0, SIZE):
                got += data
                time.sleep(0.05)
        assert got == DATA
        assert len(server.requests) == 1


class TestFirstContact:
    """Where a server never answered, a few attempts are enough, and one error is all."""

    @pytest.fixture(autouse=True)
    def patient(self, monkeypatch):
        monkeypatch.setattr(retry, "RETRY", QUICK._replace(attempts=9, first_attempts=4))

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            (f"https://no-such-host.invalid/{NAME}", "the server's name cannot be resolved"),
            (f"http://127.0.0.1:1/{NAME}", "Connection refused"),
        ],
    )
    def test_a_server_that_cannot_be_reached_is_one_error_after_few_attempts(
        self, caplog, url, reason
    ):
        fails(url, f"got none in 4 attempts; the last: {reason}")
        assert caplog.text == ""

    def test_few_attempts_end_when_the_seconds_are_over(self, monkeypatch):
        monkeypatch.setattr(retry, "RETRY", QUICK._replace(first_seconds=0))
        fails(f"http://127.0.0.1:1/{NAME}", "got none in 1 attempts")

    def test_the_usual_policy_gives_up_after_about_ten_seconds(self):
        usual = Retry()
        assert 5 < sum(usual.first_wait * 2**n for n in range(usual.first_attempts - 1)) < 10
        assert usual.first_seconds == 10

    def test_a_server_that_answered_once_is_waited_for(self, server, caplog):
        url = server.url(NAME)
        assert read(url) == DATA
        server.shutdown()
        server.server_close()
        fails(url, "got none in 9 attempts; the last: Connection refused")
        assert caplog.text.count("resuming at byte 0") == 8

    def test_a_server_that_is_busy_is_waited_for(self, server):
        server.always = lambda path, start: Fault(status=503)
        fails(server.url(NAME), "got none in 9 attempts")


class TestRedirects:
    def redirected(self, server: Zenodo, location: str) -> str:
        server.always = lambda path, start: Fault(status=302, headers=(("Location", location),))
        return server.url(NAME)

    def test_the_body_of_a_redirect_is_not_read(self, server):
        sent = 0

        def answer(connection: socket.socket) -> None:
            nonlocal sent
            connection.sendall(
                b"HTTP/1.1 302 Found\r\nContent-Length: 99999999999\r\n"
                + f"Location: {server.url(NAME)}\r\n\r\n".encode()
            )
            while not raw.stopped.is_set() and sent < 1 << 28:
                sent += connection.send(bytes(1 << 16))

        with RawServer(answer) as raw:
            assert read(f"{raw.host}/{NAME}") == DATA
        assert sent < 1 << 26

    @pytest.mark.parametrize(
        "location",
        ["http://[::1", "http://", "https:///x", "ftp://127.0.0.1/x", "file:///etc/passwd"]
        + ["http://host:port/x", "http://a..b/x", "javascript:alert(1)", "http://\x80\xff/x"]
        + ["http://127.0.0.1:99999/x", "http://a\x00b/x"],
    )
    def test_to_a_url_that_cannot_be_asked_is_an_error_at_once(self, server, location):
        url = self.redirected(server, location)
        fails(url, "expected a valid URL, found: ")
        assert len(server.requests) == (11 if location == "http://" else 1)  # back to the same

    def test_from_https_to_http_is_refused(self):
        for target in ("http://zenodo.org/x", "HTTP://127.0.0.1/", "ftp://zenodo.org/x"):
            with pytest.raises(RemoteError, match="found: a redirect from https to something else"):
                session._follow("https://zenodo.org/y", "https://zenodo.org/y", target)
        for target in ("/x", "x", "//zenodo.org/x", "https://zenodo.org/x", "HTTPS://zenodo.org/x"):
            followed = session._follow("https://zenodo.org/y", "https://zenodo.org/y", target)
            assert followed.lower() == "https://zenodo.org/x"

    def test_a_redirect_without_a_location_is_refused(self, server):
        server.always = lambda path, start: Fault(status=302)
        fails(server.url(NAME), "expected 206 or 200, found 302 Found")


class TestHeaders:
    @pytest.mark.parametrize(
        ("fault", "match"),
        [
            (Fault(content_range=f"bytes 0-{'9' * 5000}/100000"), "the last: requested bytes"),
            (Fault(content_range=f"bytes 0-99999/{'9' * 5000}"), "the last: requested bytes"),
            (Fault(content_range="bytes 0-99999/100\x1b[31m"), "the last: requested bytes"),
            (Fault(content_range="bytes ²-³/¹"), "the last: requested bytes"),
            (Fault(ignore_range=True, headers=(("Content-Length", "9" * 5000),)), "the last: "),
            (
                Fault(status=416, headers=(("Content-Range", f"bytes */{'9' * 5000}"),)),
                "found a file of another number of bytes",
            ),
            (
                Fault(status=429, headers=(("Retry-After", "9" * 5000),)),
                r"the last: 429 Too Many Requests, Retry-After: 9+\.\.\.",
            ),
            (
                Fault(
                    status=429,
                    headers=(("Retry-After", "Wed, 25 Nov 99999999999 00:00:00 GMT"),),
                ),
                "in 3 attempts; the last: 429 Too Many Requests",
            ),
            (Fault(headers=(("Content-Encoding", "gzip"),)), "found Content-Encoding gzip"),
            (Fault(headers=(("Content-Encoding", "x\x1b[2J"),)), r"found Content-Encoding x\[2J"),
            (
                Fault(ignore_range=True, headers=(("Content-Encoding", "br"),)),
                "found Content-Encoding br",
            ),
            (
                Fault(headers=(("Content-Type", "multipart/byteranges; boundary=x"),)),
                "found Content-Type multipart/byteranges",
            ),
        ],
    )
    def test_of_nonsense_are_refused_by_name(self, server, fault, match):
        server.always = lambda path, start: fault
        fails(server.url(NAME), match)

    def test_that_say_that_the_bytes_are_as_they_are_are_fine(self, server):
        server.always = lambda path, start: Fault(
            headers=(("Content-Encoding", "identity"), ("Content-Type", "application/x-tar"))
        )
        assert read(server.url(NAME)) == DATA

    @pytest.mark.parametrize(
        "answer",
        [
            b"HTTP/1.1 404 Not\x1b[2J\xe2\x80\xae Found\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-5/6\r\n"
            b'ETag: "a\x1b]0;evil\x07"\r\nContent-Length: 6\r\n\r\n',
            b"HTTP/1.1 500 \x9b31m\r\nContent-Length: 0\r\nRetry-After: \x1b[1m9999\r\n\r\n",
            b"HTTP/1.1 abc\r\n\r\n",
            b"\x1b[2J" * 99 + b"\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n",
            b"HTTP/1.1 200 OK\r\nX: " + b"y" * 99_999 + b"\r\n\r\n",
            b"HTTP/9.9 206 \xff\r\n\xff\xfe: x\r\n\r\n",
            b"",
        ],
    )
    def test_of_any_bytes_end_in_an_error_that_can_be_printed(self, answer):
        with RawServer(lambda connection: connection.sendall(answer)) as server:
            fails(f"{server.host}/{NAME}", "^http://127.0.0.1:")

    def test_an_etag_that_is_none_is_not_sent_back(self, server):
        server.faults = [Fault(cut=1000, etag='"a\x1b[2J"')]
        server.always = lambda path, start: Fault(etag='"a\x1b[2J"')
        assert read(server.url(NAME)) == DATA
        assert [request.headers.get("if-range") for request in server.requests] == [None, None]

    def test_a_changed_etag_is_named_without_escapes(self, server):
        changed = Fault(headers=(("ETag", 'W/"b\x1b[2J"'),))
        server.faults = [Fault(cut=1000, etag='"a"'), changed]
        fails(server.url(NAME), r'found another file of 100,000 bytes \(ETag W/"b\[2J"\)')


class TestSecrets:
    def test_of_a_url_show_in_no_error_and_no_log(self, server, caplog):
        caplog.set_level(logging.INFO, "pass_utils")
        base = server.host.replace("http://", "http://me:SECRET@")
        texts = []
        for url, fault in [
            (f"{base}/records/1/files/{NAME}?token=SECRET", Fault(status=404)),
            (f"{base}/records/1/files/{NAME}?token=SECRET", Fault(status=503)),
            (f"{base}/records/1/files/{NAME}?token=SECRET", Fault(cut=0)),
            (f"{base}/records/1/files/{NAME}?token=SECRET", Fault(silence=0.5)),
            (f"{base}/records/1/files/{NAME}?token=SECRET", Fault(extend=1)),
            (f"{base}/records/1/files/{NAME}?token=SECRET", Fault(shift=1)),
            (
                f"{base}/records/1/files/{NAME}",
                Fault(status=302, headers=(("Location", "http://me:SECRET@[::1"),)),
            ),
            ("http://me:SECRET@127.0.0.1:1/a?token=SECRET", Fault()),
            ("http://me:SECRET@no-such-host.invalid/a?token=SECRET", Fault()),
            ("https://me:SECRET@[::1", Fault()),
            ("ftp://me:SECRET@host/a", Fault()),
            ("http://me:SECRET@a..b/a", Fault()),
            ("https://me:SEC/SECRET@host/a", Fault()),
            ("me:SECRET@host/a", Fault()),
        ]:
            server.always = lambda path, start, fault=fault: fault
            with pytest.raises(RemoteError) as caught:
                read(url)
            texts += [repr(caught.value), caught.value.url]
            texts += traceback.format_exception(caught.value)
        assert "resuming at byte" in caplog.text
        assert not [text for text in [caplog.text, *texts] if "SECRET" in text]

    def test_of_a_url_reach_its_server(self, server):
        base = server.host.replace("http://", "http://me:secret@")
        assert read(f"{base}/records/1/files/{NAME}?token=x") == DATA
        assert server.requests[0].path.endswith(f"{NAME}?token=x")
        assert server.requests[0].headers["authorization"].startswith("Basic ")

    def test_the_token_does_not_go_through_a_proxy_in_clear(self, server, monkeypatch):
        monkeypatch.setenv("ZENODO_TOKEN", "SECRET")
        monkeypatch.setenv("http_proxy", server.host)
        monkeypatch.setenv("https_proxy", server.host)
        for host in ("http://localhost:8000", "http://127.0.0.1:8000", "http://zenodo.org"):
            assert read(f"{host}/records/1/files/{NAME}") == DATA
        with pytest.raises(RemoteError):
            read(f"https://zenodo.org/records/1/files/{NAME}")
        assert not [r for r in server.requests if "SECRET" in str(r.headers)]

    def test_netrc_does_not_replace_the_token(self, server, monkeypatch, tmp_path):
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password other\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        monkeypatch.setenv("ZENODO_TOKEN", "SECRET")
        monkeypatch.setattr(session, "_TOKEN_ORIGINS", (server.host,))
        assert read(server.url(NAME)) == DATA
        assert server.requests[0].headers["authorization"] == "Bearer SECRET"


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"])
def test_a_read_asks_nothing_of_the_network_when_offline(server, monkeypatch, variable):
    monkeypatch.setenv(variable, "1")
    with pytest.raises(RemoteError, match=f"{variable} is set: expected {NAME} on this machine"):
        read(server.url(NAME) + "?token=SECRET")
    assert server.requests == []
