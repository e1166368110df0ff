"""Download of a subset: single images of a release into a folder that opens as PASS does.

The images come from shards on this machine or, one by one, from YFCC100M's bucket. They are kept in
a journal as they come, so that a run resumes where the last one ended, and are packed into one tar
when all are there.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from .._util.progress import count_bar, is_quiet
from ..errors import DownloadError, ReleaseError
from ..net.images import Fetched, fetch_images
from ..net.template import check_template
from ..net.urls import without_secrets
from ..releases import METADATA_FILE, Release
from ..selection.manifest import SUBSET_TAR, Manifest, Missing, read_subset
from ..selection.record import Selection
from ..shards.images import ShardImage, list_images
from ..shards.source import ShardFile
from .folder import folder_path, release_in
from .journal import Journal, is_subset, remove_journal
from .packing import write_subset
from .state import lock_folder, verified_stamp, write_state

logger = logging.getLogger(__name__)

CONNECTIONS = 16  # to the server of single images


def fetch_subset(
    folder: str | os.PathLike[str],
    release: Release,
    selection: Selection,
    choose: Callable[[], Sequence[str]],
    csv: Callable[[], str | os.PathLike[str]],
    *,
    tars: Sequence[str] | None = None,
    connections: int | None = None,
    retry_missing: bool = True,
    wait: bool = False,
    quiet: bool | None = None,
) -> Manifest:
    """Downloads the images that were chosen, and writes the files of the subset.

    Args:
        folder: Where to; made if it is not there.
        release: The release that the images are of.
        selection: What was asked for, which a folder of another subset is compared with.
        choose: Gives the hashes, sorted; called when something has to be done.
        csv: Gives the CSV that has their rows; likewise.
        tars: The paths of shards to take the images from; None to fetch them one by one.
        connections: How many images are fetched at the same time, 16 for None.
        retry_missing: Ask once more for what a complete subset lacks.
        wait: Wait for another process that downloads into the folder; else refuse.
        quiet: Show no progress; None for what `datasets`' progress bars do.

    Returns:
        The manifest of the subset.

    Raises:
        DownloadError: the folder is in use, has no room, or holds shards or another subset.
        RemoteError: the server does not give images.
    """
    where = folder_path(folder)
    selection = selection.replace(release=release.name)
    made = _check_folder(where, release, selection)
    if made is not None and not (made.missing and retry_missing):
        return made
    chosen = choose() if made is None else []
    with lock_folder(where, wait=wait):
        made = _check_folder(
            where, release, selection
        )  # again: who held the lock fetched something
        if made is not None:
            chosen = [each.hash for each in made.missing]
            if not (chosen and retry_missing):
                remove_journal(where)
                return made
        elif not chosen:  # somebody removed it meanwhile
            chosen = choose()
        write_state(where, record=release.record)
        try:
            return _fetch_and_pack(
                where, selection, chosen, made, csv(), tars, connections or CONNECTIONS, quiet
            )
        except OSError as err:
            full = err.errno in (errno.ENOSPC, errno.EDQUOT)
            raise DownloadError(
                f"{where}: expected {'room for the images' if full else 'to write there'}, found "
                f"{'the disk full' if full else err}. Fix that, and run the same again: it resumes."
            ) from err


def _check_folder(folder: Path, release: Release, selection: Selection) -> Manifest | None:
    """The manifest, if the folder holds this subset; None if it holds none.

    Raises:
        DownloadError: it holds something else.
    """
    release_in(folder, release)
    made = read_subset(folder)
    if made is not None and made.selection != selection:
        raise DownloadError(
            f"{folder}: expected a folder for the images that are {selection.words()}, found those "
            f"that are {made.selection.words()}. Choose another folder."
        )
    if made is None and not is_subset(folder):
        found = sorted({*folder.glob("PASS.*.tar*"), *folder.glob(METADATA_FILE)})
        if found:
            raise DownloadError(
                f"{folder}: expected a new folder for a subset, found {found[0].name}. Choose "
                "another folder; to take the images from shards there, give it as "
                "`source` (`--from`)."
            )
    return made


def _fetch_and_pack(
    folder: Path,
    selection: Selection,
    chosen: Sequence[str],
    made: Manifest | None,
    csv: str | os.PathLike[str],
    tars: Sequence[str] | None,
    connections: int,
    quiet: bool | None,
) -> Manifest:
    expected = {} if selection.include is None else selection.include.sha256
    with ExitStack() as held:
        journal = held.enter_context(Journal(folder, selection.to_json()))
        todo = [
            hash
            for hash in chosen
            if hash not in journal.arrived and (made is not None or hash not in journal.missing)
        ]
        images = (
            fetch_images(todo, connections=connections, expected=expected)
            if tars is None
            else _read_images(tars, todo, expected)
        )
        failed = _keep(images, journal, len(chosen), quiet=quiet)
        missing = {**journal.missing, **failed}
        before = _Packed(folder / SUBSET_TAR) if made is not None else None
        if before is not None:
            held.callback(before.close)
        hashes = sorted({*journal.arrived, *(before.images if before is not None else ())})

        def read(hash: str) -> bytes:
            if before is not None and hash in before.images:
                return before.read(hash)
            return journal.read(hash)

        if not hashes:
            raise DownloadError(
                f"{folder}: expected images, found none of {len(chosen):,} available: "
                f"{next(iter(missing.values()), '')}. Check the source, and run the same again."
            )
        done = write_subset(
            folder,
            selection,
            Path(csv),
            hashes=hashes,
            read=read,
            missing=[Missing(hash, missing[hash]) for hash in chosen if hash in missing],
            source="shards" if tars is not None else without_secrets(check_template(None)),
        )
        verified = {
            file.name: verified_stamp((folder / file.name).stat(), file.sha256)
            for file in done.files
        }
        write_state(folder, verified=verified)
        journal.remove()
    return done


def _keep(
    images: Iterator[Fetched], journal: Journal, total: int, *, quiet: bool | None
) -> dict[str, str]:
    """Put images into the journal as they come; return why others did not come, though another time
    they may.
    """
    failed: dict[str, str] = {}
    size = 0
    with count_bar("PASS", unit="images", total=total, quiet=is_quiet(quiet)) as bar:
        bar.update(len(journal.arrived))
        for image in images:
            if image.data is not None and image.sha256 is not None:
                journal.add(image.hash, image.data, image.sha256)
                size += len(image.data)
                seconds = bar.format_dict["elapsed"] or 1
                bar.set_postfix_str(f"{size / 1e6 / seconds:.1f} MB/s", refresh=False)
            elif image.transient:
                failed[image.hash] = str(image.reason)
            else:
                journal.give_up(image.hash, str(image.reason))
            bar.update()
    return failed


def _read_images(
    tars: Sequence[str], hashes: Sequence[str], expected: Mapping[str, str]
) -> Iterator[Fetched]:
    """The images as shards have them, in the order of the shards."""
    left = set(hashes)
    for path in tars:
        with ShardFile(path, random_access=True) as shard:
            for image in list_images(shard) if left else ():
                if image.hash in left:
                    left.remove(image.hash)
                    yield _checked(image.hash, _pread(shard, image), expected)
    for hash in sorted(left):
        yield Fetched(hash, None, None, None, "in none of the shards", transient=True)


def _pread(shard: ShardFile, image: ShardImage) -> bytes:
    data = bytearray(image.size)
    shard.readinto(image.offset, memoryview(data))
    return bytes(data)


def _checked(hash: str, data: bytes, expected: Mapping[str, str]) -> Fetched:
    found = hashlib.sha256(data).hexdigest()
    wanted = expected.get(hash, found)
    if found != wanted:
        return Fetched(hash, None, None, None, f"expected sha256 {wanted}, found {found}")
    return Fetched(hash, data, found, None, None)


class _Packed:
    """The images of a tar that was written before."""

    def __init__(self, path: Path) -> None:
        self._shard = ShardFile(path, random_access=True)
        self.images = {image.hash: image for image in list_images(self._shard)}

    def read(self, hash: str) -> bytes:
        return _pread(self._shard, self.images[hash])

    def close(self) -> None:
        self._shard.close()


def find_tars(source: str | os.PathLike[str], release: Release) -> list[str]:
    """Returns the paths of the shards that are in a folder, or of the tar of its subset.

    Raises:
        ReleaseError: there is none.
        DownloadError: they are of another release.
    """
    where = folder_path(source)
    release_in(where, release)
    names = [*(file.name for file in release.shards.values()), SUBSET_TAR]
    found = [str(where / name) for name in names if (where / name).is_file()]
    if not found:
        raise ReleaseError(
            f"{where}: expected a folder with PASS.<n>.tar, found none in it. Is the path right?"
        )
    return found
