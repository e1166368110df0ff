"""Push a dataset to the Hub as Parquet, with a card and credits, in one commit."""

from __future__ import annotations

import contextlib
import logging
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import datasets
import pyarrow as pa
from huggingface_hub.utils import (  # type: ignore[attr-defined,unused-ignore]
    are_progress_bars_disabled,
    disable_progress_bars,
    enable_progress_bars,
)

from .._datasets import Splits
from .._util.cache import cache_dir
from .._util.files import hash_file
from .._util.lock import LockedError, file_lock
from .._util.progress import Progress, is_quiet
from ..croissant.document import Selected
from ..croissant.repository import repository_jsonld
from ..errors import ExportError
from ..export.credits import CREDITS_FILE, StreamedColumns, write_credits
from ..export.exporting import ExportOptions, OnError, Planned, plan_export
from ..export.outputs import Output
from ..export.parquet import MAX_SHARD_SIZE, PARQUET, file_name, write_file
from ..export.resume import Written
from ..export.skipping import warn_skipped
from ..export.splits import CARD_FILE
from ..export.streams import write_files
from ..export.writing import AnyDataset
from ..images.resizing import QUALITY
from ..selection.lists import HashList
from ..selection.manifest import read_subset
from ..selection.record import Selection
from ..selection.selected import Steps, hash_list, selection_steps, shard_folder
from ..statement.distribution import distribution_words
from ..transfer.withdrawn import warn_of_withdrawn
from .card import Card, CardFacts, read_card, write_card
from .contents import Contents
from .difference import Difference, find_difference
from .extras import METADATA, SAMPLE, Extras, extra_name
from .images import FOLDER as IMAGES
from .record import RECORD_FILE, json_bytes, push_record
from .repository import Repository, Upload
from .uploading import UploadSession

logger = logging.getLogger(__name__)

Item = TypeVar("Item")

_NAME = re.compile(r"\w[\w.-]*")
_DEFAULT_FOLDER = "data"  # as `datasets` has it
_OLD_CREDITS_FILE = "CREDITS.parquet"  # of earlier pushes, which is deleted
CROISSANT_FILE = "croissant.json"
_RESERVED = (
    *(_DEFAULT_FOLDER, CREDITS_FILE, _OLD_CREDITS_FILE, CARD_FILE),
    *(SAMPLE, METADATA, IMAGES, RECORD_FILE, CROISSANT_FILE),
)


def push_to_hub(
    dataset: AnyDataset,
    repo_id: str,
    *,
    private: bool = False,
    token: str | None = None,
    revision: str | None = None,
    create_pr: bool = False,
    max_shard_size: str | int = MAX_SHARD_SIZE,
    config_name: str = "default",
    selection: Selection | str | None = None,
    changes: str | None = None,
    resize: int | None = None,
    quality: int = QUALITY,
    on_error: OnError = "raise",
    drop_columns: str | Iterable[str] = (),
    label_column: str | None = None,
    quiet: bool | None = None,
) -> str:
    """Push a dataset to the Hub, with a card and the credits of its images.

    Files are written one after the other into a work folder in the `datasets` cache, as
    `write_parquet` writes them, and deleted as soon as they are uploaded: the disk holds two at a
    time. One commit at the end, with card and credits, makes all of them visible at once. Run again
    after a break, it writes the files anew and sends those that are not uploaded yet. What an
    earlier push of the same `config_name` left is replaced; other configs stay. Rows of PASS go
    with CREDITS.csv, which has creator, source and licence of each image.

    Args:
        dataset: A dataset, a stream, or a dict of them by split, with a column of images.
        repo_id: `user/name`, or `name` for one's own.
        private: Whether a new repository is private.
        token: As in `huggingface_hub`, which finds one by default.
        revision: The branch, by default the main one.
        create_pr: Whether to open a pull request instead of changing the branch.
        max_shard_size: Bytes of a file, or text, as in `write_parquet`.
        config_name: What the dataset is called beside others in the repository.
        selection: How the rows were chosen, for the card: a record, or words such as "shorter side
            of at least 375 pixels".
        changes: What was done to the images before, such as "cropped to a square", for the card
            and the credits; rows of PASS whose images are not the original bytes are refused
            without it.
        resize: As in `write_parquet`; card and credits say so.
        quality: As in `write_parquet`.
        on_error: As in `write_parquet`.
        drop_columns: As in `write_parquet`.
        label_column: As in `write_parquet`.
        quiet: Whether to show no progress; None for what the progress bars of `datasets` do.

    Returns:
        The address of the repository's page, or of the pull request.

    Raises:
        DatasetError: this is no dataset of images.
        ExportError: images were re-encoded or cannot be read, an option makes no sense, or another
            process pushes to the same repository.
        ImageError: an image cannot be decoded to be resized.
        ShardError: a shard is gone or has changed.
        RemoteError: the Hub refuses, cannot be reached, or fails for long.
    """
    options = ExportOptions(
        quiet=quiet,
        changes=changes,
        resize=resize,
        quality=quality,
        on_error=on_error,
        drop_columns=drop_columns,
        label_column=label_column,
    )
    return push(
        dataset,
        repo_id,
        options,
        private=private,
        token=token,
        revision=revision,
        create_pr=create_pr,
        max_shard_size=max_shard_size,
        config_name=config_name,
        selection=selection,
    ).page


