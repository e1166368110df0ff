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
from typing import Any, Literal, NamedTuple, TypeAlias

import datasets

from .._datasets import Splits, image_columns, open_splits
from .._util.processes import process_count
from .._util.progress import Progress, is_quiet
from ..attribution.inputs import check_changes
from ..errors import ExportError
from ..images.resizing import QUALITY
from ..selection.record import Selection
from .credits import StreamedColumns, check_unused, export_credits, has_credits
from .groups import check_rows, parse_size
from .imagefolder import IMAGEFOLDER
from .kinds import Kind
from .originals import check_dataset
from .outputs import Output
from .parquet import PARQUET
from .planning import ExportPlan, FileTask
from .resume import STATE_FILE, ExportState, Written, exported_splits, record_selection
from .rewriting import Rewriting
from .skipping import select_written, warn_skipped
from .splits import check_splits, is_found, write_configs
from .streams import write_stream
from .webdataset import WEBDATASET
from .workers import run_tasks

OnError: TypeAlias = Literal["raise", "skip"]

logger = logging.getLogger(__name__)

KINDS = {kind.name: kind for kind in (PARQUET, WEBDATASET, IMAGEFOLDER)}


@dataclass(frozen=True)
class ExportOptions:
    """Options of an export of any kind.

    Attributes:
        num_proc: Processes that write a file each, None for one.
        executor: What runs the tasks instead of processes of this machine.
        quiet: Whether to show no progress; None for what the progress bars of `datasets` do.
        changes: What was done to the images before, for their credits; None for nothing.
        credits: Whether to write the credits of the images beside them.
        resize: Pixels of the shorter side of images, at most; None for their bytes as they are.
        quality: Of resized images, as JPEGs.
        on_error: What to do about an image that cannot be decoded to be resized.
        drop_columns: The columns that are left out; `gps` stands for both of the location.
        label_column: The name of a column of constant labels; None for none.
        selection: The record of which rows these are, for the export's state.
    """

    num_proc: int | None = None
    executor: Executor | None = None
    quiet: bool | None = None
    changes: str | None = None
    credits: bool = True
    resize: int | None = None
    quality: int = QUALITY
    on_error: OnError = "raise"
    drop_columns: str | Iterable[str] = ()
    label_column: str | None = None
    selection: Selection | None = None

    @property
    def in_process(self) -> bool:
        """Whether this process alone does the work.

        Raises:
            ExportError: `num_proc` makes no sense.
        """
        return process_count(self.num_proc, ExportError) == 1 and self.executor is None

    def rewriting(self, features: datasets.Features) -> Rewriting:
        """What is done to the rows.

        Args:
            features: Of the rows as they are stored.

        Raises:
            ExportError: an option makes no sense.
        """
        return Rewriting.of(
            features,
            resize=self.resize,
            quality=self.quality,
            on_error=self.on_error,
            drop_columns=self.drop_columns,
            label_column=self.label_column,
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
        ImageError: an image cannot be decoded to be resized.
        ShardError: a shard is gone or has changed.
    """
    output = Output(folder)
    format_options = {**kind.options, **format_options}
    planned = plan_export(kind, dataset, options, **format_options)
    splits, plans, rewriting = planned.splits, planned.plans, planned.rewriting
    changes = rewriting.changes(planned.changes)
    facts: dict[str, Any] = {
        "kind": kind.name,
        "changes": changes,
        **format_options,
        **rewriting.facts,
    }
    if "max_shard_size" in facts:
        facts["max_shard_size"] = parse_size(facts["max_shard_size"])
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
                files = _write_dataset(kind, plans[split], output, split, facts, options)
                written += files
                columns[split] = select_written(part, warn_skipped(str(output), split, files))
                continue
            with (
                StreamedColumns(part.features, work / f"{split}.arrow") as streamed,
                Progress(0, title=split, quiet=is_quiet(options.quiet)) as progress,
            ):
                progress.start(split, 0)
                files = write_stream(
                    part,
                    output,
                    split,
                    format_options,
                    facts,
                    changes=planned.changes,
                    rewriting=rewriting,
                    on_bytes=partial(progress.advance, split),
                    on_table=streamed.add,
                )
                warn_skipped(str(output), split, files)
                columns[split] = streamed.dataset()
            written += files
        if not kind.splits_by_file_name:
            write_configs(output, known)
        changed = before != output.read_json(STATE_FILE) or not has_credits(output)
        if options.credits and changed and _may_have_credits(kind, known, output):
            export_credits(output, columns, work, release=splits.release, changes=changes)
        if options.selection is not None:
            record_selection(output, options.selection.to_json())
    return written


class Planned(NamedTuple):
    """An export that was checked and planned, and of which nothing was written.

    Attributes:
        splits: What is exported.
        plans: The files of each split that is no stream.
        rewriting: What is done to the rows.
        changes: What the user says was done to the images before, on one line.
    """

    splits: Splits
    plans: dict[str, ExportPlan]
    rewriting: Rewriting
    changes: str | None


def plan_export(kind: Kind, dataset: Any, options: ExportOptions, **format_options: Any) -> Planned:
    """Check what is exported, and plan its files, without reading an image.

    Args:
        kind: As in `export`.
        dataset: As in `export`.
        options: As in `export`.
        format_options: As in `export`.

    Raises:
        DatasetError: this is no dataset of images, or a stream where none can be.
        ExportError: images were re-encoded, or an option makes no sense.
    """
    changes = check_changes(options.changes)
    check_rows(format_options.get("row_group_rows", 1))
    splits = open_splits(dataset, streams=kind is PARQUET)
    rewriting = options.rewriting(next(iter(splits.parts.values())).features)
    plans: dict[str, ExportPlan] = {}
    for split, part in splits.parts.items():
        image_columns(part.features)  # raises where there is none
        rewriting.features(part.features)
        if isinstance(part, datasets.Dataset):
            check_dataset(part, changes)
            plans[split] = kind.plan(part, split=split, rewriting=rewriting, **format_options)
    _check_workers(splits, plans.values(), options)
    if kind.splits_by_file_name:
        check_splits(list(plans))
    return Planned(splits, plans, rewriting, changes)


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
