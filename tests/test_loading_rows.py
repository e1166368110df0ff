"""Rows of shards against tarfile: the same in place and with bytes, over any cuts and tables, and
what is refused.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import tarfile
from datetime import datetime
from unittest.mock import patch

import pyarrow as pa
import pytest
from conftest import image_hash, write_csv
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.tars import MemoryShard, make_header, make_tar, pad

from pass_utils import MetadataError, ShardError
from pass_utils.loading import rows
from pass_utils.loading.rows import SCHEMA, Join, read_images
from pass_utils.metadata import open_metadata
from pass_utils.shards import tar as shards
from pass_utils.shards.images import ShardImage, list_images, range_images, walk_images
from pass_utils.shards.places import Place
from pass_utils.shards.source import ShardFile
from pass_utils.shards.tar import END_OF_ARCHIVE

HASHES = [image_hash(number) for number in range(12)]


def write_shard(path, hashes, sizes=None):
    """A shard of these images; no two hold the same bytes."""
    sizes = [8 + place for place in range(len(hashes))] if sizes is None else sizes
    contents = [(hash.encode() * size)[:size] for hash, size in zip(hashes, sizes, strict=True)]
    names = [f"PASS_dataset/0/{hash}.jpg" for hash in hashes]
    path.write_bytes(make_tar(zip(names, contents, strict=True)))
    return path


def read_with_tarfile(path):
    """Hash, offset and bytes of each image."""
    with tarfile.open(path) as tar:
        return [
            (info.name[-36:].split("/")[-1][:-4], info.offset_data, tar.extractfile(info).read())
            for info in tar
        ]


def row_of(hash):
    """The row that `write_metadata` gives an image: each field is missing in some."""
    number = HASHES.index(hash)
    return {
        "creator_username": f"user+{number % 3}" if number % 4 else None,
        "hash": hash,
        "gps_latitude": number + 0.5 if number % 2 else None,
        "gps_longitude": -number - 0.25 if number % 2 else None,
        "date_taken": datetime(2011, 1, number + 1, 10, 11, 12, 125000) if number % 3 else None,
    }


def write_metadata(folder, hashes=HASHES):
    """The metadata of these images, in another order than the shards have."""
    lines = []
    for name, hash, latitude, longitude, date in (
        row_of(hash).values() for hash in reversed(hashes)
    ):
        lines.append(
            (
                None,
                name,
                date and f"{date:%Y-%m-%d %H:%M:%S.%f}",
                "Attribution License",
                hash,
                latitude,
                longitude,
            )
        )
    write_csv(folder / "pass_metadata.csv", lines)
    return open_metadata(folder / "pass_metadata.csv", folder / "kept")


@pytest.fixture
def metadata(tmp_path):
    """Rows for all of HASHES."""
    return write_metadata(tmp_path)


@pytest.fixture(scope="module")
def lasting_metadata(tmp_path_factory):
    """The same, for a test that runs many times."""
    return write_metadata(tmp_path_factory.mktemp("metadata"))


def read_places(source, join, start=0, end=None):
    """The rows with places: of a complete shard as `load_dataset` reads it, and of a range."""
    complete = start == 0 and end in (None, source.size)
    images = walk_images(source) if complete else range_images(source, start, end)
    return rows.read_places(source, join, images)


either_way = pytest.mark.parametrize("reader", [read_places, read_images])


def read(reader, path, join, cuts=()):
    """The tables of a shard, read range by range."""
    with ShardFile(path) as source:
        bounds = [0, *sorted(min(cut, source.size) for cut in cuts), source.size]
        return [
            table
            for start, end in zip(bounds[:-1], bounds[1:], strict=True)
            for table in reader(source, join, start, end)
        ]


def column(tables, name):
    """The values of a column over all tables."""
    return [value for table in tables for value in table[name].to_pylist()]


# Pictures


def test_pictures_come_in_tar_order_with_the_place_of_their_bytes(tmp_path):
    shard = write_shard(tmp_path / "a.tar", HASHES[:4], [700, 0, 512, 3])
    with ShardFile(shard) as source:
        pictures = list(list_images(source))
    assert pictures == [
        ShardImage(hash, offset, len(data)) for hash, offset, data in read_with_tarfile(shard)
    ]
    assert pictures == [
        ShardImage(HASHES[0], 512, 700),
        ShardImage(HASHES[1], 512 + 1024 + 512, 0),
        ShardImage(HASHES[2], 512 + 1024 + 512 + 512, 512),
        ShardImage(HASHES[3], 512 + 1024 + 512 + 512 + 512 + 512, 3),
    ]


def test_directories_and_hidden_files_are_passed_over():
    first, second = (f"{hash}.jpg".encode() for hash in HASHES[:2])
    data = (
        make_header(b"PASS_dataset/", type=b"5")
        + make_header(b"PASS_dataset/0", type=b"5")
        + make_header(b"PASS_dataset/" + second, type=b"5")
        + make_header(b"PASS_dataset/0/.DS_Store", 4)
        + pad(b"Bud1")
        + make_header(b"PASS_dataset/0/._" + first, 3)
        + pad(b"\0\5\x16")
        + make_header(b"PASS_dataset/0/" + first, 5)
        + pad(b"first")
        + make_header(b"._PASS_dataset", 3)
        + pad(b"\0\5\x16")
        + make_header(b".link", type=b"2")
        + make_header(b".hidden/", type=b"5")
        + make_header(b"any/depth/of/folders/" + second, 6)
        + pad(b"second")
        + make_header(b"slash/", 0)  # how tars older than type flags mark a directory
    )
    pictures = list(list_images(MemoryShard(data + END_OF_ARCHIVE)))
    assert [(picture.hash, picture.size) for picture in pictures] == [
        (HASHES[0], 5),
        (HASHES[1], 6),
    ]
    assert [data[offset:][:size] for _, offset, size in pictures] == [b"first", b"second"]


@pytest.mark.parametrize(
    "name",
    [
        HASHES[0].upper() + ".jpg",
        HASHES[0] + ".JPG",
        HASHES[0] + ".jpeg",
        HASHES[0] + ".png",
        HASHES[0],
        HASHES[0] + ".jpg.part",
    ]
    + [
        "x" + HASHES[0][1:] + ".jpg",
        " " + HASHES[0] + ".jpg",
        HASHES[0] + ".jpg\n",
        "0" * 15 + ".jpg",
        "0" * 33 + ".jpg",
    ]
    + ["pass_metadata.csv", "README", "PASS.0.tar", "é.jpg", "１" * 16 + ".jpg"],
)
def test_files_of_other_names_are_refused(name):
    shard = MemoryShard(
        make_tar([(f"PASS_dataset/0/{HASHES[1]}.jpg", b"1"), (f"PASS_dataset/0/{name}", b"2")])
    )
    found = re.escape(
        f"PASS.7.tar: expected files named <hash>.jpg, found a member {f'PASS_dataset/0/{name}'!r} "
        "at byte 1,536."
    )
    pictures = list_images(shard)
    assert next(pictures).hash == HASHES[1]
    with pytest.raises(ShardError, match=found) as caught:
        next(pictures)
    assert (caught.value.shard, caught.value.offset) == ("PASS.7.tar", 1536)


@pytest.mark.parametrize("type", [b"1", b"2"], ids=["hard", "symbolic"])
def test_links_are_refused_even_if_well_named(type):
    link = make_header(
        HASHES[0].encode() + b".jpg", type=type, fields={157: HASHES[1].encode() + b".jpg"}
    )
    with pytest.raises(
        ShardError, match=f"found '{HASHES[0]}.jpg', which is a .* link, at byte 512. Pack"
    ) as caught:
        list(list_images(MemoryShard(link + END_OF_ARCHIVE)))
    assert (caught.value.shard, caught.value.offset) == ("PASS.7.tar", 512)


# Rows


def test_the_schema_is_the_card_s():
    assert SCHEMA.remove_metadata() == pa.schema(
        [
            ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
            ("creator_username", pa.string()),
            ("hash", pa.string()),
            ("gps_latitude", pa.float32()),
            ("gps_longitude", pa.float32()),
            ("date_taken", pa.timestamp("us")),
        ]
    )
    assert b'"_type": "Image"' in SCHEMA.metadata[b"huggingface"]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    sizes=st.lists(
        st.sampled_from([0, 1, 100, 511, 512, 513, 3000]), min_size=1, max_size=len(HASHES)
    ),
    bytes_per_table=st.integers(1, 5000),
    places_per_table=st.integers(1, len(HASHES) + 1),
    cuts=st.lists(
        st.integers(0, 40_000) | st.integers(0, 78).map(lambda block: 512 * block), max_size=5
    ),
    data=st.data(),
)
def test_rows_are_those_of_tar_and_csv_in_tar_order_over_any_cuts_and_tables(
    sizes, bytes_per_table, places_per_table, cuts, data, lasting_metadata, tmp_path_factory
):
    hashes = data.draw(st.permutations(HASHES))[: len(sizes)]
    shard = write_shard(tmp_path_factory.mktemp("shard") / "PASS.0.tar", hashes, sizes)
    expected = read_with_tarfile(shard)
    assert [(hash, len(content)) for hash, _, content in expected] == list(
        zip(hashes, sizes, strict=True)
    )
    with patch.multiple(rows, _BYTES_PER_TABLE=bytes_per_table, _PLACES_PER_TABLE=places_per_table):
        places = read(read_places, shard, Join(lasting_metadata), cuts)
        images = read(read_images, shard, Join(lasting_metadata), cuts)
    for tables in (places, images):
        assert all(
            len(table) and table.schema.equals(SCHEMA, check_metadata=True) for table in tables
        )
        assert all(table.validate(full=True) is None for table in tables)
        assert [
            row for table in tables for row in table.drop_columns(["image"]).to_pylist()
        ] == list(map(row_of, hashes))
    assert column(images, "image") == [
        {"bytes": content, "path": f"{hash}.jpg"} for hash, _, content in expected
    ]
    assert [image["bytes"] for image in column(places, "image")] == [None] * len(hashes)
    pointers = [Place.from_url(image["path"]) for image in column(places, "image")]
    assert [pointer[:3] for pointer in pointers] == [
        (str(shard), offset, len(content)) for _, offset, content in expected
    ]
    assert [pointer.name for pointer in pointers] == [f"{hash}.jpg" for hash in hashes]
    assert [pointer.read() for pointer in pointers] == [content for _, _, content in expected]


@pytest.mark.parametrize(
    ("limit", "lengths"),
    [
        (1, [2, 1, 1, 1, 2]),
        (300, [3, 1, 1, 2]),
        (350, [4, 1, 2]),
        (1010, [4, 3]),
        (1359, [5, 2]),
        (1360, [7]),
        (9999, [7]),
    ],
)
def test_a_table_of_images_is_cut_before_the_picture_that_would_not_fit(
    tmp_path, metadata, monkeypatch, limit, lengths
):
    sizes = [100, 0, 200, 50, 1000, 10, 0]
    shard = write_shard(tmp_path / "a.tar", HASHES[:7], sizes)
    monkeypatch.setattr(rows, "_BYTES_PER_TABLE", limit)
    tables = read(read_images, shard, Join(metadata))
    assert [len(table) for table in tables] == lengths
    assert [image["bytes"] for image in column(tables, "image")] == [
        data for _, _, data in read_with_tarfile(shard)
    ]


@pytest.mark.parametrize(
    ("limit", "lengths"), [(1, [1] * 7), (3, [3, 3, 1]), (6, [6, 1]), (7, [7]), (8, [7])]
)
def test_a_table_of_places_is_cut_when_it_is_full(tmp_path, metadata, monkeypatch, limit, lengths):
    shard = write_shard(tmp_path / "a.tar", HASHES[:7])
    monkeypatch.setattr(rows, "_PLACES_PER_TABLE", limit)
    tables = read(read_places, shard, Join(metadata))
    assert [len(table) for table in tables] == lengths
    assert column(tables, "hash") == HASHES[:7]


@either_way
def test_a_shard_or_a_range_without_pictures_gives_no_table(tmp_path, metadata, reader):
    empty = tmp_path / "empty.tar"
    empty.write_bytes(make_header(b"PASS_dataset/", type=b"5") + END_OF_ARCHIVE)
    assert read(reader, empty, Join(metadata)) == []
    with ShardFile(write_shard(tmp_path / "a.tar", HASHES[:2])) as source:
        assert list(reader(source, Join(metadata), 1, 1024)) == []


def test_images_can_be_read_from_a_source_that_is_no_file(metadata):
    shard = MemoryShard(make_tar([(f"{hash}.jpg", hash.encode()) for hash in HASHES]))
    tables = list(read_images(shard, Join(metadata)))
    assert column(tables, "image") == [
        {"bytes": hash.encode(), "path": f"{hash}.jpg"} for hash in HASHES
    ]


def test_tables_stay_whole_when_the_next_one_is_read(tmp_path, metadata, monkeypatch):
    monkeypatch.setattr(rows, "_BYTES_PER_TABLE", 100)
    shard = write_shard(tmp_path / "a.tar", HASHES, [90] * len(HASHES))
    expected = [data for _, _, data in read_with_tarfile(shard)]
    with ShardFile(shard) as source:
        tables = []
        for number, table in enumerate(read_images(source, Join(metadata))):
            tables.append(table)
            assert [image["bytes"] for image in column(tables, "image")] == expected[: number + 1]


# Errors


@either_way
@pytest.mark.parametrize("limit", [1, 10_000])
def test_an_image_without_a_row_names_hash_shard_and_csv(tmp_path, monkeypatch, reader, limit):
    monkeypatch.setattr(rows, "_BYTES_PER_TABLE", limit)
    monkeypatch.setattr(rows, "_PLACES_PER_TABLE", limit)
    metadata = write_metadata(tmp_path, HASHES[:3])
    shard = write_shard(tmp_path / "PASS.0.tar", [HASHES[2], HASHES[4], HASHES[0], HASHES[5]])
    csv = tmp_path / "pass_metadata.csv"
    match = (
        f"^{re.escape(f'{shard}: {csv}')}: expected a row for image {HASHES[4]}, found none among "
        "3. Do shards and CSV"
    )
    with pytest.raises(MetadataError, match=match) as caught:
        read(reader, shard, Join(metadata))
    assert (caught.value.path, caught.value.hash) == (str(csv), HASHES[4])


def twice(shard, hash):
    """The message of the error about an image that came before."""
    return f"^{re.escape(str(shard))}: expected each image once, found {hash}.jpg a second time"


@either_way
@pytest.mark.parametrize("limit", [1, 2, 3, 10_000])
@pytest.mark.parametrize("cuts", [[], [1536, 3072]], ids=["whole", "in ranges"])
def test_an_image_twice_in_a_shard_is_refused_within_a_table_and_across(
    tmp_path, metadata, monkeypatch, reader, limit, cuts
):
    monkeypatch.setattr(rows, "_BYTES_PER_TABLE", limit)
    monkeypatch.setattr(rows, "_PLACES_PER_TABLE", limit)
    first, again, between = HASHES[:3]
    shard = write_shard(tmp_path / "PASS.0.tar", [first, again, between, again, first], [1] * 5)
    with pytest.raises(ShardError, match=twice(shard, again)) as caught:
        read(reader, shard, Join(metadata), cuts)
    assert caught.value.shard == str(shard)


@either_way
def test_an_image_in_two_shards_is_refused_if_they_share_a_join(tmp_path, metadata, reader):
    shards = [
        write_shard(tmp_path / f"PASS.{number}.tar", HASHES[number : number + 4])
        for number in (0, 3)
    ]
    join = Join(metadata)
    assert column(read(reader, shards[0], join), "hash") == HASHES[:4]
    with pytest.raises(ShardError, match=twice(shards[1], HASHES[3])) as caught:
        read(reader, shards[1], join)
    assert caught.value.shard == str(shards[1])
    assert column(read(reader, shards[1], Join(metadata)), "hash") == HASHES[3:7]


@either_way
def test_shards_without_a_common_image_share_a_join(tmp_path, metadata, reader):
    join = Join(metadata)
    for number in (0, 1, 2):
        hashes = HASHES[4 * number : 4 * number + 4]
        assert (
            column(read(reader, write_shard(tmp_path / f"PASS.{number}.tar", hashes), join), "hash")
            == hashes
        )


@either_way
@pytest.mark.parametrize("known", [False, True], ids=["of other images", "of images of the CSV"])
def test_a_stream_over_a_tar_in_a_large_image_ends_in_an_error(
    tmp_path, metadata, monkeypatch, reader, known
):
    """Ranges that begin in the image take the members in it for those of the shard. Without a row
    in the CSV none of them gets out; with one, the range that holds the image raises, whichever
    comes first.
    """
    monkeypatch.setattr(shards, "LOOKBACK", 4096)
    inner_hashes = HASHES[6:] if known else [image_hash(number) for number in range(90, 110)]
    inner = make_tar(
        [(f"PASS_dataset/0/{hash}.jpg", bytes(700)) for hash in inner_hashes], end=False
    )
    files = [(f"PASS_dataset/0/{hash}.jpg", bytes(600)) for hash in HASHES[:6]]
    large = (files[3][0], inner)
    path = tmp_path / "a.tar"
    path.write_bytes(make_tar([*files[:3], large, *files[4:]]))
    bounds = [*range(0, path.stat().st_size, 1024), path.stat().st_size]
    ranges = list(itertools.pairwise(bounds))
    for order in (ranges, ranges[::-1]):
        join = Join(metadata)
        with ShardFile(path) as source, pytest.raises((MetadataError, ShardError)):
            for start, end in order:
                list(reader(source, join, start, end))
    for start, end in ranges:  # each read by a process of its own
        with ShardFile(path) as source, contextlib.suppress(MetadataError, ShardError):
            hashes = column(reader(source, Join(metadata), start, end), "hash")
            assert known or set(hashes) <= set(HASHES[:6])


@either_way
def test_tables_before_the_error_are_given(tmp_path, metadata, monkeypatch, reader):
    monkeypatch.setattr(rows, "_BYTES_PER_TABLE", 1)
    monkeypatch.setattr(rows, "_PLACES_PER_TABLE", 1)
    shard = write_shard(tmp_path / "a.tar", [HASHES[0], HASHES[1], HASHES[0]], [1, 1, 1])
    with ShardFile(shard) as source:
        tables = reader(source, Join(metadata))
        assert [next(tables)["hash"].to_pylist(), next(tables)["hash"].to_pylist()] == [
            [HASHES[0]],
            [HASHES[1]],
        ]
        with pytest.raises(ShardError, match=twice(shard, HASHES[0])):
            next(tables)
