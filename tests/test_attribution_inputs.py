"""What credits are made from: the checks of a folder's CSV, and outputs that are inputs."""

from __future__ import annotations

import shutil

import datasets
import pytest
from conftest import HEADER, image_hash, jpeg, write_csv

from pass_utils import AttributionError, MetadataError, credits, write_attribution
from pass_utils.releases import RELEASES


def load(where, **options):
    return datasets.load_dataset(
        "pass", data_dir=str(where), shards=[0, 1], split="train", **options
    )


def row(number: int, name: str = "user") -> list[object]:
    return [number, name, "", "Attribution License", image_hash(number), "", ""]


BROKEN = {
    "no rows": [],
    "a hash twice": [row(0), row(1), row(0, "somebody+else")],
    "no hash": [row(0), [1, "user", "", "Attribution License", "", "", ""]],
    "another hash": [row(0), [1, "user", "", "Attribution License", "x" * 32, "", ""]],
    "no date": [row(0), [1, "user", "yesterday", "Attribution License", image_hash(1), "", ""]],
    "no latitude": [row(0), [1, "user", "", "Attribution License", image_hash(1), "91.5", "0"]],
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_csv_that_cannot_be_opened_cannot_be_credited(folder, tmp_path, kind):
    where = folder()
    write_csv(where / "pass_metadata.csv", BROKEN[kind])
    with pytest.raises(MetadataError) as opened:
        load(where)
    for use in (
        lambda: list(credits(where)),
        lambda: write_attribution(where, tmp_path / "C.csv"),
        lambda: write_attribution(where, tmp_path / "C.html"),
    ):
        with pytest.raises(MetadataError) as credited:
            use()
        assert str(credited.value) == str(opened.value)
    assert [path.name for path in tmp_path.iterdir()] == ["pass"]


@pytest.mark.parametrize("column", range(len(HEADER)))
@pytest.mark.parametrize("line", [1, 3])
def test_a_lone_quote_that_swallows_lines_makes_no_shorter_list(folder, tmp_path, column, line):
    where = folder()
    csv = where / "pass_metadata.csv"
    lines = csv.read_text().split("\n")
    fields = lines[line].split(",")
    fields[column] = f'"{fields[column]}'
    lines[line] = ",".join(fields)
    csv.write_text("\n".join(lines))
    with pytest.raises(MetadataError):
        write_attribution(where, tmp_path / "C.csv")
    assert not (tmp_path / "C.csv").exists()


@pytest.mark.parametrize("kind", ["in place", "embedded", "streamed", "folder", "elsewhere"])
def test_a_list_does_not_replace_a_shard(folder, kind):
    where = folder()
    target = {
        "in place": lambda: load(where),
        "embedded": lambda: load(where, embed_images=True),
        "streamed": lambda: load(where, streaming=True),
        "folder": lambda: where,
        "elsewhere": lambda: [{"hash": image_hash(0), "creator_username": "a"}],
    }[kind]()
    if isinstance(target, list):
        target = datasets.Dataset.from_list(target)
    shard = where / "PASS.1.tar"
    before = shard.read_bytes()
    with pytest.raises(AttributionError, match="expected the name of a new list, found"):
        write_attribution(target, shard, format="csv")
    assert shard.read_bytes() == before
    assert len(list(where.iterdir())) == 3


def test_a_list_does_not_replace_a_shard_that_has_another_name(folder, monkeypatch):
    """Shards may be opened through links."""
    where = folder()
    shutil.move(where / "PASS.1.tar", where / "our shard, 1.csv")
    (where / "PASS.1.tar").symlink_to(where / "our shard, 1.csv")
    ds = load(where)
    with pytest.raises(AttributionError, match="found a file that the credits are made from"):
        write_attribution(ds, where / "our shard, 1.csv")
    assert (where / "our shard, 1.csv").stat().st_size > 0


def test_a_list_does_not_replace_an_image_or_a_file_of_the_cache(tmp_path):
    (tmp_path / "photo.csv").write_bytes(jpeg("a"))
    ds = datasets.Dataset.from_dict(
        {
            "hash": [image_hash(0)],
            "creator_username": ["a"],
            "image": [str(tmp_path / "photo.csv")],
        }
    ).cast_column("image", datasets.Image())
    ds.save_to_disk(tmp_path / "saved")
    saved = datasets.load_from_disk(tmp_path / "saved")
    arrow = tmp_path / "saved" / "data-00000-of-00001.arrow"
    for target, out in ((ds, tmp_path / "photo.csv"), (saved, arrow), ({"a": saved}, arrow)):
        before = out.read_bytes()
        with pytest.raises(AttributionError, match="found a file that the credits are made from"):
            write_attribution(target, out, format="csv")
        assert out.read_bytes() == before


@pytest.mark.parametrize("name", [file.name for file in RELEASES["v3"].files])
def test_a_list_never_has_the_name_of_a_file_of_a_release(folder, tmp_path, name):
    with pytest.raises(AttributionError, match=f"found the name of {name}"):
        write_attribution(load(folder()), tmp_path / name, format="csv")
    assert [path.name for path in tmp_path.iterdir()] == ["pass"]


def test_a_list_may_be_beside_what_it_is_made_from(folder):
    where = folder()
    for _ in range(2):
        assert write_attribution(load(where), where / "CREDITS.csv") == 5
