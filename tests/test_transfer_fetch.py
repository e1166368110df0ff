"""A release behind a server in, a folder of whole and verified files out: through cuts, kills,
liars and full disks.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import datasets
import pytest
from datasets import Image, Value, load_dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from support.zenodo import Fault, Zenodo, describe

from pass_utils import (
    DownloadError,
    File,
    PassError,
    Release,
    ReleaseError,
    RemoteError,
    download,
    releases,
    verify,
)
from pass_utils._util import files
from pass_utils._util import retry as retries
from pass_utils.releases import FEATURES
from pass_utils.transfer.folder import FileState
from pass_utils.transfer.planning import State, Task, plan, plan_download
from pass_utils.transfer.state import LOCK_FILE, STATE_FILE, lock_folder, write_state

CSV, ZERO, ONE, TWO = "pass_metadata.csv", "PASS.0.tar", "PASS.1.tar", "PASS.2.tar"
SIZES = {CSV: 3_000, ZERO: 400_000, ONE: 500_000, TWO: 300_000}
HERE = 150_000  # bytes of PASS.0.tar that an earlier download left


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Short waits, few attempts."""
    monkeypatch.setattr(
        retries, "RETRY", retries.RETRY._replace(attempts=4, first_wait=0.001, read_timeout=0.3)
    )
    for variable in ("PASS_BASE_URL", "HF_DATASETS_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def served(tmp_path) -> Path:
    """A folder of files to serve, of random bytes."""
    folder = tmp_path / "served"
    folder.mkdir()
    for name, size in SIZES.items():
        (folder / name).write_bytes(random.Random(name).randbytes(size))
    return folder


@pytest.fixture
def server(served) -> Iterator[Zenodo]:
    with Zenodo(served) as server:
        yield server


@pytest.fixture
def release(served) -> Release:
    return describe(served)


@pytest.fixture
def mine(tmp_path) -> Path:
    """The folder to fetch into, which is not there yet."""
    return tmp_path / "mine"


@pytest.fixture
def fetch(server, release, mine):
    """`download` from the server into the folder, quietly."""

    def fetch(**options) -> Path:
        return download(mine, release, **{"base_url": server.base_url, "quiet": True, **options})

    return fetch


def contents(folder: Path) -> dict[str, bytes]:
    """What the files of a folder hold, without what is only for pass_utils."""
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if not path.name.startswith(".pass-utils")
    }


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    """All that is in a folder, and when each file was changed."""
    return {
        path.name: (path.read_bytes(), 0 if path.suffix == ".lock" else path.stat().st_mtime_ns)
        for path in folder.iterdir()
    }  # filelock up to 3.20 touches a lock that it does not get


