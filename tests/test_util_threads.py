"""The thread pool: results in order, the first exception cancels the rest."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from pass_utils._util.threads import Stopped, map_threaded


def test_map_threaded_returns_the_results_of_all_items_in_order():
    stopped = threading.Event()
    assert map_threaded(lambda number: number * number, range(200), threads=3, stopped=stopped) == [
        n * n for n in range(200)
    ]
    assert not stopped.is_set()
    assert map_threaded(str, [], threads=2, stopped=stopped) == []


def test_map_threaded_runs_as_many_threads_at_once_as_asked():
    together = threading.Barrier(3, timeout=5)
    map_threaded(lambda number: together.wait(), range(6), threads=3, stopped=threading.Event())
    alone = threading.Lock()

    def work(number: int) -> bool:
        with_us = alone.acquire(blocking=False)
        time.sleep(0.01)
        alone.release()
        return with_us

    assert map_threaded(work, range(5), threads=1, stopped=threading.Event()) == [True] * 5


def test_map_threaded_cancels_the_rest_on_the_first_exception_and_raises_it():
    stopped = threading.Event()
    begun = []

    def work(number: int) -> None:
        begun.append(number)
        if number == 1:
            raise ValueError("the problem")
        if not stopped.wait(timeout=5):
            raise AssertionError("was not stopped")
        raise Stopped

    with pytest.raises(ValueError, match="the problem"):
        map_threaded(work, range(50), threads=2, stopped=stopped)
    assert sorted(begun) == [0, 1]


@pytest.mark.parametrize("interrupted", [False, True])
def test_map_threaded_abandons_a_thread_that_blocks(interrupted, interruptible):
    """One thread waits for a silent server while another fails, or Ctrl-C is pressed."""
    silent, deaf = threading.Event(), threading.Event()

    def work(number: int) -> None:
        if number == 0:
            silent.set()
            deaf.wait(timeout=10)
        elif interrupted:
            os.kill(os.getpid(), signal.SIGINT)
        else:
            silent.wait()
            raise ValueError("the problem")

    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt if interrupted else ValueError):
        map_threaded(work, range(2), threads=2, stopped=threading.Event())
    assert time.monotonic() - begin < 3
    deaf.set()


def test_map_threaded_stopped_from_outside_raises_stopped():
    stopped = threading.Event()
    with pytest.raises(Stopped):
        map_threaded(lambda number: stopped.set(), range(3), threads=1, stopped=stopped)
