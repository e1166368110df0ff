"""Export a dataset as Parquet, WebDataset or an image folder, and resume what was interrupted.

The work is cut into tasks, one output file each, which run in this process, in a process pool or on
a cluster. Complete files are recorded in the folder, and a later run with the same rows and options
resumes behind them.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import datasets

from .._datasets import Splits, image_columns, open_splits
from .._util.processes import process_count
from .._util.progress import Progress, is_quiet
from ..attribution.inputs import check_changes
from ..errors import ExportError
from .credits import StreamedColumns, check_unused, export_credits, has_credits
from .groups import check_rows, parse_size
from .imagefolder import IMAGEFOLDER
from .kinds import Kind
from .originals import check_dataset
from .outputs import Output
from .parquet import MAX_SHARD_SIZE, PARQUET, ROW_GROUP_ROWS
from .planning import ExportPlan, FileTask
from .resume import STATE_FILE, ExportState, Written, exported_splits
from .splits import check_splits, is_found, write_configs
from .streams import write_stream
from .webdataset import MAX_SHARD_SIZE as MAX_TAR_SIZE
from .webdataset import WEBDATASET
from .workers import run_tasks

AnyDataset: TypeAlias = (
    "datasets.Dataset | datasets.IterableDataset | datasets.DatasetDict"
    " | datasets.IterableDatasetDict"
)

logger = logging.getLogger(__name__)

KINDS = {kind.name: kind for kind in (PARQUET, WEBDATASET, IMAGEFOLDER)}


@dataclass(frozen=True)
class ExportOptions:
    """Options of an export of any kind.

    Attributes:
        num_proc: Processes that write a file each, None for one.
        executor: What runs the tasks instead of processes of this machine.
        quiet: Whether to show no progress; None for what the progress bars of `datasets` do.
        changes: What was done to the images, for their credits; None for nothing.
        credits: Whether to write the credits of the images beside them.
    """

    num_proc: int | None = None
    executor: Executor | None = None
    quiet: bool | None = None
    changes: str | None = None
    credits: bool = True

    @property
    def in_process(self) -> bool:
        """Whether this process alone does the work.

        Raises:
            ExportError: `num_proc` makes no sense.
        """
        return process_count(self.num_proc, ExportError) == 1 and self.executor is None


def write_parquet(
    dataset: AnyDataset,
    folder: str | os.PathLike[str],
    *,
    max_shard_size: str | int = MAX_SHARD_SIZE,
    row_group_rows: int = ROW_GROUP_ROWS,
    num_proc: int | None = None,
    executor: Executor | None = None,
    changes: str | None = None,
    credits: bool = True,
    quiet: bool | None = None,
) -> list[Written]:
    """Write a dataset as Parquet files such as `train-00000-of-00360.parquet`.

    The bytes of the images are written as they are; `datasets.load_dataset(folder)` gives back the
    same features and rows. The same rows give the same files, whether they are opened in place,
    embedded or streamed, and whoever writes them. An interrupted export is resumed by the same
    call: complete files are not written again; of a stream, their rows are read once more. A split
    without rows becomes a file without rows, which `load_dataset` refuses to read.

    Args:
        dataset: A dataset, a stream, or a dict of them by split, with a column of images.
        folder: A path, or a URL that fsspec knows.
        max_shard_size: Bytes of a file, or text such as `500MB`; counted are the bytes of the
            images and 200 for the rest of each row.
        row_group_rows: Rows of a row group, which are held in memory together.
        num_proc: Processes that write a file each; None for one. A stream, and images that are in
            memory, are written by this process only.
        executor: Any `concurrent.futures.Executor` that runs the tasks instead, such as Dask's
            `Client(...).get_executor()`; its workers must reach the images and the folder under
            the same names.
        changes: What was done to the images, such as "resized to 256 pixels", for their credits;
            rows of PASS whose images are not the original bytes are refused without it.
        credits: Whether to write CREDITS.csv, with creator, source and licence of each image of
            PASS.
        quiet: Whether to show no progress; None for what the progress bars of `datasets` do.

    Returns:
        The files, in the order of the rows.

    Raises:
        DatasetError: this is no dataset of images.
        ExportError: images were re-encoded or cannot be read, the folder holds another export or
            files that no export wrote, it cannot be written, an option makes no sense, or a worker
            died.
        ShardError: a shard is gone or has changed.
    """
    return export(
        PARQUET,
        dataset,
        folder,
        ExportOptions(num_proc, executor, quiet, changes, credits),
        max_shard_size=max_shard_size,
        row_group_rows=row_group_rows,
    )


def write_webdataset(
    dataset: datasets.Dataset | datasets.DatasetDict,
    folder: str | os.PathLike[str],
    *,
    max_shard_size: str | int = MAX_TAR_SIZE,
    num_proc: int | None = None,
    executor: Executor | None = None,
    changes: str | None = None,
    credits: bool = True,
    quiet: bool | None = None,
) -> list[Written]:
    """Write a dataset as tars such as `train-000000.tar`.

    In a tar, `<hash>.jpg` holds the bytes of an image as they are, and `<hash>.json` the other
    columns: dates in ISO 8601, null where nothing is known. The webdataset library and
    `load_dataset("webdataset", data_dir=folder)` read them. A row without a hash is named by its
    index.

    Args:
        dataset: A dataset that is no stream, or a dict of them by split, with one column of images.
        folder: As in `write_parquet`.
        max_shard_size: Bytes of a tar, or text such as `1GB`.
        num_proc: As in `write_parquet`.
        executor: As in `write_parquet`.
        changes: As in `write_parquet`.
        credits: As in `write_parquet`.
        quiet: As in `write_parquet`.

    Returns:
        The tars, in the order of the rows.

    Raises:
        DatasetError: this is no dataset of images, or a stream.
        ExportError: as `write_parquet`; it has several columns of images, or a hash twice.
        ShardError: a shard is gone or has changed.
    """
    options = ExportOptions(num_proc, executor, quiet, changes, credits)
    return export(WEBDATASET, dataset, folder, options, max_shard_size=max_shard_size)


def write_imagefolder(
    dataset: datasets.Dataset | datasets.DatasetDict,
    folder: str | os.PathLike[str],
    *,
    num_proc: int | None = None,
    executor: Executor | None = None,
    changes: str | None = None,
    credits: bool = True,
    quiet: bool | None = None,
) -> list[Written]:
    """Write a dataset as files `train/00000/<hash>.jpg` and `train/metadata.jsonl`.

    `load_dataset("imagefolder", data_dir=folder)` reads images and columns,
    `torchvision.datasets.ImageFolder(folder)` the images. Each folder of a thousand images is
    written atomically: it is complete, or not there.

    Args:
        dataset: As in `write_webdataset`.
        folder: As in `write_parquet`.
        num_proc: As in `write_parquet`.
        executor: As in `write_parquet`.
        changes: As in `write_parquet`.
        credits: As in `write_parquet`.
        quiet: As in `write_parquet`.

    Returns:
        The folders of images and the metadata, in the order of the rows.

    Raises:
        DatasetError: this is no dataset of images, or a stream.
        ExportError: as `write_webdataset`; a column is called `file_name` or the like.
        ShardError: a shard is gone or has changed.
    """
    return export(
        IMAGEFOLDER, dataset, folder, ExportOptions(num_proc, executor, quiet, changes, credits)
    )


def export(
    kind: Kind,
    dataset: Any,
    folder: str | os.PathLike[str],
    options: ExportOptions,
    **format_options: Any,
) -> list[Written]:
    """Export a dataset, or resume that.

    Args:
        kind: One of `KINDS`.
        dataset: What `open_splits` opens; streams as Parquet only.
        folder: A path, or a URL that fsspec knows.
        options: How the work is done.
        format_options: Options of the kind's plan, where they are not its defaults.

    Returns:
        The files, in the order of the rows.

    Raises:
        DatasetError: this is no dataset of images, or a stream where none can be.
        ExportError: images were re-encoded or cannot be read, the folder holds another export or
            files that no export wrote, it cannot be written, an option makes no sense, or a worker
            died.
        ShardError: a shard is gone or has changed.
    """
    output = Output(folder)
    changes = check_changes(options.changes)
    format_options = {**kind.options, **format_options}
    facts: dict[str, Any] = {"kind": kind.name, "changes": changes, **format_options}
    if "max_shard_size" in facts:
        facts["max_shard_size"] = parse_size(facts["max_shard_size"])
    check_rows(facts.get("row_group_rows", 1))
    splits = open_splits(dataset, streams=kind is PARQUET)
    plans: dict[str, ExportPlan] = {}
    for split, part in splits.parts.items():
        image_columns(part.features)  # raises where there is none
        if isinstance(part, datasets.Dataset):
            check_dataset(part, changes)
            plans[split] = kind.plan(part, split=split, **format_options)
    _check_workers(splits, plans.values(), options)
    if kind.splits_by_file_name:
        check_splits(list(plans))
    written: list[Written] = []
    columns: dict[str, datasets.Dataset | None] = {}
    with output.lock(), _temporary_folder() as work:
        known = list(dict.fromkeys([*exported_splits(output), *splits.parts]))
        if kind.splits_by_file_name:
            check_splits(known)
        if options.credits:
            check_unused(output)
        before = output.read_json(STATE_FILE)
        for split, part in splits.parts.items():
            if isinstance(part, datasets.Dataset):
                written += _write_dataset(kind, plans[split], output, split, facts, options)
                columns[split] = part
                continue
            with (
                StreamedColumns(part.features, work / f"{split}.arrow") as streamed,
                Progress(0, title=split, quiet=is_quiet(options.quiet)) as progress,
            ):
                progress.start(split, 0)
                on_bytes = partial(progress.advance, split)
                written += write_stream(
                    part, output, split, format_options, facts, on_bytes, streamed.add
                )
                columns[split] = streamed.dataset()
        if not kind.splits_by_file_name:
            write_configs(output, known)
        changed = before != output.read_json(STATE_FILE) or not has_credits(output)
        if options.credits and changed and _may_have_credits(kind, known, output):
            export_credits(output, columns, work, release=splits.release, changes=changes)
    return written


@contextlib.contextmanager
def _temporary_folder() -> Iterator[Path]:
    """A folder for the columns of streams and for credits.

    Raises:
        ExportError: it cannot be written.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="pass-utils-") as folder:
            yield Path(folder)
    except OSError as err:
        raise ExportError(
            f"{tempfile.gettempdir()}: expected to write temporary files, found: {err}. Free the "
            "disk, or set TMPDIR to a folder that can be written."
        ) from err


