"""Many single images by URL: each fault gives the bytes or says why not."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator

import pytest
from conftest import image_hash, jpeg
from support.bucket import Bucket, Fault
from support.zenodo import clear_environment

from pass_utils import RemoteError
from pass_utils._util import retry
from pass_utils._util.retry import Retry
from pass_utils.net import pace
from pass_utils.net.images import Fetched, fetch_images, image_url

IMAGES = {image_hash(number): jpeg(str(number)) for number in range(60)}
HASHES = list(IMAGES)
FIRST, SECOND = HASHES[:2]


@pytest.fixture(autouse=True)
def setting(monkeypatch):
    """A plain environment, and no waiting."""
    clear_environment(monkeypatch)
    monkeypatch.delenv("PASS_IMAGE_URL", raising=False)
    monkeypatch.setattr(
        retry, "RETRY", Retry(attempts=12, first_wait=0.001, connect_timeout=1, read_timeout=0.3)
    )
    monkeypatch.setattr(pace, "FIRST_CONTACT", 0.3)


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with Bucket(IMAGES) as server:
        yield server


def fetch(bucket: Bucket, hashes=HASHES, **options) -> dict[str, Fetched]:
    fetched = list(fetch_images(hashes, url_template=bucket.template, **options))
    assert sorted(each.hash for each in fetched) == sorted(hashes)
    return {each.hash: each for each in fetched}


def test_each_image_has_its_bytes_and_checksums(bucket):
    assert fetch(bucket) == {
        hash: Fetched(
            hash,
            data,
            hashlib.sha256(data).hexdigest(),
            hashlib.md5(data).hexdigest(),
            None,
        )
        for hash, data in IMAGES.items()
    }
    assert set(bucket.requests.values()) == {1}
    assert bucket.connections <= 16


def test_what_breaks_off_is_asked_for_again_and_nothing_else_is(bucket):
    rng = random.Random(0)
    faulty = rng.sample(HASHES, 20)
    for hash in faulty:
        size = len(IMAGES[hash])
        bucket.faults[hash] = [
            rng.choice(
                (
                    Fault(cut=rng.randrange(size)),
                    Fault(stall=(rng.randrange(size), 0.6)),
                    Fault(hang_up=True),
                    Fault(status=503),
                    Fault(status=500),
                    Fault(length=size + 1),
                    Fault(etag="-", length=size - 3),
                    Fault(etag='"00000000000000000000000000000000"'),
                )
            )
        ]
    assert {hash: each.data for hash, each in fetch(bucket).items()} == IMAGES
    assert bucket.requests == {hash: 1 + (hash in faulty) for hash in HASHES}


def test_what_is_not_to_be_had_has_the_reason(bucket):
    bucket.faults[FIRST] = [Fault(status=404)]
    bucket.faults[SECOND] = [Fault(body=b"<html>", headers=(("Content-Type", "text/html"),))]
    fetched = fetch(bucket)
    assert fetched[FIRST] == Fetched(FIRST, None, None, None, "404 Not Found")
    assert fetched[SECOND] == Fetched(
        SECOND, None, None, None, "expected image/jpeg, found text/html"
    )
    assert all(each.data == IMAGES[each.hash] for each in list(fetched.values()) if each.data)
    assert sum(each.data is None for each in fetched.values()) == 2


def test_access_denied_for_all_stops_the_run_and_yields_nothing(bucket):
    bucket.always = lambda hash: Fault(status=403)
    with pytest.raises(RemoteError, match="no image in the first 16 answers: 403 Forbidden"):
        next(fetch_images(HASHES, url_template=bucket.template))


@pytest.mark.parametrize(
    "template", ["https://example.org/{h[:3]}", "{h}", "ftp://a/{h}", "http://me:secret@a/{h}"]
)
def test_a_template_that_makes_no_urls_is_refused(template):
    with pytest.raises(RemoteError, match="PASS_IMAGE_URL: expected a URL") as caught:
        image_url(FIRST, template)
    assert "secret" not in str(caught.value)
