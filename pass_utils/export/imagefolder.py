"""A dataset of pictures in, a tree of files out that torchvision's and `datasets`' image folders
read.

    <folder>/train/metadata.jsonl      file_name and the other columns, a line for each row
    <folder>/train/00000/<hash>.jpg    a thousand images in each of the folders 00000, 00001, ...

torchvision takes the numbered folders for classes, which PASS does not have; `datasets` sees that
there is metadata, and does not.
"""

from __future__ import annotations

import hashlib
import re

import datasets

from ..errors import ExportError
from .outputs import Output
from .planning import FileTask, Pieces, Seen
from .resume import Written
from .samples import check_keys, read_samples, single_image_column, to_json

LINES_FILE = "metadata.jsonl"
# the lines of one folder of pictures; hidden, so that no reader takes them for its own
_FOLDER_LINES_FILE = ".metadata.jsonl"
# columns that `datasets` replaces by the content of such files
_FILES = re.compile(r"(.+_)?file_names?", re.DOTALL)
_ROWS = 100  # held in memory together
_FOLDER_ROWS = 1000
_FOLDER_BYTES = 1 << 62


class ImageFolderTask(FileTask):
    """A folder of pictures, with their lines of metadata, to be written; `seen` is told of each
    picture.
    """

    def _write(self, output: Output, seen: Seen) -> Written:
        lines = bytearray()
        digest = hashlib.sha256()
        size = 0
        with output.create_folder(self.name) as put:
            for sample in read_samples(self.piece):
                file = f"{sample.key}.{sample.suffix}"
                put(file, sample.image)
                lines += (
                    to_json({"file_name": f"{self.name.rpartition('/')[2]}/{file}", **sample.row})
                    + b"\n"
                )
                digest.update(sample.image)
                size += len(sample.image)
                seen(len(sample.image))
            put(_FOLDER_LINES_FILE, lines)
        digest.update(lines)
        return Written(self.name, self.rows, size + len(lines), digest.hexdigest())


def plan_imagefolder(dataset: datasets.Dataset, *, split: str = "train") -> Pieces:
    """The tasks that write a dataset, a folder of pictures each, without reading a picture.

    Raises:
        ExportError: the dataset has not one column of pictures, one whose name an image folder
        needs, or a hash twice.
    """
    picture = single_image_column(dataset.features)
    for name in dataset.features:
        if _FILES.fullmatch(name) or (name == "image" and name != picture):
            raise ExportError(
                f"dataset: expected no column {name}, which readers of an image folder take for "
                f"{'pictures' if name == 'image' else 'names of files'}. Rename it with "
                f'`ds.rename_column("{name}", "source")`.'
            )
    check_keys(dataset)
    return Pieces(
        dataset,
        ImageFolderTask,
        name=lambda number, _: f"{split}/{number:05}",
        rows=_ROWS,
        max_rows=_FOLDER_ROWS,
        max_bytes=_FOLDER_BYTES,
    )


def write_lines(output: Output, split: str, folders: list[str], rows: int) -> Written:
    """Put the lines of all folders of pictures together, in this order."""
    name = f"{split}/{LINES_FILE}"
    with output.create(name) as sink:
        for folder in folders:
            sink.write(output.read(f"{folder}/{_FOLDER_LINES_FILE}"))
    return Written(name, rows, sink.size, sink.sha256)
