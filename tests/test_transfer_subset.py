"""Subsets: chosen images in a folder that opens as PASS does, from the bucket or from shards."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import shutil
import tarfile
import time
from pathlib import Path

import datasets
import pytest
from conftest import image_hash, jpeg, write_csv
from datasets import Image, load_dataset
from support.bucket import Bucket, Fault
from support.zenodo import Zenodo, clear_environment, describe

from pass_utils import DownloadError, ReleaseError, RemoteError, SelectionError, download, verify
from pass_utils.releases import RELEASES, dummy_folder
from pass_utils.selection.manifest import Manifest
from pass_utils.transfer import subset as subsets
from pass_utils.transfer.journal import JOURNAL_FILE, WORK_FILE

FILES = {"PASS.subset.tar", "pass_metadata.csv", "PASS.subset.json"}


def read_images(folder: Path) -> dict[str, bytes]:
    """The images of the shards of a folder, by tarfile alone, in their order."""
    images = {}
    for path in sorted(folder.glob("PASS.*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                name = member.name.rpartition("/")[2]
                if member.isfile() and not name.startswith("."):
                    images[name.removesuffix(".jpg")] = tar.extractfile(member).read()
    return images


def rows(folder, release="v2", **options):
    """Rows of a folder with the bytes of their images."""
    ds = load_dataset("pass", release, data_dir=str(folder), split="train", **options)
    return [
        {**row, "image": Path(row["image"]["path"]).name, "bytes": image.tobytes()}
        for row, image in zip(
            ds.cast_column("image", Image(decode=False)), ds["image"], strict=True
        )
    ]


@pytest.fixture
def bucket():
    with Bucket(read_images(dummy_folder("v2")), latency=0) as server:
        yield server


@pytest.fixture
def zenodo(monkeypatch):
    """A server of the bundled v2, which is v2 for this test."""
    clear_environment(monkeypatch)
    release = describe(dummy_folder("v2"))._replace(name="v2")
    monkeypatch.setitem(RELEASES, "v2", release)
    with Zenodo(dummy_folder("v2")) as server:
        monkeypatch.setenv("PASS_BASE_URL", server.base_url)
        yield server


@pytest.fixture
def online(zenodo, bucket, monkeypatch):
    """Images from the bucket, the CSV from Zenodo."""
    monkeypatch.setenv("PASS_IMAGE_URL", bucket.template)
    return bucket


def test_a_subset_of_the_bucket_has_the_rows_of_the_same_hashes_in_the_shards(online, tmp_path):
    folder = download(tmp_path / "few", "v2", sample=7, seed=51)
    assert {path.name for path in folder.iterdir() if path.name[0] != "."} == FILES
    few = rows(folder)
    whole = {row["hash"]: row for row in rows(dummy_folder("v2"))}
    assert [row["hash"] for row in few] == sorted(row["hash"] for row in few)
    assert len(few) == 7
    assert few == [whole[row["hash"]] for row in few]
    assert sum(online.requests.values()) == 7
    assert verify(folder) == []


def test_shards_on_this_machine_give_the_same_files_as_the_bucket(online, tmp_path):
    far = download(tmp_path / "far", "v2", sample=7, seed=51)
    online.requests.clear()
    near = download(tmp_path / "near", "v2", sample=7, seed=51, source=dummy_folder("v2"))
    assert not online.requests
    for name in ("PASS.subset.tar", "pass_metadata.csv"):
        assert (far / name).read_bytes() == (near / name).read_bytes()
    manifests = [Manifest.read(folder / "PASS.subset.json") for folder in (far, near)]
    assert manifests[0].images == manifests[1].images
    assert [made.source for made in manifests] == [online.template, "shards"]


def test_the_manifest_names_its_source_without_secrets(online, tmp_path, monkeypatch):
    monkeypatch.setenv("PASS_IMAGE_URL", f"{online.template}?token=SECRET")
    folder = download(tmp_path / "few", "v2", sample=3, seed=51)
    assert Manifest.read(folder / "PASS.subset.json").source == f"{online.template}?..."
    assert not [path for path in folder.iterdir() if b"SECRET" in path.read_bytes()]


def test_every_way_to_a_sample_gives_the_same_hashes(online, tmp_path):
    options = {"sample": 6, "seed": 3}
    folder = download(tmp_path / "few", "v2", **options)
    expected = sorted(row["hash"] for row in rows(folder))
    here = rows(dummy_folder("v2"), **options)
    order = list(read_images(dummy_folder("v2")))
    assert [row["hash"] for row in here] == sorted(expected, key=order.index)
    cached = load_dataset("pass", "v2", split="train", cache_dir=str(tmp_path / "c"), **options)
    assert cached["hash"] == expected
    stream = load_dataset("pass", "v2", split="train", streaming=True, **options)
    assert [row["hash"] for row in stream] == expected
    local = load_dataset(
        "pass", data_dir=str(dummy_folder("v2")), split="train", streaming=True, **options
    )
    assert sorted(row["hash"] for row in local) == expected
    embedded = rows(dummy_folder("v2"), embed_images=True, **options)
    assert sorted(row["hash"] for row in embedded) == expected
    again = rows(folder, sample=4, seed=3)
    assert {row["hash"] for row in again} < set(expected)
    assert len(again) == 4


def test_samples_are_nested_and_a_run_again_asks_for_nothing(online, tmp_path):
    few = download(tmp_path / "few", "v2", sample=3, seed=9)
    many = download(tmp_path / "many", "v2", sample=8, seed=9)
    assert {row["hash"] for row in rows(few)} < {row["hash"] for row in rows(many)}
    online.requests.clear()
    before = {path.name: path.stat().st_mtime_ns for path in few.iterdir()}
    assert download(few, "v2", sample=3, seed=9) == few
    assert not online.requests
    assert {path.name: path.stat().st_mtime_ns for path in few.iterdir()} == before


def test_the_manifest_alone_gives_the_same_files_and_release(online, tmp_path):
    first = download(tmp_path / "first", "v2", sample=5, seed=1, has_gps=False)
    shutil.copy(first / "PASS.subset.json", tmp_path / "list.json")
    second = download(tmp_path / "second", include=tmp_path / "list.json")
    for name in ("PASS.subset.tar", "pass_metadata.csv"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    assert Manifest.read(second / "PASS.subset.json").selection.release == "v2"


def test_another_file_than_the_manifest_names_is_not_taken(online, tmp_path):
    first = download(tmp_path / "first", "v2", sample=5, seed=1)
    manifest = first / "PASS.subset.json"
    wrong, *others = [image.hash for image in Manifest.read(manifest).images]
    online.images = {**online.images, wrong: jpeg("another")}
    second = download(tmp_path / "second", include=manifest)
    made = Manifest.read(second / "PASS.subset.json")
    assert [image.hash for image in made.images] == others
    assert [each.hash for each in made.missing] == [wrong]
    assert "sha256" in made.missing[0].reason.lower().replace("-", "")


def test_missing_images_are_listed_and_asked_for_once_more_by_the_next_run(online, tmp_path):
    chosen = sorted(load_dataset("pass", data_dir=str(dummy_folder("v2")), split="train")["hash"])
    gone, broken = chosen[2], chosen[5]
    online.faults[gone] = [Fault(status=404)]
    online.faults[broken] = [Fault(body=b"<html>not here</html>")] * 6
    folder = download(tmp_path / "some", "v2", include=chosen)
    made = Manifest.read(folder / "PASS.subset.json")
    assert [each.hash for each in made.missing] == [gone, broken]
    assert [row["hash"] for row in rows(folder)] == sorted({*chosen} - {gone, broken})
    assert verify(folder) == []
    online.requests.clear()
    online.faults.clear()
    download(folder, "v2", include=chosen)
    assert set(online.requests) == {gone, broken}
    assert Manifest.read(folder / "PASS.subset.json").missing == ()
    assert [row["hash"] for row in rows(folder)] == chosen
    assert verify(folder) == []
    whole = download(tmp_path / "whole", "v2", include=chosen)
    for name in ("PASS.subset.tar", "pass_metadata.csv"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes()


def test_a_listed_hash_that_the_release_lacks_is_counted_and_named(online, tmp_path, caplog):
    known = next(iter(online.images))
    folder = download(tmp_path / "one", "v2", include=[known, "f" * 20])
    assert [row["hash"] for row in rows(folder)] == [known]
    assert "include: 1 of 2 hashes are not among the 25 rows of" in caplog.text
    assert f"pass_metadata.csv: {'f' * 20}." in caplog.text


def test_the_csv_has_the_rows_of_the_images_as_they_are(online, tmp_path):
    folder = download(tmp_path / "few", "v2", sample=6)

    def read(path):
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.reader(file))

    header, *lines = read(dummy_folder("v2") / "pass_metadata.csv")
    hashes = {image.hash for image in Manifest.read(folder / "PASS.subset.json").images}
    wanted = [header, *(line for line in lines if line[header.index("hash")] in hashes)]
    assert read(folder / "pass_metadata.csv") == wanted
    assert len(wanted) == 1 + len(hashes) > 5


def test_the_folder_is_refused_for_anything_else(online, tmp_path):
    few = download(tmp_path / "few", "v2", sample=3)
    with pytest.raises(DownloadError, match="a sample of 4 with seed 0, found those that are a sa"):
        download(few, "v2", sample=4)
    with pytest.raises(DownloadError, match="expected a folder for the shards of v2, found a sub"):
        download(few, "v2")
    with pytest.raises(DownloadError, match="expected a folder for record"):
        download(few, "v3", sample=3)
    shards = tmp_path / "shards"
    shutil.copytree(dummy_folder("v2"), shards)
    with pytest.raises(DownloadError, match="expected a new folder for a subset, found PASS.0.tar"):
        download(shards, "v2", sample=3)
    with pytest.raises(ReleaseError, match="expected no choice of shards"):
        rows(few, shards=[0])
    with pytest.raises(SelectionError, match="shards: expected none beside a choice of images"):
        download(tmp_path / "x", "v2", sample=3, shards=[0])
    with pytest.raises(SelectionError, match="exclude: expected it beside a choice"):
        download(tmp_path / "x", "v2", exclude=["f" * 20])
    with pytest.raises(SelectionError, match="source: expected it beside a choice"):
        download(tmp_path / "x", "v2", source=shards)
    with pytest.raises(SelectionError, match="found none of 25 that is taken up to 1980-01-01"):
        download(tmp_path / "x", "v2", max_date="1980-01-01")
    assert not (tmp_path / "x").exists()
    (few / "PASS.subset.tar").unlink()
    with pytest.raises(ReleaseError, match="expected a subset, missing PASS.subset.tar"):
        rows(few)
    assert verify(few) == [("PASS.subset.tar", "expected here, found none")]


def test_a_moved_folder_without_its_state_is_still_of_its_release(online, tmp_path):
    folder = download(tmp_path / "few", "v2", sample=3)
    (folder / ".pass-utils.json").unlink()
    shutil.move(folder, tmp_path / "moved")
    assert len(rows(tmp_path / "moved", None)) == 3
    assert verify(tmp_path / "moved") == []
    data = bytearray((tmp_path / "moved" / "PASS.subset.tar").read_bytes())
    data[600] ^= 1
    (tmp_path / "moved" / "PASS.subset.tar").write_bytes(data)
    assert [finding.name for finding in verify(tmp_path / "moved")] == ["PASS.subset.tar"]


@pytest.mark.parametrize(
    "damage", ["torn line", "lost line end", "lost bytes", "flipped byte", "no work file"]
)
def test_what_has_not_arrived_completely_is_asked_for_again(online, tmp_path, monkeypatch, damage):
    folder = tmp_path / "few"
    chosen = sorted(online.images)[:6]
    real = subsets.write_subset

    def killed(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(subsets, "write_subset", killed)
    with pytest.raises(KeyboardInterrupt):
        download(folder, "v2", include=chosen)
    with pytest.raises(ReleaseError, match="expected a complete subset, found one whose download"):
        rows(folder)
    monkeypatch.setattr(subsets, "write_subset", real)
    journal, work = folder / JOURNAL_FILE, folder / WORK_FILE
    last = json.loads(journal.read_text().splitlines()[-1])["hash"]
    expected = {last}
    if damage == "torn line":
        journal.write_bytes(journal.read_bytes()[:-20])
    elif damage == "lost line end":
        journal.write_bytes(journal.read_bytes()[:-1])
    elif damage == "lost bytes":
        work.write_bytes(work.read_bytes()[:-1])
    elif damage == "flipped byte":
        work.write_bytes(work.read_bytes()[:-1] + b"?")
    else:
        work.unlink()
        expected = set(chosen)
    online.requests.clear()
    download(folder, "v2", include=chosen)
    assert set(online.requests) == expected
    assert {path.name for path in folder.iterdir() if path.name[0] != "."} == FILES
    assert verify(folder) == []


def test_an_incomplete_subset_is_not_taken_up_by_another(online, tmp_path, monkeypatch):
    monkeypatch.setattr(subsets, "write_subset", lambda *args, **options: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        download(tmp_path / "few", "v2", sample=6)
    with pytest.raises(DownloadError, match='found an incomplete one of {"release": "v2", "sample'):
        download(tmp_path / "few", "v2", sample=5)


def run_download(release, folder, environment):
    """Fetch 200 images; in a process that is killed."""
    os.environ.update(environment)
    datasets.config.HF_DATASETS_CACHE = environment["HF_DATASETS_CACHE"]
    RELEASES["v2"] = release
    download(folder, "v2", sample=200, seed=4, connections=4, quiet=True)


def test_no_image_is_asked_for_twice_through_ten_kills_beyond_those_under_way(
    tmp_path, monkeypatch
):
    clear_environment(monkeypatch)
    served = tmp_path / "served"
    served.mkdir()
    hashes = [image_hash(number) for number in range(300)]
    write_csv(
        served / "pass_metadata.csv",
        [(n, "a", "2011-01-01 00:00:00.0", "", hash, "", "") for n, hash in enumerate(hashes)],
    )
    release = describe(served)._replace(name="v2")
    images = {hash: jpeg(hash) for hash in hashes}
    folder = tmp_path / "few"
    kills = 0
    with Zenodo(served) as zenodo, Bucket(images, latency=0.02) as bucket:
        bucket.faults[hashes[0]] = [Fault(status=503), Fault(cut=10)]
        environment = {
            "PASS_BASE_URL": zenodo.base_url,
            "PASS_IMAGE_URL": bucket.template,
            "HF_DATASETS_CACHE": str(tmp_path / "cache"),
        }
        context = multiprocessing.get_context("fork")
        while True:
            begun = sum(bucket.requests.values())
            arguments = (release, folder, environment)
            process = context.Process(target=run_download, args=arguments)
            process.start()
            while process.is_alive() and (
                kills == 10 or sum(bucket.requests.values()) < begun + 17
            ):
                time.sleep(0.005)
            if not process.is_alive():
                break
            process.kill()
            process.join()
            kills += 1
        process.join()
        assert process.exitcode == 0
        assert kills == 10
        assert sum(bucket.requests.values()) <= 200 + 4 * kills + 2
    monkeypatch.setitem(RELEASES, "v2", release)
    found = read_images(folder)
    assert found == {hash: images[hash] for hash in found}
    assert len(found) == 200
    assert verify(folder, "v2") == []


def test_a_server_that_refuses_everything_stops_the_run(online, tmp_path):
    online.always = lambda hash: Fault(status=403)
    with pytest.raises(RemoteError, match="403"):
        download(tmp_path / "few", "v2", include=list(online.images))
    online.always = lambda hash: None
    folder = download(tmp_path / "few", "v2", include=list(online.images))
    assert [row["hash"] for row in rows(folder)] == sorted(online.images)


def test_an_in_place_choice_copies_no_image_and_says_what_the_shards_lack(zenodo, caplog):
    folder = dummy_folder("v2")
    order = list(read_images(folder))
    found = rows(folder, include=order[::3])
    assert [row["hash"] for row in found] == order[::3]
    assert [row["hash"] for row in rows(folder, exclude=order[1:])] == order[:1]
    assert not caplog.messages
    here = rows(folder, include=order, shards=[0])
    assert [row["hash"] for row in here] == order[: len(here)]
    assert f"{len(order) - len(here)} of {len(order)} chosen images are not in the shards" in (
        caplog.text
    )


def test_a_list_counts_for_what_it_holds_and_not_for_its_path(zenodo, tmp_path):
    folder = str(dummy_folder("v2"))
    one, two, *_ = read_images(dummy_folder("v2"))
    listed = tmp_path / "list.txt"
    listed.write_text(f"{one}\n")

    def cached(include):
        ds = load_dataset("pass", data_dir=folder, split="train", include=include)
        return ds["hash"], ds.cache_files[0]["filename"]

    assert cached(str(listed)) == cached([one])
    listed.write_text(f"{two}\n")
    assert cached(str(listed))[0] == [two]


def test_a_stream_of_single_images_resumes_leaves_out_what_is_missing_and_keeps_nothing(
    online, tmp_path, caplog
):
    chosen = sorted(online.images)
    online.faults[chosen[3]] = [Fault(status=404)] * 9

    def stream():
        return load_dataset(
            "pass", "v2", split="train", streaming=True, include=chosen, cache_dir=str(tmp_path)
        )

    ds = stream()
    whole = {row["hash"]: row["bytes"] for row in rows(dummy_folder("v2"))}
    found = [(row["hash"], row["image"].tobytes()) for row in ds]
    assert found == [(hash, whole[hash]) for hash in chosen if hash != chosen[3]]
    assert f"1 of {len(chosen)} images are not available and left out: {chosen[3]}" in caplog.text
    seen = iter(ds)
    first = [next(seen)["hash"] for _ in range(5)]
    resumed = stream()
    resumed.load_state_dict(ds.state_dict())
    assert first + [row["hash"] for row in resumed] == [hash for hash, _ in found]
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in kept if path.suffix in (".jpg", ".tar", ".work")]


def test_a_loaded_subset_is_opened_again_without_the_network(online, zenodo, tmp_path):
    chosen = sorted(online.images)[:5]
    online.faults[chosen[0]] = [Fault(status=404)]  # and is not asked for at every opening
    options = {"split": "train", "include": chosen, "cache_dir": str(tmp_path)}
    first = load_dataset("pass", "v2", **options)["hash"]
    assert first == chosen[1:]
    assert load_dataset("pass", "v2", **options)["hash"] == first
    online.shutdown()
    zenodo.shutdown()
    assert load_dataset("pass", "v2", **options)["hash"] == first
