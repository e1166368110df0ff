"""Exports that are interrupted, killed, repeated, or meant for a folder in use; a cluster that
loses a worker.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import datasets
import pytest
from click.testing import CliRunner
from datasets import Dataset, DatasetDict, load_dataset

import pass_utils
from pass_utils import DatasetError, ExportError, write_imagefolder, write_parquet, write_webdataset
from pass_utils.cli.main import cli
from pass_utils.export.outputs import LOCK_FILE, Output
from pass_utils.export.resume import STATE_FILE
from pass_utils.images.files import embed
from pass_utils.releases import dummy_folder

OPTIONS = {"max_shard_size": "2KB", "row_group_rows": 2}
WAYS = {
    "parquet": lambda ds, folder, **how: write_parquet(ds, folder, **OPTIONS, **how),
    "webdataset": lambda ds, folder, **how: write_webdataset(
        ds, folder, max_shard_size="10KB", **how
    ),
    "imagefolder": write_imagefolder,
}


def open_pass(folder, **options):
    return load_dataset("pass", data_dir=str(folder), shards=[0], split="train", **options)


def files(folder: Path) -> list[Path]:
    """All files below a folder but what we keep for ourselves."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and path.name not in (STATE_FILE, LOCK_FILE)
    ]


def content(folder: Path) -> dict[str, bytes]:
    """The files by name, but for temporary ones that a process on its way out still deletes."""
    found = {}
    for path in files(folder):
        with contextlib.suppress(FileNotFoundError):
            found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def stamps(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_ino for path in files(folder)}


@pytest.fixture
def ds(folder) -> Dataset:
    return open_pass(folder([range(30)]))


@pytest.fixture(autouse=True)
def small_folders(monkeypatch):
    monkeypatch.setattr("pass_utils.export.imagefolder._FOLDER_ROWS", 7)
    monkeypatch.setattr("pass_utils.export.imagefolder._GROUP_ROWS", 3)


@pytest.mark.parametrize("kind", WAYS)
def test_processes_and_executors_write_the_same_files_as_one_process(ds, tmp_path, kind):
    alone = WAYS[kind](ds, tmp_path / "alone")
    assert len(alone) > 4
    assert WAYS[kind](ds, tmp_path / "processes", num_proc=2) == alone
    with ThreadPoolExecutor(3) as threads:
        assert WAYS[kind](ds, f"memory://{tmp_path.name}", executor=threads) == alone
    assert content(tmp_path / "processes") == content(tmp_path / "alone")
    memory = Output(f"memory://{tmp_path.name}")
    assert {name: memory.read(name) for name in content(tmp_path / "alone")} == content(
        tmp_path / "alone"
    )


@pytest.mark.parametrize(
    ("kind", "streaming"), [*((kind, False) for kind in WAYS), ("parquet", True)]
)
def test_export_resumes_behind_the_files_that_are_complete(
    ds, folder, tmp_path, monkeypatch, kind, streaming
):
    source = (lambda: ds.to_iterable_dataset()) if streaming else (lambda: ds)
    whole = WAYS[kind](source(), tmp_path / "whole")
    calls = 0

    def fail(pictures):
        nonlocal calls
        calls += 1
        if calls == 9:
            raise pass_utils.ShardError("PASS.0.tar: gone")
        return embed(pictures)

    monkeypatch.setattr("pass_utils.export.embedding.embed", fail)
    with pytest.raises(pass_utils.ShardError, match="gone"):
        WAYS[kind](source(), tmp_path / "out")
    before = stamps(tmp_path / "out")
    kept = {name for name in before if not name.startswith(".")}
    assert kept
    assert all(not path.name.endswith(".part") for path in (tmp_path / "out").iterdir())
    calls = 100
    assert WAYS[kind](source(), tmp_path / "out") == whole
    assert content(tmp_path / "out") == content(tmp_path / "whole")
    after = stamps(tmp_path / "out")
    assert set(before.values()) <= set(after.values())
    calls = -1_000_000
    assert WAYS[kind](source(), tmp_path / "out") == whole
    again = stamps(tmp_path / "out")
    again.pop("train/metadata.jsonl", None), after.pop("train/metadata.jsonl", None)
    assert again == after
    assert calls == -1_000_000  # not a picture was read


