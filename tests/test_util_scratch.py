"""`scratch_folder`: temporary folders beside an output, and what killed processes left."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pass_utils._util.lock import LockedError, file_lock
from pass_utils._util.scratch import scratch_folder

_WRITE = """
import sys, time
from pathlib import Path
from pass_utils._util.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "file").write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""


def start(path: Path) -> subprocess.Popen[str]:
    """A process that has a scratch folder for `path`."""
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITE, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_a_scratch_folder_is_beside_the_file_and_gone_afterwards(tmp_path):
    with scratch_folder(tmp_path / "C.csv") as folder:
        assert tmp_path in folder.parents
        assert list(folder.iterdir()) == []
        (folder / "file").write_text("half")
    with pytest.raises(ZeroDivisionError), scratch_folder(tmp_path / "C.csv") as folder:
        (folder / "deep").mkdir()
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["C.csv", "x" * 120 + ".csv", "a.b.c"])
def test_the_folder_of_a_killed_process_is_removed_by_the_next_one(tmp_path, name):
    process = start(tmp_path / name)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(list(tmp_path.iterdir())) == 1
    with scratch_folder(tmp_path / name):
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_a_process_that_lives_is_left_alone(tmp_path):
    process = start(tmp_path / "C.csv")
    try:
        with scratch_folder(tmp_path / "C.csv"):
            pass
        (there,) = tmp_path.iterdir()
        assert (there / "new" / "file").read_text() == "half"
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("name", ["C.csv.part", "C.csv.0123.part", f"D.csv.{'0' * 32}.part"])
def test_folders_of_others_are_left_alone(tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "lock").touch()
    with scratch_folder(tmp_path / "C.csv"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_folder_without_a_lock_and_a_link_to_one_are_left_alone(tmp_path):
    (tmp_path / f"C.csv.{'0' * 32}.part").mkdir()
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "lock").touch()
    (tmp_path / f"C.csv.{'1' * 32}.part").symlink_to(tmp_path / "there")
    with scratch_folder(tmp_path / "C.csv"):
        pass
    assert len(list(tmp_path.iterdir())) == 3
    assert (tmp_path / "there" / "lock").exists()


def test_a_folder_that_another_process_is_removing_is_made_anew(tmp_path, monkeypatch):
    taken = []

    def taken_by_another(path, **options):
        if not taken:
            taken.append(path)
            raise LockedError(str(path))
        return file_lock(path, **options)

    monkeypatch.setattr("pass_utils._util.scratch.file_lock", taken_by_another)
    with scratch_folder(tmp_path / "C.csv") as folder:
        assert folder.is_dir()
        assert folder.parent != taken[0].parent
