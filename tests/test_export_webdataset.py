"""Tars of samples: that other libraries read them, and what they find."""

from __future__ import annotations

import datetime
import io
import json
import tarfile

import pytest
from conftest import image_hash, jpeg
from datasets import Dataset, DatasetDict, Features, Image, Value, load_dataset
from hypothesis import given
from hypothesis import strategies as st

from pass_utils import ExportError, write_imagefolder, write_webdataset
from pass_utils.export.samples import to_json
from pass_utils.releases import dummy_folder


@pytest.fixture
def embedded() -> Dataset:
    return load_dataset("pass", data_dir=str(dummy_folder()), split="train", embed_images=True)


def plain(row: dict) -> dict:
    """A row of PASS as JSON has it."""
    date = row["date_taken"]
    return {name: value for name, value in row.items() if name != "image"} | {
        "date_taken": date and date.isoformat()
    }


def test_the_webdataset_library_reads_the_same_rows(embedded, tmp_path):
    webdataset = pytest.importorskip("webdataset", reason="pip install webdataset")
    written = write_webdataset(
        load_dataset("pass", data_dir=str(dummy_folder()), split="train"),
        tmp_path,
        max_shard_size="100KB",
    )
    assert [file.name for file in written] == [
        f"train-{number:06}.tar" for number in range(len(written))
    ]
    assert len(written) >= 4
    urls = [str(tmp_path / file.name) for file in written]
    samples = list(webdataset.WebDataset(urls, shardshuffle=False))
    rows = list(embedded.cast_column("image", Image(decode=False)))
    assert [sample["__key__"] for sample in samples] == [row["hash"] for row in rows]
    assert [sample["jpg"] for sample in samples] == [row["image"]["bytes"] for row in rows]
    assert [json.loads(sample["json"]) for sample in samples] == list(map(plain, rows))
    decoded = next(iter(webdataset.WebDataset(urls, shardshuffle=False).decode("pil")))
    assert decoded["jpg"].size == embedded[0]["image"].size


@pytest.mark.parametrize("streaming", [False, True])
def test_datasets_reads_the_same_rows(embedded, tmp_path, streaming):
    write_webdataset(embedded, tmp_path, max_shard_size="100KB")
    back = load_dataset("webdataset", data_dir=str(tmp_path), split="train", streaming=streaming)
    back = list(back.cast_column("jpg", Image(decode=False)))
    rows = list(embedded.cast_column("image", Image(decode=False)))
    assert [row["jpg"]["bytes"] for row in back] == [row["image"]["bytes"] for row in rows]
    assert [row["json"] for row in back] == list(map(plain, rows))


def test_a_tar_is_one_that_everyone_reads_and_tells_nothing_of_who_wrote_it(folder, tmp_path):
    ds = load_dataset("pass", data_dir=str(folder([[3, 1]])), shards=[0], split="train")
    (file,) = write_webdataset(ds, tmp_path / "out")
    data = (tmp_path / "out" / file.name).read_bytes()
    assert len(data) == file.size
    assert len(data) % 512 == 0
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        members = tar.getmembers()
        assert [member.name for member in members] == [
            f"{image_hash(n)}.{kind}" for n in (3, 1) for kind in ("jpg", "json")
        ]
        assert {(m.mtime, m.uid, m.gid, m.uname, m.mode) for m in members} == {(0, 0, 0, "", 0o644)}
        assert tar.extractfile(members[0]).read() == jpeg(image_hash(3))


def test_rows_without_a_hash_that_can_name_a_file_are_named_by_their_number(tmp_path):
    features = Features({"image": Image(), "hash": Value("string")})
    hashes = ["../../etc/x", "a.b", None, "good\n", "g" * 94, "x" * 95]
    pictures = [{"bytes": b"\x89PNG\r\n\x1a\n" + bytes([n]), "path": None} for n in range(6)]
    ds = Dataset.from_dict({"image": pictures, "hash": hashes}, features=features)
    (file,) = write_webdataset(ds.select(range(6)), tmp_path)
    with tarfile.open(tmp_path / file.name) as tar:
        names = [name for name in tar.getnames() if name.endswith(".png")]
        rows = [
            json.load(tar.extractfile(name)) for name in tar.getnames() if name.endswith(".json")
        ]
    assert names == [*(f"00000000{n}.png" for n in range(4)), f"{'g' * 94}.png", "000000005.png"]
    assert [row["hash"] for row in rows] == hashes
    many = write_webdataset(ds, tmp_path / "many", max_shard_size=1)
    with tarfile.open(tmp_path / "many" / many[3].name) as tar:
        assert tar.getnames() == ["000000003.png", "000000003.json"]


