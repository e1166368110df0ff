"""Curation of a made YFCC100M: the expected set, from any source, also after a kill."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import checks
import numpy as np
import pytest
import steps
from click.testing import CliRunner
from conftest import EXAMPLE
from curate import main, table
from datasets import load_dataset
from errors import CurationError
from made import LINES, Made, counts_of, make
from PIL import Image
from pipeline import Count, curate
from settings import read_config
from support.bucket import Bucket, Fault

import pass_utils
from pass_utils.releases import WITHHELD_USERNAME


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    return make(tmp_path_factory.mktemp("yfcc"))


@pytest.fixture(scope="module")
def done(made) -> list[Count]:
    return curate(read_config(made.config("done")))


@pytest.fixture
def quick_retries(monkeypatch):
    from pass_utils._util import retry

    monkeypatch.setattr(retry, "RETRY", retry.RETRY._replace(first_wait=0.01, longest_wait=0.05))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def children(pid: int) -> list[int]:
    """The processes that a process started, on Linux."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def packed(folder: Path) -> dict[str, bytes]:
    with tarfile.open(folder / "PASS.subset.tar") as tar:
        return {Path(each.name).stem: tar.extractfile(each).read() for each in tar}


def test_exactly_the_expected_set_is_left_with_its_own_bytes(made, done):
    found = packed(made.folder / "done")
    assert set(found) == made.expected()
    assert found == {hash: made.images[hash] for hash in found}
    assert len(found) == 1000


def test_every_step_counts_what_it_leaves_out(made, done):
    reasons = counts_of(made)
    by_step = {count.step: count for count in done}
    assert by_step["photos"].rows == LINES + 20
    assert by_step["licence"].kept == len(made.images) + 20
    assert by_step["removals"].rows - by_step["removals"].kept == reasons["removed"]
    assert by_step["unique"].kept == len(made.images) - reasons["removed"]
    left_out = {}
    for step in ("decodable", "single_colour", "detector"):
        left_out |= by_step[step].reasons
    assert left_out == {why: number for why, number in reasons.items() if why != "removed"}
    assert [count.rows for count in done[1:]] == [count.kept for count in done[:-1]]
    assert done[-1].kept == 1000


def test_the_set_opens_as_pass_does_and_is_credited(made, done, tmp_path):
    folder = made.folder / "done"
    ds = load_dataset("pass", data_dir=str(folder), split="train")
    assert set(ds["hash"]) == made.expected()
    assert ds["creator_username"] == [
        WITHHELD_USERNAME if hash in made.unnamed else made.creators[hash] or None
        for hash in ds["hash"]
    ]
    assert made.unnamed.intersection(ds["hash"])
    assert ds[0]["image"].size[0] == 32
    located = [row for row in ds.remove_columns("image") if row["gps_latitude"] is not None]
    assert {(row["gps_latitude"], row["gps_longitude"]) for row in located} == {(51.25, -0.5)}
    assert not any(finding.problem for finding in pass_utils.verify(folder, quiet=True))
    pass_utils.write_attribution(ds, tmp_path / "credits.csv")
    assert len((tmp_path / "credits.csv").read_text().splitlines()) >= 1001


def test_the_same_inputs_and_seed_give_the_same_files_with_processes(made, done):
    curate(read_config(made.config("again", processes=2)))
    for name in ("PASS.subset.tar", "pass_metadata.csv"):
        assert sha256(made.folder / "again" / name) == sha256(made.folder / "done" / name)


def test_a_set_that_is_complete_is_not_made_again(made, done):
    before = (made.folder / "done/PASS.subset.tar").stat()
    assert curate(read_config(made.config("done"))) == done
    assert (made.folder / "done/PASS.subset.tar").stat() == before


def test_another_configuration_does_not_overwrite_a_set(made, done):
    path = made.config("done")
    path.write_text(path.read_text().replace("count = 1000", "count = 999"))
    with pytest.raises(CurationError, match="expected a new folder, found a set of another"):
        curate(read_config(path))


@pytest.mark.slow
@pytest.mark.parametrize("chunks", [0, 1])
def test_a_run_that_was_killed_ends_with_the_same_set(made, done, chunks):
    name = f"killed{chunks}"
    command = [sys.executable, str(EXAMPLE / "curate.py"), str(made.config(name, processes=2))]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    work = made.folder / name / ".curation"
    pattern = "0*/*.json" if chunks else "00.parquet"
    while not list(work.glob(pattern)):
        assert run.poll() is None
        time.sleep(0.005)
    workers = children(run.pid)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    while any(map(is_running, workers)):  # or they would idle for ever
        time.sleep(0.02)
    assert not (made.folder / name / "PASS.subset.json").exists()
    kept = {path: path.stat().st_mtime_ns for path in work.glob(pattern)}
    result = CliRunner().invoke(main, [command[-1]])
    assert result.exit_code == 0, result.output
    assert kept
    assert sha256(made.folder / name / "PASS.subset.tar") == sha256(
        made.folder / "done/PASS.subset.tar"
    )
    assert not work.exists()


