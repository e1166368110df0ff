"""File locks: refused, waited for, and free once the holder is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pass_utils._util.lock import LockedError, file_lock

HOLDER = """
import sys, time
from pathlib import Path
from pass_utils._util.lock import file_lock
with file_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that has the lock `a.lock`."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path / "a.lock"], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_file_lock_refuses_what_another_process_has(tmp_path, holder):
    with pytest.raises(LockedError), file_lock(tmp_path / "a.lock"):
        pytest.fail("the block ran")
    with file_lock(tmp_path / "b.lock"):
        pass


def test_file_lock_waits_until_its_holder_is_gone(tmp_path, holder):
    waited: list[str] = []

    def wait() -> None:
        waited.append("once")
        os.kill(holder.pid, signal.SIGKILL)

    with file_lock(tmp_path / "a.lock", wait=wait):
        assert waited == ["once"]
    with file_lock(tmp_path / "a.lock"):  # and is free after that
        pass


def test_file_lock_keeps_threads_of_one_process_apart(tmp_path):
    refused: list[bool] = []

    def run() -> None:
        try:
            with file_lock(tmp_path / "a.lock"):
                refused.append(False)
        except LockedError:
            refused.append(True)

    with file_lock(tmp_path / "a.lock"):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    assert refused == [True]


def test_file_lock_is_free_again_when_its_block_fails(tmp_path):
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), file_lock(tmp_path / "a.lock"):
            raise ZeroDivisionError


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_file_lock_follows_no_link_and_opens_no_pipe(tmp_path, kind):
    lock, other = tmp_path / "a.lock", tmp_path / "other"
    other.write_text("kept")
    lock.symlink_to(other) if kind == "link" else os.mkfifo(lock)
    with pytest.raises(OSError, match="not a regular file"), file_lock(lock):
        pytest.fail("the block ran")
    assert other.read_text() == "kept"
    assert Path(lock).is_symlink() == (kind == "link")
