"""One image by its hash, from a folder or by URL."""

from __future__ import annotations

import shutil

import pytest
from datasets import Image, load_dataset
from support.bucket import Bucket
from support.zenodo import Zenodo, clear_environment, describe
from test_transfer_subset import read_images

from pass_utils import RELEASES, RemoteError, SelectionError, download, find_image
from pass_utils.releases import dummy_folder

FOLDER = dummy_folder("v2")


def pixels(row):
    return {**row, "image": row["image"].tobytes()}


@pytest.fixture
def online(monkeypatch):
    clear_environment(monkeypatch)
    monkeypatch.setitem(RELEASES, "v2", describe(FOLDER)._replace(name="v2"))
    images = read_images(FOLDER)
    images.pop(next(iter(images)))  # which the bucket lacks
    with Zenodo(FOLDER) as zenodo, Bucket(images) as bucket:
        monkeypatch.setenv("PASS_BASE_URL", zenodo.base_url)
        monkeypatch.setenv("PASS_IMAGE_URL", bucket.template)
        yield bucket


def test_every_image_of_a_folder_is_found_as_its_row_is():
    ds = load_dataset("pass", data_dir=str(FOLDER), split="train")
    for index in (0, 7, len(ds) - 1):
        assert pixels(find_image(ds[index]["hash"], FOLDER)) == pixels(ds[index])


def test_an_image_by_url_is_the_row_of_the_folder(online):
    hash = next(iter(online.images))
    assert pixels(find_image(hash)) == pixels(find_image(hash, FOLDER))
    raw = find_image(hash, decode=False)
    assert raw["image"] == {"path": f"{hash}.jpg", "bytes": online.images[hash]}


def test_an_image_is_found_in_a_subset_and_in_some_shards(online, tmp_path):
    hash = next(iter(online.images))
    subset = download(tmp_path / "few", "v2", include=hash)
    assert pixels(find_image(hash, subset)) == pixels(find_image(hash, FOLDER))
    part = tmp_path / "part"
    part.mkdir()
    for name in ("PASS.3.tar", "pass_metadata.csv"):
        shutil.copy(FOLDER / name, part)
    ds = load_dataset("pass", data_dir=str(part), shards=[3], split="train")
    raw = ds.cast_column("image", Image(decode=False))[0]
    assert find_image(raw["hash"], part, decode=False) == raw
    with pytest.raises(SelectionError, match=f"expected image {hash}, found none .* shards 3"):
        find_image(hash, part)


def test_what_is_no_image_is_refused(online):
    lacking = next(iter(read_images(FOLDER)))
    with pytest.raises(RemoteError, match=f"{lacking}: expected an image, found .*404"):
        find_image(lacking)
    with pytest.raises(SelectionError, match="expected an image of release v2, found ffff"):
        find_image("f" * 20)
    with pytest.raises(SelectionError, match="expected 16 to 32 lower-case hex .* found 'x'"):
        find_image("x")
