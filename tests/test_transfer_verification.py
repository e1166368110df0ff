"""What verify finds in a folder, what it remembers, and what it does not read."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.zenodo import Zenodo, describe

from pass_utils import DownloadError, Release, ReleaseError, download, verify
from pass_utils._util import files
from pass_utils.transfer import folder as folders
from pass_utils.transfer.state import STATE_FILE
from pass_utils.transfer.verification import Finding

CSV, NAMES = "pass_metadata.csv", ["PASS.0.tar", "PASS.1.tar", "PASS.2.tar", "PASS.3.tar"]


@pytest.fixture
def mine(folder) -> Path:
    """A folder with four whole shards and their CSV."""
    return folder([range(0, 5), range(5, 12), range(12, 14), range(14, 30)])


@pytest.fixture
def release(mine) -> Release:
    """What the folder should hold."""
    return describe(mine)


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """The names of the files that are read from now on."""
    names: list[str] = []
    read_file = files.read_file

    def read_and_tell(path: Path) -> Iterator[memoryview]:
        names.append(path.name)
        return read_file(path)

    monkeypatch.setattr(files, "read_file", read_and_tell)
    return names


def change(path: Path, at: int, *, keep_time: bool = False) -> bytes:
    """Flip a byte of a file."""
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    status = path.stat()
    with path.open("r+b") as file:
        file.write(data)
    if keep_time:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    return bytes(data)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_whole_folder_has_no_findings(mine, release):
    assert verify(mine, release) == []
    assert verify(mine, release, quick=True, force=True) == []


def test_every_kind_of_trouble_is_found_at_once_and_sorted(mine, release):
    sizes = {file.name: file.size for file in release.files}
    right = sha256((mine / CSV).read_bytes())
    wrong = change(mine / CSV, 20)
    (mine / NAMES[0]).write_bytes((mine / NAMES[0]).read_bytes()[:-1])
    (mine / NAMES[1]).write_bytes((mine / NAMES[1]).read_bytes() + b"!!")
    (mine / NAMES[3]).unlink()
    assert verify(mine, release, shards=[3, 2, 1, 0]) == [
        Finding(
            "PASS.0.tar",
            f"expected {sizes['PASS.0.tar']:,} bytes, found {sizes['PASS.0.tar'] - 1:,}",
        ),
        Finding(
            "PASS.1.tar",
            f"expected {sizes['PASS.1.tar']:,} bytes, found {sizes['PASS.1.tar'] + 2:,}",
        ),
        Finding("PASS.3.tar", "expected here, found none"),
        Finding("pass_metadata.csv", f"expected sha256 {right}, found {sha256(wrong)}"),
    ]


def test_a_file_that_cannot_be_read_is_a_finding_beside_the_others(mine, release, monkeypatch):
    read_file = files.read_file

    def fail(path: Path) -> Iterator[memoryview]:
        if path.name == NAMES[1]:
            raise OSError(errno.EIO, "Input/output error", str(path))
        return read_file(path)

    monkeypatch.setattr(files, "read_file", fail)
    wrong = change(mine / NAMES[2], 20)
    first, second = verify(mine, release)
    assert first.name == NAMES[1]
    assert first.problem.startswith("expected to read it, found: [Errno 5] Input/output error")
    assert second == Finding(
        NAMES[2], f"expected sha256 {release.shards[2].sha256}, found {sha256(wrong)}"
    )


def test_a_file_that_goes_away_meanwhile_is_a_finding(mine, release, monkeypatch):
    scan = folders.scan

    def scan_and_remove(folder: Path, files) -> dict[str, folders.FileState]:
        found = scan(folder, files)
        (folder / NAMES[0]).unlink()
        return found

    monkeypatch.setattr("pass_utils.transfer.verification.scan", scan_and_remove)
    [finding] = verify(mine, release)
    assert finding.name == NAMES[0]
    assert "No such file" in finding.problem


def test_files_that_are_not_there_are_missed_when_named_or_when_none_is(mine, release, tmp_path):
    (mine / NAMES[1]).unlink()
    assert verify(mine, release) == []
    assert verify(mine, release, shards=[0, 2]) == []
    assert verify(mine, release, shards=[0, 1]) == [Finding(NAMES[1], "expected here, found none")]
    nothing = [Finding(name, "expected here, found none") for name in (*NAMES, CSV)]
    assert verify(tmp_path / "nowhere", release) == nothing
    (tmp_path / "empty").mkdir()
    assert verify(tmp_path / "empty", release, quick=True) == nothing


def test_an_unknown_release_or_shard_is_an_error(mine, release):
    with pytest.raises(ReleaseError, match="one of v2, v3, found 'v9'"):
        verify(mine, "v9")
    with pytest.raises(ReleaseError, match=r"from 0 to 3.*found \[4\]"):
        verify(mine, release, shards=[4])


# --- what is remembered


def test_a_verified_file_is_not_read_again_unless_forced(mine, release, opened):
    assert verify(mine, release) == []
    assert sorted(opened) == [*NAMES, CSV]
    opened.clear()
    assert verify(mine, release) == []
    assert opened == []
    assert verify(mine, release, force=True, shards=[1]) == []
    assert sorted(opened) == [NAMES[1], CSV]


def test_what_download_verified_is_not_read_again(mine, release, opened, tmp_path):
    with Zenodo(mine) as server:
        download(tmp_path / "fetched", release, base_url=server.base_url, quiet=True)
    opened.clear()
    assert verify(tmp_path / "fetched", release) == []
    assert opened == []


def test_touching_a_file_or_putting_another_in_its_place_forgets_it(mine, release, opened):
    verify(mine, release)
    opened.clear()
    (mine / NAMES[0]).touch()
    data, status = (mine / NAMES[1]).read_bytes(), (mine / NAMES[1]).stat()
    (mine / "copy").write_bytes(data)
    os.utime(mine / "copy", ns=(status.st_atime_ns, status.st_mtime_ns))
    (mine / "copy").replace(mine / NAMES[1])
    assert verify(mine, release) == []
    assert sorted(opened) == NAMES[:2]


def test_a_file_counts_as_verified_for_its_release_only(mine, release, opened):
    """Another release expects another checksum of a file of the same name and size."""
    verify(mine, release)
    opened.clear()
    other = release._replace(files=tuple(file._replace(sha256="0" * 64) for file in release.files))
    assert [finding.name for finding in verify(mine, other)] == [*NAMES, CSV]
    assert sorted(opened) == [*NAMES, CSV]


def test_a_file_that_force_finds_wrong_is_no_longer_taken_for_whole(mine, release, tmp_path):
    """Bits that rot on the disk leave size and time as they are; so download has to be told."""
    good = tmp_path / "good"
    good.mkdir()
    for name in (*NAMES, CSV):
        (good / name).write_bytes((mine / name).read_bytes())
    verify(mine, release)
    wrong = change(mine / NAMES[2], 700, keep_time=True)
    assert verify(mine, release) == []
    found = Finding(NAMES[2], f"expected sha256 {release.shards[2].sha256}, found {sha256(wrong)}")
    assert verify(mine, release, force=True) == [found]
    assert verify(mine, release) == [found]
    with Zenodo(good) as server:
        download(mine, release, base_url=server.base_url, quiet=True)
        assert [request.path for request in server.requests] == [f"/records/1/files/{NAMES[2]}"]
    assert verify(mine, release, force=True) == []


def test_a_file_that_changes_while_it_is_read_is_read_again_the_next_time(
    mine, release, monkeypatch
):
    read_file = files.read_file

    def read_and_change(path: Path) -> Iterator[memoryview]:
        yield from read_file(path)
        if path.name == NAMES[0]:
            change(path, 700)

    monkeypatch.setattr(files, "read_file", read_and_change)
    assert verify(mine, release) == []
    monkeypatch.undo()
    assert [finding.name for finding in verify(mine, release)] == [NAMES[0]]


def test_what_is_verified_when_it_is_interrupted_is_remembered(
    mine, release, opened, monkeypatch, interruptible
):
    """Ctrl-C comes when all but the last file are remembered."""
    read_file = files.read_file
    once = iter([True])

    def read_last_slowly(path: Path) -> Iterator[memoryview]:
        yield from read_file(path)
        deadline = time.monotonic() + 5
        while path.name == NAMES[3] and time.monotonic() < deadline:
            known = (
                json.loads((mine / STATE_FILE).read_text())["verified"]
                if (mine / STATE_FILE).exists()
                else {}
            )
            if len(known) == 4 and next(once, False):
                os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)
            yield memoryview(b"")

    monkeypatch.setattr(files, "read_file", read_last_slowly)
    with pytest.raises(KeyboardInterrupt):
        verify(mine, release)
    monkeypatch.setattr(files, "read_file", read_file)
    opened.clear()
    assert verify(mine, release) == []
    assert opened == [NAMES[3]]


def test_two_processes_that_remember_at_the_same_time_lose_nothing(mine):
    """Each remembers 40 files of its own; without a lock, one writes what the other had not yet
    written when it read.
    """
    remember = """
