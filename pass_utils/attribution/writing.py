"""Writes the credits of a dataset or a folder: one by one, or as a list in a format of choice.

No image is read, except for thumbnails. A list is written atomically.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from .._util.progress import count_bar
from ..errors import AttributionError
from ..images.thumbnails import Thumbnails
from ..pages.output import atomic_output
from ..releases import UNKNOWN_CREATOR, Release, find_release
from .credit import COLUMNS, Credit, credit_batch, credit_records, dataset_credit
from .formats import check_options, find_format
from .inputs import check_changes, find_images, leave_out, without_names
from .options import ListOptions
from .order import ImageTable
from .overwriting import check_output
from .yfcc import Titles
from .yfcc_files import find_title_files, is_remote

__all__ = ["Credit", "credits", "dataset_credit", "write_attribution"]

logger = logging.getLogger(__name__)


def credits(
    target: Any,
    *,
    changes: str | None = None,
    exclude: Iterable[str] = (),
    withhold_names: Iterable[str] = (),
    yfcc: str | os.PathLike[str] | None = None,
) -> Iterator[Credit]:
    """Returns the credits of a dataset's images, in its order, as they are asked for.

    >>> import pass_utils
    >>> credit = next(credits(pass_utils.dummy_folder()))
    >>> credit.creator, credit.license
    ('雪山', 'CC BY 2.0')

    Args:
        target: A Dataset, an IterableDataset or a dict of them by split, with the columns `hash`
            and `creator_username`; or the path of a folder with PASS's CSV, which means all images
            of the CSV.
        changes: What was done to the images, such as `"cropped to 224 × 224"`.
        exclude: Hashes, and names of creators who do not want to be named; their images are left
            out.
        withhold_names: Hashes of images that are credited without the name of their creator.
        yfcc: Where titles and Flickr pages are: a file of YFCC100M's metadata (tab-separated,
            compressed or not); Parquet with the columns `downloadurl`, `title` and `pageurl`, as
            a file, a folder, or an address of the Hub such as
            `hf://datasets/common-canvas/commoncatalog-cc-by`, of which no other columns are
            fetched. All images are then gone through before the first credit, and a warning has
            how many were found where not all were.

    Returns:
        An iterator; each image is read when its credit is asked for.

    Raises:
        AttributionError: the dataset has no hashes or no usernames.
        DatasetError: the target is no dataset.
        ReleaseError: there is no such folder.
        MetadataError: its CSV is not one of PASS, or the file has no titles.
        RemoteError: the Hub refuses, cannot be reached, or fails for long.
    """
    changes = check_changes(changes)
    found = leave_out(find_images(target).batches(), exclude)
    found = without_names(found, withhold_names)
    return (credit for batch in _credited(found, yfcc) for credit in credit_records(batch, changes))


def _credited(
    found: Iterator[pa.RecordBatch], yfcc: str | os.PathLike[str] | None
) -> Iterator[pa.RecordBatch]:
    if yfcc is None:
        yield from (_credit(batch, None) for batch in found)
    else:
        table = ImageTable(found)
        titles = Titles(yfcc, table.hashes)
        yield from (_credit(batch, titles) for batch in table.batches())


def write_attribution(
    target: Any,
    path: str | os.PathLike[str],
    *,
    release: str | Release | None = None,
    format: str | None = None,
    group_by: str | None = None,
    changes: str | None = None,
    exclude: Iterable[str] = (),
    withhold_names: Iterable[str] = (),
    yfcc: str | os.PathLike[str] | None = None,
    thumbnails: int | None = None,
    spreadsheet_safe: bool = False,
    quiet: bool | None = None,
) -> int:
    """Writes the credits of a dataset's images into a file, and returns how many they are.

    HTML of more than 2,000 credits becomes many pages, in a folder `NAME.html_files` beside the
    index `NAME.html`.

    Args:
        target: As in `credits`.
        path: The file. Its name ends in .html, .csv, .jsonl, .parquet, .txt, .md or .spdx.json, or
            is REUSE.toml, which chooses the format. One that is there is replaced.
        release: The release that is credited as the dataset; by default the target's own where it
            is known, else the default release.
        format: `html`, `csv`, `jsonl`, `parquet`, `txt`, `md`, `spdx` or `reuse`, whatever the
            file's name is.
        group_by: `"creator"` sorts the images by creator, under a heading for each where the format
            has any.
        changes: As in `credits`.
        exclude: As in `credits`.
        withhold_names: As in `credits`.
        yfcc: As in `credits`.
        thumbnails: Shows the images in HTML, the longer side so many pixels long, 16 to 1024. This
            reads and decodes each image.
        spreadsheet_safe: Escapes the cells of a CSV that a spreadsheet would run as formulas (CSV
            injection).
        quiet: True for no progress bars, False for bars on a terminal; by default as `datasets`.

    Returns:
        The number of credits. SPDX and REUSE list an image once, others as often as the dataset has
        it.

    Raises:
        AttributionError: no such format, images that cannot be credited, a file that cannot be
            written, or one that the credits are made from.
        DatasetError: the target is no dataset.
        ImageError: thumbnails are wanted of an image that cannot be decoded.
        ShardError: thumbnails are wanted of a shard that is gone or has changed.
        ReleaseError: there is no such release or folder.
        MetadataError: the folder's CSV is not one of PASS, or the file has no titles.
        RemoteError: the Hub refuses, cannot be reached, or fails for long.
    """
    where = Path(path).expanduser().absolute()
    form = find_format(where, format)
    check_options(form, {"thumbnails": thumbnails, "spreadsheet_safe": spreadsheet_safe})
    if group_by not in (None, "creator"):
        raise AttributionError(f'group_by: expected "creator" or None, found {group_by!r}.')
    changes = check_changes(changes)
    images = find_images(target, release)
    check_output(where, images.reads, _title_files(yfcc))
    options = ListOptions(
        find_release(release or images.release), changes, spreadsheet_safe, path=where
    )
    with contextlib.ExitStack() as stack:
        output = atomic_output(where, pages=form.pages, error=AttributionError)
        file, pages = stack.enter_context(output)
        titles, total = None, images.rows
        reading = count_bar(f"{where.name}: reading", unit="images", total=total, quiet=quiet)
        found = _counted(images.batches(), stack.enter_context(reading))
        found = without_names(leave_out(found, exclude), withhold_names)
        if group_by is not None or yfcc is not None or form.in_memory:
            table = ImageTable(found, unique=form.unique)
            total = len(table)
            if note := form.note(total, thumbnails):
                logger.warning("%s: %s", where.name, note)
            order = table.by_creator()
            found = table.batches(order if group_by or form.grouped(total) else None)
            titles = None if yfcc is None else Titles(yfcc, table.hashes, quiet=quiet)
            options = options._replace(order=order, pages=pages)
        if thumbnails is not None:
            shown = stack.enter_context(Thumbnails(target, thumbnails, where.parent))
            options = options._replace(thumbnail=shown.find)
        writing = count_bar(f"{where.name}: writing", unit="credits", total=total, quiet=quiet)
        credited = _Counts(_credit(batch, titles) for batch in found)
        form.write(_counted(credited, stack.enter_context(writing)), options, file)
    if credited.unnamed:
        logger.warning(
            "%s: %s of %s images have no creator's name; lists for people credit them to %r.",
            where.name,
            f"{credited.unnamed:,}",
            f"{credited.credits:,}",
            UNKNOWN_CREATOR,
        )
    return credited.credits


def _title_files(yfcc: str | os.PathLike[str] | None) -> list[Path]:
    """The files on this machine that titles are read from."""
    if yfcc is None or is_remote(yfcc):
        return []
    return [Path(file.name) for file in find_title_files(yfcc)]


def _credit(batch: pa.RecordBatch, titles: Titles | None) -> pa.RecordBatch:
    """The credits of a batch of images, with the counts that it may have."""
    hashes = batch.column("hash")
    made = credit_batch(
        hashes, batch.column("creator_username"), *(titles.find(hashes) if titles else ())
    )
    if "images" not in batch.schema.names:
        return made
    return pa.RecordBatch.from_arrays(
        [*made.columns, batch.column("images")], names=[*COLUMNS.names, "images"]
    )


class _Counts:
    """Batches of credits, counted on their way."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        self.credits = self.unnamed = 0
        self._batches = batches

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self._batches:
            self.credits += len(batch)
            self.unnamed += batch.column("creator").null_count
            yield batch


def _counted(batches: Iterable[pa.RecordBatch], bar: Any) -> Iterator[pa.RecordBatch]:
    """The batches as they are; they show on a progress bar."""
    for batch in batches:
        yield batch
        bar.update(len(batch))
