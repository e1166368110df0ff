"""A dataset in, a dataset repository of the Hub out, that anyone can load: Parquet, a card, and
whom to credit.
"""

from __future__ import annotations

import contextlib
import logging
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, TypeVar

import datasets
from huggingface_hub.utils import (  # type: ignore[attr-defined,unused-ignore]
    are_progress_bars_disabled,
    disable_progress_bars,
    enable_progress_bars,
)

from .._datasets import open_splits
from .._util.cache import cache_dir
from .._util.files import hash_file
from .._util.lock import LockedError, file_lock
from .._util.progress import Progress, is_quiet
from ..attribution.writing import write_attribution
from ..errors import ExportError, RemoteError
from ..export.outputs import Output
from ..export.parquet import MAX_SHARD_SIZE, file_name, plan_parquet, write_file
from ..export.resume import Written
from ..export.splits import CARD_FILE
from ..export.streams import write_files
from ..export.writing import AnyDataset
from .card import patterns_of_others, write_card
from .repository import Head, Repository, Upload, holds
from .survey import Survey

logger = logging.getLogger(__name__)

Item = TypeVar("Item")

_NAME = re.compile(r"\w[\w.-]*")
_DEFAULT_FOLDER = "data"  # as `datasets` has it
_CREDITS_FILE = "CREDITS.parquet"
_FILES = (_CREDITS_FILE, CARD_FILE)
_ATTEMPTS = 5  # commits on top of a head that somebody else moves


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
    selection: str | None = None,
    quiet: bool | None = None,
) -> str:
    """Push `dataset` to the Hub as `repo_id`, `user/name`, and return the address of its page, or
    of the pull request.

    Files are written one after the other into a work folder in the `datasets` cache, as
    `write_parquet` writes them, and deleted as soon as they are up: the disk holds two at a time.
    One commit at the end, with the card, makes all of them visible at once, so no half-pushed
    dataset can be taken for a whole one. Run again after a break, it writes the files anew and
    sends those that are not up yet. What an earlier push of the same `config_name` left is
    replaced; other configs stay.

    Rows of PASS go with CREDITS.parquet, which has creator, source and licence of each picture.
    `selection` tells the card how they were chosen, as in "shorter side of at least 375 pixels".
    `token` is the one given, or else the one that `huggingface_hub` finds; `private`, `revision`
    and `create_pr` are as there. `max_shard_size` is as in `write_parquet`. `quiet` shows no
    progress; by default `datasets`' progress bars decide.

    Raises:
        ExportError: the dataset has no pictures or one that cannot be read, or another process
        pushes to the same repository.
        ShardError: a shard is gone or has changed.
        RemoteError: the Hub refuses, or stays silent for long.
    """
    if not _NAME.fullmatch(config_name) or config_name in (_DEFAULT_FOLDER, *_FILES):
        raise ExportError(
            "config_name: expected letters, digits, `_`, `.` and `-`, and not what else lies "
            f"there, {', '.join((_DEFAULT_FOLDER, *_FILES))}, found {config_name!r}."
        )
    splits = open_splits(dataset)
    parts, release = splits.parts, splits.release
    splits.image_columns  # noqa: B018  (checks that there are some, the same in all splits)
    repository = Repository(repo_id, token=token, revision=revision, create_pr=create_pr)
    folder = _DEFAULT_FOLDER if config_name == "default" else config_name
    quiet = is_quiet(quiet)
    credits = _CREDITS_FILE if config_name == "default" else f"{folder}/{_CREDITS_FILE}"
    with (
        _work_folder(repo_id) as work,
        _progress_of_the_hub(quiet),
        Survey(splits.features, work) as survey,
    ):
        repository.open(private=private)
        head = repository.head()
        # a card that cannot be read is better known now
        patterns_of_others(repository.card(head, work), config_name)
        brought = _Brought(repository, head, work)
        _bring_files(brought, parts, survey, folder, max_shard_size, quiet)
        credited = survey.credited and survey.rows > 0
        if release is not None and not credited:
            logger.warning(
                "%s: pushed without a list of credits: not each picture has its hash and its "
                "creator.",
                repo_id,
            )
        if credited:
            write_attribution(survey.credits(), work / _CREDITS_FILE, release=release, quiet=True)
            brought.bring(credits, work / _CREDITS_FILE)

        def card(before: str) -> Upload:
            text = write_card(
                before,
                repo_id=repository.repo_id,
                config=config_name,
                folder=folder,
                survey=survey,
                release=release,
                selection=selection,
                credits=credits if credited else None,
            )
            return Upload.of(CARD_FILE, text.encode())

        # The end is a digest that `datasets` once added to names.
        ours = re.compile(
            rf"{re.escape(folder)}/\w+(\.\w+)*-\d{{5}}-of-\d{{5}}(-\w+)?\.parquet|{re.escape(credits)}"
        )
        return brought.commit(card, config_name, ours, message=f"Push {survey.rows:,} pictures")


