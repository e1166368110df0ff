"""Places of images in shards: as URLs, through fsspec, and through `datasets.Image`."""

from __future__ import annotations

import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import datasets
import fsspec
import pyarrow as pa
import pytest
from conftest import image_hash, jpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tars import make_tar, write_tar

from pass_utils import ShardError
from pass_utils._util.text import plain_line
from pass_utils.shards import places
from pass_utils.shards.places import Place, ShardFileSystem, group_places, place_urls
from pass_utils.shards.source import ShardFile
from pass_utils.shards.tar import read_members

HASHES = [image_hash(number) for number in range(3)]
IMAGES = [jpeg(hash) + bytes(number) for number, hash in enumerate(HASHES)]  # of different sizes

examples = settings(deadline=None, max_examples=60, database=None, derandomize=True)
words = st.text(
    st.sampled_from("ab .~%#?*[]{}:|@!&='\"\\\n+;,äé漢😀\udce4"), min_size=1, max_size=40
)  # the last: no UTF-8
segments = st.one_of(words, st.sampled_from(["a::b", "x://y", "%2F", "*", "**", "[a-b]", "..."]))
folders = st.lists(
    segments.filter(lambda segment: segment not in (".", "..")), min_size=1, max_size=5
)


def write_shard(path: Path) -> Path:
    """A shard with the images."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        make_tar(
            [(f"PASS_dataset/0/{h}.jpg", data) for h, data in zip(HASHES, IMAGES, strict=True)]
        )
    )
    return path


def urls_of(path: str | Path) -> list[str]:
    with ShardFile(path) as shard:
        return place_urls(shard, [(m.name[15:-4], m.offset, m.size) for m in read_members(shard)])


def read(url: str) -> bytes:
    with fsspec.open(url) as file:
        return file.read()


@pytest.fixture
def shard(tmp_path) -> Path:
    return write_shard(tmp_path / "PASS.0.tar")


def test_a_url_says_where_the_image_is(shard):
    stamp = ShardFile(shard).stamp
    assert urls_of(shard)[1] == f"pass://2048-{len(IMAGES[1])}-{stamp}{shard}/{HASHES[1]}.jpg"
    assert Place.from_url(urls_of(shard)[1]) == (
        str(shard),
        2048,
        len(IMAGES[1]),
        stamp,
        f"{HASHES[1]}.jpg",
    )


def test_the_place_of_a_url_is_the_same_with_and_without_the_protocol(shard):
    url = urls_of(shard)[0]
    assert Place.from_url(url.removeprefix("pass://")) == Place.from_url(url)


def test_a_relative_path_becomes_absolute(shard, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    urls = urls_of("PASS.0.tar")
    assert urls == urls_of(shard)
    monkeypatch.chdir("/")
    assert [read(url) for url in urls] == IMAGES


@examples
@given(folders)
def test_any_path_comes_back_from_its_url_and_opens(names):
    with tempfile.TemporaryDirectory() as folder:
        path = write_shard(Path(folder, *names, "PASS.0.tar"))
        urls = urls_of(path)
        assert [Place.from_url(url).shard for url in urls] == [str(path)] * 3
        assert [Place.from_url(url).name for url in urls] == [f"{hash}.jpg" for hash in HASHES]
        assert [read(url) for url in urls] == IMAGES
        assert all(re.fullmatch(r"pass://[!-~]+", url) for url in urls)
        assert not any(character in url for url in urls for character in "*?[]{}#\"' ")


NO_URLS = {
    "nothing": "",
    "the protocol alone": "pass://",
    "a path": "/home/me/PASS.0.tar",
    "another protocol": "https://1-2-ab/PASS.0.tar/a.jpg",
    "no stamp": "pass://512-931/PASS.0.tar/a.jpg",
    "a stamp that is no number": "pass://512-931-xyz/PASS.0.tar/a.jpg",
    "a negative offset": "pass://-512-931-ab/PASS.0.tar/a.jpg",
    "no size": "pass://512--ab/PASS.0.tar/a.jpg",
    "no shard": "pass://512-931-ab/a.jpg",
    "no name": "pass://512-931-ab/PASS.0.tar/",
    "an offset of 5000 digits": f"pass://{'1' * 5000}-931-ab/PASS.0.tar/a.jpg",
    "an offset that no file has": "pass://9999999999999999999-931-ab/PASS.0.tar/a.jpg",
    "escapes of terminals": "pass://512-931\x1b[31m\u202e/PASS.0.tar/a.jpg",
    "other digits": "pass://٥١٢-931-ab/PASS.0.tar/a.jpg",
}


@pytest.mark.parametrize("url", NO_URLS.values(), ids=NO_URLS)
def test_a_malformed_url_is_refused(url):
    message = re.escape(
        f"{plain_line(url, limit=1000)}: expected pass://<offset>-<size>-<stamp>/<shard>/"
        "<hash>.jpg. Load the dataset again."
    )
    with pytest.raises(ShardError, match=f"^{message}$"):
        Place.from_url(url)
    stripped = plain_line(url.removeprefix("pass://").rstrip("/"), limit=1000)
    for use in (ShardFileSystem().info, ShardFileSystem().open, ShardFileSystem().size):
        with pytest.raises(ShardError, match=re.escape(f"{stripped}: expected pass://<offset>-")):
            use(f"pass://{url.removeprefix('pass://')}")


@pytest.mark.slow
@examples
@given(st.one_of(st.text(), st.from_regex(r"pass://\d+-\d+-[0-9a-f]+/.+/.+")))
def test_any_text_is_a_place_or_refused(url):
    try:
        place = Place.from_url(url)
    except ShardError:
        return
    assert place.offset >= 0
    assert place.size >= 0
    assert place.shard.startswith("/")
    assert place.name


def test_fsspec_gives_the_bytes(shard):
    urls = urls_of(shard)
    assert [read(url) for url in urls] == IMAGES
    system = fsspec.filesystem("pass")
    assert isinstance(system, ShardFileSystem)
    assert system.cat_file(urls[1]) == IMAGES[1]
    with system.open(urls[2]) as file:
        file.seek(2)
        assert file.read(5) == IMAGES[2][2:7]


@pytest.mark.slow
def test_a_process_that_never_imported_pass_utils_reads_a_url(shard, tmp_path):
    code = (
        "import sys, fsspec\n"
        "assert 'pass_utils' not in sys.modules\n"
        "with fsspec.open(sys.argv[1]) as file: sys.stdout.buffer.write(file.read())\n"
    )
    for number, url in enumerate(urls_of(shard)[:2]):
        done = subprocess.run(
            [sys.executable, "-c", code, url], cwd=tmp_path, capture_output=True, check=False
        )
        assert (done.stdout, done.stderr) == (IMAGES[number], b"")


def test_info_gives_name_and_size_without_touching_the_shard(shard):
    url = urls_of(shard)[1]
    shard.unlink()
    system = fsspec.filesystem("pass")
    expected = {"name": url.removeprefix("pass://"), "size": len(IMAGES[1]), "type": "file"}
    assert system.info(url) == system.info(url.removeprefix("pass://")) == expected
    assert system.size(url) == len(IMAGES[1])
    assert system.ls(url) == [expected]
    assert not system.exists(url)
    assert not system.isfile(url)


def test_a_shard_that_vanished_is_reported(shard):
    url = urls_of(shard)[0]
    shard.unlink()
    message = re.escape(
        f"{shard}: expected a shard here, found none (No such file or directory). Put it back, or "
        "load the "
    )
    with pytest.raises(ShardError, match=message) as info:
        read(url)
    assert info.value.shard == str(shard)
    with pytest.raises(ShardError, match=message):
        datasets.Image().decode_example({"path": url, "bytes": None})


@pytest.mark.parametrize("change", ["size", "time"])
def test_a_shard_that_changed_is_reported(shard, change):
    url = urls_of(shard)[0]
    status = shard.stat()
    if change == "size":
        shard.write_bytes(shard.read_bytes() + bytes(512))
    os.utime(shard, ns=(status.st_atime_ns, status.st_mtime_ns + (change == "time")))
    message = re.escape(
        f"{shard}: expected the file that the dataset was opened with, found one of another size "
        "or date. Run "
    )
    with pytest.raises(ShardError, match=message) as info:
        read(url)
    assert (info.value.shard, info.value.offset) == (str(shard), 512)
    with pytest.raises(ShardError, match=message):
        datasets.Image().decode_example({"path": url, "bytes": None})


def test_a_place_past_the_end_of_its_shard_is_reported(shard):
    with ShardFile(shard) as source:
        (url,) = place_urls(source, [("a", source.size - 10, 11)])
    with pytest.raises(
        ShardError,
        match=r"PASS\.0\.tar: expected 11 bytes at [\d,]+, found 10; the file was cut\.",
    ):
        read(url)


def test_reading_leaves_no_file_open(shard):
    fds = Path("/proc/self/fd")
    if not fds.is_dir():
        pytest.skip("no /proc")
    urls = urls_of(shard) * 20
    before = len(list(fds.iterdir()))
    files = [fsspec.open(url).open() for url in urls]
    assert len(list(fds.iterdir())) == before
    assert files[-1].read() == IMAGES[2]


def test_the_file_system_reads_parts_of_an_image(shard):
    system, url, data = fsspec.filesystem("pass"), urls_of(shard)[1], IMAGES[1]
    for start, end in [(None, None), (3, None), (None, 9), (3, 9), (-7, None), (-7, -2), (2, -2)]:
        assert system.cat_file(url, start, end) == data[start:end]
    assert system.cat_file(url, -10_000, 4) == data[:4]
    assert system.cat_file(url, len(data) + 5, None) == b""
    assert system.cat_ranges([url, url], [0, -4], [5, None]) == [data[:5], data[-4:]]
    assert system.read_block(url, 0, 10) == data[:10]
    assert system.read_block(url, 5, None) == data[5:]
    assert system.read_block(url, len(data) - 3, 100) == data[-3:]
    assert system.read_block(url, 0, 4, delimiter=b"JFIF") == data[:10]
    assert (system.head(url, 6), system.tail(url, 6)) == (data[:6], data[-6:])
    assert system.cat([url, urls_of(shard)[0]]) == {
        url.removeprefix("pass://"): data,
        urls_of(shard)[0].removeprefix("pass://"): IMAGES[0],
    }


def test_the_file_system_lists_one_image_per_url(shard, tmp_path):
    system, url = fsspec.filesystem("pass"), urls_of(shard)[1]
    path = url.removeprefix("pass://")
    info = {"name": path, "size": len(IMAGES[1]), "type": "file"}
    assert system.ls(url) == system.ls(path, detail=True) == [info]
    assert system.ls(url, detail=False) == system.find(url) == system.glob(url) == [path]
    assert system.find(url, detail=True) == {path: info}
    assert list(system.walk(url)) == [(path, [], [""])]
    assert system.du(url) == len(IMAGES[1])
    assert system.du(url, total=False) == {path: len(IMAGES[1])}
    assert system.exists(url)
    assert system.isfile(url)
    assert not system.isdir(url)
    assert system.modified(url).timestamp() == pytest.approx(shard.stat().st_mtime, abs=1e-5)
    assert system.created(url) == system.modified(url)
    assert system.checksum(url) == system.checksum(path)
    system.get_file(url, str(tmp_path / "copy.jpg"))
    assert (tmp_path / "copy.jpg").read_bytes() == IMAGES[1]


def test_an_image_does_not_exist_whose_shard_changed_or_whose_url_is_malformed(shard):
    system, url = fsspec.filesystem("pass"), urls_of(shard)[1]
    with ShardFile(shard) as source:
        beyond = place_urls(source, [("a", source.size - 10, 11)])[0]
    os.utime(shard, ns=(0, shard.stat().st_mtime_ns + 1))
    for missing in (url, beyond, "pass://512-931/PASS.0.tar/a.jpg", "pass://", ""):
        assert not system.exists(missing)
        assert not system.isfile(missing)
        assert not system.isdir(missing)
    with pytest.raises(ShardError, match="found one of another size or date"):
        system.modified(url)
    for use in (system.ls, system.find, system.du, system.modified, system.cat_file):
        with pytest.raises(ShardError, match="expected pass://<offset>-"):
            use("pass://512-931/PASS.0.tar/a.jpg")


WRITES = {
    "mkdir": (), "mkdirs": (), "makedir": (), "makedirs": (), "rmdir": (),
    "rm": (), "rm_file": (), "delete": (), "touch": (),
    "copy": ("pass://b",), "cp": ("pass://b",), "cp_file": ("pass://b",), "mv": ("pass://b",),
    "move": ("pass://b",), "rename": ("pass://b",),
    "pipe": (b"x",), "pipe_file": (b"x",), "write_bytes": (b"x",), "write_text": ("x",),
    "put": ("pass://b",), "put_file": ("pass://b",), "upload": ("pass://b",),
}  # fmt: skip


@pytest.mark.parametrize("call", WRITES)
def test_calls_that_write_are_refused(shard, call):
    url, data = urls_of(shard)[0], shard.read_bytes()
    with pytest.raises(ShardError, match="images in shards are only read"):
        getattr(fsspec.filesystem("pass"), call)(url, *WRITES[call])
    assert shard.read_bytes() == data


def test_a_place_of_2_gib_is_refused_before_it_is_read(shard):
    stamp = ShardFile(shard).stamp
    url = f"pass://512-{1 << 31}-{stamp}{shard}/{HASHES[0]}.jpg"
    message = "expected an image of less than 2,147,483,648 bytes, found a place of 2,147,483,648"
    for use in (Place.from_url, read, lambda url: list(group_places(pa.array([url])))):
        with pytest.raises(ShardError, match=message):
            use(url)
    with pytest.raises(ShardError, match="expected 2,147,483,647 bytes at 512, found"):
        read(url.replace(str(1 << 31), str((1 << 31) - 1)))


@pytest.mark.parametrize("mode", ["wb", "ab", "r+b", "xb"])
def test_writing_is_refused(shard, mode):
    url = urls_of(shard)[0]
    data = shard.read_bytes()
    with pytest.raises(
        ShardError,
        match=f"{HASHES[0]}.jpg: expected mode 'rb', found '{re.escape(mode)}': images in shards ",
    ):
        fsspec.filesystem("pass").open(url, mode)
    assert shard.read_bytes() == data


def test_datasets_decodes_the_image_at_a_url(shard):
    for url, data in zip(urls_of(shard), IMAGES, strict=True):
        expected = datasets.Image().decode_example({"path": None, "bytes": data})
        image = datasets.Image().decode_example({"path": url, "bytes": None})
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", expected.size)
        assert image.tobytes() == expected.tobytes()
    assert (
        len(
            {
                datasets.Image().decode_example({"path": url, "bytes": None}).tobytes()
                for url in urls_of(shard)
            }
        )
        == 3
    )


def test_datasets_writes_the_bytes_at_a_url_where_it_embeds_files(shard):
    image = datasets.Image()
    places = pa.array([{"bytes": None, "path": url} for url in urls_of(shard)], image.pa_type)
    assert image.embed_storage(places).to_pylist() == [
        {"bytes": data, "path": f"{hash}.jpg"} for hash, data in zip(HASHES, IMAGES, strict=True)
    ]


# Shards that are kept open


@pytest.fixture
def kept(monkeypatch):
    """The shards that are kept open, none at first."""
    shards: dict[str, ShardFile] = {}
    monkeypatch.setattr(places, "_kept", shards)
    return shards


def tar_of(path, data=b"x" * 700):
    """A shard with one image, and the URL of it."""
    write_tar(path, [(f"PASS_dataset/0/{'a' * 30}.jpg", data)])
    return urls_of(path)[0]


def test_a_shard_is_opened_once_for_many_reads(tmp_path, kept, monkeypatch):
    opened = []
    real = places.open_shard
    monkeypatch.setattr(
        places, "open_shard", lambda *args, **more: opened.append(args) or real(*args, **more)
    )
    url = tar_of(tmp_path / "PASS.0.tar")
    system = ShardFileSystem()
    assert [system.cat_file(url) for _ in range(3)] == [b"x" * 700] * 3
    assert system.cat_file(url, 690) == b"x" * 10
    assert system.cat_file(url, -3, -1) == b"xx"
    with fsspec.open(url) as file:
        assert file.read() == b"x" * 700
    assert len(opened) == 1


def test_a_kept_shard_that_changed_or_is_gone_is_refused(tmp_path, kept):
    path = tmp_path / "PASS.0.tar"
    url = tar_of(path)
    assert Place.from_url(url).read() == b"x" * 700
    (tmp_path / "other.tar").write_bytes(path.read_bytes())
    os.utime(tmp_path / "other.tar", ns=(0, 0))
    (tmp_path / "other.tar").replace(path)
    with pytest.raises(ShardError, match="expected the file that the dataset was opened with"):
        Place.from_url(url).read()
    assert kept == {}
    again = urls_of(path)[0]
    assert Place.from_url(again).read() == b"x" * 700
    path.unlink()
    with pytest.raises(ShardError, match="expected a shard here, found none"):
        Place.from_url(again).read()
    assert kept == {}


def test_no_more_than_so_many_shards_are_kept_and_the_others_are_closed(
    tmp_path, kept, monkeypatch
):
    monkeypatch.setattr(places, "_KEPT", 2)
    made = [tar_of(tmp_path / f"PASS.{number}.tar", b"%d" % number * 9) for number in range(4)]
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir())) if descriptors.is_dir() else 0
    for number in (0, 1, 2, 3, 0, 2):
        assert Place.from_url(made[number]).read() == b"%d" % number * 9
    assert [Path(name).name for name in kept] == ["PASS.0.tar", "PASS.2.tar"]
    if before:
        assert len(list(descriptors.iterdir())) == before + 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_forked_processes_read_from_the_shard_that_is_open_at_the_same_time(tmp_path, kept):
    path = tmp_path / "PASS.0.tar"
    write_tar(path, [(f"PASS_dataset/0/{n:030x}.jpg", b"%03d" % n * 3000) for n in range(100)])
    made = urls_of(path)
    assert Place.from_url(made[0]).read() == b"000" * 3000
    with multiprocessing.get_context("fork").Pool(3) as pool:
        found = pool.map(read_all, [made] * 3)
    assert found == [[b"%03d" % n * 3000 for n in range(100)]] * 3


def read_all(made):
    """The bytes of all these images."""
    return [Place.from_url(url).read() for url in made]
