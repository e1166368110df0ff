"""Many single images by URL: each fault gives the bytes or says why not."""

from __future__ import annotations

import hashlib
import os
import random
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from unittest import mock

import pytest
from conftest import image_hash, jpeg
from support.bucket import Bucket, Fault
from support.zenodo import clear_environment

from pass_utils import RemoteError
from pass_utils._util import retry
from pass_utils._util.retry import Retry
from pass_utils._util.threads import Stopped
from pass_utils.errors import ReleaseError
from pass_utils.net import attempt, client, pace, scheduler
from pass_utils.net.images import Fetched, fetch_images, image_url

IMAGES = {image_hash(number): jpeg(str(number)) for number in range(60)}
HASHES = list(IMAGES)
FIRST = HASHES[0]
DATA = IMAGES[FIRST]
MD5 = hashlib.md5(DATA).hexdigest()
SHA256 = hashlib.sha256(DATA).hexdigest()
ALL_SHA256 = {hash: hashlib.sha256(data).hexdigest() for hash, data in IMAGES.items()}
ZEROS = '"00000000000000000000000000000000"'
THREADS = "pass-utils image"


@pytest.fixture(autouse=True)
def setting(monkeypatch):
    """A plain environment, and no waiting."""
    clear_environment(monkeypatch)
    monkeypatch.delenv("PASS_IMAGE_URL", raising=False)
    monkeypatch.setattr(
        retry,
        "RETRY",
        Retry(
            first_seconds=0.3,
            first_wait=0.001,
            longest_wait=0.01,
            connect_timeout=1,
            read_timeout=0.3,
        ),
    )


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with Bucket(IMAGES) as server:
        yield server


def fetch(bucket: Bucket, hashes=HASHES, **options) -> dict[str, Fetched]:
    fetched = list(fetch_images(hashes, url_template=bucket.template, **options))
    assert sorted(each.hash for each in fetched) == sorted(hashes)
    return {each.hash: each for each in fetched}


def fetch_first(bucket: Bucket, *faults: Fault, **options) -> Fetched:
    """The first image, after as many faults."""
    bucket.faults[FIRST] = list(faults)
    return fetch(bucket, [FIRST], **options)[FIRST]


def arrived(bucket: Bucket, **options) -> dict[str, bytes | None]:
    return {hash: each.data for hash, each in fetch(bucket, **options).items()}


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def test_each_image_has_its_bytes_and_checksums_and_is_asked_for_once(bucket):
    assert fetch(bucket) == {
        hash: Fetched(hash, data, ALL_SHA256[hash], hashlib.md5(data).hexdigest(), None)
        for hash, data in IMAGES.items()
    }
    assert bucket.requests == dict.fromkeys(HASHES, 1)


def test_connections_are_kept_alive_and_no_more_than_asked_for(bucket):
    bucket.latency = 0.01
    fetch(bucket, connections=3)
    assert bucket.connections == bucket.most_at_once == 3