@pytest.mark.parametrize("write", [write_webdataset, write_imagefolder])
def test_a_key_that_comes_twice_is_found_before_any_work(tmp_path, write):
    pictures = [{"bytes": b"\x89PNG\r\n\x1a\n", "path": None}] * 2500
    features = Features({"image": Image(), "hash": Value("string")})
    for hashes, found in (
        (
            [f"{n:x}" for n in range(2499)] + ["7"],
            "row 2,499: expected a hash of its own, found 7 again",
        ),
        (
            ["000002000", *(f"a.{n}" for n in range(2499))],
            "row 2,000: expected a hash of its own, found 000002000 again",
        ),
    ):
        ds = Dataset.from_dict({"image": pictures, "hash": hashes}, features=features)
        with pytest.raises(ExportError, match=found):
            write(ds, tmp_path / "out")
        parts = DatasetDict(train=ds.select(range(5)), test=ds)
        with pytest.raises(ExportError, match=found):
            write(parts, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    ds = Dataset.from_dict(
        {"image": pictures[:2], "hash": [5, 5]},
        features=Features({"image": Image(), "hash": Value("int8")}),
    )
    assert (
        sum(file.rows for file in write(ds, tmp_path / "out") if "metadata" not in file.name) == 2
    )


def test_what_has_no_place_in_a_tar_is_refused(tmp_path):
    picture = {"bytes": b"x", "path": None}
    features = Features({"image": Image(), "hash": Value("string")})
    twice = Dataset.from_dict({"image": [picture] * 2, "hash": ["a", "a"]}, features=features)
    without = Dataset.from_dict({"image": [picture, None], "hash": ["a", "b"]}, features=features)
    two = Dataset.from_dict(
        {"image": [picture], "more": [picture]},
        features=Features({"image": Image(), "more": Image()}),
    )
    for number, write in enumerate((write_webdataset, write_imagefolder)):
        with pytest.raises(ExportError, match="row 1: expected a hash of its own, found a again"):
            write(twice, tmp_path / f"twice{number}")
        with pytest.raises(
            ExportError, match="rows 0 to 1: expected an image in each, found 1 without"
        ):
            write(without, tmp_path / f"without{number}")
        with pytest.raises(
            ExportError,
            match=(
                r"expected one column of images, found image, more.*remove_columns\(\['more'\]\)"
            ),
        ):
            write(two, tmp_path / f"two{number}")
        assert not [
            path for path in tmp_path.rglob("*") if path.is_file() and not path.name.startswith(".")
        ]


def test_values_that_json_lacks_are_written_as_people_expect():
    row = {
        "date": datetime.datetime(2011, 1, 2, 3, 4, 5, 600),
        "day": datetime.date(2011, 1, 2),
        "zone": datetime.datetime(2011, 1, 2, tzinfo=datetime.timezone.utc),
        "numbers": [float("nan"), float("inf"), 1.5, None],
        "deep": {"bytes": b"\x00\xff"},
        "name": "Jürgen </script>\u2028\n",
    }
    line = to_json(row)
    assert b"\n" not in line
    assert json.loads(line) == {
        "date": "2011-01-02T03:04:05.000600",
        "day": "2011-01-02",
        "zone": "2011-01-02T00:00:00+00:00",
        "numbers": [None, None, 1.5, None],
        "deep": {"bytes": "AP8="},
        "name": "Jürgen </script>\u2028\n",
    }


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.slow
@given(row=st.dictionaries(st.text(), values, max_size=4))
def test_every_row_is_one_line_of_json_that_gives_it_back(row):
    line = to_json(row)
    assert line.count(b"\n") == line.count(b"\r") == 0
    assert json.loads(line) == row