def test_export_writes_a_lost_or_truncated_file_again(ds, tmp_path):
    written = write_parquet(ds, tmp_path, **OPTIONS)
    whole = content(tmp_path)
    (tmp_path / written[1].name).unlink()
    (tmp_path / written[2].name).write_bytes(b"PAR1")
    assert write_parquet(ds, tmp_path, **OPTIONS) == written
    assert content(tmp_path) == whole


def test_export_refuses_to_resume_a_stream_of_other_rows(ds, tmp_path, monkeypatch):
    monkeypatch.setattr("pass_utils.export.embedding.embed", interrupting_after(6))
    with pytest.raises(KeyboardInterrupt):
        write_parquet(ds.to_iterable_dataset(), tmp_path / "out", **OPTIONS)
    monkeypatch.setattr("pass_utils.export.embedding.embed", embed)
    before = content(tmp_path / "out")
    for other in (ds.select([1, 0, *range(2, 30)]), ds.select([0])):
        with pytest.raises(
            ExportError, match="expected the rows that train-0000.* was written from, found others"
        ):
            write_parquet(other.to_iterable_dataset(), tmp_path / "out", **OPTIONS)
    assert content(tmp_path / "out") == before
    written = write_parquet(ds.to_iterable_dataset(), tmp_path / "out", **OPTIONS)
    assert [file.sha256 for file in written] == [
        file.sha256 for file in write_parquet(ds, tmp_path / "ds", **OPTIONS)
    ]
    (tmp_path / "out" / written[0].name).unlink()
    with pytest.raises(
        ExportError, match=f"expected the files of a stream that ended, missing {written[0].name}"
    ):
        write_parquet(ds.to_iterable_dataset(), tmp_path / "out", **OPTIONS)


def test_export_refuses_another_stream_into_a_complete_folder(ds, tmp_path):
    written = write_parquet(ds.select(range(20)).to_iterable_dataset(), tmp_path, **OPTIONS)
    before = content(tmp_path)
    others = {
        "the rows that .* was written from, found others": [
            ds.select(range(30)),
            ds.select(range(18)),
            ds.select([*range(18), 19, 18]),
            ds.select(range(10, 30)),
        ],
        "an export of the same rows with the same options, found other columns": [
            ds.select(range(20)).remove_columns("hash"),
            ds.select(range(20)).rename_column("hash", "key"),
        ],
    }
    for expected, found in others.items():
        for other in found:
            with pytest.raises(ExportError, match=f"expected {expected}"):
                write_parquet(other.to_iterable_dataset(), tmp_path, **OPTIONS)
    assert content(tmp_path) == before
    assert write_parquet(ds.select(range(20)).to_iterable_dataset(), tmp_path, **OPTIONS) == written


def interrupting_after(count):
    def run(pictures):
        nonlocal count
        count -= 1
        if count < 0:
            raise KeyboardInterrupt
        return embed(pictures)

    return run


def test_export_resumes_the_renaming_of_a_stream_s_files(ds, tmp_path, monkeypatch):
    real, renamed = Output.rename, []

    def rename(self, old, new):
        if len(renamed) == 3:
            raise KeyboardInterrupt
        renamed.append(new)
        real(self, old, new)

    monkeypatch.setattr(Output, "rename", rename)
    with pytest.raises(KeyboardInterrupt):
        write_parquet(ds.to_iterable_dataset(), tmp_path / "out", **OPTIONS)
    assert {name.count("-of-") for name in content(tmp_path / "out")} == {0, 1}
    monkeypatch.setattr(Output, "rename", real)
    written = write_parquet(ds.to_iterable_dataset(), tmp_path / "out", **OPTIONS)
    assert sorted(content(tmp_path / "out")) == ["CREDITS.csv", *(file.name for file in written)]
    assert content(tmp_path / "out") == (
        write_parquet(ds, tmp_path / "ds", **OPTIONS) and content(tmp_path / "ds")
    )


