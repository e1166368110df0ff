"""The metadata CSV against the csv module, everything that can be wrong with a CSV, and the file
that is kept of it.
"""

from __future__ import annotations

import csv
import multiprocessing
import os
import re
import stat
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest
from conftest import HEADER, image_hash, write_csv
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pass_utils import MetadataError
from pass_utils.metadata import open_metadata, read_rows, reading, table

DATE = "2004-05-17 00:44:29.0"
HASH = "ffd3eb12a16cb83138f26e6f36dec967"
OTHER = "fff0eece99cc71c2e91fe716051599"


@pytest.fixture(autouse=True)
def nothing_remembered():
    """What a new process remembers."""
    table._open.cache_clear()


@pytest.fixture
def kept(tmp_path):
    """The folder where parsed CSVs are kept."""
    return tmp_path / "kept"


def line(hash, *, name="someone", date=DATE, latitude="", longitude=""):
    """The fields of a line of the CSV."""
    return ("", name, date, "Attribution License", hash, latitude, longitude)


def write(path, *lines):
    """A CSV of these lines."""
    write_csv(path, lines)
    return path


def reopen(path, kept):
    """Open as another process would."""
    table._open.cache_clear()
    return open_metadata(path, kept)


def read(opened, *hashes):
    """The rows of these hashes as tuples of creator, latitude, longitude and date."""
    columns = opened.take(opened.find(pa.array(hashes, pa.string())))
    return list(zip(*(column.to_pylist() for column in columns), strict=True))


def read_with_csv_module(path):
    """The rows by hash, by csv.DictReader, numpy.float32 and datetime alone."""

    def degrees(text):
        return float(np.float32(text)) if text else None

    with path.open(newline="", encoding="utf-8") as file:
        return {
            row["hash"]: (
                row["unickname"] or None,
                degrees(row["latitude"]),
                degrees(row["longitude"]),
                datetime.strptime(row["datetaken"], "%Y-%m-%d %H:%M:%S.%f")
                if row["datetaken"]
                else None,
            )
            for row in csv.DictReader(file)
        }


# Rows


def related_hashes(stem, tail):
    """Hashes that a number without its length, a prefix, or half a number would take for one
    another.
    """
    related = [
        stem,
        stem[:16],
        stem[-16:],
        stem[:-1],
        stem + "0",
        "0" + stem,
        "00" + stem,
        stem[:16] + tail,
        tail + stem[-16:],
    ]
    return [hash for hash in related if 16 <= len(hash) <= 32]


HASHES = st.builds(
    related_hashes,
    st.text("0123456789abcdef", min_size=16, max_size=32) | st.text("0a", min_size=16, max_size=32),
    st.text("0123456789abcdef", min_size=0, max_size=16) | st.text("0a", min_size=0, max_size=16),
)
NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=12
)  # 3.10's csv: no NUL
DATES = st.just("") | st.datetimes().map(
    lambda date: date.isoformat(sep=" ", timespec="microseconds")
)


def degrees(limit):
    """Coordinates as text: none, as PASS prints them, or any float32."""
    printed = st.integers(-limit * 10**6, limit * 10**6).map(
        lambda millionths: f"{millionths / 10**6:.6f}"
    )
    return st.just("") | printed | st.floats(-limit, limit, width=32).map(repr)


FIELDS = st.fixed_dictionaries(
    {"name": NAMES, "date": DATES, "latitude": degrees(90), "longitude": degrees(180)}
)


@pytest.mark.slow
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(groups=st.lists(HASHES, min_size=1, max_size=6), data=st.data())
def test_every_hash_finds_the_row_that_the_csv_module_finds_and_no_other_hash_finds_any(
    groups, data, tmp_path_factory
):
    hashes = data.draw(st.permutations(sorted({hash for group in groups for hash in group})))
    there = data.draw(st.integers(1, len(hashes)))
    hashes, absent = hashes[:there], hashes[there:]
    folder = tmp_path_factory.mktemp("property")
    path = write(folder / "rows.csv", *(line(hash, **data.draw(FIELDS)) for hash in hashes))
    longest_line = max(map(len, path.read_bytes().split(b"\n"))) + 1
    with patch.object(
        reading,
        "_BLOCK_BYTES",
        data.draw(st.sampled_from([longest_line, 10 * longest_line, 8 << 20])),
    ):
        opened = open_metadata(path, folder / "kept")
    expected = read_with_csv_module(path)
    assert len(opened) == len(expected) == there
    assert {hash: read(opened, hash) for hash in hashes} == {
        hash: [expected[hash]] for hash in hashes
    }
    batch = data.draw(st.lists(st.sampled_from(hashes), max_size=30))
    assert read(opened, *batch) == [expected[hash] for hash in batch]
    for hash in absent:
        with pytest.raises(
            MetadataError, match=f"image {hash}, found none among {there}"
        ) as caught:
            read(opened, *batch, hash, *batch)
        assert (caught.value.hash, caught.value.path) == (hash, str(path))