def leave(folder: Path, name: str, data: bytes) -> None:
    """A file that an earlier download, or somebody, left in the folder."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(data)


def flip(data: bytes, at: int) -> bytes:
    """The same bytes, but one."""
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def ranges(server: Zenodo, name: str) -> list[str | None]:
    """The Range header of each request for a file."""
    return [request.range for request in server.requests if request.path.endswith(name)]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# --- plan


FILE = File("PASS.0.tar", 100, "0" * 64)


@pytest.mark.parametrize(
    ("found", "state", "to_fetch"),
    [
        (FileState(), State.MISSING, 100),
        (FileState(part=0), State.MISSING, 100),
        (FileState(part=40), State.PARTIAL, 60),
        (FileState(part=100), State.PARTIAL, 0),
        (FileState(part=101), State.WRONG, 100),
        (FileState(size=99), State.WRONG, 100),
        (FileState(size=101), State.WRONG, 100),
        (FileState(size=99, part=40), State.WRONG, 60),
        (FileState(size=99, part=101), State.WRONG, 100),
        (FileState(size=99, cut_short=True), State.PARTIAL, 1),
        (FileState(size=99, part=40, cut_short=True), State.PARTIAL, 1),
        (FileState(size=40, part=99, cut_short=True), State.PARTIAL, 1),
        (FileState(size=99, part=101, cut_short=True), State.PARTIAL, 1),
        (FileState(size=100), State.UNVERIFIED, 0),
        (FileState(size=100, part=40), State.UNVERIFIED, 0),
        (FileState(size=100, verified=True), State.COMPLETE, 0),
    ],
)
def test_plan_has_the_state_of_a_file_and_the_bytes_to_fetch(found, state, to_fetch):
    made = plan(releases.RELEASES["v2"], [FILE], {FILE.name: found})
    assert made.tasks == (Task(FILE, state, 100 - to_fetch),)
    assert made.bytes_to_fetch == made.tasks[0].bytes_to_fetch == to_fetch


sizes = st.none() | st.integers(0, 300)


@settings(deadline=None, database=None, derandomize=True)
@given(
    st.lists(
        st.tuples(st.integers(0, 200), st.builds(FileState, sizes, st.booleans(), sizes)),
        max_size=6,
    )
)
def test_plan_never_wants_more_than_the_files_have_and_nothing_of_whole_ones(found):
    files = [File(f"PASS.{number}.tar", size, "0" * 64) for number, (size, _) in enumerate(found)]
    made = plan(
        releases.RELEASES["v2"],
        files,
        {f"PASS.{number}.tar": present for number, (_, present) in enumerate(found)},
    )
    assert [task.file for task in made.tasks] == files
    assert made.bytes_to_fetch == sum(task.bytes_to_fetch for task in made.tasks)
    for task, (size, present) in zip(made.tasks, found, strict=True):
        assert 0 <= task.bytes_to_fetch <= size
        assert (task.state is State.COMPLETE) == (present.size == size and present.verified)
        assert (task.state is State.UNVERIFIED) == (present.size == size and not present.verified)
        if present.size == size:
            assert task.bytes_to_fetch == 0
        else:
            beginnings = [present.part, present.size if present.cut_short else None]
            usable = [have for have in beginnings if have is not None and have <= size]
            assert task.bytes_to_fetch == size - max(usable, default=0)


def test_a_file_that_was_not_looked_for_is_missing():
    assert plan(releases.RELEASES["v2"], [FILE], {}).tasks == (Task(FILE, State.MISSING, 0),)


# --- whole files


def test_every_file_lands_whole_and_is_fetched_once(fetch, server, served, mine):
    assert fetch() == mine
    assert contents(mine) == contents(served)
    assert server.sent == sum(SIZES.values())
    assert sorted(request.path for request in server.requests) == sorted(
        f"/records/1/files/{name}" for name in SIZES
    )
    fetch()
    assert len(server.requests) == len(SIZES)


def test_only_the_chosen_shards_are_fetched(fetch, server, served, mine):
    fetch(shards=[2, 0])
    assert contents(mine) == {name: data for name, data in contents(served).items() if name != ONE}
    fetch(shards=[0, 1])
    assert contents(mine) == contents(served)
    assert server.sent == sum(SIZES.values())


def test_a_release_or_shard_that_does_not_exist_is_an_error(mine, release, fetch):
    with pytest.raises(ReleaseError, match="one of v2, v3, found 'v9'"):
        download(mine, "v9")
    with pytest.raises(ReleaseError, match=r"from 0 to 2.*found \[3\]"):
        fetch(shards=[3])
    assert not mine.exists()


def test_the_environment_can_name_a_mirror(fetch, server, mine, monkeypatch):
    monkeypatch.setenv("PASS_BASE_URL", server.base_url + "/")
    fetch(base_url=None, shards=[2])
    assert [request.status for request in server.requests] == [206, 206]


def test_a_home_folder_is_expanded(fetch, server, release, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert download("~/mine", release, base_url=server.base_url, quiet=True) == tmp_path / "mine"
    assert (tmp_path / "mine" / ONE).stat().st_size == SIZES[ONE]


def test_no_name_is_taken_before_its_bytes_are_right(fetch, server, served, mine):
    """Watched all the time, and at each request, which is where a file begins, breaks and begins
    again.
    """
    server.faults = [
        Fault(cut=1000),
        Fault(corrupt=9, name=ONE),
        Fault(cut=200_000, name=ZERO),
        Fault(stall=(70_000, 0.4)),
    ]
    expected = contents(served)
    early: list[str] = []
    wrong: list[str] = []

    def look_at(path: str, start: int) -> None:
        name = path.rpartition("/")[2]
        if (mine / name).exists():
            early.append(name)

    def watch() -> None:
        while not done.is_set():
            for name, data in expected.items():
                with contextlib.suppress(FileNotFoundError):
                    if (mine / name).read_bytes() != data:
                        wrong.append(name)
            time.sleep(0.001)

    server.always = look_at
    done = threading.Event()
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        fetch()
    finally:
        done.set()
        watcher.join()
    assert (early, wrong) == ([], [])
    assert {name: data for name, data in contents(mine).items() if name != f"{ONE}.bad"} == expected


def test_several_breaks_cost_no_byte(fetch, server, served, mine):
    server.faults = [
        Fault(cut=100_000, name=ZERO),
        Fault(cut=1, name=ZERO),
        Fault(cut=0, name=ONE),
        Fault(status=503),
    ]
    server.faults += [
        Fault(status=429, headers=(("Retry-After", "0"),)),
        Fault(cut=250_000, name=ONE),
    ]
    fetch()
    assert contents(mine) == contents(served)
    assert server.sent == sum(SIZES.values())


# --- going on


def test_a_part_is_hashed_and_only_the_rest_is_fetched(fetch, server, served, mine):
    leave(mine, f"{ZERO}.part", (served / ZERO).read_bytes()[:HERE])
    fetch()
    assert contents(mine) == contents(served)
    assert ranges(server, ZERO) == ["bytes=150000-399999"]
    assert server.sent == sum(SIZES.values()) - HERE


def test_a_part_that_lacks_nothing_is_hashed_and_takes_its_name(fetch, server, served, mine):
    leave(mine, f"{ZERO}.part", (served / ZERO).read_bytes())
    fetch()
    assert contents(mine) == contents(served)
    assert ranges(server, ZERO) == []


def test_a_shard_that_another_tool_cut_short_is_resumed_and_all_of_it_verified(
    fetch, server, served, mine
):
    leave(mine, ZERO, (served / ZERO).read_bytes()[:HERE])
    made = plan_download(mine, describe(served), shards=[0])
    assert made.tasks[1][1:] == (State.PARTIAL, HERE)
    fetch()
    assert contents(mine) == contents(served)
    assert ranges(server, ZERO) == ["bytes=150000-399999"]


def test_a_shard_cut_short_with_a_wrong_byte_is_kept_as_bad_and_fetched_again(
    fetch, server, served, mine
):
    right = (served / ZERO).read_bytes()
    leave(mine, ZERO, flip(right[:HERE], 77))
    fetch()
    assert contents(mine) == {**contents(served), f"{ZERO}.bad": flip(right, 77)}


@pytest.mark.parametrize(("short", "part"), [(HERE, 1000), (1000, HERE)])
def test_of_two_beginnings_of_a_shard_the_longer_is_resumed_and_the_other_kept(
    fetch, server, served, mine, short, part
):
    right = (served / ZERO).read_bytes()
    leave(mine, ZERO, right[:short])
    leave(mine, f"{ZERO}.part", right[:part])
    fetch()
    assert contents(mine) == {**contents(served), f"{ZERO}.bad": right[:1000]}
    assert ranges(server, ZERO) == ["bytes=150000-399999"]


@pytest.mark.parametrize("name", [ZERO, CSV])
def test_a_smaller_file_that_is_complete_in_itself_is_set_aside_untouched(
    fetch, server, served, mine, name
):
    """A tar of one's own, which ends as tars do, and a CSV that was saved again."""
    mine_own = b"mine" * 500 + bytes(1024) if name == ZERO else b",unickname\n"
    leave(mine, name, mine_own)
    fetch()
    assert contents(mine) == {**contents(served), f"{name}.bad": mine_own}


