"""What people see while bytes come in: bars on a terminal, now and then a line elsewhere, nothing
when quiet.
"""

from __future__ import annotations

import io
import logging
import re
import sys
import threading

import datasets
import pytest

from pass_utils._util import progress
from pass_utils._util.progress import Progress, is_quiet
from pass_utils._util.threads import Stopped


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Clock:
    """A clock that only the test moves on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


@pytest.mark.parametrize("shown", [True, False])
def test_progress_is_shown_as_the_bars_of_datasets_are_unless_told(monkeypatch, shown):
    monkeypatch.setattr(datasets.utils.logging, "is_progress_bar_enabled", lambda: shown)
    assert [is_quiet(quiet) for quiet in (None, True, False)] == [not shown, True, False]
    out = Terminal()
    with Progress(100, title="PASS v2", stream=out):
        pass
    assert bool(out.getvalue()) == shown


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_quiet_writes_nothing(stream, clock):
    out = stream()
    with Progress(100, title="PASS v2", quiet=True, stream=out) as shown:
        shown.start("PASS.0.tar", 100)
        for _ in range(10):
            clock.now += 60
            shown.advance("PASS.0.tar", 10)
        shown.finish("PASS.0.tar")
    assert out.getvalue() == ""


def test_elsewhere_than_on_a_terminal_there_is_a_line_each_half_minute(clock):
    out = io.StringIO()
    with Progress(200_000_000, title="PASS v2", quiet=False, stream=out) as shown:
        shown.start("PASS.0.tar", 150_000_000)
        shown.start("PASS.1.tar", 50_000_000)
        clock.now += 29.9
        shown.advance("PASS.0.tar", 10_000_000)
        assert out.getvalue() == ""
        clock.now += 0.1
        shown.advance("PASS.1.tar", 40_000_000)
        shown.advance("PASS.1.tar", 10_000_000)
        clock.now += 29
        shown.advance("PASS.0.tar", 40_000_000)
        assert out.getvalue().count("\n") == 1
        clock.now += 31
        shown.advance("PASS.0.tar", 0)
    first, second = out.getvalue().splitlines()
    assert re.fullmatch(r"PASS v2:  25%\|.*\| 50.0M/200M \[00:30<01:30, 1.67MB/s\]", first)
    assert re.fullmatch(r"PASS v2:  50%\|.*\| 100M/200M \[01:30<01:30, 1.11MB/s\]", second)
    assert max(len(first), len(second)) <= 79


def test_bytes_that_are_set_aside_are_taken_back(clock):
    out = io.StringIO()
    with Progress(100, title="PASS v2", quiet=False, stream=out) as shown:
        shown.start("PASS.0.tar", 100)
        shown.advance("PASS.0.tar", 100)
        clock.now += 30
        shown.advance("PASS.0.tar", -75)
    assert out.getvalue().startswith("PASS v2:  25%|")


def test_on_a_terminal_there_is_a_bar_for_each_file_and_one_for_all():
    out = Terminal()
    with Progress(3_000_000, title="PASS v2", quiet=False, stream=out) as shown:
        shown.start("PASS.0.tar", 2_000_000)
        shown.start("PASS.1.tar", 1_000_000)
        shown.advance("PASS.0.tar", 1_000_000)
        shown.advance("PASS.1.tar", 1_000_000)
        bars = {bar.desc.rstrip(": "): bar for bar in (shown._all, *shown._files.values())}
        assert {name: (bar.n, bar.total) for name, bar in bars.items()} == {
            "PASS v2": (2_000_000, 3_000_000),
            "PASS.0.tar": (1_000_000, 2_000_000),
            "PASS.1.tar": (1_000_000, 1_000_000),
        }
        shown.finish("PASS.1.tar")
        assert list(shown._files) == ["PASS.0.tar"]
        for bar in bars.values():
            bar.refresh()
    written = out.getvalue()
    assert re.search(r"PASS v2: +67%\|.*2.00M/3.00M \[\d\d:\d\d<\d\d:\d\d, .*B/s\]", written)
    assert re.search(r"PASS.0.tar: +50%\|.*1.00M/2.00M \[\d\d:\d\d<\d\d:\d\d, .*B/s\]", written)
    assert all(bar.disable for bar in bars.values())  # closed, the one that was not finished too


def test_counts_from_many_threads_add_up():
    with Progress(80_000, title="PASS v2", quiet=False, stream=Terminal()) as shown:

        def count(name: str) -> None:
            shown.start(name, 10_000)
            for _ in range(10_000):
                shown.advance(name, 1)

        threads = [
            threading.Thread(target=count, args=(f"PASS.{number}.tar",)) for number in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [bar.n for bar in shown._files.values()] == [10_000] * 8
        assert shown._all.n == shown._done == 80_000


def test_who_counts_is_stopped_when_asked(clock):
    out = io.StringIO()
    with Progress(100, title="PASS v2", quiet=False, stream=out) as shown:
        shown.start("PASS.0.tar", 100)
        shown.advance("PASS.0.tar", 25)
        shown.stopped.set()
        clock.now += 30
        with pytest.raises(Stopped):
            shown.advance("PASS.0.tar", 25)
        shown.stopped.clear()
        shown.advance("PASS.0.tar", 0)
    assert out.getvalue().startswith("PASS v2:  25%|")


def test_what_is_logged_stands_between_the_bars(caplog):
    out = Terminal()
    handler = logging.StreamHandler(sys.stderr)
    logging.getLogger().addHandler(handler)
    handlers = list(logging.getLogger().handlers)
    try:
        with Progress(100, title="PASS v2", quiet=False, stream=out):
            assert handler not in logging.getLogger().handlers
        assert logging.getLogger().handlers == handlers
        with Progress(100, title="PASS v2", quiet=False, stream=io.StringIO()):
            assert handler in logging.getLogger().handlers
    finally:
        logging.getLogger().removeHandler(handler)
