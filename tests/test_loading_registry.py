"""The name "pass" finds our builder; no other name is touched."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import datasets
import datasets.inspect
import datasets.load
import pytest
from conftest import image_hash
from datasets import load_dataset
from test_repository import PACKAGE, imports
from test_repository import name as module_name

import pass_utils
from pass_utils.loading import registry


def run(code: str, *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


LOAD = (
    "import sys; print(len(load_dataset('pass', data_dir=sys.argv[1], shards=[0, 1], "
    "split='train', cache_dir=sys.argv[2])))"
)


@pytest.mark.parametrize(
    "imports",
    [
        "import pass_utils; from datasets import load_dataset; ",
        "from datasets import load_dataset; import pass_utils; ",
        "import pass_utils, importlib; importlib.reload(pass_utils); from datasets import "
        "load_dataset; ",
    ],
)
def test_either_import_may_come_first(folder, tmp_path, imports):
    assert run(imports + LOAD, str(folder()), str(tmp_path / "cache")) == "5"


def test_importing_pass_utils_imports_nothing_heavy():
    loaded = run(
        "import pass_utils, sys; print([m for m in ('datasets', 'pyarrow', 'numpy', 'requests') if "
        "m in sys.modules])"
    )
    assert loaded == "[]"


def test_importing_or_reloading_again_changes_nothing_more():
    before = datasets.load.dataset_module_factory, datasets.inspect.dataset_module_factory
    registry.register()
    importlib.reload(registry).register()
    importlib.reload(pass_utils)
    assert (datasets.load.dataset_module_factory, datasets.inspect.dataset_module_factory) == before
    assert not hasattr(before[0].__wrapped__, "__wrapped__")
    assert sum(type(finder).__name__ == "_WhenLoaded" for finder in sys.meta_path) == 0


def test_other_names_load_as_before(tmp_path, monkeypatch):
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    ours = datasets.load.dataset_module_factory
    for module in (datasets.load, datasets.inspect):
        monkeypatch.setattr(module, "dataset_module_factory", ours)

    def results():
        csv = load_dataset("csv", data_files=str(tmp_path / "data.csv"), split="train")
        local = load_dataset(str(tmp_path), split="train")
        names = datasets.get_dataset_config_names(str(tmp_path))
        with pytest.raises(Exception) as caught:  # what it is depends on the version of datasets
            load_dataset("./no-such-folder")
        return (
            csv[:],
            csv._fingerprint,
            local[:],
            local._fingerprint,
            names,
            type(caught.value),
            str(caught.value),
        )

    with_ours = results()
    for module in (datasets.load, datasets.inspect):
        monkeypatch.setattr(module, "dataset_module_factory", ours.__wrapped__)
    assert results() == with_ours
    assert with_ours[0] == {"a": [1], "b": [2]}


def test_the_name_of_the_hub_is_served_as_v3_and_logged_once(monkeypatch, caplog):
    registry._log_hub_name.cache_clear()
    v3 = str(pass_utils.dummy_folder("v3"))
    ds = load_dataset("yukimasano/pass", data_dir=v3, split="train")
    assert (len(ds), ds.info.config_name, ds.info.dataset_name) == (23, "v3", "pass")
    assert datasets.load_dataset_builder("yukimasano/pass").config.name == "v3"
    assert datasets.load_dataset_builder("yukimasano/pass", "v2").config.name == "v2"
    v2 = str(pass_utils.dummy_folder("v2"))
    assert datasets.load_dataset_builder("yukimasano/pass", data_dir=v2).config.name == "v2"
    assert datasets.get_dataset_config_names("yukimasano/pass") == ["v2", "v3"]
    (line,) = [record.getMessage() for record in caplog.records if record.name == registry.__name__]
    assert line == (
        'yukimasano/pass: opened by pass_utils, as load_dataset("pass", "v3"). To have it from '
        "the Hub, pass `revision=`, or set PASS_SERVE_HUB_NAME=0."
    )


@pytest.mark.parametrize("option", ["revision", "data_files", "environment"])
def test_the_name_of_the_hub_is_left_to_the_hub_when_asked(monkeypatch, option):
    asked = []
    monkeypatch.setattr(
        datasets.load, "dataset_module_factory", lambda path, **_: asked.append(path)
    )
    registry._route(datasets.load)
    if option == "environment":
        monkeypatch.setenv("PASS_SERVE_HUB_NAME", "0")
    given = {} if option == "environment" else {option: "main"}
    datasets.load.dataset_module_factory("yukimasano/pass", **given)
    assert asked == ["yukimasano/pass"]


@pytest.mark.parametrize("path", ["./pass", "pass/", "user/pass", "Pass", "passes", "pass.csv"])
def test_only_the_bare_name_is_ours(monkeypatch, path):
    asked = []
    monkeypatch.setattr(
        datasets.load, "dataset_module_factory", lambda path, **_: asked.append(path)
    )
    registry._route(datasets.load)
    datasets.load.dataset_module_factory(path, revision=None)
    assert asked == [path]
    assert datasets.load.dataset_module_factory("pass").module_path == "pass_utils.loading.builder"
    assert asked == [path]


def test_the_public_names_are_there():
    for name in pass_utils.__all__:
        assert getattr(pass_utils, name) is not None
    assert set(pass_utils.__all__) <= set(dir(pass_utils))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = pass_utils.nothing


def test_streams_are_found_by_the_same_name(folder):
    stream = load_dataset("pass", data_dir=str(folder()), shards=[0], split="train", streaming=True)
    assert [row["hash"] for row in stream] == [image_hash(0), image_hash(1)]


# what the rows need and do not take their values from: errors, file stamps, the network, downloads
_SHAPE_NO_ROW = {"errors", "releases", "_version"} | {"_datasets", "_util", "net", "transfer"}


def test_the_code_that_shapes_rows_is_in_the_fingerprint_of_prepared_datasets():
    """`releases` is a view of pass.py, which is in it."""
    installed = Path(pass_utils.__file__).parent  # in `make compat` a wheel, not this checkout
    covered = {
        module_name(PACKAGE / path.relative_to(installed))
        for path in registry.code_files()
        if path.is_relative_to(installed)
    }
    todo, reached = ["loading.rows", "loading.builder"], set()
    while todo:
        module = todo.pop()
        if module not in reached and module.split(".")[0] not in _SHAPE_NO_ROW:
            reached.add(module)
            path = PACKAGE / module.replace(".", "/")
            files = path.glob("*.py") if path.is_dir() else [path.with_suffix(".py")]
            todo += {source for file in files for source in imports(file)}
    assert {"metadata", "hashes", "shards.tar", "shards.places"} <= reached
    assert {module for module in reached if (PACKAGE / module).is_dir()} <= {"metadata"}
    assert reached - {"metadata"} <= covered
    assert "pass.py" in {path.name for path in registry.code_files()}
