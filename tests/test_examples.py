"""The examples: the notebook runs and shows what it says, the training example reads every row
once, also after a break.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from datasets import load_dataset

from pass_utils import dummy_folder

nbclient = pytest.importorskip("nbclient", reason="pip install 'pass-utils[test]'")
nbformat = pytest.importorskip("nbformat", reason="pip install 'pass-utils[test]'")
pytest.importorskip("torchdata", reason="pip install 'pass-utils[test]'")

EXAMPLES = Path(__file__).parent.parent / "examples"
NOTEBOOK = EXAMPLES / "streaming.ipynb"

# A torchvision that was built for another torch lacks its compiled operators, which fails its
# import; no transform needs them.
OPERATORS = """
import torch

library = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):
    library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
"""

# Runs the training example to its end, then with a break after three batches, and then again;
# prints all batches of each run.
THREE_RUNS = """
import json
import sys

import dataloader


class Watched:
    def __init__(self, loader):
        self.loader = loader
        self.state_dict, self.load_state_dict = loader.state_dict, loader.load_state_dict

    def __iter__(self):
        for batch in self.loader:
            batches.append({"hash": batch["hash"], "shape": batch["image"].shape,
                            "dtype": str(batch["image"].dtype)})
            yield batch
            if len(batches) == stop_after:
                raise KeyboardInterrupt


make_loader = dataloader.make_loader
dataloader.make_loader = lambda *arguments: Watched(make_loader(*arguments))
options, checkpoint, runs = sys.argv[1:], ["--checkpoint", "run.pt", "--save-every", "2"], []
for more, stop_after in ([], None), (checkpoint, 3), (checkpoint, None):
    sys.argv[1:], batches = [*options, *more], []
    try:
        dataloader.main()
    except KeyboardInterrupt:
        pass
    runs.append(batches)
print(json.dumps(runs))
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> dict[str, str]:
    """The variables of a process with a cache of its own, that finds the example and a torchvision
    that can be imported.
    """
    folder = tmp_path_factory.mktemp("environment")
    if subprocess.run([sys.executable, "-c", "import torchvision"], capture_output=True).returncode:
        (folder / "sitecustomize.py").write_text(OPERATORS)
    more = {"HF_DATASETS_CACHE": folder / "cache", "HF_HUB_OFFLINE": 1, "OMP_NUM_THREADS": 1}
    more["PYTHONPATH"] = os.pathsep.join(map(str, (folder, EXAMPLES)))
    return {**os.environ, **{name: str(value) for name, value in more.items()}}


def run(*arguments: object, environment, cwd) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.fixture(scope="module")
def rows() -> list[str]:
    """The hashes of the bundled v3."""
    return sorted(
        load_dataset("pass", "v3", data_dir=str(dummy_folder("v3")), split="train")["hash"]
    )


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("stream", [[], ["--stream"]], ids=["in place", "stream"])
def test_the_training_example_goes_on_after_a_break_with_the_same_batches(
    stream, workers, environment, tmp_path, rows
):
    done = run(
        "-c",
        THREE_RUNS,
        "--workers",
        workers,
        "--epochs",
        2,
        *stream,
        environment=environment,
        cwd=tmp_path,
    )
    *printed, batches = done.stdout.splitlines()
    whole, stopped, resumed = json.loads(batches)
    read = [hash for batch in whole for hash in batch["hash"]]
    first, second = read[: len(rows)], read[len(rows) :]
    assert [sorted(first), sorted(second)] == [rows, rows]
    assert first != second
    assert {(tuple(batch["shape"][1:]), batch["dtype"]) for batch in whole} == {
        ((3, 224, 224), "torch.uint8")
    }
    assert [batch["shape"][0] for batch in whole] == [len(batch["hash"]) for batch in whole]
    assert (len(stopped), stopped) == (3, whole[:3])
    assert resumed == whole[2:]  # saved after two
    images = [
        f"epoch 0: {len(rows)}",
        f"epoch 1: {len(rows)}",
        f"epoch 0: {len(rows) - 8}",
        f"epoch 1: {len(rows)}",
    ]
    printed = [line for line in printed if not line.startswith("step ")]  # on a slow machine
    assert [re.fullmatch(r"(.*) images, \d+\.\d images/s", line)[1] for line in printed] == images