@pytest.mark.parametrize("kind", WAYS)
def test_export_refuses_a_folder_with_another_export(ds, tmp_path, kind):
    WAYS[kind](ds, tmp_path)
    before = content(tmp_path)
    test = DatasetDict(test=ds.select(range(2)))
    others = [(lambda: WAYS[kind](ds.select(range(29)), tmp_path), "other rows")]
    for name, way in WAYS.items():
        if name != kind:
            others.append((lambda way=way: way(ds, tmp_path), "another kind of files"))
            others.append((lambda way=way: way(test, tmp_path), "another kind of files"))
    if kind != "imagefolder":
        write = getattr(pass_utils, f"write_{kind}")
        others.append((lambda: write(ds, tmp_path, max_shard_size="3KB"), "another max_shard_size"))
    for other, found in others:
        match = (
            f"expected an export of the same rows with the same options, found .*{found}.*another "
            "folder"
        )
        with pytest.raises(ExportError, match=match):
            other()
    assert content(tmp_path) == before


@pytest.mark.parametrize("kind", WAYS)
def test_export_refuses_a_folder_with_files_that_no_export_wrote(ds, tmp_path, kind):
    name = "train" if kind == "imagefolder" else "train-00000-of-00009.parquet"
    out = tmp_path / "out"
    (out / name).mkdir(parents=True)
    (out / "README.md").write_text("mine")
    with pytest.raises(
        ExportError,
        match=f"expected no files of the split 'train', found {name}, which no export wrote",
    ):
        WAYS[kind](ds, out)
    assert sorted(path.name for path in out.iterdir()) == sorted([LOCK_FILE, "README.md", name])
    other = DatasetDict(test=ds.select([0]))
    WAYS[kind](other, out)
    with pytest.raises(
        ExportError,
        match=f"expected no files of the split 'train', found {name}, which no export wrote",
    ):
        WAYS[kind](ds, out)


@pytest.mark.parametrize(
    "kept",
    [
        [],
        {},
        {"format": 1, "splits": {"train": {}}},
        {"format": 1, "splits": 5},
        {"format": 2, "splits": {}},
    ],
)
def test_export_refuses_a_damaged_state_file(ds, tmp_path, kept):
    (tmp_path / STATE_FILE).write_text(json.dumps(kept))
    with pytest.raises(ExportError, match="another folder, or empty this one"):
        write_parquet(ds, tmp_path)


def test_export_writes_all_splits_under_their_names(ds, tmp_path):
    parts = DatasetDict(train=ds.select(range(20)), test=ds.select(range(20, 30)))
    for kind, way in WAYS.items():
        written = way(parts, tmp_path / kind)
        assert sum(file.rows for file in written if "metadata" not in file.name) == 30
        out = str(tmp_path / kind)
        back = load_dataset(out) if kind == "parquet" else load_dataset(kind, data_dir=out)
        assert {name: len(part) for name, part in back.items()} == {"train": 20, "test": 10}
    streams = datasets.IterableDatasetDict(
        {name: part.to_iterable_dataset() for name, part in parts.items()}
    )
    assert write_parquet(streams, tmp_path / "streams", **OPTIONS) == write_parquet(
        parts, tmp_path / "parts", **OPTIONS
    )


@pytest.mark.parametrize(
    "names",
    [("train", "large"), ("train", "train_small"), ("large",), ("b", "a.test", "train", "val")],
)
@pytest.mark.parametrize("streaming", [False, True])
def test_load_dataset_finds_parquet_splits_of_any_names(ds, tmp_path, names, streaming):
    parts = {name: ds.select(range(3 * n, 3 * n + 3)) for n, name in enumerate(names)}
    streams = datasets.IterableDatasetDict(
        {name: part.to_iterable_dataset() for name, part in parts.items()}
    )
    way = streams if streaming else DatasetDict(parts)
    write_parquet(way, tmp_path, **OPTIONS)
    before = content(tmp_path)
    back = load_dataset(str(tmp_path))
    assert {name: part["hash"][:] for name, part in back.items()} == {
        name: part["hash"][:] for name, part in parts.items()
    }
    write_parquet(way, tmp_path, **OPTIONS)
    assert content(tmp_path) == before
    assert "README.md" in before