@pytest.mark.parametrize("kind", ["link", "pipe", "pipe with a reader"])
def test_a_part_that_is_no_regular_file_is_refused_and_not_followed(
    fetch, server, mine, tmp_path, kind
):
    other, part = tmp_path / "other", mine / f"{ZERO}.part"
    other.write_bytes(b"mine")
    mine.mkdir()
    part.symlink_to(other) if kind == "link" else os.mkfifo(part)
    with contextlib.ExitStack() as stack:
        if kind == "pipe with a reader":
            stack.callback(os.close, os.open(part, os.O_RDONLY | os.O_NONBLOCK))
        with pytest.raises(DownloadError, match="not a regular file"):
            fetch(shards=[0])
    assert other.read_bytes() == b"mine"


@pytest.mark.parametrize("kind", ["pipe", "device", "brackets", "large", "folder", "number"])
def test_a_state_file_of_any_kind_counts_as_forgotten(fetch, served, mine, kind):
    mine.mkdir()
    state = mine / STATE_FILE
    if kind == "pipe":
        os.mkfifo(state)
    elif kind == "device":
        state.symlink_to("/dev/zero")
    elif kind == "folder":
        state.mkdir()
    else:
        text = {"brackets": "[" * 100_000, "large": " " * (2 << 20), "number": "9" * 5000}[kind]
        state.write_text(text)
    if kind == "folder":
        with pytest.raises(DownloadError, match="expected to write it"):
            fetch()
    else:
        fetch()
        assert contents(mine) == contents(served)


def test_a_folder_name_with_nul_or_an_unknown_home_is_an_error(release):
    for folder in ("/tmp/a\0b", "~nobody-of-that-name/pass"):
        for call in (download, verify, plan_download):
            with pytest.raises(ReleaseError, match="folder: expected a path, found "):
                call(folder, release)


@pytest.mark.parametrize("length", [HERE, SIZES[ZERO]])
def test_a_part_with_a_wrong_byte_is_kept_as_bad_and_fetched_again(
    fetch, server, served, mine, caplog, length
):
    right = (served / ZERO).read_bytes()
    leave(mine, f"{ZERO}.part", flip(right[:length], 77))
    fetch()
    assert contents(mine) == {**contents(served), f"{ZERO}.bad": flip(right, 77)}
    assert ranges(server, ZERO) == ["bytes=150000-399999"][: length < SIZES[ZERO]] + [
        "bytes=0-399999"
    ]
    assert (
        f"expected sha256 {sha256(right)}, found {sha256(flip(right, 77))}; kept as {ZERO}.bad"
        in caplog.text
    )


def test_a_server_that_ignores_range_starts_over_and_the_file_is_right(fetch, server, served, mine):
    leave(mine, f"{ZERO}.part", (served / ZERO).read_bytes()[:HERE])
    server.faults = [Fault(ignore_range=True, name=ZERO)]
    fetch()
    assert contents(mine) == contents(served)
    assert [
        (request.status, request.sent) for request in server.requests if request.path.endswith(ZERO)
    ] == [(200, 400_000)]


def test_bytes_that_come_wrong_once_are_fetched_again(fetch, server, served, mine):
    server.faults = [Fault(corrupt=123_456, name=ZERO)]
    fetch()
    assert contents(mine) == {
        **contents(served),
        f"{ZERO}.bad": flip((served / ZERO).read_bytes(), 123_456),
    }
    assert ranges(server, ZERO) == ["bytes=0-399999"] * 2


def test_bytes_that_come_wrong_twice_are_an_error_with_both_checksums(fetch, server, served, mine):
    wrong = flip((served / ZERO).read_bytes(), 123_456)
    server.faults = [Fault(corrupt=123_456, name=ZERO)] * 2
    with pytest.raises(
        DownloadError,
        match=f"expected sha256 {sha256((served / ZERO).read_bytes())}, found {sha256(wrong)}",
    ):
        fetch()
    assert len(ranges(server, ZERO)) == 2
    assert contents(mine)[f"{ZERO}.bad"] == wrong
    assert not (mine / ZERO).exists()
    fetch()
    assert contents(mine) == {**contents(served), f"{ZERO}.bad": wrong}


