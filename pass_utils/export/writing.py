"""A dataset in, a folder out that other people's tools read: Parquet, WebDataset, or an image
folder.

The work is cut into tasks, one file each, which are done here, by a pool of processes, or by the
workers of a cluster. What is whole is noted in the folder, and a later run with the same rows and
options goes on from there.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor
from functools import partial
from typing import Any, TypeAlias

import datasets

from .._util.progress import Progress, is_quiet
from ..errors import ExportError
from .groups import parse_size
from .imagefolder import plan_imagefolder, write_lines
from .outputs import Output
from .parquet import MAX_SHARD_SIZE, ROW_GROUP_ROWS, plan_parquet
from .planning import FileTask, Pieces
from .resume import Ledger, Written, known_splits
from .splits import check_splits, write_configs
from .streams import write_stream
from .webdataset import MAX_SHARD_SIZE as MAX_TAR_SIZE
from .webdataset import plan_webdataset
from .workers import run_tasks

AnyDataset: TypeAlias = (
    "datasets.Dataset | datasets.IterableDataset | datasets.DatasetDict"
    " | datasets.IterableDatasetDict"
)

_SPLIT = re.compile(r"\w+(\.\w+)*")  # what `datasets` allows as the name of a split


def write_parquet(
    dataset: AnyDataset,
    folder: str | os.PathLike[str],
    *,
    max_shard_size: str | int = MAX_SHARD_SIZE,
    row_group_rows: int = ROW_GROUP_ROWS,
    num_proc: int = 1,
    executor: Executor | None = None,
    quiet: bool | None = None,
) -> list[Written]:
    """Write `dataset` as Parquet files such as `train-00000-of-00360.parquet`, and say which they
    are.

    The bytes of the pictures go in as they are; `datasets.load_dataset(folder)` gives back the same
    features and rows. The same rows give the same files, whether they are opened in place, embedded
    or streamed, and whoever writes them. `folder` is a path, or a URL that fsspec knows. Run again
    after a break, it goes on: files that are whole are not written again; of a stream, the rows of
    these are read and passed over.

    `num_proc` processes write a file each, or the workers of `executor` (any
    `concurrent.futures.Executor`, such as Dask's `Client(...).get_executor()`), which must reach
    the pictures and the folder under the same names; a stream, and pictures that are in memory, are
    written by this process alone. `max_shard_size`, bytes or text such as `500MB`, counts the bytes
    of the pictures and 200 for the rest of each row; `row_group_rows` is how many rows are read
    together. A split without rows becomes a file without rows, which `load_dataset` refuses to
    read. `quiet` shows no progress; by default the progress bars of `datasets` decide.

    Raises:
        ExportError: the dataset has no pictures, one cannot be read, the folder holds another
            export or cannot be written, or a worker died.
        ShardError: a shard is gone or has changed.
    """
    output = Output(folder)
    options = {"max_shard_size": parse_size(max_shard_size), "row_group_rows": row_group_rows}
    parts = splits(dataset)
    if (num_proc != 1 or executor is not None) and any(
        isinstance(part, datasets.IterableDataset) for _, part in parts
    ):
        raise ExportError(
            "num_proc, executor: expected none for a stream, which one process reads. Open the "
            "shards in place."
        )
    plans = {
        split: plan_parquet(
            part, max_shard_size=max_shard_size, row_group_rows=row_group_rows, split=split
        )
        for split, part in parts
        if not isinstance(part, datasets.IterableDataset)
    }
    _check_workers(plans.values(), num_proc, executor)
    written: list[Written] = []
    with output.lock():
        for split, part in parts:
            if split in plans:
                written += _write(
                    plans[split],
                    output,
                    split,
                    {"kind": "parquet", **options},
                    num_proc,
                    executor,
                    quiet,
                )[0]
            else:
                written += write_stream(part, output, split, options, quiet)
        write_configs(output, known_splits(output))
    return written


def write_webdataset(
    dataset: datasets.Dataset | datasets.DatasetDict,
    folder: str | os.PathLike[str],
    *,
    max_shard_size: str | int = MAX_TAR_SIZE,
    num_proc: int = 1,
    executor: Executor | None = None,
    quiet: bool | None = None,
) -> list[Written]:
    """Write a dataset as tars such as `train-000000.tar`, and say which they are.

    In a tar, `<hash>.jpg` holds the bytes of a picture as they are, and `<hash>.json` the other
    columns: dates in ISO 8601, null where nothing is known. The webdataset library and
    `load_dataset("webdataset", data_dir=folder)` read them. A row without a hash is named by its
    number. `dataset` is no stream; `max_shard_size`, `num_proc`, `executor`, `quiet` and all else
    are as with `write_parquet`.

    Raises:
        ExportError: as with `write_parquet`; the dataset is a stream, or has more than one column
            of pictures, or a hash twice.
        ShardError: a shard is gone or has changed.
    """
    output = Output(folder)
    parts = splits(dataset, streams=False)
    plans = {
        split: plan_webdataset(part, max_shard_size=max_shard_size, split=split)
        for split, part in parts
    }
    facts = {"kind": "webdataset", "max_shard_size": parse_size(max_shard_size)}
    written: list[Written] = []
    with _begun(output, plans, num_proc, executor):
        for split, plan in plans.items():
            written += _write(plan, output, split, facts, num_proc, executor, quiet)[0]
    return written


def write_imagefolder(
    dataset: datasets.Dataset | datasets.DatasetDict,
    folder: str | os.PathLike[str],
    *,
    num_proc: int = 1,
    executor: Executor | None = None,
    quiet: bool | None = None,
) -> list[Written]:
    """Write a dataset as files `train/00000/<hash>.jpg` and `train/metadata.jsonl`, and say which
    folders and files they are.

    `load_dataset("imagefolder", data_dir=folder)` reads pictures and columns,
    `torchvision.datasets.ImageFolder(folder)` the pictures. Each folder of a thousand pictures is
    written as one: it is whole, or not there. `dataset`, `num_proc`, `executor`, `quiet` and all
    else are as with `write_webdataset`.

    Raises:
        ExportError: as with `write_webdataset`; a column is called `file_name` or the like.
        ShardError: a shard is gone or has changed.
    """
    output = Output(folder)
    plans = {
        split: plan_imagefolder(part, split=split) for split, part in splits(dataset, streams=False)
    }
    written: list[Written] = []
    with _begun(output, plans, num_proc, executor):
        for split, plan in plans.items():
            folders, ledger = _write(
                plan, output, split, {"kind": "imagefolder"}, num_proc, executor, quiet
            )
            metadata = write_lines(output, split, plan.names, plan.rows)
            ledger.note(metadata)
            written += [*folders, metadata]
    return written


def splits(dataset: Any, *, streams: bool = True) -> list[tuple[str, Any]]:
    """The splits of a dataset by name; one that has no name of its own is called train.

    Raises:
        ExportError: it is no dataset, has no splits or one whose name cannot be, or is a stream
        where none can be.
    """
    parts = (
        dataset.items()
        if isinstance(dataset, dict)
        else [(getattr(dataset, "split", None), dataset)]
    )
    if not parts:
        raise ExportError(
            "dataset: expected at least one split, found none. Put one in, or give the dataset "
            "itself."
        )
    named = []
    for name, part in parts:
        if isinstance(part, datasets.IterableDataset) and not streams:
            raise ExportError(
                "dataset: expected one opened in place or embedded, found a stream. Open it "
                "without streaming."
            )
        if not isinstance(part, (datasets.Dataset, datasets.IterableDataset)):
            raise ExportError(
                f"dataset: expected one of `datasets`, found a {type(part).__name__}. Open one "
                'with `load_dataset("pass", ...)`.'
            )
        known = name is not None and _SPLIT.fullmatch(str(name))
        if isinstance(dataset, dict) and not known:
            raise ExportError(
                f"split: expected a name of letters, digits, _ and ., found {name!r}. Give it "
                'another one with `DatasetDict({"test": ds[...]})`.'
            )
        named.append((str(name) if known else "train", part))
    return named


@contextlib.contextmanager
def _begun(
    output: Output, plans: Mapping[str, Pieces], num_proc: int, executor: Executor | None
) -> Iterator[None]:
    """Hold a folder in which readers tell splits by the names of their files, once all is known to
    be in order.
    """
    check_splits(list(plans))
    _check_workers(plans.values(), num_proc, executor)
    with output.lock():
        check_splits(list(dict.fromkeys([*known_splits(output), *plans])))
        yield


def _check_workers(plans: Iterable[Pieces], num_proc: int, executor: Executor | None) -> None:
    """Refuse to send pictures themselves to other workers."""
    if (num_proc != 1 or executor is not None) and any(plan.in_memory for plan in plans):
        raise ExportError(
            "num_proc, executor: expected none for pictures in memory, which would be sent to each "
            "worker. Keep them with `ds.save_to_disk(folder)`, and export "
            "`datasets.load_from_disk(folder)`."
        )


def _write(
    plan: Pieces,
    output: Output,
    split: str,
    facts: dict[str, Any],
    num_proc: int,
    executor: Executor | None,
    quiet: bool | None,
) -> tuple[list[Written], Ledger]:
    """Carry out the tasks whose files are not whole yet."""
    ledger = Ledger(output, split, {**facts, "input": plan.identity})
    ledger.save()
    todo = [number for number, name in enumerate(plan.names) if not ledger.is_whole(name)]
    with Progress(sum(map(plan.size, todo)), title=split, quiet=is_quiet(quiet)) as progress:
        here = num_proc == 1 and executor is None
        work: Any = (
            partial(_do_here, output=output, progress=progress)
            if here
            else partial(_do, output=output)
        )
        for written in run_tasks(
            work, (plan[number] for number in todo), num_proc=num_proc, executor=executor
        ):
            ledger.note(written)
            if not here:
                progress.start(written.name, written.size)
                progress.advance(written.name, written.size)
                progress.finish(written.name)
    output.tidy()
    return [ledger.files[name] for name in plan.names], ledger


def _do(task: FileTask, *, output: Output) -> Written:
    return task.write(output)


def _do_here(task: FileTask, *, output: Output, progress: Progress) -> Written:
    progress.start(task.name, task.bytes)
    written = task.write(output, partial(progress.advance, task.name))
    progress.finish(task.name)
    return written