def test_columns_have_the_types_of_the_card(tmp_path, kept):
    opened = open_metadata(
        write(tmp_path / "a.csv", line(HASH, name="", date=""), line(OTHER, latitude="1")), kept
    )
    for rows in ([], [0], [1, 0]):
        columns = opened.take(np.array(rows, np.int64))
        assert [column.type for column in columns] == [
            pa.string(),
            pa.float32(),
            pa.float32(),
            pa.timestamp("us"),
        ]
        assert [len(column) for column in columns] == [len(rows)] * 4


@pytest.mark.parametrize(
    "name",
    [
        "NA",
        "N/A",
        "null",
        "NULL",
        "nan",
        "NaN",
        "None",
        "#N/A",
        "0",
        "true",
        " ",
        "-",
        "Chiara+Marra",
    ],
)
def test_usernames_that_look_like_missing_values_stay_text(tmp_path, kept, name):
    path = write(tmp_path / "a.csv", line(OTHER), line(HASH, name=name))
    assert read(open_metadata(path, kept), HASH) == [
        (name, None, None, datetime(2004, 5, 17, 0, 44, 29))
    ]


def test_usernames_keep_quotes_commas_and_form_encoding(tmp_path, kept):
    names = ["PaperBird+Photography%3C3", 'a "quoted" one', "one, two", '"', "é\U0001d11e", "\t x "]
    hashes = [image_hash(number) for number in range(len(names))]
    path = write(
        tmp_path / "a.csv",
        *(line(hash, name=name) for hash, name in zip(hashes, names, strict=True)),
    )
    assert [row[0] for row in read(open_metadata(path, kept), *hashes)] == names


@pytest.mark.parametrize("empty", ["", '""'])
def test_empty_fields_are_none(tmp_path, kept, empty):
    path = tmp_path / "a.csv"
    path.write_text(
        ",".join(HEADER) + f"\n,{empty},{empty},Attribution License,{HASH},{empty},{empty}\n"
    )
    assert read(open_metadata(path, kept), HASH) == [(None, None, None, None)]


@pytest.mark.parametrize(
    "text",
    ["53.535233", "-113.565075", "0.1", "-0.000001", "90", "-90.0", "180", "1e-3", "16.777217"],
)
def test_coordinates_are_the_float32_nearest_to_the_text(tmp_path, kept, text):
    latitude = text if abs(float(text)) <= 90 else ""
    path = write(tmp_path / "a.csv", line(HASH, latitude=latitude, longitude=text))
    (row,) = read(open_metadata(path, kept), HASH)
    assert row[1:3] == (float(np.float32(text)) if latitude else None, float(np.float32(text)))


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2004-05-17 00:44:29.0", datetime(2004, 5, 17, 0, 44, 29)),
        ("2004-05-17 00:44:29", datetime(2004, 5, 17, 0, 44, 29)),
        ("2011-12-31 23:59:59.999999", datetime(2011, 12, 31, 23, 59, 59, 999999)),
        ("2011-12-31 23:59:59.000001", datetime(2011, 12, 31, 23, 59, 59, 1)),
        ("1969-12-31 23:59:59.25", datetime(1969, 12, 31, 23, 59, 59, 250000)),
        ("0001-01-01 00:00:00.0", datetime(1, 1, 1)),
        ("9999-12-31 00:00:00.0", datetime(9999, 12, 31)),
    ],
)
def test_dates_are_exact_to_the_microsecond_with_or_without_a_fraction(tmp_path, kept, text, date):
    path = write(tmp_path / "a.csv", line(HASH, date=text))
    assert read(open_metadata(path, kept), HASH)[0][3] == date


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte order mark"])
def test_byte_order_mark_and_line_ends_make_no_difference(tmp_path, kept, newline, mark):
    lines = [
        "hash,unickname,datetaken,latitude,longitude",
        f"{HASH},first,{DATE},,",
        f"{OTHER},last,{DATE},,2.5",
        "",
    ]
    path = tmp_path / "a.csv"
    path.write_bytes((mark + newline.join(lines)).encode())
    date = datetime(2004, 5, 17, 0, 44, 29)
    assert read(open_metadata(path, kept), OTHER, HASH) == [
        ("last", None, 2.5, date),
        ("first", None, None, date),
    ]