# --- what is there already


def test_a_whole_file_of_unknown_origin_is_hashed_and_not_fetched(fetch, server, served, mine):
    for name in (ZERO, ONE):
        leave(mine, name, (served / name).read_bytes())
    assert [task.state for task in plan_download(mine, describe(served)).tasks[1:3]] == [
        State.UNVERIFIED
    ] * 2
    fetch()
    assert contents(mine) == contents(served)
    assert ranges(server, ZERO) == ranges(server, ONE) == []
    assert {task.state for task in plan_download(mine, describe(served)).tasks} == {State.COMPLETE}


def test_wrong_bytes_under_the_final_name_are_set_aside_and_fetched(fetch, server, served, mine):
    wrong = flip((served / ZERO).read_bytes(), 5)
    leave(mine, ZERO, wrong)
    fetch()
    assert contents(mine) == {**contents(served), f"{ZERO}.bad": wrong}
    assert ranges(server, ZERO) == ["bytes=0-399999"]


@pytest.mark.parametrize("name", [ZERO, f"{ZERO}.part"])
def test_a_file_that_is_too_large_is_set_aside_and_fetched(
    fetch, server, served, mine, caplog, name
):
    leave(mine, name, (served / ZERO).read_bytes() + b"!")
    fetch()
    assert contents(mine) == {
        **contents(served),
        f"{ZERO}.bad": (served / ZERO).read_bytes() + b"!",
    }
    assert ranges(server, ZERO) == ["bytes=0-399999"]
    assert f"{name}: expected 400,000 bytes, found 400,001; kept as {ZERO}.bad" in caplog.text


def test_a_file_that_is_too_short_is_set_aside_and_what_its_part_holds_is_not_fetched_again(
    fetch, server, served, mine
):
    leave(mine, ZERO, b"<html>Too many requests</html>")
    leave(mine, f"{ZERO}.part", (served / ZERO).read_bytes()[:HERE])
    fetch()
    assert contents(mine) == {**contents(served), f"{ZERO}.bad": b"<html>Too many requests</html>"}
    assert ranges(server, ZERO) == ["bytes=150000-399999"]


def test_a_file_that_changes_while_it_is_hashed_is_not_remembered(
    fetch, server, served, mine, monkeypatch
):

    for name in SIZES:
        leave(mine, name, (served / name).read_bytes())
    wrong = flip((served / ZERO).read_bytes(), 5)
    read_file = files.read_file

    def read_and_change(path: Path) -> Iterator[memoryview]:
        yield from read_file(path)
        if path == mine / ZERO:
            path.write_bytes(wrong)

    monkeypatch.setattr(files, "read_file", read_and_change)
    fetch()
    monkeypatch.undo()
    assert plan_download(mine, describe(served)).tasks[1].state is State.UNVERIFIED


# --- another release's folder


@pytest.fixture
def other(tmp_path, monkeypatch) -> Release:
    """The release `v2`, of other sizes, so that the files' own is not the only one that is
    known.
    """
    known = Release(
        "v2",
        "1.0.0",
        1,
        "2021-10-14",
        0,
        0,
        tuple(File(name, size, "0" * 64) for name, size in SIZES.items()),
    )
    monkeypatch.setitem(releases.RELEASES, "v2", known)
    return known._replace(
        name="v3",
        record=2,
        files=tuple(file._replace(size=file.size + 512) for file in known.files),
    )


@pytest.mark.parametrize("left", [ONE, STATE_FILE])
def test_a_folder_of_another_release_is_refused_and_left_alone(mine, server, other, left):
    leave(mine, left, b'{"record": 1, "verified": {}}' if left == STATE_FILE else bytes(SIZES[ONE]))
    leave(mine, f"{TWO}.part", b"some")
    before = snapshot(mine)
    for call in (
        lambda: download(mine, other, base_url=server.base_url, quiet=True),
        lambda: download(mine, other, shards=[0], base_url=server.base_url, quiet=True),
        lambda: plan_download(mine, other),
    ):
        with pytest.raises(
            DownloadError,
            match=r"for record 2 \(v3\), found files of record 1\. Choose another folder",
        ):
            call()
    assert snapshot(mine) == before
    assert server.requests == []


def test_a_size_that_both_releases_have_is_no_sign_of_the_other(
    fetch, served, mine, release, monkeypatch
):
    """As in a release of one's own that shares files with one that is known."""
    monkeypatch.setitem(
        releases.RELEASES, "known", release._replace(name="known", record=release.record + 1)
    )
    leave(mine, ONE, (served / ONE).read_bytes())
    fetch()
    assert contents(mine) == contents(served)


