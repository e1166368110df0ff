"""A dataset of pictures in, tars out as the webdataset library has them: `<key>.jpg` and
`<key>.json`, side by side.
"""

from __future__ import annotations

import tarfile

import datasets

from ..shards.tar import BLOCK, END_OF_ARCHIVE
from .groups import parse_size
from .outputs import Output
from .planning import FileTask, Pieces, Seen
from .resume import Written
from .samples import check_keys, read_samples, single_image_column, to_json
from .sink import Sink

MAX_SHARD_SIZE = "1GB"
_ROWS = 100  # held in memory together


class WebDatasetTask(FileTask):
    """A tar to be written; `seen` is told of each picture."""

    def _write(self, output: Output, seen: Seen) -> Written:
        with output.create(self.name) as sink:
            for sample in read_samples(self.piece):
                _add(sink, f"{sample.key}.{sample.suffix}", sample.image)
                _add(sink, f"{sample.key}.json", memoryview(to_json(sample.row)))
                seen(len(sample.image))
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
) -> Pieces:
    """The tasks that write a dataset, a tar each, without reading a picture.

    Raises:
        ExportError: the dataset has not one column of pictures, or a hash twice, or an option makes
        no sense.
    """
    single_image_column(dataset.features)
    check_keys(dataset)
    return Pieces(
        dataset,
        WebDatasetTask,
        name=lambda number, _: f"{split}-{number:06}.tar",
        rows=_ROWS,
        max_bytes=parse_size(max_shard_size),
        row_bytes=4 * BLOCK,
    )
