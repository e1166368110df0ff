"""Work and its items in, what came of each out: done by several threads, of which the first trouble
stops all.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_PATIENCE = 1.0  # seconds that threads have to end in


class Stopped(Exception):  # noqa: N818  (not an error)
    """Work was told to stop, by the event that it was given."""


def run_all(
    work: Callable[[Item], Result], items: Iterable[Item], *, threads: int, stopped: threading.Event
) -> list[Result]:
    """What `work` returns for each item.

    When one of them fails, or on Ctrl-C, `stopped` is set. The others are expected to look at it
    before they do anything that lasts, and to raise `Stopped`: who waits for a silent server longer
    than a moment is not waited for.

    Raises:
        Exception: what failed first.
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
                results[number] = work(item)
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
        deadline = time.monotonic() + _PATIENCE
        for worker in workers:
            worker.join(max(0.0, deadline - time.monotonic()))
    if stopped.is_set():
        raise min(failures, key=lambda err: isinstance(err, Stopped), default=Stopped())
    return [results[number] for number in sorted(results)]