@pytest.mark.parametrize(
    "state",
    [
        b"",
        b"\xff\x00garbage",
        b"null",
        b"[1, 2]",
        b'{"record": 1',
        b'{"verified": 3, "record": "?", "holder": null}',
        b'{"record": {"a": [2]}, "verified": [], "holder": 5}',
        b'{"verified": {"PASS.0.tar": null, "PASS.1.tar": [1, 2, 3], "pass_metadata.csv": "yes"}}',
        b"[" * 100_000,
        b'{"record": ' + b"9" * 10_000 + b"}",
    ],
    ids=range(10),
)
def test_a_damaged_memory_is_as_good_as_none(fetch, server, served, mine, state):
    wrong = flip((served / ONE).read_bytes(), 5)
    leave(mine, ZERO, (served / ZERO).read_bytes())
    leave(mine, ONE, wrong)
    leave(mine, STATE_FILE, state)
    fetch()
    assert contents(mine) == {**contents(served), f"{ONE}.bad": wrong}
    assert ranges(server, ZERO) == []
    kept = json.loads((mine / STATE_FILE).read_text())
    assert kept["record"] == 1
    assert sorted(kept["verified"]) == sorted(SIZES)


def test_a_memory_of_other_bytes_is_not_believed(fetch, server, served, mine):
    """What was verified counts for its size, time, inode and checksum."""
    fetch()
    state = json.loads((mine / STATE_FILE).read_text())
    for index in range(4):
        changed = json.loads(json.dumps(state))
        changed["verified"][ZERO][index] = (
            "0" * 64 if index == 3 else changed["verified"][ZERO][index] + 1
        )
        (mine / STATE_FILE).write_text(json.dumps(changed))
        states = {
            task.file.name: task.state for task in plan_download(mine, describe(served)).tasks
        }
        assert states == {
            name: State.COMPLETE if name != ZERO else State.UNVERIFIED for name in SIZES
        }


# --- the folder and its disk


def test_a_second_download_is_told_who_holds_the_folder(fetch, server, mine):
    mine.mkdir()
    with lock_folder(mine):
        before = snapshot(mine)
        with pytest.raises(
            DownloadError,
            match=f"nobody fetches into, found process {os.getpid()} on .* doing so. Wait",
        ):
            fetch()
        assert snapshot(mine) == before
        write_state(mine, holder="a\x1b[31m\u202e\nb")
        with pytest.raises(DownloadError, match=r"found a\[31m b doing so") as raised:
            fetch()
        assert str(raised.value).isprintable()
    assert server.requests == []
    fetch()


def test_a_disk_that_is_too_small_is_named_with_both_figures(
    fetch, server, served, mine, monkeypatch
):
    usage = shutil.disk_usage(mine.parent)
    needed = sum(SIZES.values()) - HERE
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=needed - 1))
    with pytest.raises(
        DownloadError, match="expected 1,203,000 bytes of free space .* found 1,052,999"
    ):
        fetch()
    assert not mine.exists()
    leave(mine, f"{ZERO}.part", (served / ZERO).read_bytes()[:HERE])
    with pytest.raises(
        DownloadError, match="expected 1,053,000 bytes of free space .* found 1,052,999"
    ):
        fetch()
    assert server.requests == []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=needed))
    fetch()


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A disk of 800 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=800k", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_fills_up_keeps_the_part_and_says_how_bytes_to_fetch_on(
    small_disk, server, served, release, monkeypatch
):
    usage = shutil.disk_usage(small_disk)
    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: usage._replace(free=10**9)
    )  # as if another program filled it
    (small_disk / "other").write_bytes(bytes(500_000))
    options = {"shards": [0], "base_url": server.base_url, "connections": 1, "quiet": True}
    with pytest.raises(
        DownloadError,
        match=rf"{ZERO}, found the disk full\. Make room for [\d,]+ bytes.*same command",
    ) as caught:
        download(small_disk, release, **options)
    part = (small_disk / f"{ZERO}.part").read_bytes()
    assert 0 < len(part) < SIZES[ZERO]
    assert f"Make room for {SIZES[ZERO] - len(part):,} bytes" in str(caught.value)
    assert part == (served / ZERO).read_bytes()[: len(part)]
    (small_disk / "other").unlink()
    server.requests.clear()
    download(small_disk, release, **options)
    assert (small_disk / ZERO).read_bytes() == (served / ZERO).read_bytes()
    assert ranges(server, ZERO) == [f"bytes={len(part)}-399999"]


def test_a_disk_that_is_full_from_the_start_is_an_error_of_ours(small_disk, release):
    with contextlib.suppress(OSError), (small_disk / "other").open("wb") as file:
        while True:
            file.write(bytes(4096))
    with pytest.raises(DownloadError, match="expected 1,203,000 bytes of free space .* found 0"):
        download(small_disk, release, quiet=True)


def test_a_write_that_finds_no_room_keeps_the_part(fetch, server, served, mine, monkeypatch):
    """The same where no small disk can be mounted."""
    real = files.open_to_append

    class Full:
        """A disk that takes 250,000 bytes, the last of them in a write that takes a part."""

        def __init__(self, file):
            self.file, self.room = file, 250_000

        def write(self, data):
            if self.room == 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            written = self.file.write(data[: self.room])
            self.room -= written
            return written

        def __getattr__(self, name):
            return getattr(self.file, name)

        def __enter__(self):
            return self

        def __exit__(self, *exc_info):
            self.file.close()

    monkeypatch.setattr("pass_utils.transfer.fetch.open_to_append", lambda path: Full(real(path)))
    with pytest.raises(
        DownloadError, match=f"{ZERO}, found the disk full. Make room for 150,000 bytes"
    ):
        fetch(shards=[0])
    monkeypatch.undo()
    assert (mine / f"{ZERO}.part").read_bytes() == (served / ZERO).read_bytes()[:250_000]
    server.requests.clear()
    fetch(shards=[0])
    assert ranges(server, ZERO) == ["bytes=250000-399999"]


