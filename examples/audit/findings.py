"""The parts of an audit as one table: the marked images as Parquet, and what was counted."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
from scanning import COUNTS, SCHEMA

_ROW_GROUP = 256  # images


class Counts(NamedTuple):
    """What was done.

    Attributes:
        images: Images that were checked.
        marked: Of these, images with a detection from the threshold on.
        undecodable: Hashes of images that no detector could decode.
        seconds: CPU-seconds by the name of the detector.
    """

    images: int
    marked: int
    undecodable: list[str]
    seconds: dict[str, float]


def write_marked(parts: Iterable[Path], path: Path) -> Counts:
    """Writes the marked images of all parts into one Parquet file, in the order of the dataset.

    Args:
        parts: The files of the parts.
        path: The file, which appears when it is complete. `datasets` opens its thumbnails as
            images.
    """
    images, marked = 0, 0
    undecodable: list[str] = []
    seconds: dict[str, float] = {}
    temporary = path.with_name(f"{path.name}.part")
    with pq.ParquetWriter(temporary, SCHEMA) as writer:
        waiting: list[pa.Table] = []
        for part in parts:
            table = pq.read_table(part)
            counts = json.loads(table.schema.metadata[COUNTS])
            images += counts["images"]
            undecodable += counts["undecodable"]
            for name, value in counts["seconds"].items():
                seconds[name] = seconds.get(name, 0.0) + value
            waiting.append(table.replace_schema_metadata(SCHEMA.metadata))
            if sum(map(len, waiting)) >= _ROW_GROUP:
                writer.write_table(pa.concat_tables(waiting))
                waiting.clear()
            marked += len(table)
        if waiting:
            writer.write_table(pa.concat_tables(waiting))
    temporary.replace(path)
    return Counts(images, marked, undecodable, seconds)


@contextlib.contextmanager
def open_marked(path: Path) -> Iterator[datasets.Dataset]:
    """The marked images, memory-mapped, so that pages can have them in any order.

    Args:
        path: The Parquet file. Beside it stands an uncompressed copy while the block runs.
    """
    copy = path.with_suffix(".arrow")
    try:
        with pq.ParquetFile(path) as file, pa.OSFile(str(copy), "wb") as sink:  # noqa: SIM117
            with pa.ipc.new_stream(sink, SCHEMA) as writer:
                for batch in file.iter_batches(_ROW_GROUP):
                    writer.write_batch(batch.cast(SCHEMA))
        yield datasets.Dataset.from_file(str(copy)).cast_column(
            "thumbnail", datasets.Image(decode=False)
        )
    finally:
        copy.unlink(missing_ok=True)
