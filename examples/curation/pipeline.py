"""Runs the steps of a curation in their order, and resumes where a run that was killed ended.

Neighbouring steps of one kind make a stage. Its output is a Parquet file of the rows that are left,
with a digest of all that decides them: a stage whose file has that digest is not run again.
"""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from checks import CHECKS
from errors import CurationError
from screening import screen
from settings import Config, Step
from sources import Source, open_source
from steps import ROW_STEPS, SET_STEPS, Mask, withheld_names
from yfcc100m import SCHEMA, read_yfcc

from pass_utils._util.atomic import atomic_write
from pass_utils._util.files import hash_file
from pass_utils._util.lock import LockedError, file_lock
from pass_utils.releases import METADATA_FILE, WITHHELD_USERNAME
from pass_utils.selection.manifest import read_subset
from pass_utils.selection.record import Selection
from pass_utils.transfer.journal import Journal
from pass_utils.transfer.packing import write_subset

WORK_FOLDER = ".curation"
RESULT_FILE = "curation.json"
_ROW_GROUP = 1 << 16
_COUNTS = b"curation"
_CSV_HEADER = ("", "unickname", "datetaken", "licensename", "hash", "latitude", "longitude")


@dataclass
class Count:
    """What a step did: rows before and after it, and why images were left out."""

    step: str
    rows: int = 0
    kept: int = 0
    reasons: dict[str, int] = field(default_factory=dict)


def curate(config: Config) -> list[Count]:
    """Makes the dataset of a configuration; does nothing where it is complete.

    Args:
        config: What to curate.

    Returns:
        The counts of each step.

    Raises:
        CurationError: an input is not as expected, the folder holds another set or is in use, or
            nothing is left.
    """
    stages = _stages(config)
    for step in config.steps:
        if step.name in CHECKS:  # an error of its options ends the run before hours of work
            step.function(**step.options)
    config.output.mkdir(parents=True, exist_ok=True)
    try:
        with file_lock(config.output / ".curation.lock"):
            return _curate(config, stages)
    except LockedError as err:
        raise CurationError(
            f"{config.output}: expected a folder that no other run writes to, found one. Wait "
            "until it has ended."
        ) from err


def _curate(config: Config, stages: Sequence[Sequence[Step]]) -> list[Count]:
    digest = hashlib.sha256(json.dumps(_inputs(config)).encode()).hexdigest()
    result = config.output / RESULT_FILE
    if read_subset(config.output) is not None:
        document = json.loads(result.read_text()) if result.is_file() else {}
        for stage in stages:
            digest = _stage_digest(digest, stage)
        if document.get("digest") != digest:
            raise CurationError(
                f"{config.output}: expected a new folder, found a set of another configuration or "
                "of other inputs. Choose another output, or remove it."
            )
        return [Count(**count) for count in document["steps"]]
    work = config.output / WORK_FOLDER
    work.mkdir(exist_ok=True)
    counts: list[Count] = []
    rows: Path | None = None
    with Journal(config.output, {"curation": str(config.images)}) as journal:
        source: Source | None = None
        for number, stage in enumerate(stages):
            digest = _stage_digest(digest, stage)
            out = work / f"{number:02}.parquet"
            made = _read_counts(out, digest)
            if made is None:
                if stage[0].name in CHECKS:
                    source = source or open_source(config, journal)
                made = _run(stage, config, rows, out, digest, source)
            counts += made
            rows = out
            if not made[-1].kept:
                raise CurationError(f"{made[-1].step}: expected images, found none left of it.")
        assert rows is not None
        _pack(config, rows, source or open_source(config, journal))
        document = {"digest": digest, "steps": [vars(count) for count in counts]}
        with atomic_write(result) as part:
            part.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        journal.remove()
    shutil.rmtree(work)
    return counts


def _stages(config: Config) -> list[list[Step]]:
    """The steps by kind: neighbours of one kind are run together."""

    def kind(step: Step) -> int:
        return [step.name in each for each in (ROW_STEPS, SET_STEPS, CHECKS)].index(True)

    stages = [list(group) for _, group in itertools.groupby(config.steps, key=kind)]
    if stages[0][0].name not in ROW_STEPS:
        raise CurationError(
            f"steps: expected the first to be one of {', '.join(ROW_STEPS)}, found "
            f"{stages[0][0].name}."
        )
    return stages


def _inputs(config: Config) -> list[Any]:
    stamps = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in config.metadata]
    return [*stamps, str(config.images)]


def _stage_digest(before: str, stage: Sequence[Step]) -> str:
    digest = hashlib.sha256(before.encode())
    for step in stage:
        digest.update(json.dumps([step.name, dict(step.options)], sort_keys=True).encode())
        for option in ("file", "call"):
            path, dot, _ = str(step.options.get(option, "")).partition(".py:")
            if option in step.options and Path(path + dot.rstrip(":")).is_file():
                digest.update(hash_file(Path(path + dot.rstrip(":"))).digest())
    return digest.hexdigest()