@pytest.mark.parametrize("where", ["mine", "mine/deeper"])
def test_a_file_in_the_way_of_the_folder_is_an_error(fetch, server, tmp_path, release, where):
    (tmp_path / "mine").write_text("a file")
    with pytest.raises(
        DownloadError,
        match=(
            f"{where}: expected a folder that can be .*written, found: .*(exists|[Nn]ot a "
            "directory)"
        ),
    ):
        download(tmp_path / where, release, base_url=server.base_url, quiet=True)
    assert server.requests == []


@pytest.mark.parametrize("name", [STATE_FILE, LOCK_FILE, ZERO, f"{ZERO}.part", f"{ZERO}.bad"])
def test_a_folder_in_the_way_of_a_file_is_an_error(fetch, server, served, mine, name):
    if name.endswith(".bad"):
        leave(mine, ZERO, flip((served / ZERO).read_bytes(), 1))
    (mine / name / "something").mkdir(parents=True)
    with pytest.raises(DownloadError, match=f"expected .*(written|write it), found: .*{name}"):
        fetch(shards=[0])


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """Without root's right to write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("mode", [0o555, 0o000])
def test_a_folder_that_may_not_be_written_or_read_is_an_error(server, release, mode):
    with tempfile.TemporaryDirectory() as parent:  # pytest's own may be entered by its owner only
        Path(parent).chmod(0o755)
        folder = Path(parent) / "mine"
        folder.mkdir()
        folder.chmod(mode)
        with (
            as_nobody(),
            pytest.raises(
                DownloadError,
                match=r"mine: expected a folder that can be .*, found: .*Permission denied",
            ),
        ):
            download(folder, release, base_url=server.base_url, quiet=True)
        folder.chmod(0o755)
        assert list(folder.iterdir()) == []
    assert server.requests == []


# --- the server


CHANGED = '"md5:0123456789abcdef0123456789abcdef"'


@pytest.mark.parametrize(
    ("faults", "status", "match"),
    [
        ([Fault(status=403)], 403, "found 403 Forbidden.*ZENODO_TOKEN"),
        ([Fault(status=404)], 404, "found 404 Not Found.*Check release"),
        (
            [Fault(status=416, headers=(("Content-Range", "bytes */100000"),))],
            None,
            "400,000 bytes, found a file of 100,000 bytes",
        ),
        (
            [Fault(status=429)] * 4,
            429,
            "from 150,000 on, got none in 4 attempts; the last: 429 Too Many Requests",
        ),
        ([Fault(status=429, headers=(("Retry-After", "86400"),))], 429, "429 Too Many Requests"),
        ([Fault(status=503)] * 4, 503, "got none in 4 attempts; the last: 503 Service Unavailable"),
        ([Fault(status=500)] * 4, 500, "got none in 4 attempts; the last: 500"),
        (
            [Fault(stall=(0, 0.4))] * 4,
            None,
            "from 150,000 on, got none in 4 attempts; the last: .*[Tt]imed out",
        ),
        ([Fault(cut=0)] * 4, None, "from 150,000 on, got none in 4 attempts"),
        (
            [Fault(extend=5)],
            None,
            "400,000 bytes.*, found a file of 400,005 bytes.*changed on the server",
        ),
        (
            [Fault(cut=0), Fault(etag=CHANGED)],
            None,
            f"found another file .*{CHANGED}.*changed on the server",
        ),
    ],
    ids=[
        "403",
        "404",
        "416",
        "429",
        "429-tomorrow",
        "503",
        "500",
        "time-out",
        "cut",
        "other-size",
        "other-etag",
    ],
)
def test_a_server_that_gives_nothing_is_an_error_and_the_part_is_kept(
    fetch, server, served, mine, faults, status, match
):
    part = (served / ZERO).read_bytes()[:HERE]
    leave(mine, f"{ZERO}.part", part)
    server.faults = [fault._replace(name=ZERO) for fault in faults]
    with pytest.raises(RemoteError, match=match) as caught:
        fetch(shards=[0])
    assert caught.value.status == status
    assert caught.value.url == server.url(ZERO)
    assert (mine / f"{ZERO}.part").read_bytes() == part
    assert not (mine / ZERO).exists()
    server.requests.clear()
    server.faults.clear()
    fetch(shards=[0])
    assert (mine / ZERO).read_bytes() == (served / ZERO).read_bytes()
    assert ranges(server, ZERO) == ["bytes=150000-399999"]


def test_a_server_that_is_not_there_is_an_error(fetch, server, mine):
    server.shutdown()
    server.server_close()
    with pytest.raises(RemoteError, match="got none in 4 attempts.*Check the connection"):
        fetch()


def test_a_release_that_changes_on_the_server_between_two_runs_is_noticed(
    fetch, server, served, mine
):
    """The first part is of the old file, the rest of the new one: no mixture takes the name."""
    server.faults = [Fault(cut=HERE, name=ZERO), *[Fault(status=404, name=ZERO)]]
    with pytest.raises(RemoteError):
        fetch(shards=[0])
    old = (served / ZERO).read_bytes()
    new = random.Random(1).randbytes(SIZES[ZERO])
    (served / ZERO).write_bytes(new)
    with pytest.raises(DownloadError, match=f"found {sha256(new)}, after fetching it twice"):
        fetch(shards=[0])
    assert not (mine / ZERO).exists()
    assert sha256(old[:HERE] + new[HERE:]) not in {sha256(data) for data in contents(mine).values()}


def test_the_first_trouble_stops_the_other_connections(fetch, server, mine):
    server.faults = [Fault(status=404, name=ONE), Fault(stall=(70_000, 1.0), name=ZERO)]
    begin = time.monotonic()
    with pytest.raises(RemoteError, match="404") as caught:
        fetch()
    assert caught.value.url == server.url(ONE)
    assert time.monotonic() - begin < 1
    assert not (mine / ZERO).exists()
    assert ranges(server, TWO) == []


@pytest.mark.parametrize("connections", [1, 2, 3])
def test_as_many_connections_as_asked_run_at_once_and_no_more(fetch, server, connections):
    """Each request is held until the others are there, and a little longer, in which one too many
    would come.
    """
    asked = threading.Condition()
    active, most = 0, 0

    def hold(path: str, start: int) -> None:
        nonlocal active, most
        with asked:
            active += 1
            most = max(most, active)
            asked.notify_all()
            asked.wait_for(lambda: most >= connections, timeout=2)
        time.sleep(0.1)
        with asked:
            active -= 1

    server.always = hold
    fetch(connections=connections)
    assert most == connections


# --- kills


# bytes between two breaks, so that a connection cannot have more of them under way when it is
# killed
LONGEST_PIECE = 500_000

WORKER = """
import os, sys
from pathlib import Path
from pass_utils import download
from pass_utils._util import retry as retries
sys.path.insert(0, {tests!r})
from support.zenodo import describe

