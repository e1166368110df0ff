"""Write a dataset as Parquet, WebDataset or an image folder."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import Executor
from typing import TypeAlias

import datasets

from ..images.resizing import QUALITY
from .exporting import ExportOptions, OnError, export
from .imagefolder import IMAGEFOLDER
from .parquet import MAX_SHARD_SIZE, PARQUET, ROW_GROUP_ROWS
from .resume import Written
from .webdataset import MAX_SHARD_SIZE as MAX_TAR_SIZE
from .webdataset import WEBDATASET

AnyDataset: TypeAlias = (
    "datasets.Dataset | datasets.IterableDataset | datasets.DatasetDict"
    " | datasets.IterableDatasetDict"
)


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
    resize: int | None = None,
    quality: int = QUALITY,
    on_error: OnError = "raise",
    drop_columns: str | Iterable[str] = (),
    label_column: str | None = None,
    quiet: bool | None = None,
) -> list[Written]:
    """Write a dataset as Parquet files such as `train-00000-of-00360.parquet`.

    The bytes of the images are written as they are, unless `resize` is given;
    `datasets.load_dataset(folder)` gives back the same features and rows. The same rows give the
    same files, whether they are opened in place, embedded or streamed, and whoever writes them. An
    interrupted export is resumed by the same call: complete files are not written again; of a
    stream, their rows are read once more. A split without rows becomes a file without rows, which
    `load_dataset` refuses to read.

    Args:
        dataset: A dataset, a stream, or a dict of them by split, with a column of images.
        folder: A path, or a URL that fsspec knows.
        max_shard_size: Bytes of a file, or text such as `500MB`; counted are the bytes of the
            images and 200 for the rest of each row. Those of resized images are estimated.
        row_group_rows: Rows of a row group, which are held in memory together.
        num_proc: Processes that write a file each; None for one. A stream, and images that are in
            memory, are written by this process only.
        executor: Any `concurrent.futures.Executor` that runs the tasks instead, such as Dask's
            `Client(...).get_executor()`; its workers must reach the images and the folder under
            the same names.
        changes: What was done to the images before, such as "cropped to a square", for their
            credits; rows of PASS whose images are not the original bytes are refused without it.
        credits: Whether to write CREDITS.csv, with creator, source and licence of each image of
            PASS.
        resize: Pixels of the shorter side, at most: images are turned upright, resized with
            Lanczos, never enlarged, and written as RGB JPEGs without metadata, which may hold a
            location. Credits and the export's state say so. None for their bytes as they are.
        quality: Of these JPEGs, 1 to 100.
        on_error: What to do about an image that cannot be decoded to be resized: `"raise"`, or
            `"skip"`, which leaves its row out and names it in `Written.skipped`.
        drop_columns: Columns to leave out, such as `["gps", "date_taken"]`; `gps` stands for
            `gps_latitude` and `gps_longitude`. Images, `hash` and `creator_username` have to stay.
        label_column: The name of a column to add, with the label 0 in each row, a ClassLabel whose
            only name is `pass`, for frameworks that want labels. None for none.
        quiet: Whether to show no progress; None for what the progress bars of `datasets` do.

    Returns:
        The files, in the order of the rows.

    Raises:
        DatasetError: this is no dataset of images.
        ExportError: images were re-encoded or cannot be read, the folder holds another export or
            files that no export wrote, it cannot be written, an option makes no sense, or a worker
            died.
        ImageError: an image cannot be decoded to be resized; its `hashes` say which.
        ShardError: a shard is gone or has changed.
    """
    options = ExportOptions(
        num_proc=num_proc,
        executor=executor,
        quiet=quiet,
        changes=changes,
        credits=credits,
        resize=resize,
        quality=quality,
        on_error=on_error,
        drop_columns=drop_columns,
        label_column=label_column,
    )
    return export(
        PARQUET,
        dataset,
        folder,
        options,
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
    resize: int | None = None,
    quality: int = QUALITY,
    on_error: OnError = "raise",
    drop_columns: str | Iterable[str] = (),
    label_column: str | None = None,
    quiet: bool | None = None,
) -> list[Written]:
    """Write a dataset as tars such as `train-000000.tar`.

    In a tar, `<hash>.jpg` holds an image, its bytes as they are unless `resize` is given, and
    `<hash>.json` the other columns: dates in ISO 8601, null where nothing is known. The webdataset
    library and `load_dataset("webdataset", data_dir=folder)` read them. A row without a hash is
    named by its index.

    Args:
        dataset: A dataset that is no stream, or a dict of them by split, with one column of images.
        folder: As in `write_parquet`.
        max_shard_size: Bytes of a tar, or text such as `1GB`.
        num_proc: As in `write_parquet`.
        executor: As in `write_parquet`.
        changes: As in `write_parquet`.
        credits: As in `write_parquet`.
        resize: As in `write_parquet`.
        quality: As in `write_parquet`.
        on_error: As in `write_parquet`.
        drop_columns: As in `write_parquet`.
        label_column: As in `write_parquet`; `<hash>.cls` holds the label, too, where the webdataset
            library expects it.
        quiet: As in `write_parquet`.

    Returns:
        The tars, in the order of the rows.

    Raises:
        DatasetError: this is no dataset of images, or a stream.
        ExportError: as `write_parquet`; it has several columns of images, or a hash twice.
        ImageError: as `write_parquet`.
        ShardError: a shard is gone or has changed.
    """
    options = ExportOptions(
        num_proc=num_proc,
        executor=executor,
        quiet=quiet,
        changes=changes,
        credits=credits,
        resize=resize,
        quality=quality,
        on_error=on_error,
        drop_columns=drop_columns,
        label_column=label_column,
    )
    return export(WEBDATASET, dataset, folder, options, max_shard_size=max_shard_size)


def write_imagefolder(
    dataset: datasets.Dataset | datasets.DatasetDict,
    folder: str | os.PathLike[str],
    *,
    num_proc: int | None = None,
    executor: Executor | None = None,
    changes: str | None = None,
    credits: bool = True,
    resize: int | None = None,
    quality: int = QUALITY,
    on_error: OnError = "raise",
    drop_columns: str | Iterable[str] = (),
    label_column: str | None = None,
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
        resize: As in `write_parquet`.
        quality: As in `write_parquet`.
        on_error: As in `write_parquet`.
        drop_columns: As in `write_parquet`.
        label_column: As in `write_parquet`; the images go into the folder of the class, such as
            `train/pass/00000`, which `torchvision.datasets.ImageFolder` takes for their label.
        quiet: As in `write_parquet`.

    Returns:
        The folders of images and the metadata, in the order of the rows.

    Raises:
        DatasetError: this is no dataset of images, or a stream.
        ExportError: as `write_webdataset`; a column is called `file_name` or the like.
        ImageError: as `write_parquet`.
        ShardError: a shard is gone or has changed.
    """
    options = ExportOptions(
        num_proc=num_proc,
        executor=executor,
        quiet=quiet,
        changes=changes,
        credits=credits,
        resize=resize,
        quality=quality,
        on_error=on_error,
        drop_columns=drop_columns,
        label_column=label_column,
    )
    return export(IMAGEFOLDER, dataset, folder, options)