def test_write_parquet_adds_later_splits_to_a_readme_and_keeps_its_text(ds, tmp_path):
    write_parquet(ds, tmp_path, **OPTIONS)
    assert "README.md" not in content(tmp_path)
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n# Mine\n")
    write_parquet(DatasetDict(large=ds.select([2, 1])), tmp_path, **OPTIONS)
    back = load_dataset(str(tmp_path))
    assert {name: part["hash"][:] for name, part in back.items()} == {
        "train": ds["hash"][:],
        "large": ds["hash"][:][2:0:-1],
    }
    text = (tmp_path / "README.md").read_text()
    assert "license: mit\n" in text
    assert text.endswith("---\n# Mine\n")
    (tmp_path / "README.md").write_text("---\n- a\n---\n")
    with pytest.raises(
        ExportError, match=r"README.md: expected a dataset card, found: .*Fix or delete it"
    ):
        write_parquet(ds, tmp_path, **OPTIONS)


@pytest.mark.parametrize("kind", ["webdataset", "imagefolder"])
def test_export_refuses_split_names_that_readers_would_merge_or_miss(ds, tmp_path, kind):
    for names in (("train", "large"), ("train", "train_small"), ("val", "dev")):
        parts = DatasetDict({name: ds.select([n]) for n, name in enumerate(names)})
        with pytest.raises(
            ExportError,
            match=f"expected names that .* tells apart .*, found {', '.join(names)}. Rename them",
        ):
            WAYS[kind](parts, tmp_path / "none")
    assert not (tmp_path / "none").exists()
    WAYS[kind](DatasetDict(large=ds.select([0])), tmp_path / "one")
    with pytest.raises(ExportError, match="found large, train"):
        WAYS[kind](ds, tmp_path / "one")
    good = {"training": ds.select([0]), "val": ds.select([1, 2]), "test": ds.select([3])}
    WAYS[kind](DatasetDict(good), tmp_path / "good")
    back = load_dataset(kind, data_dir=str(tmp_path / "good"))
    assert {name: len(part) for name, part in back.items()} == {
        "train": 1,
        "validation": 2,
        "test": 1,
    }


@pytest.mark.parametrize("kind", WAYS)
def test_export_refuses_a_folder_that_another_export_has_locked(ds, tmp_path, kind):
    out = tmp_path / "out"
    with Output(out).lock():
        with pytest.raises(
            ExportError,
            match="expected a folder that nobody exports into, found another export going on",
        ):
            WAYS[kind](DatasetDict(test=ds), out)
        assert list(files(out)) == []
    WAYS[kind](ds, out)
    WAYS[kind](DatasetDict(test=ds.select([0])), out)
    assert set(json.loads((out / STATE_FILE).read_text())["splits"]) == {"train", "test"}


def test_export_names_files_after_the_split(ds, tmp_path):
    named = Dataset(ds.data, split=datasets.Split.VALIDATION)
    assert [file.name for file in write_parquet(named, tmp_path / "a")] == [
        "validation-00000-of-00001.parquet"
    ]
    unnamed = Dataset(ds.data)
    assert [file.name for file in write_parquet(unnamed, tmp_path / "b")] == [
        "train-00000-of-00001.parquet"
    ]


@pytest.mark.parametrize("name", ["../../evil", "my-split", "a/b", "", ".", "a..b", None])
@pytest.mark.parametrize("kind", WAYS)
def test_export_refuses_an_invalid_split_name_before_any_work(ds, tmp_path, kind, name):
    parts = DatasetDict({"train": ds.select([0])})
    parts[name] = ds.select([1])
    with pytest.raises(
        DatasetError,
        match=re.escape(f"split: expected a name of letters, digits, _ and ., found {name!r}"),
    ):
        WAYS[kind](parts, tmp_path / "out" / "deep")
    with pytest.raises(DatasetError, match="dataset: expected at least one split, found none"):
        WAYS[kind](DatasetDict(), tmp_path / "out" / "deep")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", WAYS)
