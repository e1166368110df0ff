"""Thread pool: map a function over items in threads; the first exception cancels the rest."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_JOIN_TIMEOUT = 1.0  # seconds that cancelled threads are waited for


class Stopped(Exception):  # noqa: N818  (not an error)
    """Work was cancelled, by the event that it was given."""


def map_threaded(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    threads: int,
    stopped: threading.Event,
) -> list[Result]:
    """Calls `function` for each item in a pool of threads, and returns the results in order.

    When one call raises, or on Ctrl-C, `stopped` is set. The other calls are expected to check it
    before each lasting change, and to raise `Stopped`: a call that blocks longer than
    a moment is abandoned (the threads are daemons).

    Args:
        function: called with one item, in any of the threads.
        items: taken one by one, as threads become free.
        threads: number of threads.
        stopped: set to cancel; from outside, too.

    Raises:
        Exception: the first that a call raised.
        Stopped: `stopped` was set from outside.
    """
    numbered, taking = enumerate(items), threading.Lock()
    results: dict[int, Result] = {}
    failures: list[BaseException] = []
    ended: SimpleQueue[None] = SimpleQueue()

    def take() -> tuple[int, Item] | None:
        with taking:
            return None if stopped.is_set() else next(numbered, None)

    def run() -> None:
        try:
            while (taken := take()) is not None:
                number, item = taken
                results[number] = function(item)
        except BaseException as err:
            failures.append(err)
            stopped.set()
        ended.put(None)

    workers = [threading.Thread(target=run, daemon=True) for _ in range(threads)]
    for worker in workers:
        worker.start()
    try:
        for _ in workers:
            ended.get()
            if stopped.is_set():
                break
    except BaseException:  # Ctrl-C, which reaches the main thread only
        stopped.set()
        raise
    finally:
        deadline = time.monotonic() + _JOIN_TIMEOUT
        for worker in workers:
            worker.join(max(0.0, deadline - time.monotonic()))
    if stopped.is_set():
        raise min(failures, key=lambda err: isinstance(err, Stopped), default=Stopped())
    return [results[number] for number in sorted(results)]