@pytest.mark.slow
def test_the_training_example_runs_as_it_says(environment, tmp_path):
    done = run(EXAMPLES / "dataloader.py", "--workers", 2, environment=environment, cwd=tmp_path)
    assert re.fullmatch(r"epoch 0: 23 images, \d+\.\d images/s", done.stdout.splitlines()[-1])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_training_example_reports_while_it_runs_and_stops_after_its_steps(
    environment, tmp_path
):
    code = "import sys, dataloader; dataloader.REPORT_EVERY = 0; dataloader.main()"
    arguments = ("--steps", 2, "--checkpoint", "run.pt")
    lines = run("-c", code, *arguments, environment=environment, cwd=tmp_path).stdout.splitlines()
    images = [re.fullmatch(r"(.*) images, \d+\.\d images/s", line)[1] for line in lines]
    assert images == ["step 1: 4", "step 2: 8", "epoch 0: 8"]
    resumed = run("-c", code, "--checkpoint", "run.pt", environment=environment, cwd=tmp_path)
    assert resumed.stdout.splitlines()[-1].startswith("epoch 0: 15 images")


def test_the_training_example_is_one_page():
    assert len((EXAMPLES / "dataloader.py").read_text().splitlines()) < 130


def printed(cell) -> str:
    return "".join(
        output.text
        for output in cell.outputs
        if output.output_type == "stream" and output.name == "stdout"
    )


def shown(cell) -> dict[str, str]:
    """What a cell displays, by MIME type."""
    return {kind: data for output in cell.outputs for kind, data in output.get("data", {}).items()}


@pytest.mark.slow
def test_the_notebook_shows_pictures_numbers_and_credits(environment, tmp_path, monkeypatch):
    """With workers as macOS and Windows start them, which know of the notebook only what is in
    files.
    """
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    beside = set(EXAMPLES.iterdir())
    notebook = nbformat.read(NOTEBOOK, 4)
    spawn = "import multiprocessing\n\nmultiprocessing.set_start_method('spawn', force=True)"
    notebook.cells.insert(0, nbformat.v4.new_code_cell(spawn, id="spawn"))
    nbclient.NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()
    cells = {cell.id: cell for cell in notebook.cells}
    assert [
        o.text
        for cell in cells.values()
        for o in cell.get("outputs", ())
        if o.get("name") == "stderr"
    ] == []

    assert "shards: 10" in shown(cells["open"])["text/plain"]
    page = shown(cells["look"])["text/html"]
    assert (
        len(re.findall(r'src="data:image/jpeg;base64,/9j/[^"]{1000,}"', page)) == 9
    )  # /9j/ is how a JPEG begins
    assert re.findall("</a> by (.*?), <a", page)[:2] == ["tide table 🌊", "café &amp; fog"]
    assert (
        printed(cells["choose"])
        == "13 of 23 pictures are at least 375 pixels on their shorter side\n"
    )
    assert len(shown(cells["choose"])["image/png"]) > 5000
    assert (
        printed(cells["resume"])
        == "10 rows, a break, 10 rows: none lost, none doubled, the same order\n"
    )
    assert json.loads((tmp_path / "position.json").read_text())["epoch"] == 0
    *batches, last = printed(cells["batches"]).splitlines()
    assert (
        sum(
            int(re.match(r"\((\d), 3, 224, 224\) torch.float32 mean 0\.\d\d", line)[1])
            for line in batches
        )
        == 23
    )
    assert last == "23 pictures, 23 different"
    assert "9 credits; the first:\nPhoto by tide table 🌊 (https://" in printed(cells["credit"])
    assert "release v3 (2022-04-07)" in printed(cells["credit"])
    assert "href='CREDITS.html'" in shown(cells["credit"])["text/html"]
    credited = set(
        re.findall(r"data/images/\w+/\w+/(\w+)\.jpg", (tmp_path / "CREDITS.html").read_text())
    )
    stream = load_dataset(
        "pass", "v3", data_dir=str(dummy_folder("v3")), split="train", streaming=True
    )
    assert credited == {row["hash"] for row in stream.take(9)}
    assert credited == set(re.findall(r"data/images/\w+/\w+/(\w+)\.jpg", page))

    assert {path.name for path in tmp_path.iterdir()} - {"__pycache__"} == {
        "CREDITS.html",
        "batches.py",
        "position.json",
    }
    assert set(EXAMPLES.iterdir()) - {EXAMPLES / "__pycache__"} == beside - {
        EXAMPLES / "__pycache__"
    }


def test_the_notebook_is_kept_without_outputs_and_names_no_machine():
    notebook = json.loads(NOTEBOOK.read_text())
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    assert notebook["metadata"] == {"kernelspec": kernel}
    for cell in notebook["cells"]:
        assert cell["metadata"] == {}
        if cell["cell_type"] == "code":
            assert (cell["execution_count"], cell["outputs"]) == (None, [])
