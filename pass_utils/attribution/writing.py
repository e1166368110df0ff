"""A dataset or a folder of PASS in, the credits of its pictures out: one by one, or as a list in
the form that one needs.

No image is read, except for `thumbnails`. A list is written beside its target and takes its name
when it is whole.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from .._util.progress import count_bar
from ..errors import AttributionError
from ..images.thumbnails import Thumbnails
from ..releases import METADATA_FILE, Release, find_release
from .credit import (
    UNKNOWN,
    Credit,
    check_changes,
    credit_batch,
    credit_records,
    dataset_credit,
    nameless,
)
from .files import whole_list
from .formats import WRITERS, Sheet
from .html import PAGE_CREDITS, write_page, write_pages
from .inputs import Images, find_images, leave_out
from .manifests import MANIFESTS
from .order import Listing
from .yfcc import Titles

__all__ = ["Credit", "credits", "dataset_credit", "write_attribution"]

logger = logging.getLogger(__name__)

_FORMATS = {  # by the end of the file's name
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".parquet": "parquet",
    ".txt": "txt",
    ".md": "md",
    ".html": "html",
    ".spdx.json": "spdx",
    "reuse.toml": "reuse",
}
_WRITERS = {**WRITERS, **MANIFESTS}


def credits(
    target: Any,
    *,
    changes: str | None = None,
    exclude: Iterable[str] = (),
    yfcc: str | os.PathLike[str] | None = None,
) -> Iterator[Credit]:
    """The credits of a dataset's pictures, in its order, as they are asked for.

    `target` is a Dataset, an IterableDataset, a dictionary of them, or the path of a folder with
    PASS's CSV (then all pictures of the CSV are meant). `changes` says what was done to the
    pictures. `exclude` holds hashes, or names of creators who do not want to be named, whose
    pictures are left out. `yfcc` is a file of YFCC100M's metadata (tab-separated or Parquet, packed
    or not), from which come titles and Flickr pages; then all pictures are gone through before the
    first credit.

    >>> import pass_utils
    >>> credit = next(credits(pass_utils.dummy_folder()))
    >>> credit.creator, credit.license
    ('雪山', 'CC BY 2.0')

    Raises:
        AttributionError: the target has no hashes or no usernames, or is no dataset at all.
        ReleaseError: there is no such folder.
        MetadataError: its CSV is not one of PASS, or the file not one of YFCC100M.
    """
    changes = check_changes(changes)
    found = leave_out(find_images(target).batches(), exclude)
    return (credit for batch in _credited(found, yfcc) for credit in credit_records(batch, changes))


def _credited(
    found: Iterator[pa.RecordBatch], yfcc: str | os.PathLike[str] | None
) -> Iterator[pa.RecordBatch]:
    if yfcc is None:
        yield from (_credit(batch, None) for batch in found)
    else:
        listing = Listing(found)
        titles = Titles(yfcc, listing.hashes)
        yield from (_credit(batch, titles) for batch in listing.batches())


def write_attribution(
    target: Any,
    path: str | os.PathLike[str],
    *,
    release: str | Release | None = None,
    format: str | None = None,
    group_by: str | None = None,
    changes: str | None = None,
    exclude: Iterable[str] = (),
    yfcc: str | os.PathLike[str] | None = None,
    thumbnails: int | None = None,
    spreadsheet_safe: bool = False,
    quiet: bool = False,
) -> int:
    """Write the credits of a dataset's pictures into a file, and return how many they are.

    `target`, `changes`, `exclude` and `yfcc` are as in `credits`. The format follows from the end
    of `path` (.csv, .jsonl, .parquet, .txt, .md, .html, .spdx.json or REUSE.toml) or is given, as
    in `format="csv"`. `release` is whose line credits the dataset; by default the target's own
    where it says so, else v2. `group_by="creator"` puts the pictures of each creator together,
    under a heading where the format has any. `thumbnails` shows the pictures themselves in HTML,
    the longer side so many pixels long; this reads each image. `spreadsheet_safe` keeps
    spreadsheets from computing what a CSV holds.

    HTML of more than 2,000 credits becomes many pages, in a folder `NAME.html_files` beside the
    index `NAME.html`. SPDX and REUSE have a picture once, also where the dataset has it twice.
    `quiet` shows no progress.

    Raises:
        AttributionError: no such format, pictures that cannot be credited, or a file that cannot be
        written.
        ShardError: thumbnails are wanted of a shard that is gone or has changed.
        ReleaseError: there is no such release or folder.
        MetadataError: the folder's CSV is not one of PASS, or the file not one of YFCC100M.
    """
    where = Path(path).expanduser().absolute()
    form = _format_of(where, format)
    if group_by not in (None, "creator"):
        raise AttributionError(f'group_by: expected "creator" or None, found {group_by!r}.')
    if thumbnails is not None and form != "html":
        raise AttributionError(
            f"thumbnails: expected a list in HTML, found {form}. Write to a file that ends in "
            ".html."
        )
    if spreadsheet_safe and form != "csv":
        raise AttributionError(
            f"spreadsheet_safe: expected a list in CSV, found {form}. Write to a file that ends in "
            ".csv."
        )
    changes = check_changes(changes)
    pictures = find_images(target, release)
    _check_place(where, [*pictures.files, *([] if yfcc is None else [Path(yfcc).expanduser()])])
    sheet = Sheet(find_release(release or pictures.release), changes, spreadsheet_safe)
    beside = where.with_name(f"{where.name}_files")  # C.htm and C.html may be neighbours
    with contextlib.ExitStack() as held:
        file, folder = held.enter_context(whole_list(where, beside if form == "html" else None))
        count = held.enter_context(_Count(pictures, where.name, quiet))
        found = leave_out(count.seen(pictures.batches()), exclude)
        if group_by is None and yfcc is None and form not in ("html", *MANIFESTS):
            _WRITERS[form](count.written(_credit(batch, None) for batch in found), sheet, file)
        else:
            listing = Listing(found, once=form in MANIFESTS)
            order = listing.by_creator()
            titles = None if yfcc is None else Titles(yfcc, listing.hashes, quiet=quiet)
            many = form == "html" and len(listing) > PAGE_CREDITS
            grouped = bool(group_by) or many or form == "reuse"
            batches = count.written(
                _credit(batch, titles) for batch in listing.batches(order if grouped else None)
            )
            if form != "html":
                _WRITERS[form](batches, sheet, file)
            else:
                show = (
                    held.enter_context(Thumbnails(target, thumbnails, where.parent)).find
                    if thumbnails is not None
                    else None
                )
                if many:
                    names = (where.name, beside.name)
                    write_pages(
                        batches,
                        sheet,
                        file,
                        order=order,
                        size=PAGE_CREDITS,
                        folder=folder,
                        named=names,
                        thumbnail=show,
                    )
                else:
                    write_page(
                        batches, sheet, file, creators=sum(map(bool, order.names)), thumbnail=show
                    )
    if count.unnamed:
        logger.warning(
            "%s: %s of %s pictures have no creator's name; they are credited to %r.",
            where.name,
            f"{count.unnamed:,}",
            f"{count.credits:,}",
            UNKNOWN,
        )
    return count.credits


def _credit(batch: pa.RecordBatch, titles: Titles | None) -> pa.RecordBatch:
    """The credits of a batch of pictures, with the counts that it may hold."""
    hashes = batch.column("hash")
    made = credit_batch(
        hashes, batch.column("creator_username"), *(titles.find(hashes) if titles else ())
    )
    if "pictures" not in batch.schema.names:
        return made
    return pa.RecordBatch.from_arrays(
        [*made.columns, batch.column("pictures")], names=[*made.schema.names, "pictures"]
    )


class _Count:
    """Counts credits on their way, and shows progress on a terminal when it takes long; a context
    manager.
    """

    def __init__(self, pictures: Images, title: str, quiet: bool) -> None:
        self.credits = self.unnamed = 0
        self._bar = count_bar(title, unit="pictures", total=pictures.rows, quiet=quiet)

    def seen(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The batches as they are; they show in the progress."""
        for batch in batches:
            yield batch
            self._bar.update(len(batch))

    def written(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The credits as they are; they are counted."""
        for batch in batches:
            self.credits += len(batch)
            self.unnamed += pc.sum(nameless(batch)).as_py() or 0
            yield batch

    def __enter__(self) -> _Count:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._bar.close()


def _check_place(path: Path, inputs: list[Path]) -> None:
    """Refuse to write over what the credits come from."""
    same = False
    for file in inputs:
        with contextlib.suppress(OSError):  # one of them is not there
            same = same or path.samefile(file)
    if same or path.name == METADATA_FILE:
        raise AttributionError(
            f"{path}: expected a place for a new list, found "
            f"{'what the credits are made from' if same else 'the metadata'}. "
            "Choose another name for the list."
        )


def _format_of(path: Path, format: str | None) -> str:
    name = path.name.lower()
    found = format or next((_FORMATS[end] for end in _FORMATS if name.endswith(end)), "")
    if found not in _FORMATS.values():
        if format is None:
            raise AttributionError(
                f"{path.name}: expected a name that ends in {', '.join(_FORMATS)}, found "
                f"{path.suffix or 'no suffix'}. "
                'Choose one, or give `format="csv"`.'
            )
        raise AttributionError(
            f"format: expected one of {', '.join(_FORMATS.values())}, found {format!r}."
        )
    return found
