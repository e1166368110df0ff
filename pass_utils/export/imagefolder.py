"""A dataset of pictures in, a tree of files out that torchvision's and `datasets`' image folders read.

    <folder>/train/metadata.jsonl        file_name and the other columns, a line for each picture, in the order of the rows
    <folder>/train/00000/<hash>.jpg      a thousand pictures in each of the folders 00000, 00001, ...

torchvision takes the numbered folders for classes, which PASS does not have; `datasets` sees that there is metadata, and does
not.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

import datasets

from ..errors import ExportError
from .ledger import Written
from .outputs import Output
from .pieces import Piece, Pieces
from .samples import check_keys, picture_column, read_samples, to_json

METADATA_FILE = "metadata.jsonl"
_PART = ".metadata.jsonl"  # the lines of one folder of pictures; hidden, so that no reader takes them for its own
_FILES = re.compile(r"(.+_)?file_names?", re.DOTALL)  # columns that `datasets` replaces by the content of such files
_ROWS = 100  # held in memory together
_FOLDER_ROWS = 1000
_FOLDER_BYTES = 1 << 62


@dataclass(frozen=True)
class ImageFolderTask:
    """One folder of pictures to be written, by any process that has this package and reaches them. `bytes` is an estimate."""

    name: str
    rows: int
    bytes: int
    piece: Piece

    def write(self, folder: str | Output, seen: Callable[[int], object] | None = None) -> Written:
        """Write the pictures and their lines of metadata. `seen` is told of each picture how large it is.

        Raises:
            PassError: a picture is gone or has changed, or a file cannot be written.
        """
        output = folder if isinstance(folder, Output) else Output(folder)
        lines = bytearray()
        digest = hashlib.sha256()
        size = 0
        with output.create_folder(self.name) as put:
            for sample in read_samples(self.piece):
                file = f"{sample.key}.{sample.suffix}"
                put(file, sample.picture)
                lines += to_json({"file_name": f"{self.name.rpartition('/')[2]}/{file}", **sample.row}) + b"\n"
                digest.update(sample.picture)
                size += len(sample.picture)
                if seen is not None:
                    seen(len(sample.picture))
            put(_PART, lines)
        digest.update(lines)
        return Written(self.name, self.rows, size + len(lines), digest.hexdigest())


def plan_imagefolder(dataset: datasets.Dataset, *, split: str = "train") -> Pieces[ImageFolderTask]:
    """The tasks that write a dataset, a folder of pictures each, without reading a picture.

    Raises:
        ExportError: the dataset has not one column of pictures, one whose name an image folder needs, or a hash twice.
    """
    picture = picture_column(dataset.features)
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


def write_metadata(output: Output, split: str, folders: list[str], rows: int) -> Written:
    """Put the lines of all folders of pictures together, in this order."""
    name = f"{split}/{METADATA_FILE}"
    with output.create(name) as sink:
        for folder in folders:
            sink.write(output.read(f"{folder}/{_PART}"))
    return Written(name, rows, sink.size, sink.sha256)