def _may_have_credits(kind: Kind, splits: list[str], output: Output) -> bool:
    """Whether a file beside the data is no part of it for readers that go by file names."""
    if not kind.splits_by_file_name or all(map(is_found, splits)):
        return True
    logger.warning(
        "%s: exported without a list of credits, which `load_dataset` would take for data of the "
        "split %s. `write_attribution` writes one elsewhere.",
        output,
        splits[0],
    )
    return False


def _check_workers(splits: Splits, plans: Iterable[ExportPlan], options: ExportOptions) -> None:
    """Check that other workers can read the rows: no stream, and no image of our memory."""
    if options.in_process:
        return
    if splits.streamed:
        raise ExportError(
            "num_proc, executor: expected none for a stream, which one process reads. Open the "
            "shards in place."
        )
    if any(plan.in_memory for plan in plans):
        raise ExportError(
            "num_proc, executor: expected none for images in memory, which would be sent to each "
            "worker. Keep them with `ds.save_to_disk(folder)`, and export "
            "`datasets.load_from_disk(folder)`."
        )


def _write_dataset(
    kind: Kind,
    plan: ExportPlan,
    output: Output,
    split: str,
    facts: Mapping[str, Any],
    options: ExportOptions,
) -> list[Written]:
    """Run the tasks of a split whose files are not complete yet."""
    state = ExportState(output, split, {**facts, "input": plan.fingerprint})
    state.save()
    todo = [index for index, name in enumerate(plan.names) if not state.is_complete(name)]
    quiet = is_quiet(options.quiet)
    with Progress(sum(map(plan.size, todo)), title=split, quiet=quiet) as progress:
        work: Any = (
            partial(_run_here, kind=kind, output=output, progress=progress)
            if options.in_process
            else partial(kind.write_file, output=output)
        )
        for written in run_tasks(
            work,
            (plan[index] for index in todo),
            num_proc=options.num_proc,
            executor=options.executor,
        ):
            state.record(written)
            if not options.in_process:
                progress.start(written.name, written.size)
                progress.advance(written.name, written.size)
                progress.finish(written.name)
    output.remove_leftovers()
    files = [state.files[name] for name in plan.names]
    if kind.finish is not None:
        files.append(kind.finish(output, split, plan))
        state.record(files[-1])
    return files


def _run_here(task: FileTask, *, kind: Kind, output: Output, progress: Progress) -> Written:
    progress.start(task.name, task.size)
    written = kind.write_file(task, output, partial(progress.advance, task.name))
    progress.finish(task.name)
    return written
