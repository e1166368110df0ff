"""Resumable reads of remote files: after each fault of a server the bytes come, or an error."""

from __future__ import annotations

import email.utils
import logging
import random
import socket
import threading
import time
import traceback
from collections.abc import Iterator

import pytest
import urllib3
from hypothesis import given, settings
from hypothesis import strategies as st
from support.zenodo import Fault, Zenodo, clear_environment

from pass_utils import RemoteError
from pass_utils._util import retry as retries
from pass_utils._util.retry import Retry
from pass_utils._util.threads import Stopped
from pass_utils._version import __version__
from pass_utils.net import ranges as remote
from pass_utils.net import session
from pass_utils.net.ranges import RemoteFile
from pass_utils.net.urls import without_secrets

NAME = "PASS.0.tar"
SIZE = 200_000
DATA = random.Random(0).randbytes(SIZE)
OTHER = '"md5:00000000000000000000000000000000"'
TOKEN = "a-very-secret-token"


@pytest.fixture(autouse=True)
def setting(monkeypatch):
    """A plain environment, and no waiting."""
    clear_environment(monkeypatch)
    monkeypatch.setattr(
        retries, "RETRY", Retry(attempts=4, first_wait=0.001, connect_timeout=1, read_timeout=0.3)
    )


@pytest.fixture
def server(tmp_path) -> Iterator[Zenodo]:
    (tmp_path / NAME).write_bytes(DATA)
    with Zenodo(tmp_path) as zenodo:
        yield zenodo


@pytest.fixture
def trusted(server, monkeypatch) -> Zenodo:
    """The server, taken for Zenodo."""
    monkeypatch.setattr(session, "_TOKEN_ORIGINS", (server.host,))
    return server