class _Brought:
    """What is up of a push: files that wait for the commit, and those that were in the tree
    before.
    """

    def __init__(self, repository: Repository, head: Head, work: Path) -> None:
        self._repository, self._head, self._work = repository, head, work
        self._uploads: list[Upload] = []
        self._there: dict[str, str] = {}

    def bring(self, path: str, file: Path, sha256: str | None = None) -> None:
        """Bring a file up, unless it is there, and delete it here."""
        sha256 = sha256 or hash_file(file).hexdigest()
        if self._head.files.get(path) == sha256:
            self._there[path] = sha256
            file.unlink()
        else:
            self.bring_unnamed(path, file, sha256)

    def bring_unnamed(self, path: str, file: Path, sha256: str) -> Upload:
        """Bring a file up that gets its name before the commit, and delete it here; what the Hub
        has is not sent again.
        """
        upload = self._repository.upload(path, file, sha256)
        self._uploads.append(upload)
        file.unlink()
        return upload

    def commit(
        self, card: Callable[[str], Upload], config: str, ours: re.Pattern[str], *, message: str
    ) -> str:
        """Commit all of it together with the card, made from the one that is there; files that are
        `ours` of old go.

        Those that the card gives to another config stay.

        Raises:
            RemoteError: the repository does not stand still, or is not as it should be afterwards.
        """
        for _ in range(_ATTEMPTS):
            head = self._repository.head()
            before = self._repository.card(head, self._work)
            uploads = [*self._uploads, card(before)]
            kept = {*self._there, *(upload.addition.path_in_repo for upload in uploads)}
            others = patterns_of_others(before, config)
            outdated = [
                path
                for path in head.files
                if ours.fullmatch(path)
                and path not in kept
                and not any(fnmatch(path, pattern) for pattern in others)
            ]
            if holds(head.files, uploads, outdated):
                page: str | None = self._repository.url
            else:
                page = self._repository.commit(head, uploads, outdated, message=message)
            if page is not None and not self._repository.create_pr:
                now = self._repository.head().files
                lost = [path for path, sha256 in self._there.items() if now.get(path) != sha256]
                if lost or not holds(now, uploads, outdated):
                    raise RemoteError(
                        f"{page}: expected all files that were pushed, found "
                        f"{', '.join(lost) or 'others'}. Push again.",
                        url=page,
                    )
            if page is not None:
                return page
        raise RemoteError(
            f"{self._repository.url}: expected it to stand still for a commit, found other commits "
            f"coming between {_ATTEMPTS} times. Run the same again: what is up stays there.",
            url=self._repository.url,
        )


def _bring_files(
    brought: _Brought,
    parts: dict[str, Any],
    survey: Survey,
    folder: str,
    max_shard_size: str | int,
    quiet: bool,
) -> None:
    """Write the Parquet files of all splits, and bring them up."""
    work = Output(survey.folder)
    plans = {
        split: plan_parquet(part, max_shard_size=max_shard_size, split=split)
        for split, part in parts.items()
        if isinstance(part, datasets.Dataset)
    }
    with Progress(
        sum(plan.bytes for plan in plans.values()), title=folder, quiet=quiet
    ) as progress:
        for split, part in parts.items():
            if split in plans:
                files: Iterable[Written] = (write_file(task, work) for task in plans[split])
            else:
                streamed = write_files(part, work, max_shard_size=max_shard_size, split=split)
                files = (file.written for file in streamed)
            unnamed: list[Upload] = []
            for number, written in enumerate(_one_ahead(files)):
                progress.start(written.name, written.size)
                survey.add(split, survey.folder / written.name)
                file = f"{folder}/{written.name}", survey.folder / written.name, written.sha256
                if split in plans:
                    brought.bring(*file)
                else:
                    unnamed.append(brought.bring_unnamed(*file))
                progress.advance(
                    written.name, plans[split].size(number) if split in plans else written.size
                )
                progress.finish(written.name)
            for number, upload in enumerate(unnamed):  # now it is known how many they are
                upload.addition.path_in_repo = f"{folder}/{file_name(split, number, len(unnamed))}"


def _one_ahead(items: Iterable[Item]) -> Iterator[Item]:
    """The items, of which the next is made while one is worked with."""
    iterator = iter(items)
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, iterator, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, iterator, None)
            yield item


@contextlib.contextmanager
def _work_folder(repo_id: str) -> Iterator[Path]:
    """An empty folder in the cache that is this push's alone, and gone afterwards; `repo_id` is
    known to be a valid one.

    Raises:
        ExportError: another process pushes to the same repository.
    """
    folder = cache_dir() / "push" / repo_id.replace("/", "--")
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with file_lock(folder.with_name(f"{folder.name}.lock")):
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


@contextlib.contextmanager
def _progress_of_the_hub(quiet: bool) -> Iterator[None]:
    """Have `huggingface_hub` show its own bars, one for each upload, only where they can be
    seen.
    """
    hide = (quiet or not sys.stderr.isatty()) and not are_progress_bars_disabled()
    if hide:
        disable_progress_bars()
    try:
        yield
    finally:
        if hide:
            enable_progress_bars()