retries.RETRY = retries.RETRY._replace(first_wait=0.001)
release = describe(Path({served!r}))
print("ready", flush=True)
for line in sys.stdin:
    worker = os.fork()
    if worker == 0:
        download({mine!r}, release, base_url={base_url!r}, quiet=True)
        os._exit(0)
    print(worker, flush=True)
    print(os.waitpid(worker, 0)[1], flush=True)
"""


@pytest.mark.slow
def test_killed_20_times_it_ends_whole_and_little_is_fetched_twice(tmp_path, mine):
    """Each kill may lose what is under way: what the sockets hold, and what was read and not yet
    written.
    """
    kills, size = 20, 20_000_000
    served = tmp_path / "large"
    served.mkdir()
    for name, length in {CSV: 1000, ZERO: size, ONE: size}.items():
        (served / name).write_bytes(random.Random(name).randbytes(length))
    chance = random.Random(4)

    def break_often(path: str, start: int) -> Fault:
        at = chance.randrange(LONGEST_PIECE)
        return Fault(cut=at) if chance.random() < 0.3 else Fault(stall=(at, 0.01))

    def arrived() -> int:
        names = [f"{name}{end}" for name in (ZERO, ONE) for end in ("", ".part")]
        return sum((mine / name).stat().st_size for name in names if (mine / name).exists())

    with Zenodo(served) as server:
        server.always = break_often
        code = WORKER.format(
            tests=str(Path(__file__).parent),
            served=str(served),
            mine=str(mine),
            base_url=server.base_url,
        )
        command = [sys.executable, "-c", code]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        ) as starter:
            assert starter.stdin is not None
            assert starter.stdout is not None

            def answer() -> str:
                assert starter.stdout is not None
                return starter.stdout.readline().strip()

            assert answer() == "ready"
            for kill in range(kills):
                starter.stdin.write("\n")
                worker = int(answer())
                until = 2 * size * (kill + 1) / (kills + 1)
                deadline = time.monotonic() + 20
                while arrived() < until:
                    assert time.monotonic() < deadline
                    time.sleep(0.002)
                os.kill(worker, signal.SIGKILL)
                assert int(answer()) == signal.SIGKILL
                for name in (ZERO, ONE):
                    if (mine / name).exists():
                        assert (mine / name).read_bytes() == (served / name).read_bytes()
            starter.stdin.write("\n")
            answer()
            assert int(answer()) == 0
            starter.stdin.close()
    assert contents(mine) == contents(served)
    excess = server.sent - 2 * size - 1000
    print(f"{excess:,} bytes fetched twice, {excess / kills:,.0f} a kill")
    assert 0 <= excess < kills * 2 * LONGEST_PIECE


# --- load_dataset without a folder


@pytest.fixture
def tars(folder) -> Path:
    """Three small shards and their CSV, to serve."""
    return folder([range(0, 5), range(5, 8), range(8, 12)], name="tars")


@pytest.fixture
def hub(tars, cache, monkeypatch) -> Iterator[Zenodo]:
    """A server of the release `v2`, which is those shards."""
    monkeypatch.setitem(releases.RELEASES, "v2", describe(tars)._replace(name="v2"))
    monkeypatch.setattr(datasets.config, "DOWNLOADED_DATASETS_PATH", cache / "downloads")
    with Zenodo(tars) as server:
        monkeypatch.setenv("PASS_BASE_URL", server.base_url)
        yield server


def load(**options):
    return load_dataset("pass", split="train", **options)


def rows(dataset) -> list[dict]:
    """Rows with the decoded pixels instead of the picture."""
    return [{**row, "image": (row["image"].size, row["image"].tobytes())} for row in dataset]


def asked(server: Zenodo) -> list[str]:
    """The names of the files asked for, sorted."""
    return sorted(request.path.rpartition("/")[2] for request in server.requests)


def test_load_dataset_fetches_into_the_cache_and_opens_in_place(hub, tars, cache):
    ds = load()
    assert asked(hub) == [ZERO, ONE, TWO, CSV]
    assert rows(ds) == rows(load(data_dir=str(tars)))
    [where] = cache.rglob(ZERO)
    assert contents(where.parent) == contents(tars)
    undecoded = ds.cast_column("image", Image(decode=False))[0]["image"]
    assert undecoded["bytes"] is None
    assert str(where) in undecoded["path"]


def test_a_second_load_asks_the_server_nothing(hub):
    first = load()
    sent = len(hub.requests)
    second = load()
    assert len(hub.requests) == sent
    assert second.cache_files == first.cache_files
    assert rows(second) == rows(first)


def test_a_shard_that_is_gone_from_the_cache_is_fetched_again(hub, cache):
    expected = rows(load())
    next(cache.rglob(ONE)).unlink()
    hub.requests.clear()
    assert rows(load()) == expected
    assert asked(hub) == [ONE]


def test_chosen_shards_are_fetched_alone(hub, tars):
    assert rows(load(shards=[2, 0])) == rows(load(data_dir=str(tars), shards=[2, 0]))
    assert asked(hub) == [ZERO, TWO, CSV]


def test_features_of_ones_own_and_embedded_images_work_as_with_a_folder(hub, tars):
    undecoded = FEATURES.copy()
    undecoded["image"] = Image(decode=False)
    ds = load(features=undecoded, embed_images=True)
    assert ds.features == undecoded
    assert list(ds) == list(load(data_dir=str(tars), features=undecoded, embed_images=True))
    assert ds[0]["image"]["bytes"].startswith(b"\xff\xd8")
    wide = FEATURES.copy()
    wide["gps_latitude"] = Value("float64")
    assert load(features=wide).features == wide
    assert load().features == FEATURES
    assert rows(load(embed_images=True)) == rows(load())
    assert len(hub.requests) == 4


def test_a_mirror_can_be_named_in_the_call(hub, monkeypatch):
    monkeypatch.delenv("PASS_BASE_URL")
    assert len(load(base_url=hub.base_url, shards=[1])) == 3


@pytest.mark.parametrize("variable", ["HF_DATASETS_OFFLINE", "HF_HUB_OFFLINE"])
class TestOffline:
    """Nothing is asked, and what is missing is named."""

    def test_what_is_missing_is_named(self, hub, cache, monkeypatch, variable):
        load(shards=[0])
        hub.requests.clear()
        monkeypatch.setenv(variable, "1")
        with pytest.raises(
            RemoteError, match=f"{variable} is set: expected {ONE}, {TWO} on this machine"
        ):
            load()
        assert hub.requests == []

    def test_what_is_complete_opens(self, hub, cache, monkeypatch, variable):
        expected = rows(load())
        monkeypatch.setenv(variable, "1")
        hub.requests.clear()
        assert rows(load()) == expected
        shutil.rmtree(cache / "pass")
        assert rows(load()) == expected
        assert hub.requests == []

    def test_a_wrong_file_is_named_and_not_asked_for(
        self, fetch, server, served, mine, monkeypatch, variable
    ):
        for name in SIZES:
            leave(mine, name, (served / name).read_bytes())
        monkeypatch.setenv(variable, "yes")
        fetch(shards=[1, 2])
        leave(mine, ZERO, flip((served / ZERO).read_bytes(), 1))
        with pytest.raises(
            RemoteError, match=f"{variable} is set: expected {ZERO} on this machine"
        ):
            fetch()
        assert server.requests == []

    def test_the_folder_is_not_made(self, fetch, mine, monkeypatch, variable):
        monkeypatch.setenv(variable, "TRUE")
        with pytest.raises(
            PassError, match=f"expected {CSV}, {ZERO}, {ONE}, {TWO} on this machine"
        ):
            fetch()
        assert not mine.exists()

    @pytest.mark.slow
    def test_a_process_that_is_offline_from_its_start(self, hub, tars, cache, variable):
        """`datasets` reads these variables once, when it is imported."""
        expected = load(shards=[0])["hash"][:]
        code = (
            "import sys; from pathlib import Path; import pass_utils; from pass_utils import "
            f"releases; import datasets\nsys.path.insert(0, {str(Path(__file__).parent)!r}); from "
            "support.zenodo import describe\nreleases.RELEASES['v2'] = "
            f"describe(Path({str(tars)!r}))._replace(name='v2'); datasets.disable_progress_bars()\n"
            "print(*datasets.load_dataset('pass', shards=[0], split='train')['hash'])\n"
            "try: datasets.load_dataset('pass', split='train')\n"
            "except pass_utils.RemoteError as err: print(err)\n"
        )
        environment = {
            **os.environ,
            variable: "1",
            "HF_DATASETS_CACHE": str(cache),
            "PASS_BASE_URL": hub.base_url,
        }
        hub.requests.clear()
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=environment
        )
        assert done.stderr == ""
        opened, missing = done.stdout.splitlines()
        assert opened.split() == expected
        assert missing.startswith(f"{variable} is set: expected {ONE}, {TWO} on this machine")
        assert hub.requests == []
