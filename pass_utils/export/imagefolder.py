"""Image folders, as torchvision and `datasets` read them.

    <folder>/train/metadata.jsonl      file_name and the other columns, a line for each row
    <folder>/train/00000/<hash>.jpg    a thousand images in each of the folders 00000, 00001, ...

torchvision takes the numbered folders for classes, which PASS does not have; `datasets` does not,
since there is metadata. Where there are labels, the numbered folders are in the folder of the only
class, `<folder>/train/pass/00000/<hash>.jpg`.
"""

from __future__ import annotations

import hashlib
import re

import datasets

from ..errors import ExportError
from .kinds import Kind, OnBytes, ignore
from .outputs import Output
from .planning import ExportPlan, FileTask
from .resume import Written
from .rewriting import LABEL, Rewriting
from .samples import check_keys, read_samples, single_image_column, to_json

METADATA_FILE = "metadata.jsonl"
# the metadata of one folder of images; hidden, so that no reader takes it for its own
_FOLDER_METADATA_FILE = ".metadata.jsonl"
# columns that `datasets` replaces by the content of such files
_FILE_COLUMN = re.compile(r"(.+_)?file_names?", re.DOTALL)
_GROUP_ROWS = 100
_AS_IT_IS = Rewriting()
_FOLDER_ROWS = 1000
_FOLDER_BYTES = 1 << 62


def plan_imagefolder(
    dataset: datasets.Dataset, *, split: str = "train", rewriting: Rewriting = _AS_IT_IS
) -> ExportPlan:
    """Plan the folders of images of a dataset, without reading an image.

    Args:
        dataset: Opened in place or embedded, with one column of images.
        split: Its name, which is that of the folder above.
        rewriting: What is done to the rows.

    Returns:
        A task for each folder of images.

    Raises:
        DatasetError: the dataset has no column of images.
        ExportError: it has several, one whose name an image folder needs, or a hash twice.
    """
    image = single_image_column(dataset.features)
    for name in rewriting.features(dataset.features):
        if _FILE_COLUMN.fullmatch(name) or (name == "image" and name != image):
            raise ExportError(
                f"dataset: expected no column {name}, which readers of an image folder take for "
                f"{'images' if name == 'image' else 'names of files'}. Rename it with "
                f'`ds.rename_column("{name}", "source")`.'
            )
    check_keys(dataset)
    above = split if rewriting.label is None else f"{split}/{LABEL.names[0]}"
    return ExportPlan(
        dataset,
        lambda index, _: f"{above}/{index:05}",
        group_rows=_GROUP_ROWS,
        max_rows=_FOLDER_ROWS,
        max_bytes=_FOLDER_BYTES,
        rewriting=rewriting,
    )


def write_folder(task: FileTask, output: Output, on_bytes: OnBytes = ignore) -> Written:
    """Write one planned folder of images, with their metadata.

    Args:
        task: From `plan_imagefolder`.
        output: The export's folder.
        on_bytes: Called with the bytes of each image that was written.

    Returns:
        The folder; the same rows give the same bytes.

    Raises:
        PassError: an image is gone or has changed, or a file cannot be written.
    """
    lines = bytearray()
    digest = hashlib.sha256()
    size = 0
    skipped: list[str] = []
    with output.create_folder(task.name) as put:
        for sample in read_samples(task.content, skipped):
            file = f"{sample.key}.{sample.suffix}"
            put(file, sample.image)
            row = {"file_name": f"{task.name.partition('/')[2]}/{file}", **sample.row}
            lines += to_json(row) + b"\n"
            digest.update(sample.image)
            size += len(sample.image)
            on_bytes(len(sample.image))
        put(_FOLDER_METADATA_FILE, lines)
    digest.update(lines)
    return task.written(size + len(lines), digest.hexdigest(), skipped)


def write_metadata(output: Output, split: str, plan: ExportPlan) -> Written:
    """Concatenate the metadata of all folders of images of a split.

    Args:
        output: The export's folder.
        split: The name of the split.
        plan: Of the split, all of whose folders are complete.

    Returns:
        The file `metadata.jsonl`.

    Raises:
        ExportError: it cannot be written.
    """
    name = f"{split}/{METADATA_FILE}"
    rows = 0
    with output.create(name) as sink:
        for folder in plan.names:
            lines = output.read(f"{folder}/{_FOLDER_METADATA_FILE}")
            rows += lines.count(b"\n")
            sink.write(lines)
    return Written(name, rows, sink.size, sink.sha256)


IMAGEFOLDER = Kind(
    "imagefolder",
    plan_imagefolder,
    write_folder,
    {},
    finish=write_metadata,
    splits_by_file_name=True,
)
