"""Streams: each file is yielded when it is whole, and later runs pass over what is done."""

from __future__ import annotations

import pytest
from datasets import IterableDataset, load_dataset

from pass_utils import ExportError, write_parquet
from pass_utils.export.streams import ParquetStream


def open_pass(folder, **options):
    shards = range(len(list(folder.glob("PASS.*.tar"))))
    return load_dataset("pass", data_dir=str(folder), shards=list(shards), split="train", **options)


def write(dataset, folder, **options):
    stream = ParquetStream(dataset, folder, **options)
    stream.pass_over()
    return iter(stream)


def test_a_stream_is_written_file_by_file_and_goes_on_behind_those_that_are_done(folder, tmp_path):
    options = {"max_shard_size": "2KB", "row_group_rows": 2}
    shards = folder([range(20)])
    every = write_parquet(open_pass(shards), tmp_path / "every", **options)
    files = write(open_pass(shards, streaming=True), tmp_path / "out", **options)
    first = next(files)
    assert (
        [path.name for path in (tmp_path / "out").iterdir()]
        == ["train-00000.parquet"]
        == [first.name]
    )
    second = next(files)
    files.close()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [first.name, second.name]
    (tmp_path / "out" / first.name).unlink()  # whoever has taken it elsewhere need not keep it
    rest = list(
        write(open_pass(shards, streaming=True), tmp_path / "out", **options, done=[first, second])
    )
    assert [file[1:] for file in [first, second, *rest]] == [file[1:] for file in every]
    assert [file.name for file in rest] == [
        f"train-{number:05}.parquet" for number in range(2, len(every))
    ]
    done = [first._replace(rows=first.rows + 1)]
    with pytest.raises(
        ExportError,
        match="expected the rows that train-00000.parquet was written from, found others",
    ):
        list(write(open_pass(shards, streaming=True), tmp_path / "out", **options, done=done))


def test_a_stream_of_rows_without_pictures_is_refused(tmp_path):
    def rows():
        yield {"text": "a"}

    with pytest.raises(ExportError, match="expected a column of pictures, found text"):
        list(write(IterableDataset.from_generator(rows), tmp_path))
