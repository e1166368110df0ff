"""Small pictures on a page of credits."""

from __future__ import annotations

import base64
import io

import datasets
import pytest
from conftest import image_hash
from PIL import Image

from pass_utils import AttributionError, DatasetError, ImageError, write_attribution
from pass_utils.releases import dummy_folder

html5lib = pytest.importorskip("html5lib")


def load(**options):
    return datasets.load_dataset("pass", data_dir=str(dummy_folder()), split="train", **options)


def shown(path) -> list[tuple[str, Image.Image, dict]]:
    tree = html5lib.parse(path.read_text(), namespaceHTMLElements=False)
    found = []
    for item in tree.findall(".//main//li"):
        image = item.find("img")
        head, data = image.get("src").split(",")
        assert head == "data:image/jpeg;base64"
        small = Image.open(io.BytesIO(base64.b64decode(data)))
        name = item.find("p[@class='file']")
        hash = (item.find("a") if name is None else name).text.removesuffix(".jpg")
        found.append((hash, small, dict(image.attrib)))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"embed_images": True}, {"streaming": True}])
def test_each_credit_has_its_thumbnail(tmp_path, options):
    ds = load(**options)
    assert write_attribution({"a": ds}, tmp_path / "C.html", thumbnails=64) == 24
    pictures = {row["hash"]: row["image"] for row in load()}
    for hash, small, attributes in shown(tmp_path / "C.html"):
        assert max(small.size) == 64
        assert (int(attributes["width"]), int(attributes["height"])) == small.size
        assert attributes["alt"] == f"Photo {hash}"
        whole = (
            pictures.pop(hash).convert("RGB").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
        )
        mean = small.convert("RGB").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
        assert max(abs(a - b) for a, b in zip(whole, mean, strict=True)) < 6
        assert not small.getexif()
    assert pictures == {}
    assert [entry.name for entry in tmp_path.iterdir()] == ["C.html"]


def test_thumbnails_follow_their_credits_onto_pages(tmp_path, monkeypatch):
    monkeypatch.setattr("pass_utils.attribution.html.PAGE_CREDITS", 3)
    images = [Image.new("L", (40, 20), 30 * n) for n in range(8)]
    rows = {
        "hash": [image_hash(n) for n in range(8)],
        "creator_username": [*"hgfedcba"],
        "image": images,
    }
    ds = datasets.Dataset.from_dict(rows).cast_column("image", datasets.Image())
    write_attribution(ds, tmp_path / "C.html", thumbnails=20)
    greys = {}
    for page in (tmp_path / "C.html_files").glob("credits-*"):
        greys |= {hash: small.resize((1, 1)).getpixel((0, 0))[0] for hash, small, _ in shown(page)}
    assert all(abs(greys[image_hash(n)] - 30 * n) < 4 for n in range(8))


def test_thumbnails_need_a_dataset_with_images(tmp_path):
    with pytest.raises(DatasetError, match="expected a Dataset, .* found PosixPath"):
        write_attribution(dummy_folder(), tmp_path / "C.html", thumbnails=64)
    with pytest.raises(DatasetError, match="expected a column of type Image, found"):
        write_attribution(load().remove_columns("image"), tmp_path / "C.html", thumbnails=64)
    assert list(tmp_path.iterdir()) == []


def test_undecoded_images_have_thumbnails_too(tmp_path):
    raw = load().cast_column("image", datasets.Image(decode=False))
    write_attribution(raw, tmp_path / "C.html", thumbnails=64)
    write_attribution(load(), tmp_path / "D.html", thumbnails=64)
    assert (tmp_path / "C.html").read_bytes() == (tmp_path / "D.html").read_bytes()


def test_a_broken_image_is_named_by_its_hash(tmp_path):
    broken = datasets.Dataset.from_dict(
        {
            "hash": [image_hash(0)],
            "creator_username": ["a"],
            "image": [{"bytes": b"no", "path": None}],
        }
    )
    with pytest.raises(
        ImageError,
        match=f"thumbnails: image {image_hash(0)}: expected an image file, found 2 bytes .* Leave "
        "it out. `ds.filter.*` does, or write the list without thumbnails",
    ):
        write_attribution(
            broken.cast_column("image", datasets.Image()), tmp_path / "C.html", thumbnails=64
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [0, -1, 5000, "160", True, 1.5])
def test_thumbnails_refuse_sizes_out_of_range(tmp_path, size):
    with pytest.raises(AttributionError, match="thumbnails: expected 16 to 1024 pixels, found"):
        write_attribution(load(), tmp_path / "C.html", thumbnails=size)


def test_thumbnails_are_for_html_only(tmp_path):
    with pytest.raises(AttributionError, match="thumbnails: expected a list in html, found csv"):
        write_attribution(load(), tmp_path / "C.csv", thumbnails=64)
