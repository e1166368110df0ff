"""Runs detectors over a dataset in processes, part by part, and resumes after an interruption.

The rows are cut into parts. What was found in a part is written when all of it was checked, as
`parts/000012.parquet`, with counts and CPU-seconds in its metadata; a part that is there is not
checked again.
"""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from detectors import AuditError, Detector, load_detector

from pass_utils.errors import ImageError
from pass_utils.images.decoding import decode_image

COUNTS = b"pass_utils.audit"  # key of a part's metadata
_QUALITY = 80  # of thumbnails
# an image that was marked: a box and its score and detector for each detection; `score` is the
# highest, width and height in pixels are those of the upright image
SCHEMA = datasets.Features(
    {
        "hash": datasets.Value("string"),
        "creator_username": datasets.Value("string"),
        "width": datasets.Value("int32"),
        "height": datasets.Value("int32"),
        "score": datasets.Value("float32"),
        "boxes": datasets.Sequence(datasets.Sequence(datasets.Value("float32"))),
        "scores": datasets.Sequence(datasets.Value("float32")),
        "detectors": datasets.Sequence(datasets.Value("string")),
        "thumbnail": datasets.Image(),
    }
).arrow_schema


class Plan(NamedTuple):
    """What every process has to know.

    Attributes:
        dataset: The rows, whose images are not decoded.
        detectors: Their sources, as `load_detector` takes them.
        person_class: As `load_detector` takes it.
        threshold: The score from which a detection counts.
        thumbnail: Pixels of the longer side.
        folder: Takes the parts.
        part: Rows of a part.
    """

    dataset: datasets.Dataset
    detectors: Sequence[str]
    person_class: int | None
    threshold: float
    thumbnail: int
    folder: Path
    part: int

    def paths(self) -> list[Path]:
        """The file of each part."""
        count = -(-len(self.dataset) // self.part)
        return [self.folder / f"{number:06}.parquet" for number in range(count)]

    def left(self) -> list[int]:
        """The parts that are not finished."""
        return [number for number, path in enumerate(self.paths()) if not path.exists()]

    def rows(self, number: int) -> int:
        """How many rows a part has."""
        return min(self.part, len(self.dataset) - number * self.part)


def scan(plan: Plan, workers: int) -> Iterator[int]:
    """Checks the parts that are left.

    Args:
        plan: What to do.
        workers: Processes.

    Returns:
        The number of images of each part when it is finished.

    Raises:
        AuditError: a detector failed, or a process was killed.
        ShardError: a shard is gone or has changed.
    """
    left = plan.left()
    for path in plan.folder.glob("*.part"):  # which a killed process was writing
        path.unlink()
    if not left:
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # a process for each core
    # Forked from a server that has imported these and loaded no detector, nor begun any thread.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["datasets", "pyarrow.parquet", "pass_utils.images.decoding"])
    pool = ProcessPoolExecutor(
        min(workers, len(left)), mp_context=context, initializer=_start, initargs=(plan,)
    )
    try:
        waiting = iter(left)
        running = {pool.submit(_check_part, number) for number in islice(waiting, 2 * workers)}
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield plan.rows(future.result())
                running |= {pool.submit(_check_part, number) for number in islice(waiting, 1)}
    except BrokenProcessPool as err:
        raise AuditError(
            "expected the processes to run on, but one of them was killed, perhaps for lack of "
            "memory. Run the same command again with fewer --workers; it resumes."
        ) from err
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_plan: Plan
_detectors: list[Detector]


def _start(plan: Plan) -> None:
    """Prepares a process, which ends when its parent does."""
    global _plan, _detectors
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    # Ctrl-C goes to all processes of a terminal; what a part lacks is checked again.
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    _plan = plan
    _detectors = [
        load_detector(source, person_class=plan.person_class) for source in plan.detectors
    ]


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


def _check_part(number: int) -> int:
    """Checks the rows of a part and writes what was found."""
    seconds = dict.fromkeys((detector.name for detector in _detectors), 0.0)
    marked: list[dict[str, Any]] = []
    undecodable: list[str] = []
    begin = number * _plan.part
    rows = _plan.dataset.select(range(begin, begin + _plan.rows(number)))
    for row in rows:
        data = _read(row["image"])
        try:
            found = _detect(row["hash"], data, seconds)
            if found["scores"]:
                names = {name: row[name] for name in ("hash", "creator_username")}
                score = max(found["scores"])
                small = _thumbnail(data, row["hash"])
                marked.append({**names, "score": score, **found, **small})
        except ImageError:
            undecodable.append(row["hash"])
    counts = {"images": len(rows), "undecodable": undecodable, "seconds": seconds}
    schema = SCHEMA.with_metadata({**SCHEMA.metadata, COUNTS: json.dumps(counts).encode()})
    path = _plan.paths()[number]
    temporary = path.with_suffix(f".{os.getpid()}.part")
    pq.write_table(pa.Table.from_pylist(marked, schema), temporary)
    temporary.replace(path)
    return number


def _read(image: Mapping[str, Any]) -> bytes:
    """The original bytes of an image that `datasets` has not decoded."""
    if image["bytes"] is not None:
        return bytes(image["bytes"])
    with fsspec.open(image["path"]) as file:
        return bytes(file.read())


def _detect(hash: str, data: bytes, seconds: dict[str, float]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {"boxes": [], "scores": [], "detectors": []}
    for detector in _detectors:
        begin = time.process_time()
        try:
            detections = list(detector.detect(data))
        except (ImageError, AuditError):
            raise
        except Exception as err:
            raise AuditError(
                f"detector {detector.name}: expected detections in image {hash}, found "
                f"{type(err).__name__}: {err}. Fix the detector and run the same command again; it "
                "resumes."
            ) from err
        seconds[detector.name] += time.process_time() - begin
        for *box, score in detections:
            if not 0 <= score <= 1:
                raise AuditError(
                    f"detector {detector.name}: expected scores from 0 to 1, found {score} in "
                    f"image {hash}. Scale them."
                )
            if score >= _plan.threshold:
                found["boxes"].append(box)
                found["scores"].append(score)
                found["detectors"].append(detector.name)
    return found


def _thumbnail(data: bytes, hash: str) -> dict[str, Any]:
    image = decode_image(data).convert("RGB")
    width, height = image.size
    image.thumbnail((_plan.thumbnail, _plan.thumbnail))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY, optimize=True)
    small = {"bytes": buffer.getvalue(), "path": f"{hash}.jpg"}
    return {"width": width, "height": height, "thumbnail": small}
