"""WebDataset tars: `<key>.jpg` and `<key>.json` of each row side by side, and `<key>.cls` where
there are labels.
"""

from __future__ import annotations

import tarfile

import datasets

from ..shards.member import BLOCK
from ..shards.tar import END_OF_ARCHIVE
from .groups import parse_size
from .kinds import Kind, OnBytes, ignore
from .outputs import Output
from .planning import ExportPlan, FileTask
from .resume import Written
from .rewriting import Rewriting
from .samples import check_keys, read_samples, single_image_column, to_json
from .sink import Sink

MAX_SHARD_SIZE = "1GB"
_GROUP_ROWS = 100
_AS_IT_IS = Rewriting()


def plan_webdataset(
    dataset: datasets.Dataset,
    *,
    split: str = "train",
    max_shard_size: str | int = MAX_SHARD_SIZE,
    rewriting: Rewriting = _AS_IT_IS,
) -> ExportPlan:
    """Plan the tars of a dataset, without reading an image.

    Args:
        dataset: Opened in place or embedded, with one column of images.
        split: Its name, with which file names begin.
        max_shard_size: Bytes of a tar, or text such as `1GB`.
        rewriting: What is done to the rows.

    Returns:
        A task for each tar.

    Raises:
        DatasetError: the dataset has no column of images.
        ExportError: it has several, or a hash twice, or an option makes no sense.
    """
    single_image_column(dataset.features)
    check_keys(dataset)
    return ExportPlan(
        dataset,
        lambda index, _: f"{split}-{index:06}.tar",
        group_rows=_GROUP_ROWS,
        max_bytes=parse_size(max_shard_size),
        row_bytes=(4 if rewriting.label is None else 6) * BLOCK,
        rewriting=rewriting,
    )


def write_file(task: FileTask, output: Output, on_bytes: OnBytes = ignore) -> Written:
    """Write one planned tar.

    Args:
        task: From `plan_webdataset`.
        output: The folder.
        on_bytes: Called with the bytes of each image that was written.

    Returns:
        The tar; the same rows give the same bytes.

    Raises:
        PassError: an image is gone or has changed, or the file cannot be written.
    """
    skipped: list[str] = []
    label = task.content.rewriting.label
    with output.create(task.name) as sink:
        for sample in read_samples(task.content, skipped):
            _add_member(sink, f"{sample.key}.{sample.suffix}", sample.image)
            _add_member(sink, f"{sample.key}.json", memoryview(to_json(sample.row)))
            if label is not None:
                _add_member(sink, f"{sample.key}.cls", memoryview(b"%d" % sample.row[label]))
            on_bytes(len(sample.image))
        sink.write(END_OF_ARCHIVE)
    return task.written(sink.size, sink.sha256, skipped)


WEBDATASET = Kind(
    "webdataset",
    plan_webdataset,
    write_file,
    {"max_shard_size": MAX_SHARD_SIZE},
    splits_by_file_name=True,
)


def _add_member(sink: Sink, name: str, data: memoryview) -> None:
    """Without owner and date, so that the same rows give the same bytes."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    sink.write(member.tobuf(tarfile.USTAR_FORMAT))
    sink.write(data)
    sink.write(bytes(-len(data) % BLOCK))
