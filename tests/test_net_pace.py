"""How many requests a server gets, and when it is given up."""

from __future__ import annotations

import pytest

from pass_utils._util import retry
from pass_utils._util.retry import Retry
from pass_utils.net.pace import Pace


@pytest.fixture(autouse=True)
def setting(monkeypatch):
    monkeypatch.setattr(retry, "RETRY", Retry(attempts=3))
    monkeypatch.setattr("random.uniform", lambda low, high: 1.0)


def test_a_burst_halves_once_however_many_answers_it_has():
    pace = Pace(16, 0.0)
    assert pace.throttle("a", 1.0, 2.0, retry_after=0)
    assert pace.limit == 8
    assert not pace.throttle("b", 1.5, 2.1, retry_after=0)
    assert pace.limit == 8
    assert pace.throttle("c", 2.2, 3.0, retry_after=0)
    assert pace.limit == 4


def test_it_never_comes_to_less_than_one_request():
    pace = Pace(2, 0.0)
    for now in range(1, 5):
        pace.throttle("a", now, now + 0.5, retry_after=0)
    assert pace.limit == 1
    assert pace.window == 1


def test_a_round_of_answers_allows_one_request_more_up_to_all():
    pace = Pace(16, 0.0)
    pace.throttle("a", 1.0, 2.0, retry_after=0)
    assert pace.window == 8
    for _ in range(9):
        pace.succeed(3.0)
    assert 9 <= pace.limit < 9.1
    for _ in range(200):
        pace.succeed(3.0)
    assert pace.limit == 16
    assert pace.window == 16


def test_retry_after_pauses_all_requests():
    pace = Pace(16, 0.0)
    pace.throttle("a", 1.0, 2.0, retry_after=30.0)
    pace.throttle("b", 1.0, 2.5, retry_after=5.0)
    assert pace.paused_until == 32.0


def test_an_outage_leaves_one_request_at_a_time_with_exponential_backoff():
    pace = Pace(16, 0.0)
    for hash in "abcdefg":
        pace.fail(hash, 1.0, 2.0)
    pace.fail("a", 1.0, 2.0)
    assert not pace.outage
    assert pace.limit == 16
    pace.fail("h", 1.0, 2.0)
    assert pace.outage
    assert (pace.limit, pace.paused_until) == (1, 2.5)
    pace.fail("i", 1.0, 2.1)  # was sent before the pause
    assert pace.paused_until == 2.5
    pace.fail("a", 2.5, 3.0)
    assert pace.paused_until == 4.0
    pace.fail("a", 4.0, 4.0)
    assert pace.paused_until == 6.0
    pace.succeed(7.0)
    assert not pace.outage
    assert pace.limit == 2


def test_a_server_is_given_up_after_ten_seconds_before_contact_and_five_minutes_after_it():
    pace = Pace(16, 100.0)
    assert not pace.is_over(110.0)
    assert pace.is_over(110.1)
    pace.succeed(200.0)
    assert not pace.is_over(500.0)
    assert pace.is_over(500.1)


def test_the_longest_time_that_the_server_asked_to_wait_is_granted_once():
    pace = Pace(16, 0.0)
    pace.throttle("a", 1.0, 2.0, retry_after=1000.0)
    pace.throttle("a", 1002.0, 1003.0, retry_after=100.0)
    assert not pace.is_over(1300.0)
    assert pace.is_over(1300.1)
    pace.succeed(1300.0)
    assert pace.is_over(1600.1)
