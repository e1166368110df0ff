"""An audit marks the images in which faces were drawn, and resumes with the same result."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import datasets
import fsspec
import pyarrow.parquet as pq
import pytest
from audit import speeds
from datasets import load_dataset
from detectors import AuditError
from drawn import plant
from faces import detect_faces
from findings import Counts
from PIL import Image
from planted import BROKEN, FACES, SCRIPT, run

from pass_utils import dummy_folder


def results(out: Path) -> dict[str, bytes]:
    names = ("marked.parquet", "review.html", "undecodable.csv", "audit.json")
    return {name: (out / name).read_bytes() for name in names}


def test_an_audit_marks_the_images_with_drawn_faces_and_no_other(audited):
    out, counts = audited
    assert (counts.images, counts.marked, counts.undecodable) == (23, len(FACES), [BROKEN])
    rows = pq.read_table(out / "marked.parquet").to_pylist()
    assert {row["hash"]: len(row["boxes"]) for row in rows} == {
        hash: len(faces) for hash, faces in FACES.items()
    }
    for row in rows:
        assert set(row["detectors"]) == {"faces"}
        assert row["score"] == max(row["scores"])
        for left, top, width in FACES[row["hash"]]:
            (box,) = [box for box in row["boxes"] if left < (box[0] + box[2]) / 2 < left + width]
            assert left - 5 <= box[0] < box[2] <= left + width + 5
            assert top - 5 <= box[1] < box[3] <= top + 1.3 * width + 5
        assert (row["width"], row["height"]) in {(500, 375), (375, 500)}
        assert row["thumbnail"]["bytes"][:3] == b"\xff\xd8\xff"
    assert (out / "undecodable.csv").read_text() == f"hash\n{BROKEN}\n"


def test_speed_is_that_of_a_core_and_all_of_pass_is_computed_from_it():
    counts = Counts(100, 0, [], {"faces": 2.0})
    assert speeds(counts) == [
        "faces: 50.0 images a second and core; all 1,439,588 images of v3 take 8.0 core-hours"
    ]


def test_a_killed_audit_resumes_with_the_same_results(audited, folder, tmp_path):
    out, parts = tmp_path / "audit", tmp_path / "audit" / "parts"
    arguments = [sys.executable, SCRIPT, folder, "-o", out, "--part", "4", "--workers", "1"]
    process = subprocess.Popen([*map(str, arguments)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not [*parts.glob("*.parquet")] and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done = {path.name: path.stat().st_mtime_ns for path in parts.glob("*.parquet")}
    assert 1 <= len(done) < 6
    assert not (out / "marked.parquet").exists()
    counts = run(folder, out)
    assert results(out) == results(audited[0])
    assert (counts.images, counts.marked) == (23, len(FACES))
    after = {path.name: path.stat().st_mtime_ns for path in parts.glob("*.parquet")}
    assert len(after) == 6
    assert {name: after[name] for name in done} == done


def start_slow(folder: Path, cwd: Path) -> tuple[subprocess.Popen[bytes], int]:
    """An audit whose detector takes a minute for an image; and the process that is in it."""
    (cwd / "slow.py").write_text(
        "import os, time\n"
        "def make():\n"
        "    def detect(data):\n"
        "        with open('worker.part', 'w') as file:\n"
        "            file.write(str(os.getpid()))\n"
        "        os.replace('worker.part', 'worker')\n"
        "        time.sleep(60)\n"
        "    return detect\n"
    )
    options = ["--detector", "slow:make", "--workers", "1", "--part", "4"]
    arguments = [sys.executable, SCRIPT, folder, "-o", cwd / "audit", *options]
    process = subprocess.Popen(
        [*map(str, arguments)], cwd=cwd, stderr=subprocess.PIPE, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not (cwd / "worker").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return process, int((cwd / "worker").read_text())


def ends(process: int) -> bool:
    """Whether a process ends within 30 seconds, long before its image would."""
    status, deadline = Path(f"/proc/{process}/stat"), time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if ") Z " in status.read_text():
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


def test_the_processes_of_a_killed_audit_end_with_it(folder, tmp_path):
    process, worker = start_slow(folder, tmp_path)
    process.kill()
    process.wait()
    assert ends(worker)


def test_an_audit_that_is_interrupted_ends_at_once_and_says_that_it_resumes(folder, tmp_path):
    process, worker = start_slow(folder, tmp_path)
    os.killpg(process.pid, signal.SIGINT)
    _, printed = process.communicate(timeout=30)
    assert process.returncode == 130
    assert printed.decode() == "interrupted; run the same command again, and it resumes\n"
    assert ends(worker)


def test_an_audit_is_not_resumed_with_other_options(audited, folder):
    with pytest.raises(AuditError, match=r"the same threshold, found 0.5. Choose another folder"):
        run(folder, audited[0], "--threshold", 0.7)
    with pytest.raises(AuditError, match="the same images, sha256 of hashes, found 23, "):
        run(folder, audited[0], "--sample", 5)


def test_a_users_own_detector_marks_what_it_finds(folder, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(
        "from detectors import Detection\n"
        "def all_bright():\n"
        "    return lambda data: [Detection(1, 2, 3, 4, 0.25 + len(data) % 2 / 2)]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    out = tmp_path / "audit"
    counts = run(folder, out, "--detector", "mine:all_bright", "--detector", "faces")
    rows = pq.read_table(out / "marked.parquet").to_pylist()
    assert counts.marked == len(rows)
    assert {tuple(row["detectors"]) for row in rows} >= {("all_bright",)}
    assert {row["hash"] for row in rows} >= {*FACES}
    ours = [
        row["detectors"].index("all_bright") for row in rows if "all_bright" in row["detectors"]
    ]
    assert ours == [0] * len(ours)
    assert counts.seconds.keys() == {"all_bright", "faces"}


def test_scores_that_are_no_shares_are_refused(folder, tmp_path, monkeypatch):
    (tmp_path / "percent.py").write_text("make = lambda: lambda data: [(0, 0, 9, 9, 75)]\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(AuditError, match="expected scores from 0 to 1, found 75 in image"):
        run(folder, tmp_path / "audit", "--detector", "percent:make")


def test_a_detector_that_fails_is_reported_with_the_image(folder, tmp_path, monkeypatch):
    (tmp_path / "failing.py").write_text("def make():\n    return lambda data: 1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(AuditError, match=r"detector make: expected detections in image [0-9a-f]+"):
        run(folder, tmp_path / "audit", "--detector", "failing:make")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("people", "expected `faces`, the path of a model"),
        ("none.onnx", "none.onnx: expected a model in ONNX format, found no such file"),
        ("no_such_module:make", "expected a function 'make' in a module 'no_such_module'"),
    ],
)
def test_a_detector_that_does_not_exist_is_refused(folder, tmp_path, source, message):
    with pytest.raises(AuditError, match=message):
        run(folder, tmp_path / "audit", "--detector", source)


def test_faces_of_a_large_image_have_the_edges_of_that_image():
    background = io.BytesIO()
    Image.new("RGB", (2400, 1600), (120, 150, 90)).save(background, "JPEG")
    (found,) = detect_faces(plant(background.getvalue(), (1500, 600, 400)))
    assert 1500 - 20 <= found.left < found.right <= 1900 + 20
    assert 600 - 20 <= found.top < found.bottom <= 1120 + 20
    assert found.score > 0.8


def test_a_drawn_face_scores_far_above_all_of_the_bundled_images():
    rows = load_dataset("pass", "v3", data_dir=str(dummy_folder("v3")), split="train")
    best = 0.0
    for row in rows.cast_column("image", datasets.Image(decode=False)):
        with fsspec.open(row["image"]["path"]) as file:
            data = file.read()
        best = max([best, *(found.score for found in detect_faces(data))])
    background = io.BytesIO()
    Image.new("RGB", (500, 375), (120, 150, 90)).save(background, "JPEG")
    (found,) = detect_faces(plant(background.getvalue(), (100, 100, 60)))
    assert best < 0.5 < 0.8 < found.score