class Pushed(NamedTuple):
    """What was pushed.

    Attributes:
        page: The address of the repository's page, or of the pull request.
        rows: How many rows.
        changed_bytes: Of files that were not there before.
        unchanged_bytes: Of files that were, and are not sent again.
    """

    page: str
    rows: int
    changed_bytes: int
    unchanged_bytes: int


def push(
    dataset: Any,
    repo_id: str,
    options: ExportOptions,
    *,
    private: bool = False,
    token: str | None = None,
    revision: str | None = None,
    create_pr: bool = False,
    max_shard_size: str | int = MAX_SHARD_SIZE,
    config_name: str = "default",
    selection: Selection | str | None = None,
) -> Pushed:
    """Push a dataset to the Hub, as `push_to_hub` does.

    Args:
        dataset: As in `push_to_hub`.
        repo_id: As in `push_to_hub`.
        options: How rows are rewritten, what was done to the images, and whether to be quiet.
        private: As in `push_to_hub`.
        token: As in `push_to_hub`.
        revision: As in `push_to_hub`.
        create_pr: As in `push_to_hub`.
        max_shard_size: As in `push_to_hub`.
        config_name: As in `push_to_hub`.
        selection: As in `push_to_hub`.

    Raises:
        ExportError: as `push_to_hub`, which raises the other errors as well.
    """
    if not _NAME.fullmatch(config_name) or config_name in _RESERVED:
        raise ExportError(
            "config_name: expected letters, digits, `_`, `.` and `-`, and no name that is taken, "
            f"{', '.join(_RESERVED)}, found {config_name!r}."
        )
    planned = plan_export(PARQUET, dataset, options, max_shard_size=max_shard_size)
    features = planned.rewriting.features(planned.splits.features)
    release, changes = planned.splits.release, planned.rewriting.changes(planned.changes)
    if not planned.splits.streamed:
        warn_of_withdrawn(planned.splits.parts.values(), release)
    repository = Repository(repo_id, token=token, revision=revision, create_pr=create_pr)
    folder = _DEFAULT_FOLDER if config_name == "default" else config_name
    quiet = is_quiet(options.quiet)
    prefix = "" if config_name == "default" else f"{folder}/"
    with _work_folder(repo_id) as work, _client_progress(quiet):
        repository.open(private=private)
        head = repository.head()
        make_card = partial(
            write_card,
            repo_id=repository.repo_id,
            url=repository.url,
            day=datetime.now(timezone.utc).date(),
        )
        steps = _selection_steps(planned.splits, selection)
        facts = CardFacts(
            config_name,
            folder,
            Contents(features),
            release=release,
            selection=steps.words,
            changes=changes,
        )
        # a card that cannot be changed is an error before anything is sent
        make_card(read_card(repository.card(head, work)), facts=facts)
        session = UploadSession(repository, head, work)
        with Extras(features, work, facts.main, changes=changes) as extras:
            extras.possible &= release is not None
            contents, columns = _upload_files(
                session, planned, Contents(features), work, folder, max_shard_size, quiet, extras
            )
            facts = facts._replace(contents=contents)
            extras.upload(session, facts.main, prefix=prefix)
        if planned.splits.streamed:
            warn_of_withdrawn(filter(None, columns.values()), release)
        credits = work / CREDITS_FILE
        credited = write_credits(columns, credits, release=release, changes=changes)
        if credited:
            sha256 = hash_file(credits).hexdigest()
            session.upload(f"{prefix}{CREDITS_FILE}", credits, sha256)
        elif release is not None and contents.rows:
            logger.warning(
                "%s: pushed without a list of credits: not each image has its hash and its "
                "creator.",
                repo_id,
            )

        hashes = hash_list({name: part for name, part in columns.items() if part is not None})
        facts = facts._replace(
            digest=hashes.digest if hashes is not None and None not in columns.values() else "",
            credits=f"{prefix}{CREDITS_FILE}" if credited else None,
            record=f"{prefix}{RECORD_FILE}" if release is not None else None,
            sample=extras.sample,
            metadata=extras.metadata,
            images=extras.images,
        )
        for image in extras.images:
            session.add(Upload.small(image.path, image.data))
        if release is not None:
            _add_descriptions(session, repository, facts, steps, hashes)

        def card(before: Card) -> Upload:
            return Upload.small(CARD_FILE, make_card(before, facts=facts).encode())

        page = session.commit(
            card,
            [each.name for each in facts.configs],
            _our_files(folder, prefix, config_name),
            message=f"Push {contents.rows:,} images",
        )
        return Pushed(page, contents.rows, session.changed_bytes, session.unchanged_bytes)


