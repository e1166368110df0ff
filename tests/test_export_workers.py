"""Tasks done here, by processes, and by any executor: every result once, and no endless wait when a
worker dies.
"""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from pass_utils import ExportError
from pass_utils.export.workers import run_tasks


def square(number: int) -> int:
    if number < 0:
        raise ArithmeticError(f"{number} is negative")
    return number * number


def die(number: int) -> int:
    os._exit(number)


def test_everyone_gives_every_result_once():
    expected = sorted(square(number) for number in range(20))
    assert list(run_tasks(square, range(20))) == expected
    assert sorted(run_tasks(square, range(20), num_proc=2)) == expected
    with (
        ThreadPoolExecutor(3) as threads,
        ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as spawned,
    ):
        assert sorted(run_tasks(square, range(20), executor=threads)) == expected
        assert sorted(run_tasks(square, range(20), executor=spawned)) == expected
    assert list(run_tasks(square, [], num_proc=2)) == []


def test_tasks_are_taken_when_there_is_room_for_them():
    taken: list[int] = []

    def tasks():
        for number in range(100):
            taken.append(number)
            yield number

    results = run_tasks(square, tasks(), num_proc=2)
    next(results)
    assert len(taken) <= 4
    for _ in range(11):
        next(results)
    assert 12 <= len(taken) < 12 + 2 * 4
    before = len(taken)
    results.close()
    assert len(taken) == before


def test_a_failure_is_raised_after_the_results_that_came_with_it_and_stops_the_rest():
    class Held(ThreadPoolExecutor):
        """Ends all its tasks before anyone looks."""

        submitted = 0

        def submit(self, work, task):
            self.submitted += 1
            future: Future[int] = Future()
            try:
                future.set_result(work(task))
            except ArithmeticError as err:
                future.set_exception(err)
            return future

    results = []
    with Held(1) as held, pytest.raises(ArithmeticError, match="-1 is negative"):
        for result in run_tasks(square, [-1, *range(1, 400)], executor=held):
            results.append(result)
    assert sorted(results) == [square(number) for number in range(1, 256)]
    assert held.submitted == 256


def test_a_worker_that_dies_is_reported():
    with pytest.raises(
        ExportError,
        match="worker: expected it to finish its task, but it died. Run the same again",
    ):
        list(run_tasks(die, range(5), num_proc=2))


@pytest.mark.parametrize("count", [0, -1, 1.5, True])
def test_a_number_of_processes_that_is_none_is_refused(count):
    with pytest.raises(
        ExportError, match="num_proc: expected a number of processes, at least 1, found"
    ):
        list(run_tasks(square, [1], num_proc=count))


def test_processes_beside_an_executor_are_refused():
    with (
        ThreadPoolExecutor(1) as threads,
        pytest.raises(ExportError, match="num_proc: expected none beside an executor"),
    ):
        list(run_tasks(square, [1], num_proc=2, executor=threads))