BREAKS = {
    "cut": Fault(cut=len(DATA) // 2),
    "cut before the first byte": Fault(cut=0),
    "stalled": Fault(stall=(100, 0.6)),
    "silent": Fault(silence=0.6),
    "hung up": Fault(hang_up=True),
    "500": Fault(status=500),
    "503": Fault(status=503),
    "429": Fault(status=429),
    "429 with Retry-After": Fault(status=429, headers=(("Retry-After", "0"),)),
    "promised too long": Fault(length=len(DATA) + 1),
    "promised too short": Fault(length=len(DATA) - 2),
    "promised too short, without a checksum": Fault(length=len(DATA) - 2, etag="-"),
    "unframed and cut, without a checksum": Fault(framed=False, cut=len(DATA) - 2, etag="-"),
    "not the MD5 of its ETag": Fault(etag=ZEROS),
    "not the MD5 of an ETag like Zenodo's": Fault(etag=f'"md5:{ZEROS[1:]}'),
}


@pytest.mark.parametrize("fault", BREAKS.values(), ids=BREAKS)
def test_what_breaks_off_is_asked_for_again(bucket, fault):
    assert fetch_first(bucket, fault).data == DATA
    assert bucket.requests == {FIRST: 2}


def test_all_images_arrive_through_all_faults_and_only_the_faulty_are_asked_for_again(bucket):
    rng = random.Random(0)
    faulty = {hash: rng.choice(list(BREAKS.values())) for hash in rng.sample(HASHES, 25)}
    # cuts of another image's length
    faults = {hash: each for hash, each in faulty.items() if not each.length and not each.cut}
    bucket.faults = {hash: [fault] for hash, fault in faults.items()}
    assert arrived(bucket) == IMAGES
    assert bucket.requests == {hash: 1 + (hash in faults) for hash in HASHES}


NOT_TO_BE_HAD = {
    "404": (Fault(status=404), "404 Not Found"),
    "403": (Fault(status=403), "403 Forbidden"),
    "no status of HTTP": (Fault(status=499), "status 499"),
    "HTML": (
        Fault(body=b"<html>", headers=(("Content-Type", "text/html; charset=utf-8"),)),
        "expected image/jpeg, found text/html",
    ),
    "HTML called a JPEG": (Fault(body=b"<html>" * 9), "expected a JPEG, found b'<html><h'"),
    "PNG": (
        Fault(body=b"\x89PNG\r\n\x1a\n", headers=(("Content-Type", "image/png"),)),
        r"expected a JPEG, found b'\x89PNG\r\n\x1a\n'",
    ),
    "empty": (Fault(body=b""), "expected a JPEG, found b''"),
    "compressed": (
        Fault(headers=(("Content-Encoding", "gzip"),)),
        "expected the file as it is, found it as gzip",
    ),
    "promised too large": (
        Fault(length=10**9, stall=(0, 5)),
        "expected 1,048,576 bytes at most, found 1,000,000,000",
    ),
    "endless": (
        Fault(endless=True, body=b"\xff" * 9999),
        "expected 1,048,576 bytes at most, found more",
    ),
    "redirected to itself": (
        Fault(status=302, headers=(("Location", f"/{FIRST[:3]}/{FIRST[3:6]}/{FIRST}.jpg"),)),
        "more than 5 redirects",
    ),
    "redirected nowhere": (Fault(status=307), "307 Temporary Redirect"),
    "redirected to a file": (
        Fault(status=301, headers=(("Location", "file:///etc/passwd"),)),
        "a redirect to a malformed URL",
    ),
    "redirected with a password": (
        Fault(status=301, headers=(("Location", "http://me:secret@localhost/"),)),
        "a redirect to a URL with user or password",
    ),
    "with terminal escapes": (
        Fault(headers=(("Content-Type", "text/\x1b[2J\x9b31mred"),)),
        "expected image/jpeg, found text/[2j31mred",
    ),
}


@pytest.mark.parametrize(("fault", "reason"), NOT_TO_BE_HAD.values(), ids=NOT_TO_BE_HAD)
def test_what_is_not_to_be_had_has_the_reason_and_is_not_asked_for_again(
    bucket, monkeypatch, fault, reason
):
    monkeypatch.setattr(attempt, "LARGEST_IMAGE", 1 << 20)
    bucket.always = lambda hash: fault if hash == FIRST else None
    fetched = fetch(bucket)
    assert fetched.pop(FIRST) == Fetched(FIRST, None, None, None, reason)
    assert {hash: each.data for hash, each in fetched.items()} == {
        hash: data for hash, data in IMAGES.items() if hash != FIRST
    }
    assert bucket.requests[FIRST] == (6 if "more than" in reason and "redir" in reason else 1)


def test_what_keeps_breaking_off_is_given_up_after_six_attempts_and_may_be_had_later(bucket):
    assert fetch_first(bucket, *[Fault(cut=10)] * 6) == Fetched(
        FIRST,
        None,
        None,
        None,
        f"cut off after 10 of {len(DATA)} bytes (6 attempts)",
        transient=True,
    )


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(silence=0.6), "reading timed out"),
        (Fault(stall=(9, 0.6)), f"timed out after 9 of {len(DATA)} bytes"),
        (Fault(hang_up=True), "Remote end closed connection without response"),
        (Fault(status=503), "503 Service Unavailable"),
        (
            Fault(body=DATA[:-2], etag="-"),
            f"expected a JPEG with its end, found {len(DATA) - 2} bytes of it",
        ),
    ],
)
def test_the_reason_names_what_failed_last(bucket, fault, reason):
    attempts = 12 if fault.status == 503 else 6
    fetched = fetch_first(bucket, *[fault] * attempts)
    assert fetched == Fetched(FIRST, None, None, None, f"{reason} ({attempts} attempts)", True)


def test_an_image_that_is_wrong_twice_is_not_to_be_had(bucket):
    fetched = fetch_first(bucket, Fault(etag=ZEROS), Fault(etag=ZEROS))
    assert fetched.reason == f"expected MD5 {ZEROS[1:-1]} (its ETag), found {MD5} (2 attempts)"
    assert not fetched.transient
    fetched = fetch(bucket, [FIRST], expected={FIRST: "0" * 64})[FIRST]
    assert fetched.reason == f"expected SHA-256 {'0' * 64}, found {SHA256} (2 attempts)"