def compare(
    planned: Planned, repo_id: str, *, config_name: str = "default", revision: str | None = None
) -> Difference:
    """Compare what would be pushed with what its repository has; nothing is changed there.

    Args:
        planned: What would be pushed, no stream.
        repo_id: As in `push_to_hub`.
        config_name: As in `push_to_hub`.
        revision: As in `push_to_hub`.

    Raises:
        RemoteError: the Hub refuses, cannot be reached, or fails for long.
    """
    parts = {
        name: part
        for name, part in planned.splits.parts.items()
        if isinstance(part, datasets.Dataset)
    }
    changes = planned.rewriting.changes(planned.changes)
    with tempfile.TemporaryDirectory() as folder:
        return find_difference(
            Repository(repo_id, revision=revision),
            config_name,
            parts,
            Path(folder),
            changes=changes,
        )


def _selection_steps(splits: Splits, selection: Selection | str | None) -> Steps:
    """How the rows were chosen; the manifest of their folder is asked, where they are in one."""
    parts = {
        name: part for name, part in splits.parts.items() if isinstance(part, datasets.Dataset)
    }
    folder = shard_folder(parts) if len(parts) == len(splits.parts) else None
    return selection_steps(None if folder is None else read_subset(folder), selection)


def _add_descriptions(
    session: UploadSession,
    repository: Repository,
    facts: CardFacts,
    steps: Steps,
    hashes: HashList | None,
) -> None:
    """Add the record of the push and the Croissant description to what is committed."""
    contents, release, prefix = facts.contents, facts.release, ""
    if release is None or facts.record is None:
        return
    prefix = facts.record.removesuffix(RECORD_FILE)
    record = push_record(
        release=release,
        steps=steps,
        rows={name: part.rows for name, part in contents.parts.items()},
        hashes=hashes if facts.digest else None,
        changes=facts.changes,
    )
    described = repository_jsonld(
        release,
        url=repository.url,
        revision=repository.revision or "main",
        configs={each.name: ([*each.files.values()], each.features) for each in facts.configs},
        selected=Selected(
            images=contents.rows,
            words=steps.words,
            hashes=hashes if facts.digest else None,
            changes=facts.changes,
            distribution=distribution_words(contents.statistics),
        ),
    )
    session.add(Upload.small(facts.record, json_bytes(record)))
    session.add(Upload.small(f"{prefix}{CROISSANT_FILE}", json_bytes(described)))