def test_columns_are_taken_by_name_in_any_order(tmp_path, kept):
    path = tmp_path / "a.csv"
    path.write_text(
        f"longitude,hash,extra,latitude,datetaken,unickname\n2.5,{HASH},x,1.5,{DATE},me\n"
    )
    assert read(open_metadata(path, kept), HASH) == [
        ("me", 1.5, 2.5, datetime(2004, 5, 17, 0, 44, 29))
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_path_need_not_be_utf_8(tmp_path, kept):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    path = write(folder / "a.csv", line(HASH, name="someone"))
    assert read(open_metadata(path, kept), HASH)[0][0] == "someone"
    write(path, line(HASH, date="never"))
    error(path, tmp_path / "kept too", "line 2, found .*'never'")


def test_slices_find_their_rows(tmp_path, kept):
    hashes = [image_hash(number) for number in range(9)]
    opened = open_metadata(
        write(tmp_path / "a.csv", *(line(hash, name=hash) for hash in hashes)), kept
    )
    rows = opened.find(pa.array(hashes).slice(3, 4))
    assert opened.take(rows)[0].to_pylist() == hashes[3:7]


# Errors


def error(path, kept, match):
    """The error that opening this CSV raises; its message names the CSV, and nothing is kept."""
    with pytest.raises(MetadataError, match=match) as caught:
        open_metadata(path, kept)
    assert str(caught.value).startswith(f"{path}: expected ")
    assert caught.value.path == str(path)
    assert not kept.exists() or list(kept.iterdir()) == []
    return caught.value


def test_a_missing_csv_names_the_command_that_fetches_it(tmp_path, kept):
    error(
        tmp_path / "none.csv",
        kept,
        f"metadata CSV here, found none. `pass-utils download {re.escape(str(tmp_path))}`",
    )


def test_a_folder_is_no_csv(tmp_path, kept):
    error(tmp_path, kept, "expected the metadata CSV here, found something unreadable")


def test_relative_paths_are_named_in_full(tmp_path, kept, monkeypatch):
    write(tmp_path / "a.csv", line("bad"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MetadataError, match=re.escape(f"{tmp_path / 'a.csv'}: expected a hash")):
        open_metadata("a.csv", kept)


def test_other_columns_are_listed_beside_the_expected_ones(tmp_path, kept):
    path = tmp_path / "a.csv"
    path.write_text("photoid,uid,unickname\n1,2,3\n")
    expected = (
        "the columns hash, unickname, latitude, longitude, datetaken, found 'photoid', 'uid', "
        "'unickname'"
    )
    error(path, kept, expected)


@pytest.mark.parametrize("column", ["hash", "unickname", "latitude", "longitude", "datetaken"])
def test_each_column_is_needed_once(tmp_path, kept, column):
    path = tmp_path / "a.csv"
    write_csv(path, [line(HASH)], [name.upper() if name == column else name for name in HEADER])
    error(path, kept, f"expected the columns .*, found .*'{column.upper()}'")
    write_csv(path, [(*line(HASH), "")], [*HEADER, column])
    error(path, kept, f"expected the columns .*, found .*'{column}'.*'{column}'")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "found an empty file"),
        (b"\0" * 200_000, "expected the columns"),
        (b"x" * 200_000, "expected the columns .*x{999}'"),
        (b"PASS_dataset/\0\0\0ustar\0" * 9000, "expected the columns"),
        (",".join(HEADER).encode("utf-16"), "expected the columns"),
        (b'\x1f\x8b\x08\xff"' + bytes(range(256)) * 600, "expected the columns"),
        (b'"' * 200_001, "expected the columns"),
    ],
    ids=["empty", "zeros", "one line", "a tar", "UTF-16", "binary", "quotes"],
)
def test_files_that_are_no_csv_are_refused(tmp_path, kept, content, match):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    assert len(str(error(path, kept, match))) < 5000