def test_export_refuses_to_send_images_in_memory_to_workers(ds, tmp_path, kind):
    pictures = [{"bytes": b"\x89PNG\r\n\x1a\n" + bytes([n]), "path": None} for n in range(4)]
    held = Dataset.from_dict(
        {"image": pictures}, features=datasets.Features({"image": datasets.Image()})
    )
    held.save_to_disk(tmp_path / "saved")
    saved = datasets.load_from_disk(tmp_path / "saved")
    for rows in (held, held.shuffle(seed=0), datasets.concatenate_datasets([saved, held])):
        with ThreadPoolExecutor(1) as threads:
            for how in ({"num_proc": 2}, {"executor": threads}):
                with pytest.raises(
                    ExportError, match=r"expected none for images in memory, .*save_to_disk"
                ):
                    WAYS[kind](rows, tmp_path / "none", **how)
    assert not (tmp_path / "none").exists()
    numbered = saved.add_column("number", list(range(4)))
    written = WAYS[kind](numbered, tmp_path / "out", num_proc=2)
    assert sum(file.rows for file in written if "metadata" not in file.name) == 4
    assert WAYS[kind](held, tmp_path / "here")


def test_export_errors_say_what_cannot_be_exported(ds, tmp_path):
    with pytest.raises(DatasetError, match="dataset: expected a Dataset, .* found list"):
        write_parquet([], tmp_path)
    with pytest.raises(DatasetError, match="expected a Dataset, found a stream"):
        write_webdataset(ds.to_iterable_dataset(), tmp_path)
    with pytest.raises(ExportError, match="num_proc, executor: expected none for a stream"):
        write_parquet(ds.to_iterable_dataset(), tmp_path, num_proc=2)
    with pytest.raises(ExportError, match="num_proc: expected a number of processes"):
        write_parquet(ds, tmp_path, num_proc=0)
    assert list(tmp_path.glob("[!p]*")) == []


SLOW = """
import time
from pass_utils.export import embedding
from pass_utils.images.files import embed
def slow(pictures):
    time.sleep(0.01)
    return embed(pictures)
embedding.embed = slow
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", WAYS)
@pytest.mark.parametrize("num_proc", [1, 2])
def test_a_killed_export_leaves_complete_files_only_and_resumes(ds, tmp_path, kind, num_proc):
    ds.save_to_disk(tmp_path / "saved")
    saved = datasets.load_from_disk(tmp_path / "saved")
    whole = WAYS[kind](saved, tmp_path / "whole")
    expected = content(tmp_path / "whole")
    code = f"""{SLOW}
import datasets
from pass_utils import write_imagefolder, write_parquet, write_webdataset
from pass_utils.export import imagefolder
datasets.disable_progress_bars()
imagefolder._FOLDER_ROWS, imagefolder._GROUP_ROWS = 7, 3
if __name__ == "__main__":
    ds = datasets.load_from_disk({str(tmp_path / "saved")!r})
    print("go", flush=True)
    write_{kind}(ds, {str(tmp_path / "out")!r}, num_proc={num_proc}{
        {
            "parquet": ", max_shard_size='2KB', row_group_rows=2",
            "webdataset": ", max_shard_size='10KB'",
            "imagefolder": "",
        }[kind]
    })
"""
    runs = 0
    while True:
        runs += 1
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True
        )
        assert process.stdout.readline() == b"go\n"
        had = len(content(tmp_path / "out")) if runs > 1 else 0
        deadline = time.monotonic() + 20
        while (
            process.poll() is None
            and len(visible(tmp_path / "out")) < had + 2
            and time.monotonic() < deadline
        ):
            time.sleep(0.002)
        if process.poll() is not None:
            assert process.returncode == 0
            break
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        found = visible(tmp_path / "out")
        assert {name: found[name] for name in found if name in expected} == found
        assert {name: expected[name] for name in found} == found
        if runs == 2:
            break
    assert WAYS[kind](saved, tmp_path / "out") == whole
    assert content(tmp_path / "out") == expected


def test_workers_of_a_killed_export_release_the_lock(ds, tmp_path):
    code = f"""
