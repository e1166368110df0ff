"""Run tasks in this process, in a process pool, or on any `concurrent.futures.Executor`."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from typing import Any, TypeVar

from .._util.processes import process_count
from ..errors import ExportError

Item = TypeVar("Item")
Result = TypeVar("Result")

# tasks that an executor holds at a time: enough for a cluster, and a few hundred kB each
_WAITING = 256
_TIMEOUT = 10  # seconds that a scheduler has to answer in
_AGAIN = "Run the same again to go on."
_DIED = f"worker: expected it to finish its task, but it died. {_AGAIN}"


def run_tasks(
    work: Callable[[Item], Result],
    tasks: Iterable[Item],
    *,
    num_proc: int | None = None,
    executor: Executor | None = None,
) -> Iterator[Result]:
    """Apply a function to tasks.

    Tasks are taken as there is room for them, so that no more than a few hundred exist at a time.
    When one fails, those that wait are not begun.

    Args:
        work: The function; it and the tasks are pickled for a pool or an executor.
        tasks: Its arguments.
        num_proc: Processes; None for this one.
        executor: What runs them instead.

    Yields:
        What the function returned, in the order in which the tasks end.

    Raises:
        ExportError: `num_proc` makes no sense, or a worker died.
        Exception: what failed first.
    """
    num_proc = process_count(num_proc, ExportError)
    if executor is not None and num_proc > 1:
        raise ExportError(
            "num_proc: expected none beside an executor, which has its own workers, found "
            f"{num_proc}."
        )
    if executor is None and num_proc == 1:
        yield from map(work, tasks)
        return
    with contextlib.ExitStack() as stack:
        if executor is None:
            executor = stack.enter_context(
                ProcessPoolExecutor(num_proc, initializer=_end_with_parent)
            )
        yield from _run(executor, work, iter(tasks), 2 * num_proc if num_proc > 1 else _WAITING)


@contextlib.contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """Connect to a Dask cluster.

    Args:
        address: Of its scheduler, such as `tcp://10.0.0.1:8786`.

    Yields:
        An executor that runs on its workers.

    Raises:
        ExportError: Dask is not installed, or no scheduler answers there.
    """
    try:
        from distributed import Client
    except ImportError as err:
        raise ExportError(
            "scheduler: expected Dask, found none. Run `pip install 'pass-utils[dask]'`."
        ) from err
    try:
        client = Client(address, timeout=_TIMEOUT)
    except (OSError, ValueError) as err:
        raise ExportError(
            f"{address}: expected a Dask scheduler there, found none ({err}). Start one with `dask "
            "scheduler`."
        ) from err
    with client:
        yield client.get_executor()


def _run(
    executor: Executor, work: Callable[[Item], Result], tasks: Iterator[Item], room: int
) -> Iterator[Result]:
    waiting: set[Future[Result]] = set()
    try:
        while True:
            waiting |= {
                _submit(executor, work, task)
                for task in itertools.islice(tasks, room - len(waiting))
            }
            if not waiting:
                return
            ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in sorted(ended, key=_failed):  # results before errors
                yield _result(future)
    finally:
        for future in waiting:
            future.cancel()


def _end_with_parent() -> None:
    """End this worker when its parent process ends, whose file locks it inherited."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _submit(executor: Executor, work: Callable[[Item], Result], task: Item) -> Future[Result]:
    try:
        return executor.submit(work, task)
    except BrokenExecutor as err:
        raise ExportError(_DIED) from err


def _failed(future: Future[Any]) -> bool:
    return future.cancelled() or future.exception() is not None


def _result(future: Future[Result]) -> Result:
    try:
        return future.result()
    except (BrokenExecutor, CancelledError) as err:
        raise ExportError(_DIED) from err
    except Exception as err:
        if type(err).__module__.partition(".")[0] != "distributed":
            raise
        raise ExportError(
            f"cluster: expected it to finish its tasks, found: {err}. {_AGAIN}"
        ) from err
