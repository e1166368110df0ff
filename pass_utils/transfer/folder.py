"""A folder of PASS: where its files are, what there is of each, and which release it is of."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from .._util.cache import cache_dir
from .._util.stamp import FileStamp
from ..errors import DownloadError, ReleaseError
from ..releases import (
    METADATA_FILE,
    RELEASES,
    File,
    Release,
    choose_shards,
    find_release,
    miniature_of,
)
from ..selection.manifest import MANIFEST_FILE, read_subset
from .journal import is_subset
from .state import read_state, verified_stamp

_TAR_END = 1024  # bytes: the two blocks of zeros that a tar ends with


def folder_path(folder: str | os.PathLike[str]) -> Path:
    """Returns the absolute path of a folder that a user named; `~` is their home.

    Raises:
        ReleaseError: it can be no path.
    """
    try:
        where = Path(folder).expanduser().absolute()
        os.fsencode(where)
    except (RuntimeError, UnicodeEncodeError) as err:
        raise ReleaseError(f"folder: expected a path, found {folder!r}: {err}.") from err
    if "\0" in str(where):
        raise ReleaseError(f"folder: expected a path, found {str(folder)!r} with a NUL in it.")
    return where


def downloads_folder(release: Release, cache_root: str | os.PathLike[str] | None = None) -> Path:
    """Returns the folder in the cache that keeps fetched files of a release.

    Args:
        release: The release.
        cache_root: The cache, None for that of `datasets`.
    """
    return cache_dir(cache_root).parent / "downloads" / f"pass-{release.record}"


def release_in(
    folder: str | os.PathLike[str],
    asked: str | Release | None = None,
    *,
    default: str | Release | None = None,
) -> Release:
    """Returns the release that a folder is of: the one place where that is decided.

    What was asked for, if the folder can be of it; else the release that it holds; else the default
    one. It holds the release that `download` put there, or, where `download` did not make it, the
    one whose files have the sizes of those that are there, or whose miniature it is. Shards of one
    release beside the CSV of a later one are that later release: what the CSV does not have was
    withdrawn. Changes nothing.

    Args:
        folder: a folder, which need not exist, or the CSV in it.
        asked: the name or the record of a release; None for the folder's own.
        default: what is meant where neither says which; None for the default release.

    Raises:
        ReleaseError: there is no release of that name.
        DownloadError: the folder holds another release than the one asked for, or files of several,
            or may not be read.
    """
    where = folder_path(folder)
    csv = where if where.is_file() else where / METADATA_FILE
    wanted = find_release(default if asked is None else asked)
    known = {release.record: release for release in (*RELEASES.values(), wanted)}
    older = _older_shards(csv, known.values())
    record = _recorded(csv) if older is None else older.csv.record
    signs = {} if record is not None else _signs(csv, known.values())
    fitting = set(known) if record is None else {record}
    fitting.intersection_update(*signs.values())
    if wanted.record in fitting:
        return wanted
    if asked is None and len(fitting) == 1 and fitting <= known.keys():
        return known[fitting.pop()]
    if fitting:
        found = f"record {min(fitting)}"
    else:
        found = "several releases: " + ", ".join(
            f"{name} of {'/'.join(sorted(known[record].name for record in records))}"
            for name, records in signs.items()
        )
    later = len(fitting) == 1 and wanted.date > known.get(min(fitting), wanted).date
    advice = (
        f" For what {wanted.name} still has of it, open it as it is with `drop_withdrawn` "
        f"(`--drop-withdrawn {wanted.name}`), or put {wanted.name}'s CSV in place of its own."
    )
    raise DownloadError(
        f"{where}: expected a folder for record {wanted.record} ({wanted.name}), "
        f"found files of {found}. "
        f"Choose another folder, or the release that this one holds.{advice if later else ''}"
    )


class _Mixed(NamedTuple):
    """A CSV and shards of two releases."""

    csv: Release
    shards: Release


def _older_shards(csv: Path, releases: Iterable[Release]) -> _Mixed | None:
    """The releases of a CSV and of the shards beside it, where those are of an earlier one; else
    None.
    """
    known = {release.record: release for release in releases}
    signs = _signs(csv, known.values())
    listed = signs.pop(METADATA_FILE, set())
    shards = set(known).intersection(*signs.values()) if signs else set()
    if len(listed) != 1 or len(shards) != 1:
        return None
    found = _Mixed(known[listed.pop()], known[shards.pop()])
    return found if found.shards.date < found.csv.date else None


def shards_of(folder: str | os.PathLike[str], release: Release) -> Release:
    """Returns the release that the shards in a folder are of: the same one, or an earlier one where
    only the CSV is of `release`.

    Args:
        folder: The folder.
        release: The release that the folder is of.
    """
    csv = folder_path(folder) / METADATA_FILE
    older = _older_shards(csv, (*RELEASES.values(), release))
    return release if older is None else older.shards


def _recorded(csv: Path) -> int | None:
    """The record that is known of a folder without its tars: what `download` remembered, what the
    manifest of a subset says, or what a miniature is one of.
    """
    record: int | None = read_state(csv.parent)["record"]
    if record is not None:
        return record
    subset = read_subset(csv.parent)
    if subset is not None and subset.selection.release in RELEASES:
        return RELEASES[subset.selection.release].record
    miniature = miniature_of(csv)
    return miniature and miniature.record


def _signs(csv: Path, releases: Iterable[Release]) -> dict[str, set[int]]:
    """Which releases have a file of this name and size: their records, by the names of those files
    that are there.
    """
    signs: dict[str, set[int]] = {}
    for release in releases:
        for file in release.files:
            path = csv if file.name == METADATA_FILE else csv.with_name(file.name)
            try:
                status = _status(path)
            except OSError as err:
                raise _unreadable(csv.parent, err) from err
            if status is not None and status.st_size == file.size:
                signs.setdefault(file.name, set()).add(release.record)
    return signs


def _unreadable(folder: Path, err: OSError) -> DownloadError:
    return DownloadError(
        f"{folder}: expected a folder that can be read, found: {err}. Choose another folder."
    )


def find_files(
    folder: str | os.PathLike[str], release: str | Release, *, shards: Iterable[int] | None = None
) -> list[str]:
    """Returns the absolute paths of a release's CSV and of the chosen shards in a folder; of a
    subset, those of its CSV and its tar.

    Args:
        folder: where they are.
        release: the name or the record of a release.
        shards: the numbers of the shards, in the order wanted; None for all.

    Raises:
        ReleaseError: the folder or a file is not there, or the release has no such shard.
        DownloadError: what is there is known to be of another release.
    """
    release = find_release(release)
    chosen = choose_shards(release, shards)
    where = folder_path(folder)
    if not where.is_dir():
        raise ReleaseError(
            f"{where}: expected a folder with PASS.<n>.tar and {METADATA_FILE}, found none. Check "
            "the path, or try the bundled miniature: data_dir=pass_utils.dummy_folder()."
        )
    names = [file.name for file in files_of(where, release, shards)]
    missing = [name for name in names if not (where / name).is_file()]
    if missing and is_subset(where):
        raise ReleaseError(
            f"{where}: expected a subset, missing {', '.join(missing)}. Put it back, or remove "
            f"{MANIFEST_FILE} and fetch the subset again."
        )
    if missing:
        present = [
            number for number, file in release.shards.items() if (where / file.name).is_file()
        ]
        numbers = ",".join(map(str, present))
        advice = (
            f"Open what is there with `shards={present}` or `--shards {numbers}`, or run"
            if present
            else "Run"
        )
        wanted = "" if shards is None else f" --shards {','.join(map(str, chosen))}"
        raise ReleaseError(
            f"{where}: expected the CSV and {len(chosen)} "
            f"{'shard' if len(chosen) == 1 else 'shards'} of release {release.name}, missing "
            f"{', '.join(missing)}. {advice} `pass-utils download {where} --release "
            f"{release.name}{wanted}`."
        )
    release_in(where, release)
    return [str(where / name) for name in names]


def files_of(folder: Path, release: Release, shards: Iterable[int] | None) -> list[File]:
    """Returns the files that should be in a folder: the CSV and the chosen shards of the release,
    which may be those of an earlier one, or the CSV and the tar of the subset that it holds.

    Raises:
        ReleaseError: the release has no such shard; the folder holds a subset, which has no shards,
            or is not complete.
    """
    if not is_subset(folder):
        of = shards_of(folder, release)
        return [release.metadata, *choose_shards(of, shards).values()]
    if shards is not None:
        raise ReleaseError(
            f"{folder}: expected no choice of shards, since the folder holds a subset in one tar, "
            f"found {list(shards)}. Leave `shards` (`--shards`) out."
        )
    subset = read_subset(folder)
    if subset is None:
        raise ReleaseError(
            f"{folder}: expected a complete subset, found one whose download was interrupted. Run "
            "the same `pass-utils download` again."
        )
    return list(subset.files)


class FileState(NamedTuple):
    """What a folder has of a file, in bytes; None for what is not there.

    `size` is that of the file itself, `part` that of its `.part`; `verified` says whether it has
    been hashed and not touched since, `cut_short` whether it is a tar without its end, which a
    download can be resumed from.
    """

    size: int | None = None
    verified: bool = False
    part: int | None = None
    cut_short: bool = False


def scan(folder: Path, files: Iterable[File]) -> dict[str, FileState]:
    """Returns the state of each file on disk, by name.

    Args:
        folder: the folder, which need not exist.
        files: the files to look for, as they should be.

    Raises:
        DownloadError: the folder may not be read.
    """
    verified = read_state(folder)["verified"]
    found = {}
    try:
        for file in files:
            path = folder / file.name
            status, part = _status(path), _status(folder / f"{file.name}.part", follow=False)
            found[file.name] = FileState(
                size=status and status.st_size,
                verified=status is not None
                and verified.get(file.name) == verified_stamp(status, file.sha256),
                part=part and part.st_size,
                cut_short=status is not None
                and path.suffix == ".tar"
                and status.st_size < file.size
                and not path.is_symlink()
                and not _ends_as_a_tar(path, status.st_size),
            )
    except OSError as err:
        raise _unreadable(folder, err) from err
    return found


def _ends_as_a_tar(path: Path, size: int) -> bool:
    """Whether a file ends in zeros, as a complete tar does, or is empty."""
    with path.open("rb") as file:
        file.seek(max(size - _TAR_END, 0))
        return not any(file.read(_TAR_END))


def _status(path: Path, *, follow: bool = True) -> os.stat_result | None:
    """What the system knows of a regular file; None where there is none."""
    try:
        status = path.stat() if follow else path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def file_stamp(path: str) -> FileStamp:
    """Returns the stamp of a file as it is now."""
    return FileStamp.of(Path(path).stat())
