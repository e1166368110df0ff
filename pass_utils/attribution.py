"""A dataset or a folder of PASS in, the credits of its pictures out: one by one, or as a list in the form that one needs.

No image is read, except for `thumbnails`. A list is written beside its target and takes its name when it is whole.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from tqdm import tqdm

from .credit import UNKNOWN, Credit, credit_batch, credit_records, dataset_credit
from .credit_formats import WRITERS, Sheet
from .credit_input import Pictures, find_pictures, leave_out
from .credit_pages import PAGE_CREDITS, write_page, write_pages
from .errors import AttributionError
from .listing import Listing
from .releases import Release, find_release
from .whole_files import whole_file

__all__ = ["Credit", "credits", "dataset_credit", "write_attribution"]

logger = logging.getLogger(__name__)

_FORMATS = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".parquet": "parquet",
    ".txt": "txt",
    ".md": "md",
    ".html": "html",
}
_SECONDS_BEFORE_PROGRESS = 2


def credits(target: Any, *, changes: str | None = None, exclude: Iterable[str] = ()) -> Iterator[Credit]:
    """The credits of a dataset's pictures, in its order, as they are asked for.

    `target` is a Dataset, an IterableDataset, a dictionary of them, or the path of a folder with PASS's CSV (then all pictures
    of the CSV are meant). `changes` says what was done to the pictures. `exclude` holds hashes, or names of creators who do
    not want to be named, whose pictures are left out.

    Raises:
        AttributionError: the target has no hashes or no usernames, or is no dataset at all.
        ReleaseError: there is no such folder.
        MetadataError: its CSV is not one of PASS.
    """
    pictures = find_pictures(target)
    left = leave_out(pictures.batches(), exclude)
    return (
        credit
        for batch in left
        for credit in credit_records(credit_batch(batch.column("hash"), batch.column("creator_username")), changes)
    )


def write_attribution(
    target: Any,
    path: str | os.PathLike[str],
    *,
    release: str | Release | None = None,
    format: str | None = None,
    group_by: str | None = None,
    changes: str | None = None,
    exclude: Iterable[str] = (),
    spreadsheet_safe: bool = False,
    quiet: bool = False,
) -> int:
    """Write the credits of a dataset's pictures into a file, and return how many they are.

    `target`, `changes` and `exclude` are as in `credits`. The format follows from the end of `path` (.csv, .jsonl, .parquet,
    .txt, .md) or is given, as in `format="csv"`. `release` is whose line credits the dataset; by default the target's own
    where it says so, else v2. `group_by="creator"` puts the pictures of each creator together, under a heading where the
    format has any. `spreadsheet_safe` keeps spreadsheets from computing what a CSV holds.

    Raises:
        AttributionError: no such format, pictures that cannot be credited, or a file that cannot be written.
        ReleaseError: there is no such release or folder.
        MetadataError: the folder's CSV is not one of PASS.
    """
    where = Path(path).expanduser().absolute()
    form = _format_of(where, format)
    if group_by not in (None, "creator"):
        raise AttributionError(f'group_by: expected "creator" or None, found {group_by!r}.')
    pictures = find_pictures(target)
    sheet = Sheet(find_release(release or pictures.release or "v2"), changes, spreadsheet_safe)
    beside = where.with_name(f"{where.stem}_files")
    with (
        _Count(pictures, where.name, quiet) as count,
        whole_file(where, beside if form == "html" else None) as (file, folder),
    ):
        found = leave_out(count.seen(pictures.batches()), exclude)
        if form != "html":
            listing = Listing(found) if group_by else None
            WRITERS[form](count.written(listing.batches(listing.by_creator()) if listing is not None else found), sheet, file)
        else:
            listing = Listing(found)
            order = listing.by_creator()
            if len(listing) > PAGE_CREDITS:
                batches = count.written(listing.batches(order))
                names = (where.name, beside.name)
                write_pages(batches, sheet, file, order=order, size=PAGE_CREDITS, folder=folder, named=names)
            else:
                batches = count.written(listing.batches(order if group_by else None))
                write_page(batches, sheet, file, creators=sum(map(bool, order.names)))
    if count.unnamed:
        logger.warning(
            "%s: %s of %s pictures have no creator's name; they are credited to %r.",
            where.name,
            f"{count.unnamed:,}",
            f"{count.credits:,}",
            UNKNOWN,
        )
    return count.credits


class _Count:
    """Counts credits on their way, and shows progress on a terminal when it takes long."""

    def __init__(self, pictures: Pictures, title: str, quiet: bool) -> None:
        self.credits = self.unnamed = 0
        self._bar = tqdm(
            total=pictures.rows,
            desc=title,
            unit=" pictures",
            unit_scale=True,
            delay=_SECONDS_BEFORE_PROGRESS,
            leave=False,
            disable=True if quiet else None,
        )

    def seen(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield batch
            self._bar.update(len(batch))

    def written(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            made = credit_batch(batch.column("hash"), batch.column("creator_username"))
            if "pictures" in batch.schema.names:
                made = pa.RecordBatch.from_arrays(
                    [*made.columns, batch.column("pictures")], names=[*made.schema.names, "pictures"]
                )
            self.credits += len(made)
            self.unnamed += pc.sum(pc.equal(made.column("creator"), UNKNOWN)).as_py() or 0
            yield made

    def __enter__(self) -> _Count:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._bar.close()


def _format_of(path: Path, format: str | None) -> str:
    name = path.name.lower()
    found = format or next((_FORMATS[end] for end in _FORMATS if name.endswith(end)), "")
    if found not in _FORMATS.values():
        raise AttributionError(
            f"{path.name if format is None else 'format'}: expected {', '.join(_FORMATS)}, found "
            f'{(path.suffix or "no suffix") if format is None else repr(format)}. Choose one, or give `format="csv"`.'
        )
    return found