import sys
from pathlib import Path
from pass_utils.transfer.state import write_state
print("ready", flush=True)
sys.stdin.readline()
for number in range(40):
    write_state(Path(sys.argv[1]), verified={f"{sys.argv[2]}.{number}": [number]})
"""
    command = [sys.executable, "-c", remember, mine]
    processes = [
        subprocess.Popen([*command, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for name in "ab"
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    known = json.loads((mine / STATE_FILE).read_text())["verified"]
    assert known == {f"{name}.{number}": [number] for name in "ab" for number in range(40)}


def test_ctrl_c_does_not_wait_for_the_files_to_end(mine, release, monkeypatch, interruptible):
    """A whole shard takes a minute; here each piece takes 20 ms, and there are 250."""

    def read_slowly(path: Path) -> Iterator[memoryview]:
        for _ in range(250):
            time.sleep(0.02)
            yield memoryview(b"x")

    monkeypatch.setattr(files, "read_file", read_slowly)
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        verify(mine, release)
    assert time.monotonic() - begin < 2


def test_files_are_read_in_parallel(mine, release, monkeypatch):
    together = threading.Barrier(2, timeout=5)
    read_file = files.read_file

    def meet(path: Path) -> Iterator[memoryview]:
        if path.name in NAMES[:2]:
            together.wait()
        return read_file(path)

    monkeypatch.setattr(files, "read_file", meet)
    assert verify(mine, release) == []


def test_a_folder_that_cannot_be_written_is_verified_all_the_same(mine, release, opened):
    (mine / STATE_FILE).mkdir()
    wrong = change(mine / NAMES[0], 20)
    expected = [
        Finding(NAMES[0], f"expected sha256 {release.shards[0].sha256}, found {sha256(wrong)}")
    ]
    assert verify(mine, release) == expected
    opened.clear()
    assert verify(mine, release) == expected
    assert sorted(opened) == [*NAMES, CSV]


def test_a_folder_that_cannot_be_read_is_an_error(mine, release, monkeypatch):
    real = Path.stat

    def stat(path: Path, **options):
        if path.name == NAMES[0]:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path, **options)

    monkeypatch.setattr(Path, "stat", stat)
    with pytest.raises(DownloadError, match="can be read, found: .*Permission denied"):
        verify(mine, release)


# --- quick


def test_quick_reads_headers_only_and_remembers_nothing(mine, release, opened):
    change(mine / NAMES[0], 512 + 30)  # in the first picture
    assert verify(mine, release, quick=True) == []
    assert opened == []
    assert [finding.name for finding in verify(mine, release)] == [NAMES[0]]
    assert sorted(opened) == [*NAMES, CSV]


def test_quick_compares_sizes(mine, release):
    (mine / CSV).write_bytes(b"")
    (mine / NAMES[2]).write_bytes((mine / NAMES[2]).read_bytes()[:1024])
    sizes = {file.name: file.size for file in release.files}
    assert verify(mine, release, quick=True) == [
        Finding(NAMES[2], f"expected {sizes[NAMES[2]]:,} bytes, found 1,024"),
        Finding(CSV, f"expected {sizes[CSV]:,} bytes, found 0"),
    ]


@pytest.mark.parametrize("damage", ["zeros", "header", "end"])
def test_quick_notices_a_tar_whose_headers_do_not_add_up(mine, release, damage):
    """Of the right size, as a tool leaves it that reserves the room first, or a disk that fails."""
    path = mine / NAMES[3]
    data = path.read_bytes()
    second = second_header(path)
    if damage == "zeros":
        path.write_bytes(data[:second] + bytes(len(data) - second))
    elif damage == "header":
        change(path, second + 100)
    else:
        end = len(data.rstrip(b"\0"))
        path.write_bytes(data[:end] + b"\1" * (len(data) - end))
    [finding] = verify(mine, release, quick=True)
    assert finding.name == NAMES[3]
    assert re.match("expected .* found ", finding.problem)


def second_header(path: Path) -> int:
    """Where the second member of a tar begins."""
    with tarfile.open(path) as tar:
        return tar.getmembers()[1].offset


def test_quick_passes_over_verified_files_unless_forced(mine, release):
    verify(mine, release)
    change(mine / NAMES[1], second_header(mine / NAMES[1]) + 100, keep_time=True)
    assert verify(mine, release, quick=True) == []
    assert [finding.name for finding in verify(mine, release, quick=True, force=True)] == [NAMES[1]]
    assert [finding.name for finding in verify(mine, release)] == [NAMES[1]]