class Waits:
    """Stands for the event `stopped`: nobody waits, and the seconds asked for are kept."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def wait(self, seconds: float) -> bool:
        self.seconds.append(seconds)
        return False


def read(url: str, offset: int = 0, size: int | None = None, *, stopped=None) -> bytes:
    """The bytes from `offset` on, by default all."""
    with RemoteFile(url, SIZE, stopped=stopped) as file:
        return b"".join(file.read(offset, SIZE - offset if size is None else size))


def fails(
    url: str, match: str, *, offset: int = 0, status: int | None = None, stopped=None
) -> RemoteError:
    with pytest.raises(RemoteError, match=match) as caught:
        read(url, offset, stopped=stopped)
    assert caught.value.url == without_secrets(url)
    assert caught.value.status == status
    assert str(caught.value).startswith(f"{without_secrets(url)}: expected ")
    return caught.value


def ranges(server: Zenodo) -> list[str | None]:
    return [request.range for request in server.requests]


@pytest.mark.parametrize(
    ("offset", "size"), [(0, SIZE), (0, 1), (1, 511), (65_535, 65_538), (SIZE - 1, 1)]
)
def test_a_read_asks_for_its_bytes_and_no_more(server, offset, size):
    assert read(server.url(NAME), offset, size) == DATA[offset : offset + size]
    assert ranges(server) == [f"bytes={offset}-{offset + size - 1}"]
    assert [request.status for request in server.requests] == [206]
    assert server.sent == size


def test_no_bytes_need_no_request(server):
    assert read(server.url(NAME), 1000, 0) == b""
    assert server.requests == []


def test_a_request_says_who_asks_and_wants_the_bytes_as_they_are(server):
    server.faults = [Fault(cut=1000)]
    read(server.url(NAME))
    first, second = (request.headers for request in server.requests)
    assert first["user-agent"].startswith(f"pass-utils/{__version__} (python-requests/")
    assert first["accept-encoding"] == "identity"
    assert "authorization" not in first
    assert "if-range" not in first
    assert second["if-range"] == server.etag(server.folder / NAME)
    assert {**second, "range": "", "if-range": ""} == {**first, "range": "", "if-range": ""}


def test_a_short_gap_is_read_over_and_a_long_one_is_asked_anew(server, monkeypatch):
    monkeypatch.setattr(remote, "_CHUNK", 1000)
    with RemoteFile(server.url(NAME), SIZE) as file:
        assert 0 < len(next(file.read(0, SIZE))) <= 1000
        assert b"".join(file.read(1900, 100)) == DATA[1900:2000]
        assert ranges(server) == ["bytes=0-199999"]
        assert b"".join(file.read(100_000, 100)) == DATA[100_000:100_100]
        assert b"".join(file.read(500, 100)) == DATA[500:600]
        assert ranges(server)[1:] == ["bytes=100000-100099", "bytes=500-599"]


AT = 50_000  # where the reads below begin
WHOLE = "bytes=50000-199999"


@pytest.mark.parametrize(
    ("fault", "then"),
    [
        (Fault(cut=0), WHOLE),
        (Fault(cut=1), "bytes=50001-199999"),
        (Fault(cut=65_536), "bytes=115536-199999"),
        (Fault(cut=149_999), "bytes=199999-199999"),
        (Fault(cut=70_000, framed=False), "bytes=120000-199999"),
        (Fault(framed=False), None),
        (Fault(surplus=-1), "bytes=199999-199999"),
        (Fault(surplus=-149_000), "bytes=51000-199999"),
        (Fault(surplus=1000), None),
        (Fault(shift=512), WHOLE),
        (Fault(shift=-512), WHOLE),
        (Fault(content_range=""), WHOLE),
        (Fault(content_range="bytes 50000-199999/*"), WHOLE),
        (Fault(content_range="bytes 50000-49999/200000"), WHOLE),
        (Fault(content_range="items 50000-199999/200000"), WHOLE),
        (Fault(ignore_range=True), None),
        (Fault(ignore_range=True, cut=60_000), "bytes=60000-199999"),
        (Fault(ignore_range=True, cut=40_000), WHOLE),
        (Fault(ignore_range=True, framed=False), WHOLE),
        *((Fault(status=status), WHOLE) for status in (408, 425, 429, 500, 502, 503, 504)),
    ],
)
def test_an_answer_that_breaks_or_is_another_goes_on_at_the_next_byte(server, caplog, fault, then):
    server.faults = [fault]
    assert read(server.url(NAME), AT) == DATA[AT:]
    assert ranges(server) == [WHOLE, then][: 1 + (then is not None)]
    notes = [
        record.getMessage() for record in caplog.records if "resuming at" in record.getMessage()
    ]
    at = int(then[6:].split("-")[0]) if then else None
    assert [note.partition("resuming at byte ")[2].split(" ")[0] for note in notes] == (
        [f"{at:,}"] if then else []
    )


def test_an_answer_that_says_that_it_is_shorter_is_read_as_far_as_it_says(server, caplog):
    server.faults = [
        Fault(content_range="bytes 50000-50999/200000", corrupt=51_000)
    ]  # and yet it is longer
    assert read(server.url(NAME), AT) == DATA[AT:]
    assert ranges(server) == [WHOLE, "bytes=51000-199999"]
    assert caplog.text == ""


@pytest.mark.parametrize("fault", [Fault(stall=(70_000, 1.0)), Fault(cut=70_000)])
def test_what_came_before_a_break_is_not_asked_for_again(server, fault):
    """A read that waits for a full chunk would lose the 70,000 bytes that came before the
    time-out.
    """
    server.faults = [fault]
    assert read(server.url(NAME)) == DATA
    assert ranges(server) == ["bytes=0-199999", "bytes=70000-199999"]
    assert server.sent == SIZE


def test_a_server_that_does_not_answer_in_time_is_asked_again(server):
    server.faults = [Fault(silence=0.8)]
    assert read(server.url(NAME)) == DATA
    assert ranges(server)[0] == "bytes=0-199999"


def test_an_older_urllib3_will_do(server, monkeypatch):
    for kind in (urllib3.response.HTTPResponse, urllib3.response.BaseHTTPResponse):
        monkeypatch.delattr(kind, "read1")  # urllib3 1 has none
    server.faults = [Fault(cut=70_000)]
    assert read(server.url(NAME)) == DATA
    assert ranges(server) == ["bytes=0-199999", "bytes=70000-199999"]


class TestServerThatIgnoresRange:
    def test_it_is_read_from_its_start_and_the_log_says_so_once(self, server, caplog):
        server.always = lambda path, start: Fault(ignore_range=True)
        server.faults = [
            Fault(ignore_range=True, cut=60_000),
            Fault(ignore_range=True, cut=100_000),
        ]
        assert read(server.url(NAME), AT) == DATA[AT:]
        assert [request.status for request in server.requests] == [200, 200, 200]
        assert ranges(server) == [WHOLE, "bytes=60000-199999", "bytes=100000-199999"]
        assert [
            r.levelname for r in caplog.records if "the server ignores Range" in r.getMessage()
        ] == ["WARNING"]

    def test_a_long_gap_is_read_over(self, server, monkeypatch):
        monkeypatch.setattr(remote, "_CHUNK", 1000)
        server.always = lambda path, start: Fault(ignore_range=True)
        with RemoteFile(server.url(NAME), SIZE) as file:
            assert b"".join(file.read(10, 100)) == DATA[10:110]
            assert b"".join(file.read(150_000, 100)) == DATA[150_000:150_100]
            assert len(server.requests) == 1
            assert b"".join(file.read(10, 100)) == DATA[10:110]
            assert len(server.requests) == 2

    def test_bytes_that_are_read_over_do_not_refill_the_budget(self, server):
        server.always = lambda path, start: Fault(ignore_range=True, cut=AT)
        fails(server.url(NAME), "expected bytes from 50,000 on, got none in 4 attempts", offset=AT)
        assert len(server.requests) == 4

    def test_readers_that_share_go_on_where_the_last_one_stopped(self, server, caplog):
        server.always = lambda path, start: Fault(ignore_range=True)
        for offset, size in ((0, 80_000), (80_000, 1000), (150_000, 50_000)):
            with RemoteFile.shared(server.url(NAME), SIZE) as file:
                assert b"".join(file.read(offset, size)) == DATA[offset : offset + size]
        assert len(server.requests) == 1
        assert caplog.text.count("ignores Range") == 1

    def test_readers_that_share_can_look_back_as_far_as_bytes_are_kept(self, server, monkeypatch):
        monkeypatch.setattr(remote, "_BUFFER", 10_000)
        monkeypatch.setattr(remote, "_CHUNK", 1000)
        server.always = lambda path, start: Fault(ignore_range=True)
        for offset, requests in (
            (0, 1),
            (70_000, 1),
            (69_500, 1),
            (60_900, 1),
            (68_000, 1),
            (40_000, 2),
        ):
            with RemoteFile.shared(server.url(NAME), SIZE) as file:
                assert b"".join(file.read(offset, 900)) == DATA[offset : offset + 900]
            assert len(server.requests) == requests

    def test_a_reader_that_does_not_share_leaves_nothing_open(self, server):
        server.always = lambda path, start: Fault(ignore_range=True)
        assert read(server.url(NAME), 0, 1000) == DATA[:1000]
        assert not any(url == server.url(NAME) for _, url in remote._left_open)

    def test_closed_for_good_it_leaves_nothing_open(self, server):
        server.always = lambda path, start: Fault(ignore_range=True)
        file = RemoteFile.shared(server.url(NAME), SIZE)
        assert b"".join(file.read(0, 1000)) == DATA[:1000]
        file.close(for_good=True)
        assert not any(url == server.url(NAME) for _, url in remote._left_open)

    def test_an_answer_that_was_refused_is_not_taken_for_the_next_bytes(self, server):
        """The answer that another file came in is open at its first byte, the one before it was
        open at byte 100,000.
        """
        server.always = lambda path, start: Fault(ignore_range=True)
        server.faults = [
            Fault(ignore_range=True, cut=100_000),
            Fault(ignore_range=True, etag=OTHER),
        ]
        with (
            RemoteFile.shared(server.url(NAME), SIZE) as file,
            pytest.raises(RemoteError, match="another file"),
        ):
            list(file.read(0, SIZE))
        with RemoteFile.shared(server.url(NAME), SIZE) as file:
            assert b"".join(file.read(150_000, 1000)) == DATA[150_000:151_000]


class TestAnotherFile:
    """Found where the release's was expected: an error at once."""

    @pytest.mark.parametrize("more", [512, -512])
    @pytest.mark.parametrize("ignore_range", [False, True])
    def test_of_another_size(self, server, more, ignore_range):
        server.faults = [Fault(extend=more, ignore_range=ignore_range)]
        fails(
            server.url(NAME),
            f"a file of 200,000 bytes, found a file of {SIZE + more:,} bytes: .* another release's",
        )
        assert len(server.requests) == 1

    def test_of_another_size_where_nothing_is_left_to_give(self, server):
        server.faults = [Fault(status=416, headers=(("Content-Range", "bytes */1000"),))]
        fails(server.url(NAME), "a file of 200,000 bytes, found a file of 1,000 bytes")
        server.faults = [Fault(status=416)]
        fails(server.url(NAME), "a file of 200,000 bytes, found a file of another number of bytes")
        assert len(server.requests) == 2

    def test_after_the_file_changed(self, server):
        before = server.etag(server.folder / NAME)
        server.faults = [Fault(cut=1000)]
        with RemoteFile(server.url(NAME), SIZE) as file:
            pieces = file.read(0, SIZE)
            assert DATA.startswith(next(pieces))
            (server.folder / NAME).write_bytes(DATA[::-1])
            with pytest.raises(RemoteError, match="it changed on the server") as caught:
                list(pieces)
        after = server.etag(server.folder / NAME)
        assert (
            f"200,000 bytes with ETag {before}, found another file of 200,000 bytes (ETag {after})"
            in str(caught.value)
        )
        assert [request.status for request in server.requests] == [206, 200]

    def test_after_the_file_changed_behind_something_that_drops_if_range(self, server):
        server.faults = [Fault(cut=1000), Fault(headers=(("ETag", OTHER),))]
        fails(
            server.url(NAME),
            f"found another file of 200,000 bytes .ETag {OTHER}.: it changed on the server",
        )
        assert [request.status for request in server.requests] == [206, 206]

    def test_a_weak_etag_is_no_condition(self, server):
        server.faults = [Fault(cut=1000, etag='W/"1"'), Fault(etag='W/"2"')]
        assert read(server.url(NAME)) == DATA
        assert "if-range" not in server.requests[1].headers