@pytest.mark.parametrize("end", ["\n", "", "\r\n"])
def test_a_header_without_rows_is_refused(tmp_path, kept, end):
    path = tmp_path / "a.csv"
    path.write_bytes((",".join(HEADER) + end).encode())
    error(path, kept, "found none|Empty CSV")


@pytest.mark.parametrize(
    "date",
    [
        "17.05.2004",
        "2004-02-30 00:00:00",
        "0000-00-00 00:00:00",
        "null",
        "1084754669",
        "2004-05-17 24:00:00.0",
    ]
    + ["2004-05-17 00:44:29.1234567", "2004-05-17 00:44:29Z", "2004-05-17 00:44:29+02:00"],
)
@pytest.mark.parametrize("block", [300, 8 << 20])
def test_a_bad_date_names_its_row(tmp_path, kept, monkeypatch, date, block):
    monkeypatch.setattr(reading, "_BLOCK_BYTES", block)
    lines = [line(image_hash(number), date=date if number == 40 else DATE) for number in range(50)]
    error(
        write(tmp_path / "a.csv", *lines),
        kept,
        f"expected a date like .* in datetaken, line 42, found .*'{re.escape(date)}'",
    )


@pytest.mark.parametrize("column", ["latitude", "longitude"])
@pytest.mark.parametrize("text", ["north", "12.5N", "0x10", "1_0", "12,5", "null", "-"])
def test_bad_text_for_a_coordinate_names_its_row(tmp_path, kept, column, text):
    lines = [line(OTHER), line(HASH, **{column: text})]
    error(
        write(tmp_path / "a.csv", *lines),
        kept,
        f"expected a number of degrees in {column}, line 3, found .*'{re.escape(text)}'",
    )


@pytest.mark.parametrize(
    ("column", "text", "found"),
    [
        ("latitude", "90.5", "90.5"),
        ("latitude", "-90.001", "-90.00"),
        ("longitude", "-181", "-181.0"),
        ("longitude", "180.5", "180.5"),
        ("latitude", "NaN", "nan"),
        ("longitude", "nan", "nan"),
        ("latitude", "inf", "inf"),
        ("longitude", "-inf", "-inf"),
        ("latitude", "1e400", "inf"),
    ],
)
def test_a_coordinate_that_is_no_place_on_earth_names_its_line(
    tmp_path, kept, monkeypatch, column, text, found
):
    monkeypatch.setattr(reading, "_BLOCK_BYTES", 300)
    lines = [line(image_hash(number), latitude="1", longitude="") for number in range(30)]
    lines[20] = line(image_hash(20), **{column: text})
    limit = {"latitude": 90, "longitude": 180}[column]
    error(
        write(tmp_path / "a.csv", *lines),
        kept,
        f"a gps_{column} within {limit} degrees, found {found}\\d* in line 22\\.",
    )


@pytest.mark.parametrize(
    "bad", [HASH.upper(), "", HASH[:15], HASH + "0", "z" * 16, "é" * 16, HASH + " "]
)
@pytest.mark.parametrize("place", [0, 1, 700, 999])
def test_a_bad_hash_names_its_line_also_beyond_the_first_block(
    tmp_path, kept, monkeypatch, bad, place
):
    monkeypatch.setattr(reading, "_BLOCK_BYTES", 8 << 10)
    lines = [line(bad if number == place else image_hash(number)) for number in range(1000)]
    found = re.escape(repr(bad or None))
    error(
        write(tmp_path / "a.csv", *lines),
        kept,
        f"lower-case hex characters, found {found} in line {place + 2:,}\\.",
    )


def test_the_first_of_several_bad_hashes_is_named(tmp_path, kept):
    lines = [line(HASH), line("bad"), line("worse"), line("")]
    error(write(tmp_path / "a.csv", *lines), kept, "found 'bad' in line 3")


