"""Checks of images in several processes; what was found is kept in files, to resume."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

from checks import Candidate, Check
from settings import Step
from sources import Image, Source
from tqdm import tqdm

from pass_utils._util.atomic import atomic_write

CHUNK = 1000  # images whose outcome is written at once
_BATCH = 16  # images that a process gets at once
_UNDER_WAY = 4  # batches for each process

# Why an image is left out: the number of the check, and its reason; None for one that stays.
Outcome: TypeAlias = "tuple[int, str] | None"
_checks: list[Check] = []


def screen(
    hashes: Sequence[str], source: Source, stage: Sequence[Step], *, folder: Path, processes: int
) -> list[Outcome]:
    """Returns the outcome of each image.

    Args:
        hashes: The images.
        source: Gives their bytes.
        stage: The checks in their order; an image that one leaves out is not shown to the next.
        folder: Where outcomes are kept, a file for each 1,000 images; those there are not asked
            for again.
        processes: How many processes check.
    """
    folder.mkdir(exist_ok=True)
    outcomes: list[Outcome] = []
    with _pool(stage, processes) as pool, tqdm(total=len(hashes), unit=" images") as bar:
        for number, start in enumerate(range(0, len(hashes), CHUNK)):
            chunk = hashes[start : start + CHUNK]
            file = folder / f"{number:06}.json"
            if not file.is_file():
                found = dict(_check_all(source.read(chunk), pool, processes))
                with atomic_write(file) as part:
                    part.write_text(json.dumps([found[hash] for hash in chunk]))
            outcomes += [each and (each[0], each[1]) for each in json.loads(file.read_text())]
            bar.update(len(chunk))
    return outcomes


class _Here:
    """Does at once what a pool does later."""

    def __enter__(self) -> _Here:
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass

    def submit(self, function: object, batch: Sequence[Image]) -> Future[list[Outcome]]:
        future: Future[list[Outcome]] = Future()
        future.set_result(_check_batch(batch))
        return future


def _pool(stage: Sequence[Step], processes: int) -> ProcessPoolExecutor | _Here:
    steps = [(step.function, dict(step.options)) for step in stage]
    _start(steps)  # an error of a detector is raised here, before a process is started
    if processes == 1:
        return _Here()
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(processes, context, _start, (steps,))


def _start(steps: Sequence[tuple[object, dict[str, object]]]) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:  # a worker, which would outlive a parent that was killed
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    _checks[:] = [factory(**options) for factory, options in steps]  # type: ignore[operator]


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


def _check_all(
    images: Iterable[Image], pool: ProcessPoolExecutor | _Here, processes: int
) -> Iterator[tuple[str, Outcome]]:
    running: deque[tuple[list[str], Future[list[Outcome]]]] = deque()
    left = iter(images)
    while True:
        batch = list(itertools.islice(left, _BATCH))
        if batch:
            running.append(([image.hash for image in batch], pool.submit(_check_batch, batch)))
        while running and (not batch or len(running) > _UNDER_WAY * processes):
            hashes, future = running.popleft()
            yield from zip(hashes, future.result(), strict=True)
        if not batch:
            return


def _check_batch(batch: Sequence[Image]) -> list[Outcome]:
    return [_check(image) for image in batch]


def _check(image: Image) -> Outcome:
    if image.data is None:
        return 0, image.reason
    candidate = Candidate(image.data)
    for number, check in enumerate(_checks):
        reason = check(candidate)
        if reason is not None:
            return number, reason
    return None