def test_images_by_url_are_fetched_once_each(made, done, quick_retries):
    with Bucket(
        {h: d for h, d in made.images.items() if made.reasons.get(h) != "no such file"}
    ) as s:
        path = made.config("fetched", images=repr(s.template))
        for hash in sorted(made.expected())[:20]:
            s.faults[hash] = [Fault(status=503)]
        counts = curate(read_config(path))
        asked = dict(s.requests)
    assert sha256(made.folder / "fetched/PASS.subset.tar") == sha256(
        made.folder / "done/PASS.subset.tar"
    )
    assert counts[-1].kept == 1000
    good = [hash for hash in made.images if hash not in made.reasons]
    assert sum(asked[hash] for hash in good) == len(good) + 20


def test_images_are_read_from_tars(made, done):
    for index in (0, 1):
        with tarfile.open(made.folder / f"part{index}.tar", "w") as tar:
            for hash in sorted(made.images)[index::2]:
                if made.reasons.get(hash) != "no such file":
                    tar.add(made.folder / "images" / hash[:3] / f"{hash}.jpg", f"{hash}.jpg")
    curate(read_config(made.config("tars", images='["part?.tar"]')))
    assert sha256(made.folder / "tars/PASS.subset.tar") == sha256(
        made.folder / "done/PASS.subset.tar"
    )


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("seed = 5", "sede = 5", "unknown keys ['sede']"),
        ("seed = 5", "seed = true", "seed: expected int, found True"),
        ("processes = 1", "processes = 0", "processes: expected 1 or more, found 0"),
        ('{name = "licence"}', '{name = "license"}', "step 2: expected a table with the name"),
        ("count = 20}", "cont = 20}", "step 8: expected the options count, seed, found 'cont'"),
        (', file = "removals.csv"', "", "step 3: expected the options file, found no 'file'"),
        ("yfcc*.tsv", "none*.tsv", "expected a file none*.tsv, found none"),
        ("metadata", "[", "expected a TOML file, found"),
        ("steps = [", 'steps = [{name = "unique"},', "steps: expected the first to be one of"),
        (
            '{name = "licence"}',
            '{name = "licence", allowed = "Attribution-ShareAlike License"}',
            "step 2: expected the options (none), found 'allowed'",
        ),
        ("red_squares.py:RedSquares", "red_squares.py:Blue", "detector: expected "),
        ("removals.csv", "nothing.txt", "step 3: expected a file "),
    ],
)
def test_a_configuration_that_is_wrong_is_refused(made, before, after, message):
    path = made.config("refused")
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    result = CliRunner().invoke(main, [str(path)])
    assert result.exit_code == 1
    assert message in result.output.replace("\n", " ")
    assert not (made.folder / "refused/.curation").exists()


def test_a_file_of_other_columns_is_refused(made):
    path = made.config("columns")
    path.write_text(path.read_text().replace("yfcc*.tsv", "removals.csv"))
    with pytest.raises(CurationError, match="expected 23 or 25 columns, found 1"):
        curate(read_config(path))


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (np.full((80, 80, 3), 77), "single colour"),
        (np.full((80, 80, 3), 77) + np.arange(80)[:, None, None] // 40 * 3, "single colour"),
        (np.full((80, 80, 3), 77) + np.arange(80)[:, None, None] // 40 * 6, None),
    ],
    ids=["flat", "deviation of 1.5", "deviation of 3"],
)
def test_single_colour_measures_the_standard_deviation(pixels, reason):
    candidate = checks.Candidate(b"")
    candidate.image = Image.fromarray(pixels.astype(np.uint8))
    assert checks.single_colour()(candidate) == reason


def test_no_creators_cap_holds_for_images_without_a_name():
    import pyarrow as pa

    hashes = [f"{number:032x}" for number in range(8)]
    creators = ["a", "a", "a", "", "", "", "", "b"]
    kept = steps.per_creator(pa.table({"hash": hashes, "unickname": creators}), count=1)
    assert sum(kept[:3]) == 1
    assert kept[3:].all()


def test_the_table_has_a_line_for_each_step_and_reason():
    assert table([Count("decodable", 1000, 990, {"no JPEG": 4, "cannot be decoded": 6})]) == (
        "step                  rows  kept  left out\n"
        "decodable            1,000   990        10\n"
        "  no JPEG                                4\n"
        "  cannot be decoded                      6"
    )


def test_the_result_has_the_counts(made, done):
    document = json.loads((made.folder / "done/curation.json").read_text())
    assert [step["step"] for step in document["steps"]] == [count.step for count in done]