class TestRefusal:
    @pytest.mark.parametrize(
        ("status", "match"),
        [
            (401, "found 401 Unauthorized. Set ZENODO_TOKEN to a valid token, or unset it"),
            (403, "found 403 Forbidden. .* set ZENODO_TOKEN to a personal token"),
            (404, "found 404 Not Found. Check release and base URL"),
            (410, "found 410 Gone. The record was withdrawn"),
            (418, "found 418 .* Try again later"),
            (304, "found 304 Not Modified. Try again later"),
        ],
    )
    def test_ends_at_once_with_advice(self, server, status, match):
        server.faults = [Fault(status=status)]
        fails(server.url(NAME), f"expected 206 or 200, {match}", status=status)
        assert len(server.requests) == 1

    def test_of_a_file_that_is_not_there(self, server):
        fails(server.url("PASS.7.tar"), "found 404 Not Found", status=404)

    @pytest.mark.parametrize("token", ["", TOKEN])
    @pytest.mark.parametrize(
        "url",
        [
            "",
            "zenodo.org/records",
            "ftp://zenodo.org/x",
            "file:///etc/passwd",
            "http://",
            "http://[::1",
            "http://a b/x",
        ]
        + ["http://host:port/x", "http://a..b/x", "http://\udc80/x"],
    )
    def test_of_a_url_that_is_none(self, monkeypatch, url, token):
        monkeypatch.setenv("ZENODO_TOKEN", token)
        waits = Waits()
        fails(url, "expected a valid URL, found: .* Check the URL", stopped=waits)
        assert waits.seconds == []