def _our_files(folder: str, prefix: str, config: str) -> re.Pattern[str]:
    """Matches the paths of the files of a config and of those beside it."""
    folders = "|".join(
        map(re.escape, (folder, extra_name(config, SAMPLE), extra_name(config, METADATA)))
    )
    # The end is a digest that `datasets` once added to names.
    return re.compile(
        rf"({folders})/\w+(\.\w+)*-\d{{5}}-of-\d{{5}}(-\w+)?\.parquet"
        rf"|{re.escape(prefix)}CREDITS\.(csv|parquet)"
        rf"|{re.escape(prefix)}{IMAGES}/[0-9a-f]{{16,32}}\.jpg"
        rf"|{re.escape(prefix)}({re.escape(RECORD_FILE)}|{re.escape(CROISSANT_FILE)})"
    )


def _upload_files(
    session: UploadSession,
    planned: Planned,
    contents: Contents,
    work: Path,
    folder: str,
    max_shard_size: str | int,
    quiet: bool,
    extras: Extras,
) -> tuple[Contents, dict[str, datasets.Dataset | None]]:
    """Write the Parquet files of all splits, count their rows, and upload them.

    Returns:
        What was written, and for each split the rows that its credits are made of.
    """
    columns: dict[str, datasets.Dataset | None] = {}
    output, plans = Output(work), planned.plans
    total = sum(plan.bytes for plan in plans.values())
    with Progress(total, title=folder, quiet=quiet) as progress:
        for split, part in planned.splits.parts.items():
            with StreamedColumns(part.features, work / f"{split}.arrow") as streamed:
                on_table = partial(_observe, contents, extras, split, streamed)
                if split in plans:
                    files: Iterable[Written] = (
                        write_file(task, output, on_table=on_table) for task in plans[split]
                    )
                else:
                    files = (
                        file.written
                        for file in write_files(
                            part,
                            output,
                            split=split,
                            max_shard_size=max_shard_size,
                            changes=planned.changes,
                            rewriting=planned.rewriting,
                            on_table=on_table,
                        )
                    )
                unnamed: list[Upload] = []
                done: list[Written] = []
                for index, written in enumerate(_one_ahead(files)):
                    progress.start(written.name, written.size)
                    contents.add_file(split, written.size)
                    done.append(written)
                    file = f"{folder}/{written.name}", work / written.name, written.sha256
                    if split in plans:
                        session.upload(*file)
                    else:
                        unnamed.append(session.upload_renamed_later(*file))
                    size = plans[split].size(index) if split in plans else written.size
                    progress.advance(written.name, size)
                    progress.finish(written.name)
                for index, upload in enumerate(unnamed):  # now it is known how many they are
                    name = file_name(split, index, len(unnamed))
                    upload.addition.path_in_repo = f"{folder}/{name}"
                warn_skipped(session.repo_id, split, done)
                columns[split] = streamed.dataset()
    return contents, columns


def _observe(
    contents: Contents, extras: Extras, split: str, columns: StreamedColumns, table: pa.Table
) -> None:
    contents.add_table(split, table)
    extras.add(split, table)
    columns.add(table)


def _one_ahead(items: Iterable[Item]) -> Iterator[Item]:
    """The items, of which a thread makes the next one while the caller works with one."""
    iterator = iter(items)
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, iterator, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, iterator, None)
            yield item


@contextlib.contextmanager
def _work_folder(repo_id: str) -> Iterator[Path]:
    """An empty folder in the cache for this push, locked against others and deleted afterwards.

    Raises:
        ExportError: another process pushes to the same repository, or the cache cannot be written.
    """
    folder = cache_dir() / "push" / repo_id.replace("/", "--")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with file_lock(Path(f"{folder}.lock")):
            shutil.rmtree(folder, ignore_errors=True)  # what a push that was killed has left
            folder.mkdir()
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    except LockedError as err:
        raise ExportError(
            f"{repo_id}: expected to be the only one here that pushes to it, found another "
            "process. Wait until it has ended."
        ) from err
    except OSError as err:
        raise ExportError(
            f"{folder.parent}: expected to write there what is pushed, found: {err}. Free the "
            "disk, or set HF_DATASETS_CACHE to a folder that can be written.",
            path=str(folder.parent),
        ) from err


@contextlib.contextmanager
def _client_progress(quiet: bool) -> Iterator[None]:
    """Show the bars of `huggingface_hub`, one for each upload, on terminals only."""
    hide = (quiet or not sys.stderr.isatty()) and not are_progress_bars_disabled()
    if hide:
        disable_progress_bars()
    try:
        yield
    finally:
        if hide:
            enable_progress_bars()
