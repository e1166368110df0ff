"""pass.py as the loading script that it is, and dataset_infos.json, which is made from it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import datasets
import pytest
from conftest import image_hash, jpeg, write_tar
from datasets import Image, load_dataset

from pass_utils.releases import FEATURES, RELEASES, File, Release, script

ROOT = Path(__file__).parent.parent
RUNS_SCRIPTS = int(datasets.__version__.split(".")[0]) < 4


def rows(dataset):
    return list(dataset.cast_column("image", Image(decode=False)))


@pytest.mark.skipif(
    not RUNS_SCRIPTS,
    reason="datasets 4 and later run no loading scripts; make compat runs this on 2.21 and 3.6",
)
class TestAsAScript:
    @pytest.fixture
    def path(self, tmp_path) -> str:
        """The script in a folder of its own, with what lies beside it in the repository."""
        for name in ("pass.py", "dataset_infos.json", "README.md"):
            shutil.copy(ROOT / name, tmp_path)
        return str(tmp_path / "pass.py")

    @pytest.mark.parametrize("streaming", [False, True])
    def test_opens_a_folder(self, path, bundled, streaming):
        release, folder = bundled
        options = {"data_dir": str(folder), "split": "train", "streaming": streaming}
        ds = load_dataset(path, release, trust_remote_code=True, **options)
        assert ds.features == FEATURES
        assert rows(ds) == rows(load_dataset("pass", release, embed_images=True, **options))

    def test_opens_some_shards(self, path, folder):
        ds = load_dataset(
            path,
            data_dir=str(folder([[0], [1], [2]])),
            shards=[2, 0],
            split="train",
            trust_remote_code=True,
        )
        assert ds["hash"][:] == [image_hash(2), image_hash(0)]

    def test_knows_the_size_of_a_whole_release(self, path):
        builder = datasets.load_dataset_builder(path, trust_remote_code=True)
        assert builder.info.splits["train"].num_examples == 1_439_719


def builder(folder, tmp_path, **options):
    return script.PASS(data_dir=str(folder), cache_dir=str(tmp_path / "cache"), **options)


def test_an_image_without_metadata_names_hash_shard_and_csv(folder, tmp_path):
    shards = folder()
    write_tar(shards / "PASS.1.tar", {f"PASS_dataset/1/{image_hash(77)}.jpg": jpeg("x")})
    with pytest.raises(
        ValueError,
        match=rf"PASS\.1\.tar: image {image_hash(77)} has no row in .*pass_metadata\.csv",
    ):
        list(builder(shards, tmp_path, shards=[0, 1]).as_streaming_dataset("train"))


def test_a_file_that_is_no_image_is_an_error(folder, tmp_path):
    shards = folder()
    write_tar(shards / "PASS.0.tar", {"PASS_dataset/0/readme.txt": b"x"})
    with pytest.raises(ValueError, match="expected files named <hash>.jpg"):
        list(builder(shards, tmp_path, shards=[0]).as_streaming_dataset("train"))


def test_missing_files_and_unknown_shards_are_named(folder, tmp_path):
    shards = folder()
    with pytest.raises(FileNotFoundError, match=r"PASS\.2\.tar missing"):
        builder(shards, tmp_path, shards=[0, 2]).as_streaming_dataset("train")
    with pytest.raises(ValueError, match=r"from 0 to 9, found \[10\]"):
        builder(shards, tmp_path, shards=[10]).as_streaming_dataset("train")


@pytest.mark.slow
def test_the_script_needs_nothing_but_datasets_and_pyarrow():
    code = (
        "import importlib, sys; importlib.import_module('pass'); print('pass_utils' in sys.modules)"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        == "False\n"
    )


@pytest.mark.slow
def test_dataset_infos_is_what_the_script_prints():
    printed = subprocess.run(
        [sys.executable, str(ROOT / "pass.py")], capture_output=True, text=True, check=True
    ).stdout
    assert (ROOT / "dataset_infos.json").read_text() == printed
    infos = json.loads(printed)
    assert {name: info["splits"]["train"]["num_examples"] for name, info in infos.items()} == {
        "v2": 1439719,
        "v3": 1439588,
    }
    assert {name: info["download_size"] for name, info in infos.items()} == {
        "v2": 179653828984,
        "v3": 179640190811,
    }
    assert datasets.Features.from_dict(infos["v2"]["features"]) == FEATURES
    checksums = infos["v3"]["download_checksums"]
    assert checksums["https://zenodo.org/records/6615455/files/PASS.9.tar"] == {
        "num_bytes": 11152302080,
        "checksum": "9a7ab254638f4bf21267aa0165452572ae52d82aabb451a65e56a2d51a17e982",
    }


def test_releases_describe_their_files():
    release = RELEASES["v3"]
    assert release.doi == "10.5281/zenodo.6615455"
    assert list(release.shards) == list(range(10))
    assert release.metadata == File("pass_metadata.csv", 152590171, release.files[0].sha256)
    assert (
        release.url(release.shards[9], "http://mirror/x/")
        == "http://mirror/x/6615455/files/PASS.9.tar"
    )
    assert all(len(file.sha256) == 64 and file.size % 512 == 0 for file in release.shards.values())


def test_type_checkers_see_the_records_that_the_script_has():
    """releases.py repeats their shapes, since nothing can `import pass`."""
    import ast

    module = ast.parse(Path(script.__file__).read_text())
    mirror = ast.parse((ROOT / "pass_utils" / "releases.py").read_text())

    def shapes(tree):
        names = ("File", "Release")
        return {
            node.name: [
                ast.unparse(item).lower().replace("int, file", "int,file")
                for item in node.body
                if isinstance(item, ast.AnnAssign)
            ]
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef) and node.name in names
        }

    assert shapes(module) == shapes(mirror)
    assert Release._fields == (
        "name",
        "version",
        "record",
        "date",
        "images",
        "image_bytes",
        "files",
    )
