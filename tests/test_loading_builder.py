"""load_dataset("pass", data_dir=...): in place, embedded, streaming, and everything that can be
wrong with a folder.
"""

from __future__ import annotations

import csv
import errno
import os
import pickle
import sys
import tarfile
from datetime import datetime
from pathlib import Path

import datasets
import numpy as np
import pytest
from conftest import image_hash, jpeg, write_csv, write_tar
from datasets import Image, load_dataset
from support.zenodo import describe

from pass_utils import DownloadError, MetadataError, PassError, ReleaseError, ShardError
from pass_utils.releases import FEATURES, RELEASES, dummy_folder, script
from pass_utils.transfer.state import STATE_FILE

COLUMNS = ["image", "creator_username", "hash", "gps_latitude", "gps_longitude", "date_taken"]


def load(folder: Path, **options):
    return load_dataset("pass", data_dir=str(folder), split="train", **options)


def raw(dataset):
    """Rows with undecoded images."""
    return list(dataset.cast_column("image", Image(decode=False)))


def pixels(dataset):
    """Rows with the decoded pixels instead of the picture."""
    return [
        {**row, "image": (row["image"].size, row["image"].mode, row["image"].tobytes())}
        for row in dataset
    ]


def read_folder(folder: Path) -> list[dict]:
    """The rows that a folder should give, by tarfile and csv alone."""
    with (folder / "pass_metadata.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["hash"]: row for row in csv.DictReader(file)}
    expected = []
    for path in sorted(folder.glob("PASS.*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                name = member.name.rpartition("/")[2]
                if not member.isfile() or name.startswith("."):
                    continue
                row = rows[name.removesuffix(".jpg")]
                date = row["datetaken"]
                expected.append(
                    {
                        "image": tar.extractfile(member).read(),
                        "creator_username": row["unickname"] or None,
                        "hash": row["hash"],
                        "gps_latitude": float(np.float32(row["latitude"]))
                        if row["latitude"]
                        else None,
                        "gps_longitude": float(np.float32(row["longitude"]))
                        if row["longitude"]
                        else None,
                        "date_taken": datetime.strptime(date, "%Y-%m-%d %H:%M:%S.%f")
                        if date
                        else None,
                    }
                )
    return expected


def test_in_place_gives_the_rows_that_tar_and_csv_hold(bundled):
    release, folder = bundled
    ds = load(folder, name=release)
    assert ds.features == FEATURES
    assert ds.column_names == COLUMNS
    expected = read_folder(folder)
    assert len(ds) == len(expected) == {"v2": 24, "v3": 23}[release]
    for row, undecoded, want in zip(ds, raw(ds), expected, strict=True):
        assert undecoded["image"]["bytes"] is None
        picture = Image().decode_example({"path": None, "bytes": want["image"]})
        assert (row["image"].size, row["image"].tobytes()) == (picture.size, picture.tobytes())
        assert {**undecoded, "image": 0} == {**want, "image": 0}


def test_streaming_and_embedding_give_the_same_rows_with_bytes(bundled):
    release, folder = bundled
    expected = read_folder(folder)
    embedded = load(folder, name=release, embed_images=True)
    stream = load(folder, name=release, streaming=True)
    assert stream.features == embedded.features == FEATURES
    for dataset in (embedded, stream):
        rows = raw(dataset)
        assert [{**row, "image": row["image"]["bytes"]} for row in rows] == expected
        assert [row["image"]["path"] for row in rows] == [f"{row['hash']}.jpg" for row in rows]


@pytest.mark.slow
def test_streaming_in_small_ranges_gives_every_row_once_and_in_order(folder):
    shards = folder([range(0, 40), range(40, 41), range(41, 90)])
    options = {"shards": [0, 1, 2], "streaming": True}
    stream = load(shards, range_size=1500, **options)
    assert getattr(stream, "num_shards", None) or stream.n_shards > 30
    assert [row["hash"] for row in stream] == [image_hash(number) for number in range(90)]
    assert raw(stream) == raw(load(shards, **options))


def test_the_loading_script_gives_the_same_rows(bundled, tmp_path):
    release, folder = bundled
    builder = script.PASS(config_name=release, data_dir=str(folder), cache_dir=str(tmp_path))
    builder.download_and_prepare()
    ours = raw(load(folder, name=release, embed_images=True))
    assert raw(builder.as_dataset("train")) == ours
    assert raw(builder.as_streaming_dataset("train")) == ours


def test_in_place_copies_nothing(folder, cache):
    shards = folder([range(50)])
    ds = load(shards, shards=[0])
    held = sum(Path(file["filename"]).stat().st_size for file in ds.cache_files)
    assert 0 < held < 50 * 400
    assert jpeg(image_hash(7)) not in Path(ds.cache_files[0]["filename"]).read_bytes()
    embedded = load(shards, shards=[0], embed_images=True)
    assert jpeg(image_hash(7)) in Path(embedded.cache_files[0]["filename"]).read_bytes()


def test_shards_are_opened_in_the_order_asked_for(folder):
    shards = folder([[0], [1], [2, 3]])
    for streaming in (False, True):
        rows = load(shards, shards=[2, 0], streaming=streaming)
        assert [row["hash"] for row in rows] == [image_hash(number) for number in (2, 3, 0)]


def test_releases_have_their_own_version_and_v2_is_the_default():
    assert datasets.get_dataset_config_names("pass") == ["v2", "v3"]
    builder = datasets.load_dataset_builder("pass", data_dir=str(dummy_folder("v2")))
    assert (builder.config.name, str(builder.config.version)) == ("v2", "1.0.0")
    assert builder.info.features == FEATURES
    builder = datasets.load_dataset_builder("pass", "v3", data_dir=str(dummy_folder("v3")))
    assert (builder.config.name, str(builder.config.version)) == ("v3", "2.0.0")


@pytest.mark.parametrize("streaming", [False, True])
def test_a_folder_that_is_known_to_hold_a_release_is_opened_as_that_one(folder, streaming):
    shards = folder()
    (shards / STATE_FILE).write_text(f'{{"record": {RELEASES["v3"].record}}}')
    ds = load(shards, shards=[0, 1], streaming=streaming)
    assert (ds.info.config_name, str(ds.info.version), len(list(ds))) == ("v3", "2.0.0", 5)
    assert load(shards, name="v3", shards=[0, 1], streaming=streaming).info.config_name == "v3"
    with pytest.raises(
        DownloadError,
        match=r"expected a folder for record 5570664 \(v2\), found files of record 6615455",
    ):
        load(shards, name="v2", shards=[0, 1], streaming=streaming)


def test_the_size_of_a_file_tells_which_release_a_folder_holds(folder, monkeypatch):
    shards = folder()
    os.truncate(shards / "PASS.1.tar", RELEASES["v3"].shards[1].size)
    monkeypatch.chdir(shards.parent)
    for name, found in ((None, "v3"), ("v3", "v3")):
        builder = datasets.load_dataset_builder("pass", name, data_dir=shards.name, shards=[0, 1])
        assert builder.config.name == found
    with pytest.raises(
        DownloadError, match="Choose another folder, or the release that this one holds"
    ):
        datasets.load_dataset_builder("pass", "v2", data_dir=shards.name, shards=[0, 1])


@pytest.mark.slow
@pytest.mark.parametrize("embed_images", [False, True])
def test_a_prepared_dataset_does_all_that_datasets_does(folder, tmp_path, embed_images):
    ds = load(folder(), shards=[0, 1], embed_images=embed_images)
    whole = pixels(ds)
    assert [row["hash"] for row in ds.select([4, 0])] == [image_hash(4), image_hash(0)]
    assert pixels(ds.select([4, 0])) == [whole[4], whole[0]]
    shuffled = ds.shuffle(seed=1)
    assert sorted(row["hash"] for row in shuffled) == sorted(row["hash"] for row in whole)
    assert pixels(
        ds.filter(lambda row: row["image"].width > 0 and row["hash"] == whole[3]["hash"])
    ) == [whole[3]]
    widths = ds.map(lambda row: {"width": row["image"].width}, num_proc=2)
    assert widths["width"][:] == [row["image"][0][0] for row in whole]
    ds.save_to_disk(str(tmp_path / "saved"))
    assert pixels(datasets.load_from_disk(str(tmp_path / "saved"))) == whole
    assert pixels(pickle.loads(pickle.dumps(ds))) == whole
    assert (
        pixels(load(ds_folder(ds, tmp_path), shards=[0, 1], embed_images=embed_images, num_proc=2))
        == whole
    )


def ds_folder(ds, tmp_path: Path) -> Path:
    return tmp_path / "pass"


def test_rows_do_not_depend_on_the_current_folder(folder, tmp_path, monkeypatch):
    """A picture of the same name in the current folder, a folder `pass` and a file `pass.py`
    mislead nobody.
    """
    shards = folder()
    here = tmp_path / "here"
    (here / "pass").mkdir(parents=True)
    (here / "pass" / "data.csv").write_text("a\n1\n")
    (here / "pass.py").write_text("raise SystemExit\n")
    (here / f"{image_hash(0)}.jpg").write_bytes(b"another picture")
    expected = pixels(load(shards, shards=[0]))
    monkeypatch.chdir(here)
    if (
        datasets.__version__ < "3"
    ):  # encodes what it streams, and prefers a file of that name here to the bytes
        (here / f"{image_hash(0)}.jpg").unlink()
    for options in ({}, {"embed_images": True}, {"streaming": True}):
        assert pixels(load(shards, shards=[0], **options)) == expected
    relative = Path(os.path.relpath(shards))
    assert pixels(load(relative, shards=[0])) == expected
    assert load_dataset("./pass", split="train")[0] == {"a": 1}


def test_a_home_folder_is_expanded(folder, monkeypatch, tmp_path):
    folder()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(load(Path("~/pass"), shards=[0, 1])) == 5


def test_a_folder_with_odd_characters_in_its_name(folder):
    shards = folder(name="a b%20[c]*?#::é\"'")
    assert pixels(load(shards, shards=[0, 1])) == pixels(
        load(shards, shards=[0, 1], streaming=True)
    )


@pytest.mark.parametrize("streaming", [False, True])
class TestBadInput:
    """Each is a PassError that says what was expected, found and to be done; and the next call,
    mended, is right.
    """

    def fails(self, folder, streaming, error, match, **options):
        options = {"shards": [0, 1], "streaming": streaming, **options}
        with pytest.raises(error, match=match) as caught:
            for _ in load(folder, **options):
                pass
        assert isinstance(caught.value, PassError)
        assert not isinstance(caught.value, OSError)
        return caught.value

    def test_missing_shard(self, folder, streaming):
        message = str(self.fails(folder(), streaming, ReleaseError, "PASS.2.tar", shards=[0, 1, 2]))
        assert "expected the CSV and 3 shards of release v2, missing PASS.2.tar." in message
        assert "Open what is there with `shards=[0, 1]` or `--shards 0,1`" in message
        assert message.endswith("pass --release v2 --shards 0,1,2`.")

    def test_no_shards_named_asks_for_all_ten(self, folder, streaming):
        self.fails(folder(), streaming, ReleaseError, r"PASS\.9\.tar", shards=None)

    def test_missing_csv(self, folder, streaming):
        shards = folder()
        (shards / "pass_metadata.csv").unlink()
        self.fails(shards, streaming, ReleaseError, "pass_metadata.csv")

    def test_missing_folder(self, tmp_path, streaming):
        self.fails(
            tmp_path / "nowhere",
            streaming,
            ReleaseError,
            r"nowhere: expected a folder .*, found none\. Check the path, or try the bundled "
            r"miniature: data_dir=pass_utils\.dummy_folder\(\)\.$",
        )

    def test_unknown_release(self, folder, streaming):
        self.fails(folder(), streaming, ReleaseError, "v2, v3, found 'v9'", name="v9")

    @pytest.mark.parametrize("shards", [[10], [-1], [], [0, 0], ["0"], [True], "01"])
    def test_unknown_shards(self, folder, streaming, shards):
        self.fails(
            folder(), streaming, ReleaseError, "different numbers from 0 to 9", shards=shards
        )

    @pytest.mark.parametrize("option", [{"revision": "main"}, {"data_files": "PASS.0.tar"}])
    def test_what_pass_does_not_have(self, folder, streaming, option):
        self.fails(folder(), streaming, ReleaseError, next(iter(option)), **option)

    @pytest.mark.parametrize("range_size", [0, -5, 1.5, "1MB", True])
    def test_bad_range_size(self, folder, streaming, range_size):
        self.fails(folder(), streaming, ReleaseError, "range_size", range_size=range_size)

    def test_no_tar(self, folder, streaming):
        shards = folder()
        (shards / "PASS.1.tar").write_bytes(b"<html>Too many requests</html>" * 100)
        error = self.fails(
            shards, streaming, ShardError, "expected a tar, found a file that begins with b'<html>"
        )
        assert error.shard == str(shards / "PASS.1.tar")
        assert error.offset == 0

    def test_empty_file(self, folder, streaming):
        shards = folder()
        (shards / "PASS.1.tar").write_bytes(b"")
        self.fails(shards, streaming, ShardError, "an empty file|expected a tar")

    def test_cut_short(self, folder, streaming):
        shards = folder()
        whole = (shards / "PASS.1.tar").read_bytes()
        for length in (len(whole) // 4, 1100, 512 * 3):
            (shards / "PASS.1.tar").write_bytes(whole[:length])
            assert self.fails(shards, streaming, ShardError, r"PASS\.1\.tar").shard == str(
                shards / "PASS.1.tar"
            )
        (shards / "PASS.1.tar").write_bytes(whole)
        assert [row["hash"] for row in load(shards, shards=[1], streaming=streaming)] == [
            image_hash(n) for n in (2, 3, 4)
        ]

    @pytest.mark.parametrize(
        "name", ["readme.txt", "ABCDEF0123456789.jpg", "0123456789abcdef.png", "0123.jpg"]
    )
    def test_a_file_that_is_no_image_of_pass(self, folder, streaming, name):
        shards = folder()
        write_tar(shards / "PASS.1.tar", {f"PASS_dataset/1/{name}": b"x"})
        self.fails(
            shards, streaming, ShardError, f"<hash>.jpg, found a member 'PASS_dataset/1/{name}'"
        )

    def test_hidden_files_are_passed_over(self, folder, streaming):
        shards = folder()
        files = {"PASS_dataset/.DS_Store": b"x", f"PASS_dataset/1/._{image_hash(2)}.jpg": b"y"}
        write_tar(
            shards / "PASS.1.tar", {**files, f"PASS_dataset/1/{image_hash(2)}.jpg": jpeg("z")}
        )
        assert [row["hash"] for row in load(shards, shards=[1], streaming=streaming)] == [
            image_hash(2)
        ]

    def test_an_image_without_metadata(self, folder, streaming):
        shards = folder()
        write_tar(shards / "PASS.1.tar", {f"PASS_dataset/1/{image_hash(77)}.jpg": jpeg("x")})
        error = self.fails(
            shards, streaming, MetadataError, f"expected a row for image {image_hash(77)}"
        )
        assert error.hash == image_hash(77)
        assert "PASS.1.tar" in str(error)
        assert "pass_metadata.csv" in str(error)

    @pytest.mark.parametrize(
        ("row", "match"),
        [
            (
                (1, "u", "yesterday", "Attribution License", image_hash(0), "", ""),
                "a date like .* in datetaken, line 2, found .*yesterday",
            ),
            (
                (1, "u", "", "Attribution License", image_hash(0), "north", ""),
                "a number of degrees in latitude, line 2, found .*north",
            ),
            (
                (1, "u", "", "Attribution License", image_hash(0), "91", "0"),
                "gps_latitude within 90 degrees, found 91.0 in line 2",
            ),
            (
                (1, "u", "", "Attribution License", image_hash(0), "0", "-181"),
                "gps_longitude within 180 degrees, found -181.0",
            ),
            (
                (1, "u", "", "Attribution License", "not-a-hash", "", ""),
                "hex characters, found 'not-a-hash' in line 2",
            ),
            (
                (1, "u", "", "Attribution License", "", "", ""),
                "hex characters, found None in line 2",
            ),
        ],
    )
    def test_a_bad_value_in_the_csv(self, folder, streaming, row, match):
        shards = folder()
        write_csv(shards / "pass_metadata.csv", [row])
        assert self.fails(shards, streaming, MetadataError, match).path == str(
            shards / "pass_metadata.csv"
        )

    def test_a_csv_with_other_columns(self, folder, streaming):
        shards = folder()
        write_csv(shards / "pass_metadata.csv", [(1, 2)], header=["id", "name"])
        self.fails(
            shards, streaming, MetadataError, "columns hash, unickname, .* found 'id', 'name'"
        )

    def test_a_hash_twice_in_the_csv(self, folder, streaming):
        shards = folder()
        row = (1, "u", "", "Attribution License", image_hash(0), "", "")
        write_csv(shards / "pass_metadata.csv", [row, row])
        assert self.fails(shards, streaming, MetadataError, "each hash once").hash == image_hash(0)

    def test_an_image_twice_in_a_shard(self, folder, streaming):
        shards = folder()
        name = f"PASS_dataset/1/{image_hash(2)}.jpg"
        write_tar(shards / "PASS.1.tar", [(name, jpeg("a")), (name, jpeg("b"))])
        self.fails(shards, streaming, ShardError, f"found {image_hash(2)}.jpg a second time")


@pytest.mark.parametrize("num_proc", [None, 2])
@pytest.mark.parametrize("embed_images", [False, True])
def test_an_image_in_two_shards(folder, num_proc, embed_images):
    with pytest.raises(ShardError, match=f"each image once, found {image_hash(1)}.jpg"):
        load(folder([[0, 1], [1, 2]]), shards=[0, 1], num_proc=num_proc, embed_images=embed_images)


def test_an_error_in_another_process_is_still_ours(folder):
    shards = folder()
    (shards / "PASS.1.tar").write_bytes(b"no tar" * 500)
    with pytest.raises(ShardError, match="expected a tar") as caught:
        load(shards, shards=[0, 1], num_proc=2)
    assert caught.value.offset == 0


def test_an_error_leaves_no_cache_that_a_later_call_takes_for_whole(folder):
    shards = folder()
    good = (shards / "PASS.1.tar").read_bytes()
    status = (shards / "PASS.1.tar").stat()
    (shards / "PASS.1.tar").write_bytes(b"\1" * len(good))
    os.utime(shards / "PASS.1.tar", ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(ShardError):
        load(shards, shards=[0, 1])
    (shards / "PASS.1.tar").write_bytes(good)
    os.utime(shards / "PASS.1.tar", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert len(load(shards, shards=[0, 1])) == 5


def test_a_changed_shard_is_opened_anew_and_the_old_dataset_says_so(folder):
    shards = folder()
    old = load(shards, shards=[1])
    write_tar(shards / "PASS.1.tar", {f"PASS_dataset/1/{image_hash(4)}.jpg": jpeg("new")})
    with pytest.raises(ShardError, match="another size or date"):
        old[0]
    new = load(shards, shards=[1])
    assert [row["hash"] for row in new] == [image_hash(4)]
    assert (
        new[0]["image"].tobytes()
        == Image().decode_example({"path": None, "bytes": jpeg("new")}).tobytes()
    )


def test_a_vanished_shard_says_so(folder):
    shards = folder()
    ds = load(shards, shards=[1])
    (shards / "PASS.1.tar").unlink()
    with pytest.raises(ShardError, match=r"PASS\.1\.tar: expected a shard here, found none"):
        ds[0]


def test_a_changed_csv_is_opened_anew(folder):
    shards = folder()
    assert load(shards, shards=[0])[0]["creator_username"] == "user+0"
    write_csv(
        shards / "pass_metadata.csv",
        [(1, "another+name", "", "Attribution License", image_hash(n), "", "") for n in range(5)],
    )
    assert load(shards, shards=[0])[0]["creator_username"] == "another+name"


def test_the_same_files_are_not_prepared_twice(folder):
    shards = folder()
    first = load(shards, shards=[0])
    assert load(shards, shards=[0]).cache_files == first.cache_files
    assert load(shards, shards=[0], range_size=1000).cache_files == first.cache_files
    assert load(shards, shards=[0], embed_images=True).cache_files != first.cache_files


def test_releases_in_facts():
    assert {name: release.images for name, release in RELEASES.items()} == {
        "v2": 1_439_719,
        "v3": 1_439_588,
    }
    assert {name: release.download_size for name, release in RELEASES.items()} == {
        "v2": 179_653_828_984,
        "v3": 179_640_190_811,
    }


@pytest.mark.parametrize("options", [{}, {"embed_images": True}, {"streaming": True}], ids=str)
@pytest.mark.parametrize("begin", [0, 1000], ids=["zeros alone", "zeros from an image on"])
def test_a_shard_of_the_right_size_that_ends_in_zeros_is_an_error(folder, options, begin):
    path = folder()
    shard = path / "PASS.1.tar"
    data = shard.read_bytes()
    shard.write_bytes(data[:begin] + bytes(max(0, 20_000 - begin)))
    with pytest.raises(ShardError, match="zeros .*Fetch it again") as caught:
        list(load_dataset("pass", data_dir=str(path), shards=[0, 1], split="train", **options))
    assert caught.value.shard == str(shard)


def test_the_names_of_the_splits_need_neither_network_nor_files(tmp_path, monkeypatch):
    monkeypatch.setenv("PASS_BASE_URL", "http://127.0.0.1:9/records")  # where nobody answers
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    for name in (None, "v2", "v3"):
        assert datasets.get_dataset_split_names("pass", name) == ["train"]
    assert list(Path(datasets.config.HF_DATASETS_CACHE).rglob("*.csv")) == []


@pytest.mark.parametrize("output", [True, False])
def test_parquet_files_that_a_builder_prepares_have_the_bytes(folder, tmp_path, output):
    shards = folder()
    builder = datasets.load_dataset_builder("pass", data_dir=str(shards), shards=[0, 1])
    out = tmp_path / "out"
    builder.download_and_prepare(*[str(out)][:output], file_format="parquet")
    files = [str(file) for file in Path(builder._output_dir).glob("*.parquet")]
    expected = raw(load(shards, shards=[0, 1], embed_images=True, cache_dir=str(tmp_path / "c")))
    shards.rename(tmp_path / "gone")
    found = datasets.load_dataset("parquet", data_files=files, split="train", features=FEATURES)
    assert raw(found) == expected
    assert all(row["image"]["bytes"] for row in raw(found))


def test_complete_shards_have_as_many_images_as_the_release(folder, monkeypatch):
    shards = folder()
    release = describe(shards)._replace(name="v2")
    monkeypatch.setitem(RELEASES, "v2", release)
    assert len(load(shards, shards=[0, 1])) == 5
    for embed_images in (False, True):
        monkeypatch.setitem(RELEASES, "v2", release._replace(images=6))
        with pytest.raises(
            ShardError, match=r"expected 6 images in the shards of v2, found 5, though each has its"
        ):
            load(shards, embed_images=embed_images, download_mode="force_redownload")
        assert len(load(shards, shards=[1], embed_images=embed_images)) == 3


@pytest.mark.parametrize("streaming", [False, True])
def test_a_cache_that_cannot_be_written_is_an_error_of_ours(folder, tmp_path, streaming):
    (tmp_path / "file").touch()
    options = {"shards": [0, 1], "streaming": streaming, "cache_dir": str(tmp_path / "file" / "c")}
    with pytest.raises(
        DownloadError, match=r"expected a cache that can be written, found: \[Errno 20"
    ):
        load(folder(), **options)


def test_a_cache_without_room_is_an_error_of_ours(folder, monkeypatch):
    shards = folder()

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(datasets.arrow_writer.ArrowWriter, "write_table", full)
    with pytest.raises(DownloadError, match="found: .*No space left on device. Make room"):
        load(shards, shards=[0, 1])


def test_datasets_neither_patches_our_builders_module_nor_locks_the_package(monkeypatch):
    locked: list[str] = []
    if hasattr(datasets.streaming, "lock_importable_file"):  # before 4.0
        monkeypatch.setattr(datasets.streaming, "lock_importable_file", locked.append)
    first = datasets.load_dataset_builder("pass", data_dir=str(dummy_folder("v2")))
    for builder in (first, pickle.loads(pickle.dumps(first))):
        assert not hasattr(sys.modules[type(builder).__module__], "_patched_for_streaming")
    assert locked == []