def _read_counts(path: Path, digest: str) -> list[Count] | None:
    """The counts of a stage that was completed before, if it was this one."""
    if not path.is_file():
        return None
    kept = json.loads((pq.read_schema(path).metadata or {}).get(_COUNTS, b"{}"))
    if kept.get("digest") != digest:
        return None
    return [Count(**count) for count in kept["counts"]]


def _run(
    stage: Sequence[Step],
    config: Config,
    rows: Path | None,
    out: Path,
    digest: str,
    source: Source | None,
) -> list[Count]:
    """Run a stage from the rows of the last one, or from YFCC100M's metadata, to a file."""
    counts = [Count(step.name) for step in stage]
    tables = read_yfcc(config.metadata) if rows is None else _tables(rows)
    kept: Iterator[pa.Table]
    if stage[0].name in ROW_STEPS:
        kept = (_filter_rows(table, stage, counts) for table in tables)
    elif stage[0].name in SET_STEPS:
        assert rows is not None
        kept = _filter_tables(tables, _choose(rows, stage, counts))
    else:
        assert rows is not None
        assert source is not None
        reasons = screen(
            pq.read_table(rows, columns=["hash"]).column("hash").to_pylist(),
            source,
            stage,
            folder=out.parent / f"{out.stem}-{digest[:16]}",
            processes=config.processes,
        )
        kept = _filter_tables(tables, _count_reasons(reasons, counts))
    with atomic_write(out) as part, pq.ParquetWriter(part, SCHEMA) as writer:
        for table in kept:
            writer.write_table(table)
        document = {"digest": digest, "counts": [vars(count) for count in counts]}
        writer.add_key_value_metadata({_COUNTS.decode(): json.dumps(document)})
    return counts


def _tables(path: Path) -> Iterator[pa.Table]:
    for batch in pq.ParquetFile(path).iter_batches(batch_size=_ROW_GROUP):
        yield pa.Table.from_batches([batch])


def _filter_rows(table: pa.Table, stage: Sequence[Step], counts: Sequence[Count]) -> pa.Table:
    for step, count in zip(stage, counts, strict=True):
        count.rows += len(table)
        table = table.filter(pa.array(step.function(table, **step.options)))
        count.kept += len(table)
    return table


def _choose(rows: Path, stage: Sequence[Step], counts: Sequence[Count]) -> Mask:
    """Which rows the steps of a set leave; in memory are hashes and creators alone."""
    table = pq.read_table(rows, columns=["hash", "unickname"])
    left = np.arange(len(table))
    for step, count in zip(stage, counts, strict=True):
        count.rows = len(left)
        left = left[step.function(table.take(pa.array(left)), **step.options)]
        count.kept = len(left)
    mask = np.zeros(len(table), np.bool_)
    mask[left] = True
    return mask


def _count_reasons(reasons: Sequence[tuple[int, str] | None], counts: Sequence[Count]) -> Mask:
    """Which rows all checks leave; a reason has the number of the check that gave it."""
    left = len(reasons)
    for number, count in enumerate(counts):
        found = [each[1] for each in reasons if each is not None and each[0] == number]
        count.rows, count.kept = left, left - len(found)
        count.reasons = {reason: found.count(reason) for reason in sorted(set(found))}
        left = count.kept
    return np.array([reason is None for reason in reasons], np.bool_)


def _filter_tables(tables: Iterator[pa.Table], mask: Mask) -> Iterator[pa.Table]:
    start = 0
    for table in tables:
        yield table.filter(pa.array(mask[start : start + len(table)]))
        start += len(table)


def _pack(config: Config, rows: Path, source: Source) -> None:
    """Write the set as a folder that opens like PASS."""
    csv_file = config.output / WORK_FOLDER / METADATA_FILE
    hashes: list[str] = []
    lists = [step.options["file"] for step in config.steps if step.name == "removals"]
    unnamed = set[str]().union(*map(withheld_names, lists))
    with csv_file.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_CSV_HEADER)
        for table in _tables(rows):
            columns = [table.column(name).to_pylist() for name in _CSV_HEADER[1:]]
            creators, listed = columns[0], columns[3]
            columns[0] = [
                WITHHELD_USERNAME if hash in unnamed else name
                for name, hash in zip(creators, listed, strict=True)
            ]
            writer.writerows(zip(itertools.repeat(""), *columns))
            hashes += listed

    def read(hash: str) -> bytes:
        image = next(source.read([hash]))
        if image.data is None:
            raise CurationError(f"{hash}: expected the image, found none: {image.reason}.")
        return image.data

    options = {step.name: step.options.get("count") for step in config.steps}
    write_subset(
        config.output,
        Selection(
            per_creator=options.get("per_creator"), sample=options.get("sample"), seed=config.seed
        ),
        csv_file,
        hashes=sorted(hashes),
        read=read,
        missing=(),
        source="curated from YFCC100M; see " + RESULT_FILE,
    )
