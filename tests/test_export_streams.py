"""Streams as Parquet: each file is yielded when it is complete, and a resumed run compares what is
complete instead of writing it.
"""

from __future__ import annotations

import pytest
from datasets import IterableDataset, load_dataset

from pass_utils import DatasetError, ExportError, write_parquet
from pass_utils.export.outputs import Output
from pass_utils.export.streams import read_groups, write_files

OPTIONS = {"max_shard_size": "2KB", "row_group_rows": 2}


def open_pass(folder, **options):
    shards = range(len(list(folder.glob("PASS.*.tar"))))
    return load_dataset("pass", data_dir=str(folder), shards=list(shards), split="train", **options)


def test_write_files_yields_each_file_when_it_is_complete(folder, tmp_path):
    shards, out = folder([range(20)]), tmp_path / "out"
    files = write_files(open_pass(shards, streaming=True), Output(out), **OPTIONS)
    first = next(files).written
    assert [path.name for path in out.iterdir()] == ["train-00000.parquet"] == [first.name]
    second = next(files).written
    files.close()
    assert sorted(path.name for path in out.iterdir()) == [first.name, second.name]


def test_write_files_resumes_behind_complete_files_which_may_be_gone(folder, tmp_path):
    shards, out = folder([range(20)]), tmp_path / "out"
    every = write_parquet(open_pass(shards), tmp_path / "every", **OPTIONS)
    files = write_files(open_pass(shards, streaming=True), Output(out), **OPTIONS)
    complete = [next(files), next(files)]
    files.close()
    (out / complete[0].written.name).unlink()
    again = list(
        write_files(open_pass(shards, streaming=True), Output(out), **OPTIONS, complete=complete)
    )
    assert again[:2] == complete
    assert [file.written[1:] for file in again] == [file[1:] for file in every]
    assert [file.written.name for file in again] == [
        f"train-{index:05}.parquet" for index in range(len(every))
    ]
    assert not (out / complete[0].written.name).exists()


@pytest.mark.parametrize("changed", ["rows", "digest", "more files", "fewer rows"])
def test_write_files_refuses_to_resume_with_other_rows(folder, tmp_path, changed):
    stream = open_pass(folder([range(20)]), streaming=True)
    (first, *others) = write_files(stream, Output(tmp_path / "out"), **OPTIONS)
    complete, ended = [first], False
    if changed == "rows":
        complete = [first._replace(written=first.written._replace(rows=first.written.rows + 1))]
    elif changed == "digest":
        complete = [first._replace(rows_digest="0")]
    elif changed == "more files":
        complete, ended = [first, *others[:-1]], True
    else:
        complete, stream = [first, *others], stream.take(8)
    with pytest.raises(
        ExportError, match=r"expected the rows that train-0.*parquet was written from, found others"
    ):
        list(write_files(stream, Output(tmp_path), **OPTIONS, complete=complete, ended=ended))


def test_read_groups_cuts_files_where_the_next_group_does_not_fit(folder):
    stream = open_pass(folder([range(7)]), streaming=True)
    groups = list(read_groups(stream, rows=2, max_bytes=5000))
    assert [len(group.table) for group in groups] == [2, 2, 2, 1]
    sizes = [group.size for group in groups]
    for index in range(len(groups) - 1):
        here, after = groups[index], groups[index + 1]
        in_file = sum(group.size for group in groups[: index + 1] if group.file == here.file)
        assert (after.file == here.file) == (in_file + after.size <= 5000)
    assert sum(sizes) > 5000


def test_a_stream_without_a_column_of_images_is_refused(tmp_path):
    def rows():
        yield {"text": "a"}

    with pytest.raises(DatasetError, match="expected a column of type Image, found text"):
        write_parquet(IterableDataset.from_generator(rows), tmp_path)
    assert list(tmp_path.iterdir()) == []