import os, time
from pass_utils.export.outputs import Output
from pass_utils.export.workers import run_tasks
def work(seconds):
    os.write(1, b"go\\n")  # in one piece: two workers write there
    time.sleep(seconds)
if __name__ == "__main__":
    with Output({str(tmp_path / "out")!r}).lock():
        list(run_tasks(work, [0.1, 60], num_proc=2))
"""
    (tmp_path / "locking.py").write_text(code)
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "locking.py")],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert process.stdout.readline() == b"go\n"
        with pytest.raises(ExportError, match="another export going on"):
            write_parquet(ds, tmp_path / "out")
        process.kill()
        process.wait()

        def written():
            try:
                return write_parquet(ds, tmp_path / "out")
            except ExportError:
                return None

        assert sum(file.rows for file in wait_for(written, 10)) == 30
        os.set_blocking(process.stdout.fileno(), False)
        wait_for(
            lambda: b"" in (process.stdout.read(), process.stdout.read()), 10
        )  # the workers had it open, and are gone
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def visible(folder: Path) -> dict[str, bytes]:
    """Files that a reader would take for data."""
    try:
        return {name: data for name, data in content(folder).items() if not name.startswith(".")}
    except FileNotFoundError:  # renamed meanwhile
        return {}


def start(log: Path, *arguments: str) -> subprocess.Popen[bytes]:
    with log.open("wb") as file:
        return subprocess.Popen([sys.executable, "-m", *arguments], stdout=file, stderr=file)


def wait_for(what, seconds: float = 30):
    """What a function gives as soon as it gives something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.01)
    raise AssertionError("waited in vain")


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_writes_the_same_files(folder, tmp_path):
    distributed = pytest.importorskip("distributed", reason="pip install 'pass-utils[dask]'")
    (tmp_path / "slow.py").write_text(SLOW.replace("0.01", "0.05"))
    ds = open_pass(folder([range(60)]))
    alone = write_parquet(ds, tmp_path / "alone", **OPTIONS)
    log = tmp_path / "scheduler.log"
    command = [
        "distributed.cli.dask_scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--no-dashboard",
        "--no-show",
    ]
    processes = [start(log, *command)]
    try:
        address = wait_for(lambda: re.search(r"Scheduler at:\s+(tcp://\S+)", log.read_text()))[1]
        options = [
            "--no-nanny",
            "--no-dashboard",
            "--nthreads",
            "1",
            "--preload",
            str(tmp_path / "slow.py"),
        ]
        options += ["--local-directory", str(tmp_path / "work")]
        workers = [
            start(tmp_path / f"{n}.log", "distributed.cli.dask_worker", address, *options)
            for n in range(2)
        ]
        processes += workers
        with distributed.Client(address) as client, ThreadPoolExecutor(1) as thread:
            client.wait_for_workers(2, timeout=30)
            pids = client.run(os.getpid)
            assert sorted(pids.values()) == sorted(worker.pid for worker in workers)
            export = thread.submit(
                write_parquet, ds, tmp_path / "out", **OPTIONS, executor=client.get_executor()
            )
            wait_for(
                lambda: export.done() or len(list((tmp_path / "out").glob("train-*.parquet"))) >= 4
            )
            busy = wait_for(
                lambda: next(
                    (worker for worker, tasks in client.processing().items() if tasks), None
                )
            )
            os.kill(pids[busy], signal.SIGKILL)
            assert not export.done()
            written = export.result(timeout=60)
        assert written == alone
        assert content(tmp_path / "out") == content(tmp_path / "alone")
        command = [
            "export",
            "parquet",
            str(dummy_folder()),
            str(tmp_path / "cli"),
            "--scheduler",
            address,
        ]
        runner = CliRunner().invoke(cli, command, catch_exceptions=False)
        assert runner.output.splitlines()[-1].startswith(f"{tmp_path / 'cli'}: 24 rows, ")
        assert [worker.poll() for worker in workers].count(None) == 1
    finally:
        for process in processes:
            process.kill()
            process.wait()
