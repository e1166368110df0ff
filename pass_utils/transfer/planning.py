"""Decides what a download has to do about each file, from what is in the folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from ..errors import DownloadError
from ..releases import File, Release, choose_shards
from .folder import FileState, folder_path, release_in, scan, shards_of
from .journal import is_subset


class State(Enum):
    """What is in the folder of a file."""

    COMPLETE = "complete"  # verified before, and not touched since
    UNVERIFIED = "unverified"  # the right size, never hashed
    PARTIAL = "partial"  # some bytes, to resume from
    MISSING = "missing"
    WRONG = "wrong"  # another size than the file should have, or more than it


class Task(NamedTuple):
    """A file of a release, what there is of it, and how many of its bytes need not be fetched."""

    file: File
    state: State
    have: int

    @property
    def bytes_to_fetch(self) -> int:
        """Bytes that are not there yet."""
        return self.file.size - self.have


class Plan(NamedTuple):
    """What has to be done so that a folder holds the chosen files of a release."""

    release: Release
    tasks: tuple[Task, ...]

    @property
    def bytes_to_fetch(self) -> int:
        """Bytes that are not there yet, of all files together."""
        return sum(task.bytes_to_fetch for task in self.tasks)

    @property
    def todo(self) -> list[Task]:
        """The tasks with something to do."""
        return [task for task in self.tasks if task.state is not State.COMPLETE]


def plan(release: Release, files: Iterable[File], found: Mapping[str, FileState]) -> Plan:
    """Returns what to do about each file; touches neither disk nor network.

    Args:
        release: the release that the files are of.
        files: the files that are wanted.
        found: what `scan` found of them.
    """
    return Plan(release, tuple(_task(file, found.get(file.name, FileState())) for file in files))


def _task(file: File, found: FileState) -> Task:
    if found.size == file.size:
        state = State.COMPLETE if found.verified else State.UNVERIFIED
        return Task(file, state, file.size)
    beginnings = [found.part or 0, (found.size or 0) if found.cut_short else 0]
    have = max(size if size <= file.size else 0 for size in beginnings)
    too_long = not have and max(beginnings) > file.size
    if too_long or (found.size is not None and not found.cut_short):
        return Task(file, State.WRONG, have)
    return Task(file, State.PARTIAL if have else State.MISSING, have)


def plan_download(
    folder: str | os.PathLike[str],
    release: str | Release | None = None,
    *,
    shards: Iterable[int] | None = None,
) -> Plan:
    """Returns what `download` with the same arguments would do.

    Args:
        folder: where to.
        release: its name or its record; None for the one that the folder holds.
        shards: the numbers of the shards; None for all.

    Raises:
        ReleaseError: there is no such release or shard.
        DownloadError: the folder holds another release, or may not be read.
    """
    release = release_in(folder, release)
    check_shards_folder(folder_path(folder), release)
    files = chosen_files(release, shards)
    return plan(release, files, scan(folder_path(folder), files))


def chosen_files(release: Release, shards: Iterable[int] | None) -> list[File]:
    """Returns the CSV and the chosen shards of a release.

    Raises:
        ReleaseError: there is no such shard.
    """
    return [release.metadata, *choose_shards(release, shards).values()]


def check_shards_folder(folder: Path, release: Release) -> None:
    """Refuses to fetch shards into the folder of a subset, or of another release's shards.

    Raises:
        DownloadError: the folder holds a subset, complete or not, or shards of an earlier release.
    """
    if is_subset(folder):
        raise DownloadError(
            f"{folder}: expected a folder for the shards of {release.name}, found a subset. "
            "Choose another folder."
        )
    older = shards_of(folder, release)
    if older.record != release.record:
        raise DownloadError(
            f"{folder}: expected a folder for the shards of {release.name}, found shards of "
            f"{older.name} beside the CSV of {release.name}. They open as {release.name} as they "
            f"are; choose another folder for {release.name}'s own."
        )
