"""A dataset of pictures in, tars out as the webdataset library has them: `<key>.jpg` and `<key>.json`, side by side."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from dataclasses import dataclass

import datasets

from ..shards import BLOCK, END_OF_ARCHIVE
from .ledger import Written
from .outputs import Output
from .pieces import Piece, Pieces, parse_size
from .samples import check_keys, picture_column, read_samples, to_json
from .sinks import Sink

MAX_SHARD_SIZE = "1GB"
_ROWS = 100  # held in memory together


@dataclass(frozen=True)
class WebDatasetTask:
    """One tar to be written, in any process that has this package and reaches the pictures. `bytes` is an estimate."""

    name: str
    rows: int
    bytes: int
    piece: Piece

    def write(self, folder: str | Output, seen: Callable[[int], object] | None = None) -> Written:
        """Write the tar into a folder; the same rows give the same bytes. `seen` is told of each picture how large it is.

        Raises:
            PassError: a picture is gone or has changed, or the file cannot be written.
        """
        output = folder if isinstance(folder, Output) else Output(folder)
        with output.create(self.name) as sink:
            for sample in read_samples(self.piece):
                _add(sink, f"{sample.key}.{sample.suffix}", sample.picture)
                _add(sink, f"{sample.key}.json", memoryview(to_json(sample.row)))
                if seen is not None:
                    seen(len(sample.picture))
            sink.write(END_OF_ARCHIVE)
        return Written(self.name, self.rows, sink.size, sink.sha256)


def _add(sink: Sink, name: str, data: memoryview) -> None:
    """A member: nobody's, of no date, so that the same rows give the same bytes."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    sink.write(member.tobuf(tarfile.USTAR_FORMAT))
    sink.write(data)
    sink.write(bytes(-len(data) % BLOCK))


def plan_webdataset(
    dataset: datasets.Dataset, *, max_shard_size: str | int = MAX_SHARD_SIZE, split: str = "train"
) -> Pieces[WebDatasetTask]:
    """The tasks that write a dataset, a tar each, without reading a picture.

    Raises:
        ExportError: the dataset has not one column of pictures, or a hash twice, or an option makes no sense.
    """
    picture_column(dataset.features)
    check_keys(dataset)
    return Pieces(
        dataset,
        WebDatasetTask,
        name=lambda number, _: f"{split}-{number:06}.tar",
        rows=_ROWS,
        max_bytes=parse_size(max_shard_size),
        row_bytes=4 * BLOCK,
    )