@pytest.mark.parametrize("hash", [HASH, OTHER, "0" + OTHER, "0" * 16, "f" * 16])
@pytest.mark.parametrize("block", [400, 8 << 20])
def test_a_hash_that_stands_twice_is_named(tmp_path, kept, monkeypatch, hash, block):
    monkeypatch.setattr(reading, "_BLOCK_BYTES", block)
    others = [image_hash(number) for number in range(20)] + [OTHER[:-1], "00" + OTHER, "0" * 17]
    path = write(
        tmp_path / "a.csv", line(hash, name="one"), *map(line, others), line(hash, name="two")
    )
    assert error(path, kept, f"expected each hash once, found {hash} in two rows").hash == hash


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (f",me,{DATE},A,{HASH},,\n1,2,3\n".encode(), "expected 7 columns in line 3, found 3"),
        (f",me,{DATE},A,{HASH},,,\n".encode(), "expected 7 columns in line 2, found 8"),
        (f',"me,{DATE},A,{HASH},,\n'.encode(), "found a quote in line 2 that is not closed"),
        (
            f",m\xe9,{DATE},A,{HASH},,\n".encode("latin-1"),
            "text in UTF-8 in unickname, line 2, found",
        ),
    ],
    ids=["cut short", "too long", "open quote", "Latin-1"],
)
def test_damaged_lines_are_refused(tmp_path, kept, content, match):
    path = tmp_path / "a.csv"
    path.write_bytes(",".join(HEADER).encode() + b"\n" + content)
    error(path, kept, match)


def test_lines_are_numbered_as_in_the_file_also_after_empty_ones(tmp_path, kept):
    path = tmp_path / "a.csv"
    lines = [*map(",".join, (HEADER, [], line(HASH), [], [], line("bad")))]
    for end in ("\n", "\r\n"):
        path.write_bytes(end.join(lines).encode())
        error(path, kept, "found 'bad' in line 6")
    lines[-1] = ",".join(line(OTHER, date="never"))
    path.write_bytes("\n".join(lines).encode())
    error(path, kept, "in datetaken, line 6, found")


def quoted(column: int, begin: int, end: int | None, count: int) -> str:
    """A CSV in which a quote begins a field of one line and, perhaps, ends one of another."""
    lines = [list(line(image_hash(number))) for number in range(count)]
    lines[begin][column] = '"' + lines[begin][column]
    if end is not None:
        lines[end][column] += '"'
    return "".join(f"{','.join(each)}\n" for each in [HEADER, *lines])


@pytest.mark.parametrize("column", [0, 1, 3])
@pytest.mark.parametrize(("end", "count"), [(None, 25), (9, 25), (24, 25), (None, 20_000)])
def test_a_lone_quote_that_swallows_lines_is_an_error(tmp_path, kept, column, end, count):
    path = tmp_path / "a.csv"
    path.write_text(quoted(column, 4, end, count))
    match = "expected a row in each line, found a quote in line 6 that is not closed there"
    error(path, kept, match)
    with pytest.raises(MetadataError, match=match):
        list(read_rows(str(path), ("hash", "creator_username")))


def test_quotes_that_swallow_nothing_are_none(tmp_path, kept):
    path = tmp_path / "a.csv"
    names = ['a"b', '"a,b"', '"a""b"', 'a""']
    rows = [line(image_hash(number), name=name) for number, name in enumerate(names)]
    path.write_text("\n".join([",".join(f'"{name}"' for name in HEADER), *map(",".join, rows)]))
    found = read(open_metadata(path, kept), *map(image_hash, range(4)))
    assert [row[0] for row in found] == ['a"b', "a,b", 'a"b', 'a""']


def test_a_line_that_is_too_long_is_named_as_that(tmp_path, kept):
    path = write(tmp_path / "a.csv", line(OTHER), line(HASH, name="x" * 3_000_000))
    error(path, kept, "expected lines of at most 524,288 bytes, found a longer one")