def test_an_image_of_the_expected_sha256_is_complete_whatever_its_etag_is(bucket):
    fetched = fetch_first(bucket, Fault(etag=ZEROS), expected={FIRST: SHA256.upper()})
    assert fetched.data == DATA
    assert bucket.requests == {FIRST: 1}


@pytest.mark.parametrize("etag", ["-", f"W/{ZEROS}", '"5f3e-1a"', f'{ZEROS[:-1]}-2"', "0" * 32])
def test_an_etag_that_is_no_md5_is_not_taken_for_one(bucket, etag):
    assert fetch_first(bucket, Fault(etag=etag)) == Fetched(FIRST, DATA, SHA256, None, None)


@pytest.mark.parametrize("content_type", ["binary/octet-stream", "IMAGE/JPEG; q=1", ""])
def test_a_jpeg_is_one_where_its_type_is_not_named_as_such(bucket, content_type):
    fetched = fetch_first(bucket, Fault(headers=(("Content-Type", content_type),)))
    assert fetched.data == DATA


def test_a_jpeg_without_end_is_complete_where_a_checksum_holds(bucket):
    cut = DATA[:-2]
    assert fetch_first(bucket, Fault(body=cut)).data == cut
    expected = {FIRST: hashlib.sha256(cut).hexdigest()}
    assert fetch_first(bucket, Fault(body=cut, etag="-"), expected=expected).data == cut


def test_a_body_that_trickles_ends_in_bounded_time(bucket, monkeypatch):
    monkeypatch.setattr(attempt, "LONGEST_ATTEMPT", 0.2)
    fetched = fetch_first(bucket, *[Fault(trickle=0.01, body=DATA * 99)] * 6)
    assert re.fullmatch(r"timed out after \d+ of 62,667 bytes \(6 attempts\)", fetched.reason or "")


def test_headers_that_trickle_end_in_bounded_time(bucket, monkeypatch):
    monkeypatch.setattr(attempt, "LONGEST_ATTEMPT", 0.1)
    bucket.always = lambda hash: Fault(trickle_headers=0.02) if hash == FIRST else None
    fetched = fetch(bucket)
    assert fetched.pop(FIRST) == Fetched(
        FIRST, None, None, None, "reading timed out (6 attempts)", transient=True
    )
    assert {hash: each.data for hash, each in fetched.items()} == {
        hash: data for hash, data in IMAGES.items() if hash != FIRST
    }


def test_redirects_are_followed(bucket):
    with Bucket(IMAGES) as other:
        location = image_url(FIRST, other.template)
        redirect = Fault(status=307, headers=(("Location", location),))
        assert fetch_first(bucket, redirect).data == DATA
        assert other.requests == bucket.requests == {FIRST: 1}


def test_a_connection_is_kept_through_redirects_and_errors(bucket):
    to_itself = Fault(status=307, headers=(("Location", f"/{FIRST[:3]}/{FIRST[3:6]}/{FIRST}.jpg"),))
    assert fetch_first(bucket, to_itself, to_itself, Fault(status=500)).data == DATA
    assert bucket.connections == 1
    assert bucket.requests == {FIRST: 4}


def test_a_page_that_trickles_beside_an_error_is_not_waited_for(bucket, monkeypatch):
    monkeypatch.setattr(client, "_LONGEST_DRAIN", 0.1)
    begin = time.monotonic()
    page = Fault(status=404, body=bytes(2000), trickle=0.01)
    assert fetch_first(bucket, page).reason == "404 Not Found"
    assert time.monotonic() - begin < 5


