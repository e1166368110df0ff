"""Shards of a release beside the CSV of a later one: the folder is of the later one."""

from __future__ import annotations

import json
import shutil

import pytest
from datasets import load_dataset
from support.folders import image_hash
from support.withdrawing import GONE, Made, make_releases

from pass_utils import DownloadError, MetadataError, ShardError, credits, download, verify
from pass_utils.releases import RELEASES
from pass_utils.transfer.folder import release_in

CSV = "pass_metadata.csv"


@pytest.fixture
def made(tmp_path, monkeypatch) -> Made:
    return make_releases(tmp_path / "made", monkeypatch)


@pytest.fixture
def mixed(made, tmp_path):
    """v2's shards and v3's CSV."""
    folder = tmp_path / "mixed"
    shutil.copytree(made.v2, folder)
    shutil.copyfile(made.v3 / CSV, folder / CSV)
    return folder


@pytest.mark.parametrize("record", [None, RELEASES["v2"].record, RELEASES["v3"].record])
@pytest.mark.parametrize("name", ["v3", None])
def test_the_folder_opens_as_the_later_release(made, mixed, record, name):
    if record is not None:  # what a download of that release remembers
        (mixed / ".pass-utils.json").write_text(json.dumps({"record": record}))
    options = {"data_dir": str(mixed), "split": "train"}
    for more in (
        {},
        {"embed_images": True},
        {"streaming": True},
        {"streaming": True, "shards": [9]},
    ):
        ds = load_dataset("pass", name, **options, **more)
        assert ds.info.config_name == "v3"
        expected = made.still if "shards" not in more else [image_hash(9), image_hash(19)]
        assert [row["hash"] for row in ds] == expected
    assert {credit.hash for credit in credits(mixed)} == set(made.still)
    sampled = load_dataset("pass", name, sample=12, **options)
    v3 = load_dataset("pass", "v3", data_dir=str(made.v3), split="train", sample=12)
    assert sorted(sampled["hash"]) == sorted(v3["hash"])


def test_verify_compares_each_file_with_that_of_its_own_release(mixed, run):
    assert release_in(mixed).name == "v3"
    assert verify(mixed) == []
    assert run("verify", mixed, "--quick", "--json").code == 0
    tar = mixed / "PASS.3.tar"
    data = bytearray(tar.read_bytes())
    data[700] ^= 1
    tar.write_bytes(data)
    assert [finding.name for finding in verify(mixed)] == ["PASS.3.tar"]


def test_nothing_is_fetched_into_it(mixed):
    before = {path.name: path.stat().st_mtime_ns for path in mixed.iterdir()}
    with pytest.raises(DownloadError, match="shards of v2 beside the CSV of v3. They open"):
        download(mixed, "v3")
    with pytest.raises(DownloadError, match=r"5570664 \(v2\), found files of record 6615455"):
        download(mixed, "v2")
    assert {path.name: path.stat().st_mtime_ns for path in mixed.iterdir()} == before


def test_other_mixtures_are_refused_as_before(made, mixed):
    shutil.copyfile(made.v2 / CSV, mixed / CSV)
    shutil.copyfile(made.v3 / "PASS.3.tar", mixed / "PASS.3.tar")  # shards of two releases
    with pytest.raises(DownloadError, match="found files of several releases"):
        load_dataset("pass", "v3", data_dir=str(mixed))
    for shard in made.v3.glob("*.tar"):  # an earlier CSV beside later shards
        shutil.copyfile(shard, mixed / shard.name)
    with pytest.raises(DownloadError, match="found files of several releases"):
        load_dataset("pass", "v3", data_dir=str(mixed))


def test_a_later_release_of_an_earlier_folder_is_refused_with_what_to_do(made):
    with pytest.raises(DownloadError, match="open it as it is with `drop_withdrawn` .*v3's CSV in"):
        load_dataset("pass", "v3", data_dir=str(made.v2))
    with pytest.raises(DownloadError) as raised:
        load_dataset("pass", "v2", data_dir=str(made.v3))
    assert "drop_withdrawn" not in str(raised.value)


def test_shards_that_lack_images_of_the_later_release_are_noticed(made, mixed, monkeypatch):
    monkeypatch.setitem(RELEASES, "v3", RELEASES["v3"]._replace(images=28))
    with pytest.raises(ShardError, match="expected 28 images in the shards of v3, found 27"):
        load_dataset("pass", "v3", data_dir=str(mixed), split="train")


def test_an_image_without_a_row_stays_an_error_in_a_folder_of_one_release(made):
    path = made.v2 / CSV
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if max(GONE) not in line))
    with pytest.raises(MetadataError, match="expected a row for image"):
        load_dataset("pass", "v2", data_dir=str(made.v2), split="train")