@pytest.mark.parametrize(
    ("lines", "match"),
    [
        ([], "expected a row for each image, found none"),
        ([line(HASH), line(OTHER), line(HASH)], "expected each hash once, found"),
        ([line("bad")], "found 'bad' in line 2"),
        ([line(HASH, latitude="91")], "a gps_latitude within 90 degrees, found 91.0 in line 2"),
        ([line(HASH, date="never")], "in datetaken, line 2"),
    ],
)
def test_rows_are_read_with_the_checks_that_opening_has(tmp_path, kept, lines, match):
    path = write(tmp_path / "a.csv", *lines)
    error(path, kept, match)
    with pytest.raises(MetadataError, match=match):
        list(read_rows(str(path), ("hash", "creator_username")))


def test_rows_are_read_in_the_order_of_the_file(tmp_path):
    path = write(tmp_path / "a.csv", line(OTHER, name="one"), line(HASH, name="two"))
    (batch,) = read_rows(str(path), ("creator_username", "hash"))
    assert batch.to_pydict() == {"creator_username": ["one", "two"], "hash": [OTHER, HASH]}


# The kept file


def refuse_to_parse(csv):
    pytest.fail("parsed again")


def test_a_later_process_maps_what_the_first_one_parsed(tmp_path, kept, monkeypatch):
    path = write(tmp_path / "a.csv", line(HASH, name="kept"))
    first = open_metadata(path, kept)
    monkeypatch.setattr(table, "_parse", refuse_to_parse)
    assert open_metadata(str(path), str(kept)) is first
    second = reopen(path, kept)
    assert second is not first
    assert (second.csv, len(second), read(second, HASH)) == (str(path), 1, read(first, HASH))


def test_a_changed_csv_is_parsed_anew_and_the_outdated_file_goes(tmp_path, kept):
    path = write(tmp_path / "a.csv", line(HASH, name="before"))
    bystander = write(tmp_path / "b.csv", line(HASH, name="bystander"))
    open_metadata(bystander, kept)
    (of_bystander,) = kept.iterdir()
    assert read(open_metadata(path, kept), HASH)[0][0] == "before"
    written = path.stat()
    (first,) = set(kept.iterdir()) - {of_bystander}

    write(path, line(HASH, name="after, longer"))
    os.utime(path, ns=(written.st_atime_ns, written.st_mtime_ns))
    assert read(open_metadata(path, kept), HASH)[0][0] == "after, longer"
    (second,) = set(kept.iterdir()) - {of_bystander}
    assert second != first

    write(path, line(HASH, name="again, longer"))
    assert path.stat().st_size == len(path.read_bytes().replace(b"again", b"after"))
    os.utime(path, ns=(written.st_atime_ns, written.st_mtime_ns + 1))
    assert read(open_metadata(path, kept), HASH)[0][0] == "again, longer"
    (third,) = set(kept.iterdir()) - {of_bystander}
    assert third != second
    assert read(reopen(bystander, kept), HASH)[0][0] == "bystander"


def test_rows_opened_before_a_change_can_still_be_read_after_it(tmp_path, kept):
    path = write(
        tmp_path / "a.csv",
        *(line(image_hash(number), name=f"before {number}") for number in range(5000)),
    )
    before = open_metadata(path, kept)
    write(path, line(HASH, name="after"))
    assert read(open_metadata(path, kept), HASH)[0][0] == "after"
    hashes = [image_hash(number) for number in range(5000)]
    assert [row[0] for row in read(before, *hashes)] == [
        f"before {number}" for number in range(5000)
    ]


def test_a_failed_parse_leaves_nothing_that_a_later_call_takes_for_whole(tmp_path, kept):
    path = write(tmp_path / "a.csv", line(OTHER), line("z" + HASH[1:]))
    written = path.stat()
    error(path, kept, "found 'z")
    write(path, line(OTHER), line(HASH, name="someone"))
    os.utime(path, ns=(written.st_atime_ns, written.st_mtime_ns))
    assert path.stat().st_size == written.st_size
    assert read(open_metadata(path, kept), HASH)[0][0] == "someone"


def test_where_the_cache_cannot_be_written_rows_are_held_in_memory(
    tmp_path, kept, monkeypatch, caplog
):
    path = write(tmp_path / "a.csv", line(HASH, name="someone"))

    def disk_full(sink, schema):
        Path(sink).write_bytes(b"ARROW1 and no more")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(pa.ipc, "new_file", disk_full)
        assert read(open_metadata(path, kept), HASH)[0][0] == "someone"
    assert "cannot be kept in the cache ([Errno 28] No space left on device)" in caplog.text
    assert list(kept.iterdir()) == []
    table._open.cache_clear()
    assert read(open_metadata(path, kept), HASH)[0][0] == "someone"