class TestWaiting:
    @pytest.mark.parametrize(
        ("retry_after", "seconds"),
        [
            ("7", 7),
            (" 30 ", 30),
            ("+30 s", 30),
            ("-30 s", None),
            ("0", None),
            ("soon", None),
            ("1.5", None),
            (None, None),
        ],
    )
    def test_a_busy_server_is_left_alone_as_long_as_it_says(self, server, retry_after, seconds):
        """The signed ones are sent as a date so far from now. Where nothing is said, or now,
        back-off has its way.
        """
        if retry_after and retry_after.endswith("s"):
            retry_after = email.utils.formatdate(
                time.time() + int(retry_after.split()[0]), usegmt=True
            )
        server.faults = [
            Fault(status=429, headers=(("Retry-After", retry_after),) if retry_after else ())
        ]
        waits = Waits()
        assert read(server.url(NAME), stopped=waits) == DATA
        assert waits.seconds == [
            pytest.approx(seconds, abs=3) if seconds else pytest.approx(0.001, rel=0.5)
        ]

    def test_a_wait_that_is_too_long_is_an_error_at_once(self, server):
        server.faults = [Fault(status=429, headers=(("Retry-After", "7200"),))]
        waits = Waits()
        fails(
            server.url(NAME),
            "the last: 429 Too Many Requests, Retry-After: 7200",
            status=429,
            stopped=waits,
        )
        assert waits.seconds == []

    def test_waits_grow_to_the_longest_with_jitter(self, server, monkeypatch):
        monkeypatch.setattr(retries, "RETRY", Retry(attempts=9, first_wait=0.5, longest_wait=10))
        server.always = lambda path, start: Fault(status=503)
        waits, again = Waits(), Waits()
        fails(server.url(NAME), "got none in 9 attempts", status=503, stopped=waits)
        fails(server.url(NAME), "got none in 9 attempts", status=503, stopped=again)
        assert waits.seconds == [
            pytest.approx(wait, rel=0.5) for wait in (0.5, 1, 2, 4, 8, 10, 10, 10)
        ]
        assert waits.seconds != again.seconds

    @pytest.mark.parametrize(
        ("faults", "match", "status"),
        [
            ([Fault(status=503)] * 4, "the last: 503 Service Unavailable", 503),
            (
                [Fault(cut=0), Fault(shift=1), Fault(status=503), Fault(status=429)],
                "the last: 429 Too Many Requests",
                429,
            ),
            (
                [Fault(status=429)] * 3 + [Fault(shift=1)],
                "requested bytes from 0, got Content-Range 'bytes 1-199999/2",
                None,
            ),
            (
                [Fault(status=429)] * 3 + [Fault(stall=(0, 0.8))],
                "the last: reading timed out",
                None,
            ),
            (
                [Fault(status=429)] * 3 + [Fault(cut=0)],
                "the last: .*0 bytes read, 200000 more expected",
                None,
            ),
            (
                [Fault(ignore_range=True, framed=False)] * 4,
                "the answer does not say how long it is",
                None,
            ),
        ],
    )
    def test_after_so_many_attempts_without_a_byte_the_last_reason_is_named(
        self, server, faults, match, status
    ):
        server.faults = faults.copy()
        error = fails(
            server.url(NAME),
            f"expected bytes from 0 on, got none in 4 attempts; .*{match}",
            status=status,
        )
        assert error.__cause__ is not None
        assert "try again later" in str(error)
        assert len(server.requests) == 4

    def test_bytes_refill_the_budget(self, server, monkeypatch):
        monkeypatch.setattr(
            retries, "RETRY", retries.RETRY._replace(attempts=3, progress_bytes=1000)
        )
        server.faults = [Fault(cut=1000), Fault(status=503)] * 40
        assert read(server.url(NAME)) == DATA
        starts = [1000 * ((place + 1) // 2) for place in range(81)]
        assert ranges(server) == [f"bytes={start}-199999" for start in starts]

    def test_bytes_between_time_outs_refill_the_budget(self, server, monkeypatch):
        monkeypatch.setattr(
            retries,
            "RETRY",
            retries.RETRY._replace(attempts=2, read_timeout=0.1, progress_bytes=1000),
        )
        server.faults = [Fault(stall=(1000, 0.5))] * 4
        assert read(server.url(NAME)) == DATA
        assert ranges(server) == [f"bytes={start}-199999" for start in (0, 1000, 2000, 3000, 4000)]

    def test_a_server_that_is_not_there_is_asked_again(self, monkeypatch):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            url = f"http://127.0.0.1:{taken.getsockname()[1]}/records/1/files/{NAME}"
        waits = Waits()
        fails(
            url,
            "expected bytes from 0 on, got none in 4 attempts; the last: .*Connection refused",
            stopped=waits,
        )
        assert len(waits.seconds) == 3

    def test_stopped_ends_a_wait_at_once(self, server):
        server.faults = [Fault(cut=1000), Fault(status=429, headers=(("Retry-After", "3000"),))]
        stopped = threading.Event()
        timer = threading.Timer(0.2, stopped.set)
        timer.start()
        begin = time.monotonic()
        with pytest.raises(Stopped):
            read(server.url(NAME), stopped=stopped)
        timer.join()
        assert 0.1 < time.monotonic() - begin < 3


class TestRedirect:
    def test_from_the_old_address_to_the_new_is_followed(self, server):
        assert read(server.url(NAME).replace("/records/", "/record/"), AT) == DATA[AT:]
        assert [(request.path, request.range) for request in server.requests] == [
            (f"/record/1/files/{NAME}", WHOLE),
            (f"/records/1/files/{NAME}", WHOLE),
        ]

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    def test_to_another_host_takes_the_range_along_and_not_the_token(
        self, server, trusted, tmp_path, monkeypatch, host
    ):
        monkeypatch.setenv("ZENODO_TOKEN", TOKEN)
        with Zenodo(tmp_path) as other:
            away = other.url(NAME).replace("127.0.0.1", host)
            server.always = lambda path, start: Fault(status=302, headers=(("Location", away),))
            other.faults = [Fault(cut=1000)]
            assert read(server.url(NAME), AT) == DATA[AT:]
            assert ranges(server) == ranges(other) == [WHOLE, "bytes=51000-199999"]
            assert [request.headers.get("authorization") for request in server.requests] == [
                f"Bearer {TOKEN}"
            ] * 2
            assert [request.headers.get("authorization") for request in other.requests] == [
                None,
                None,
            ]

    def test_without_end_is_an_error_at_once(self, server):
        server.always = lambda path, start: Fault(
            status=302, headers=(("Location", server.url(NAME)),)
        )
        waits = Waits()
        fails(
            server.url(NAME),
            "expected a valid URL, found: more than 10 redirects",
            stopped=waits,
        )
        assert waits.seconds == []
        assert len(server.requests) == 11


class TestToken:
    def test_is_sent_with_every_request(self, server, trusted, monkeypatch):
        monkeypatch.setenv("ZENODO_TOKEN", TOKEN)
        server.faults = [Fault(cut=1000), Fault(status=503)]
        assert read(server.url(NAME)) == DATA
        assert [request.headers["authorization"] for request in server.requests] == [
            f"Bearer {TOKEN}"
        ] * 3

    @pytest.mark.parametrize(
        "token", [TOKEN, f"{TOKEN}\n{TOKEN}", f"{TOKEN}…", f"{TOKEN} x", f"{TOKEN}\x7f"]
    )
    def test_shows_in_no_log_and_no_error(self, server, trusted, monkeypatch, caplog, token):
        monkeypatch.setenv("ZENODO_TOKEN", token)
        caplog.set_level(logging.DEBUG)
        server.faults = [Fault(status=503), Fault(cut=100), Fault(shift=1)]
        if token == TOKEN:
            read(server.url(NAME))
        texts = [caplog.text]
        for fault in (
            Fault(status=401),
            Fault(status=403),
            Fault(status=503),
            Fault(extend=1),
            Fault(cut=0),
        ):
            server.always = lambda path, start, fault=fault: fault
            with pytest.raises(RemoteError) as caught:
                read(server.url(NAME))
            texts += [caplog.text, repr(caught.value), *traceback.format_exception(caught.value)]
        assert "resuming at byte" in texts[0] or token != TOKEN
        sent = [request.headers.get("authorization") for request in server.requests]
        assert set(sent) == ({f"Bearer {TOKEN}"} if token == TOKEN else set())
        assert not [text for text in texts if TOKEN in text]

    def test_that_cannot_be_sent_is_an_error_that_says_so(self, server, trusted, monkeypatch):
        monkeypatch.setenv("ZENODO_TOKEN", f"{TOKEN}…")
        with pytest.raises(
            RemoteError, match="ZENODO_TOKEN: expected a token of printable ASCII characters"
        ) as caught:
            read(server.url(NAME))
        assert caught.value.url == server.url(NAME)
        assert server.requests == []


def test_a_proxy_of_the_environment_is_used(server, monkeypatch):
    monkeypatch.setenv("http_proxy", server.host)
    monkeypatch.setenv("ZENODO_TOKEN", TOKEN)
    url = f"http://mirror.example/records/1/files/{NAME}"
    server.faults = [Fault(cut=1000)]
    assert read(url, AT) == DATA[AT:]
    assert [request.path for request in server.requests] == [url, url]
    assert ranges(server) == [WHOLE, "bytes=51000-199999"]
    assert "authorization" not in server.requests[0].headers


def faults() -> st.SearchStrategy[Fault]:
    """What a way to a server does, each at a place of its own; stalls are rare, as each of them
    takes its time.
    """
    places = st.integers(0, 3000)
    usual = st.one_of(
        st.builds(Fault, cut=places),
        st.builds(Fault, cut=places, framed=st.just(False)),
        st.builds(Fault, ignore_range=st.just(True), cut=st.none() | places),
        st.builds(Fault, shift=st.integers(-3000, 3000)),
        st.builds(Fault, surplus=st.integers(1, 3000)),
        st.just(Fault(status=429)),
        st.just(Fault(status=503, headers=(("Retry-After", "0"),))),
        st.just(Fault(content_range="")),
    )
    stalls = st.builds(Fault, stall=st.tuples(places, st.just(0.5)), ignore_range=st.booleans())
    return st.integers(0, 40).flatmap(lambda dice: stalls if dice == 40 else usual)


@pytest.mark.slow
def test_whatever_happens_on_the_way_a_read_gives_the_bytes_of_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(
        retries,
        "RETRY",
        Retry(first_wait=0.0005, longest_wait=0.002, connect_timeout=1, read_timeout=0.2),
    )
    monkeypatch.setattr(remote, "_CHUNK", 256)
    monkeypatch.setattr(remote, "_BUFFER", 1000)
    with Zenodo(tmp_path) as server:
        path = tmp_path / NAME

        @settings(deadline=None, max_examples=80, database=None, derandomize=True)
        @given(st.data(), st.integers(1, 5000), st.lists(faults(), max_size=9), st.booleans())
        def check(data, size, ordered, shared):
            content = random.Random(size).randbytes(size)
            path.write_bytes(content)
            server.requests.clear()
            server.faults = ordered.copy()
            with (RemoteFile.shared if shared else RemoteFile)(server.url(NAME), size) as file:
                for _ in range(data.draw(st.integers(1, 3))):
                    offset = data.draw(st.integers(0, size))
                    length = data.draw(st.integers(0, size - offset))
                    assert b"".join(file.read(offset, length)) == content[offset : offset + length]
                file.close(for_good=True)

        check()
