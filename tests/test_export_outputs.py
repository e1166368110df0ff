"""Folders by path and URL: what is in them is whole, and nothing is left of what failed."""

from __future__ import annotations

import hashlib
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest

from pass_utils import ExportError
from pass_utils.export.outputs import Output


@pytest.fixture(params=["path", "file", "memory"])
def output(request, tmp_path) -> Output:
    return Output(
        {
            "path": tmp_path / "out",
            "file": f"file://{tmp_path}/out",
            "memory": f"memory://{tmp_path.name}/out",
        }[request.param]
    )


def test_create_gives_a_file_its_name_when_the_block_ends(output):
    with output.create("a/b.bin") as sink:
        assert sink.write(b"one") == 3
        sink.write(memoryview(b"two"))
        assert output.size("a/b.bin") is None
    assert output.read("a/b.bin") == b"onetwo"
    assert (sink.size, sink.sha256) == (6, hashlib.sha256(b"onetwo").hexdigest())
    assert (output.size("a/b.bin"), output.size("a"), output.size("c")) == (6, 6, None)
    assert output.names() == ["a"]


def test_create_keeps_the_earlier_file_when_writing_fails(output):
    with output.create("b.bin") as sink:
        sink.write(b"before")
    with pytest.raises(ZeroDivisionError), output.create("b.bin") as sink:
        sink.write(b"x" * 100_000)
        raise ZeroDivisionError
    assert output.read("b.bin") == b"before"
    assert output.names() == ["b.bin"]


def test_create_folder_replaces_a_folder_of_the_same_files(output):
    for text in (b"old", b"new"):
        with output.create_folder("train/00000") as put:
            put("a.jpg", text)
            put("b.jpg", text)
    assert output.read("train/00000/a.jpg") == b"new"
    assert output.size("train/00000") == 6
    assert output.names() == ["train"]


@pytest.mark.parametrize("name", ["notes.txt", "b", "link"])
def test_create_folder_keeps_what_no_export_wrote(tmp_path, name):
    output = Output(tmp_path)
    with output.create_folder("train/00000") as put:
        put("a.jpg", b"old")
    folder = tmp_path / "train" / "00000"
    if name == "link":
        folder.rename(tmp_path / "mine")
        folder.symlink_to(tmp_path / "mine")
    elif name == "b":
        (folder / "b").mkdir()
    else:
        (folder / name).write_text("mine")
    found = folder if name == "link" else folder / name
    with (
        pytest.raises(ExportError, match=f"{found}: expected only files that an export wrote"),
        output.create_folder("train/00000") as put,
    ):
        put("a.jpg", b"new")
    assert found.exists()
    assert (folder / "a.jpg").read_bytes() == b"old"
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_on_disk_a_folder_is_whole_or_not_there(tmp_path):
    output = Output(tmp_path)
    with pytest.raises(ZeroDivisionError), output.create_folder("train/00000") as put:
        put("a.jpg", b"a")
        raise ZeroDivisionError
    assert output.names() == ["train"]
    assert list((tmp_path / "train").iterdir()) == []


def test_writers_in_several_threads_do_not_disturb_each_other(output):
    def write(number: int) -> None:
        with output.create(f"{number}.bin") as sink:
            for _ in range(20):
                sink.write(bytes([number]) * 100)
            if number % 3 == 0:
                raise ZeroDivisionError

    with ThreadPoolExecutor(8) as threads:
        failed = [
            future.exception() is not None
            for future in [threads.submit(write, number) for number in range(40)]
        ]
    assert failed == [number % 3 == 0 for number in range(40)]
    assert output.names() == sorted(f"{number}.bin" for number in range(40) if number % 3)
    assert all(
        output.read(f"{number}.bin") == bytes([number]) * 2000 for number in range(40) if number % 3
    )


def test_it_travels_as_its_url(output, tmp_path, monkeypatch):
    output.write_json("x.json", {"a": [1, None]})
    monkeypatch.chdir(tmp_path)
    there = pickle.loads(pickle.dumps(output))
    assert (there.url, there.read_json("x.json")) == (output.url, {"a": [1, None]})
    assert Output("relative").url == str(tmp_path / "relative")
    assert len(pickle.dumps(output)) < 300


def test_json_that_is_not_there_is_none_and_damaged_json_is_refused(output):
    assert output.read_json("x.json") is None
    for damaged in (b'{"a": ', b"[" * 100_000):
        with output.create("x.json") as sink:
            sink.write(damaged)
        with pytest.raises(ExportError, match=r"x\.json: expected JSON, found.*Delete it"):
            output.read_json("x.json")


def test_files_are_renamed(output):
    output.write_json("old", 1)
    output.rename("old", "new")
    assert (output.names(), output.read_json("new")) == (["new"], 1)


def test_remove_leftovers_deletes_temporary_files_and_nothing_else(tmp_path):
    part = f".train-00000.parquet.{'0' * 32}.part"
    for name in (part, ".mine.part", "yours.part", f"x.{'0' * 32}.part"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / f".00000.{'1' * 32}.part").mkdir()
    (tmp_path / f".00000.{'1' * 32}.part" / "a.jpg").write_bytes(b"")
    Output(tmp_path).remove_leftovers()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".mine.part",
        f"x.{'0' * 32}.part",
        "yours.part",
    ]
    Output("memory://nothing").remove_leftovers()


@pytest.mark.parametrize("url", ["wrong://x", "zip::wrong://x"])
def test_a_url_that_nobody_knows_is_refused(url):
    with pytest.raises(
        ExportError, match=f"^{url}: expected a path or a URL that fsspec knows, found"
    ):
        Output(url)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    match = r"file/x/a.bin: expected to write it, found: .*run the same again"
    with (
        pytest.raises(ExportError, match=match) as caught,
        Output(tmp_path / "file" / "x").create("a.bin"),
    ):
        pass
    assert caught.value.path == str(tmp_path / "file" / "x" / "a.bin")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_device_is_told(tmp_path, monkeypatch):
    real = Path.open
    monkeypatch.setattr(
        Path, "open", lambda self, mode, **options: real(Path("/dev/full"), "wb", **options)
    )
    match = r"a.bin: expected to write it, found: .*No space left on device"
    with pytest.raises(ExportError, match=match), Output(tmp_path).create("a.bin") as sink:
        sink.write(b"x" * 100_000)


def test_another_file_system_is_told_of_the_whole_file_only(tmp_path):
    fs = fsspec.filesystem("memory")
    output = Output(f"memory://{tmp_path.name}")
    with output.create("a.bin") as sink:
        sink.write(b"1")
        assert not fs.exists(f"/{tmp_path.name}/a.bin")
    assert fs.cat_file(f"/{tmp_path.name}/a.bin") == b"1"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://user:s3cret@127.0.0.1:1/x",
        "nothing://user:s3cr@et@host/x",
        "nothing://s3cret@h/x",
        "nothing://host/x?token=s3cret",
        "nothing://user:it's s3cret@host/x",
    ],
)
def test_no_message_tells_a_password(url):
    with pytest.raises(
        ExportError, match=r"://(127.0.0.1:1|host|h)/x(\?\.\.\.)?: expected"
    ) as found:
        Output(url).names()
    assert "s3cr" not in str(found.value)
    assert "s3cr" not in str(found.value.path)
    output = Output("memory://user:s3cret@host/x")
    assert str(output) == "memory://host/x"
    assert str(Output("dir::memory://user:s3cret@host/x")) == "dir::memory://host/x"
    assert pickle.loads(pickle.dumps(output)).url == "memory://user:s3cret@host/x"