def test_what_a_killed_writer_left_is_ignored(tmp_path, kept):
    path = write(tmp_path / "a.csv", line(HASH, name="someone"))
    open_metadata(path, kept)
    (whole,) = kept.iterdir()
    data = whole.read_bytes()
    whole.unlink()
    left = [
        whole.with_name(f"{whole.name}{suffix}")
        for suffix in (".part", f".{os.getpid()}.part", ".0123abcd.part")
    ]
    for part in left:
        part.write_bytes(data[: len(data) // 2])
    assert read(reopen(path, kept), HASH)[0][0] == "someone"
    assert whole.read_bytes() == data
    assert [name for name in kept.iterdir() if name.suffix == ".arrow"] == [whole]


def test_csvs_of_one_size_and_time_in_two_folders_do_not_mix(tmp_path, kept):
    paths = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        paths.append(write(tmp_path / name / "a.csv", line(HASH, name=name)))
        os.utime(paths[-1], ns=(10**18, 10**18))
    assert paths[0].stat().st_size == paths[1].stat().st_size
    for _ in range(2):
        assert [read(reopen(path, kept), HASH)[0][0] for path in paths] == ["one", "two"]
    assert len(list(kept.iterdir())) == 2


@pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX's")
@pytest.mark.parametrize(
    ("mask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600), (0o002, 0o664)]
)
def test_permissions_of_the_kept_file_follow_the_umask(tmp_path, kept, mask, mode):
    path = write(tmp_path / "a.csv", line(HASH))
    before = os.umask(mask)
    try:
        open_metadata(path, kept)
    finally:
        os.umask(before)
    (file,) = kept.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == mode


def test_a_file_that_another_process_wrote_meanwhile_is_not_taken_for_outdated(
    tmp_path, kept, monkeypatch
):
    path = write(tmp_path / "a.csv", line(HASH, name="someone"))
    open_metadata(path, kept)
    (file,) = kept.iterdir()
    monkeypatch.setattr(
        Path, "exists", lambda self: False
    )  # what this process saw just before the other one wrote
    assert read(reopen(path, kept), HASH)[0][0] == "someone"
    assert list(kept.iterdir()) == [file]


ROUNDS = 25


def open_in_rounds(barrier, path, kept, answers):
    """In a process of its own: open the CSV in several empty folders, each at the same moment as
    the other processes.
    """
    try:
        for number in range(ROUNDS):
            barrier.wait(60)
            opened = open_metadata(path, kept / str(number))
            assert read(opened, HASH)[0][0] == "someone"
            assert len(opened) == 3001
    except BaseException as err:
        answers.put(repr(err))
        barrier.abort()
    else:
        answers.put("right")


@pytest.mark.slow
def test_processes_that_open_at_once_all_succeed(tmp_path, kept):
    path = write(
        tmp_path / "a.csv", line(HASH), *(line(image_hash(number)) for number in range(3000))
    )
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(2), context.Queue()
    processes = [
        context.Process(target=open_in_rounds, args=(barrier, path, kept, answers))
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    assert [answers.get(timeout=60) for _ in processes] == ["right", "right"]
    for process in processes:
        process.join(60)
    assert [len(list((kept / str(number)).iterdir())) for number in range(ROUNDS)] == [1] * ROUNDS


def test_threads_that_open_at_once_all_succeed(tmp_path, kept):
    path = write(
        tmp_path / "a.csv", line(HASH), *(line(image_hash(number)) for number in range(3000))
    )
    with ThreadPoolExecutor(4) as pool:
        for number in range(ROUNDS):
            barrier = threading.Barrier(4)

            def open_together(_, barrier=barrier, folder=kept / str(number)):
                barrier.wait(60)
                return read(open_metadata(path, folder), HASH)[0][0]

            assert list(pool.map(open_together, range(4))) == ["someone"] * 4
            assert len(list((kept / str(number)).iterdir())) == 1