def test_no_credentials_are_sent(bucket, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("default login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("ZENODO_TOKEN", "a-very-secret-token")
    monkeypatch.setenv("HF_TOKEN", "a-very-secret-token")
    cookie = Fault(headers=(("Set-Cookie", "session=secret; Path=/"),))
    bucket.always = lambda hash: cookie
    assert arrived(bucket) == IMAGES
    assert not {"authorization", "cookie"} & {name for each in bucket.headers for name in each}
    assert "secret" not in str(bucket.headers)
    assert all(each["user-agent"].startswith("pass-utils/") for each in bucket.headers)


def test_the_proxy_of_the_environment_is_asked(bucket, monkeypatch):
    monkeypatch.setenv("http_proxy", bucket.host)
    template = "http://images.invalid/{h[:3]}/{h[3:6]}/{h}.jpg"
    fetched = list(fetch_images([FIRST], url_template=template))
    assert fetched == [Fetched(FIRST, DATA, SHA256, MD5, None)]


@pytest.mark.parametrize("status", [401, 403])
def test_access_denied_for_the_first_images_stops_the_run_and_yields_nothing(bucket, status):
    bucket.always = lambda hash: Fault(status=status)
    fetching = fetch_images(HASHES, url_template=bucket.template)
    with pytest.raises(RemoteError, match=f"no image in the first 16 answers: {status} "):
        next(fetching)


def test_access_denied_for_a_few_is_noted(bucket):
    bucket.always = lambda hash: Fault(status=403)
    few = HASHES[:15]
    assert {each.reason for each in fetch(bucket, few).values()} == {"403 Forbidden"}
    bucket.always = lambda hash: Fault(status=403) if hash in few else None
    fetched = fetch(bucket)
    assert {hash for hash, each in fetched.items() if each.data is None} == set(few)


def test_images_that_are_all_missing_are_noted(bucket):
    bucket.always = lambda hash: Fault(status=404)
    assert {each.reason for each in fetch(bucket).values()} == {"404 Not Found"}


def test_an_outage_is_waited_for_and_no_image_is_blamed_for_it(bucket):
    bucket.always = lambda hash: Fault(hang_up=True) if 10 < bucket.requests.total() < 170 else None
    assert arrived(bucket, hashes=HASHES[:20]) == {hash: IMAGES[hash] for hash in HASHES[:20]}
    assert max(bucket.requests.values()) > 6


def test_a_server_that_gives_nothing_any_more_is_given_up(bucket, monkeypatch):
    monkeypatch.setattr(pace, "SILENCE", 0.5)
    bucket.always = lambda hash: Fault(status=500) if bucket.requests.total() > 20 else None
    with pytest.raises(RemoteError, match="none for a while; the last failure: 500 Internal"):
        fetch(bucket)


def test_a_server_that_wants_to_be_left_alone_for_longer_than_an_hour_is(bucket):
    bucket.always = lambda hash: Fault(status=429, headers=(("Retry-After", "3601"),))
    with pytest.raises(RemoteError, match="found 429 Too Many Requests, Retry-After: 3,601 sec"):
        fetch(bucket)


def test_a_server_that_only_throttles_is_given_up(bucket, monkeypatch):
    monkeypatch.setattr(pace, "SILENCE", 0.5)
    bucket.always = lambda hash: Fault(status=429, headers=(("Retry-After", "0"),))
    with pytest.raises(RemoteError, match="none for a while; the last failure: 429 Too Many"):
        fetch(bucket)


@pytest.mark.parametrize("status", [429, 503])
def test_a_burst_of_throttling_halves_the_requests_at_the_same_time(bucket, caplog, status):
    bucket.latency = 0.02
    faulty = HASHES[20:23]
    bucket.faults = {
        hash: [Fault(status=status, headers=(("Retry-After", "0"),))] for hash in faulty
    }
    assert arrived(bucket, connections=8) == IMAGES
    assert bucket.requests == {hash: 1 + (hash in faulty) for hash in HASHES}
    assert [record.getMessage() for record in caplog.records] == [
        f"127.0.0.1: {status} {HTTPStatus(status).phrase}; "
        "slowing down to 4 requests at the same time"
    ]


@pytest.mark.parametrize("number", [1, len(HASHES)])
@pytest.mark.parametrize("host", ["127.0.0.1", "host.invalid"])
def test_a_host_that_cannot_be_reached_is_one_error(monkeypatch, host, number):
    if host == "host.invalid":  # resolvers may take their time
        monkeypatch.setattr(socket, "getaddrinfo", mock.Mock(side_effect=socket.gaierror(-2, "no")))
    template = f"http://{host}:{closed_port()}/{{h}}"
    with pytest.raises(
        RemoteError, match=rf"^{host}: expected images at .*, found .*(refus|resol)"
    ):
        list(fetch_images(HASHES[:number], url_template=template))


def test_plain_http_in_place_of_https_is_one_error(bucket):
    template = bucket.template.replace("http:", "https:")
    with pytest.raises(RemoteError, match="SSL"):
        list(fetch_images(HASHES, url_template=template))


def test_a_certificate_that_does_not_hold_stops_the_run_or_else_costs_one_image(
    bucket, monkeypatch
):
    untrusted = attempt.Answer(attempt.Kind.UNTRUSTED, "certificate verify failed")
    really_ask = scheduler.ask
    redirected = set(HASHES)

    def ask(client, url, **options):
        hash = url.rpartition("/")[2].removesuffix(".jpg")
        return untrusted if hash in redirected else really_ask(client, url, **options)

    monkeypatch.setattr(scheduler, "ask", ask)
    with pytest.raises(RemoteError, match="found certificate verify failed"):
        fetch(bucket)
    redirected = {HASHES[-1]}
    fetched = fetch(bucket)
    assert fetched.pop(HASHES[-1]).reason == "certificate verify failed"
    assert all(each.data for each in fetched.values())


@pytest.mark.parametrize("variable", ["HF_DATASETS_OFFLINE", "HF_HUB_OFFLINE"])
def test_nothing_is_asked_offline(bucket, monkeypatch, variable):
    monkeypatch.setenv(variable, "1")
    with pytest.raises(RemoteError, match=f"{variable} is set: expected the image http"):
        fetch(bucket)
    assert list(fetch_images([], url_template=bucket.template)) == []
    assert not bucket.requests


def ended_threads(before: set[threading.Thread]) -> bool:
    """Whether none but these threads is left within a second."""
    deadline = time.monotonic() + 1
    while any(thread.name == THREADS for thread in {*threading.enumerate()} - before):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_the_event_ends_it_while_the_server_is_silent(bucket, monkeypatch):
    monkeypatch.setattr(retry, "RETRY", retry.RETRY._replace(read_timeout=30))
    bucket.always = lambda hash: Fault(silence=20)
    stopped = threading.Event()
    threading.Timer(0.2, stopped.set).start()
    begin = time.monotonic()
    with pytest.raises(Stopped):
        fetch(bucket, stopped=stopped)
    assert time.monotonic() - begin < 1.2


def test_ctrl_c_ends_it_while_the_server_is_silent(bucket, monkeypatch, interruptible):
    monkeypatch.setattr(retry, "RETRY", retry.RETRY._replace(read_timeout=30))
    bucket.always = lambda hash: Fault(silence=20)
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        fetch(bucket)
    assert time.monotonic() - begin < 1.2


def test_closing_the_iterator_ends_threads_and_connections(bucket):
    before = set(threading.enumerate())
    fetching = fetch_images(HASHES, url_template=bucket.template)
    next(fetching)
    fetching.close()
    assert ended_threads(before)


def test_no_more_is_taken_than_can_be_under_way(bucket):
    taken = []
    fetching = fetch_images(
        (taken.append(hash) or hash for hash in HASHES),
        url_template=bucket.template,
        connections=2,
    )
    for number in range(1, 10):
        next(fetching)
        assert len(taken) <= number + 1


def test_progress_counts_the_bytes_that_are_of_use(bucket):
    counted = []
    bucket.faults[FIRST] = [Fault(cut=100), Fault(etag=ZEROS)]
    fetch(bucket, progress=counted.append)
    assert sum(counted) == sum(map(len, IMAGES.values()))
    assert min(counted) < 0


def test_a_hash_that_is_none_is_refused(bucket):
    with pytest.raises(ReleaseError, match=r"hash: expected .*, found '\.\./\.\./etc'"):
        fetch(bucket, ["../../etc"])
    with pytest.raises(ReleaseError, match="connections: expected 1 or more, found 0"):
        fetch(bucket, connections=0)


def test_the_url_of_an_image_is_that_of_the_public_bucket_or_of_the_environment(monkeypatch):
    hash = "0123456789abcdef0123456789abcdef"
    assert image_url(hash) == (
        "https://multimedia-commons.s3-us-west-2.amazonaws.com/data/images/012/345/"
        "0123456789abcdef0123456789abcdef.jpg"
    )
    monkeypatch.setenv("PASS_IMAGE_URL", "http://mirror/{h[30:]}/{h}?a={h[:2]}")
    assert image_url(hash) == f"http://mirror/ef/{hash}?a=01"
    assert image_url(hash, "http://other/{h}") == f"http://other/{hash}"


@pytest.mark.parametrize(
    "template",
    [
        "https://example.org/{h[:3]}",
        "https://example.org/#{h}",
        "https://example.org/{h}/{hash}",
        "https://example.org/{h}/{h[3]}",
        "https://example.org/{h} {h}",
        "https://exämple.org/{h}",
        "{h}",
        "ftp://example.org/{h}",
        "https:///{h}",
        "https://me:secret@example.org/{h}",
        "https://secret@example.org/{h}",
    ],
)
def test_a_template_that_makes_no_urls_is_refused(monkeypatch, template):
    with pytest.raises(RemoteError, match="PASS_IMAGE_URL: expected a URL") as caught:
        image_url(FIRST, template)
    assert "secret" not in str(caught.value)
    monkeypatch.setenv("PASS_IMAGE_URL", template)
    with pytest.raises(RemoteError, match="PASS_IMAGE_URL: expected a URL"):
        fetch_images([])
