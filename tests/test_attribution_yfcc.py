"""Titles and Flickr pages from YFCC100M's metadata, in each of the forms that it has."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import json
import random
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import write_csv
from support.hub import Fault, Hub, Repository, connect

from pass_utils import MetadataError, RemoteError, credits, write_attribution
from pass_utils._util.retry import Retry
from pass_utils.attribution import yfcc_files
from pass_utils.attribution.yfcc import Titles, hash_of_url

COLUMNS = 23


def url(number: int) -> str:
    return f"http://farm1.staticflickr.com/{number}/{number}_0123456789.jpg"


HASHES = [hash_of_url(url(number)) for number in range(6)]


def line(
    number: int,
    title: str = "Old+Pier%21",
    page: str | None = None,
    licence: str = "Attribution License",
) -> list[str]:
    page = f"http://www.flickr.com/photos/1@N00/{number}/" if page is None else page
    row = [f"x{place}" for place in range(COLUMNS)]
    row[0], row[6], row[7], row[13], row[14], row[15] = (
        str(number),
        title,
        '"quote',
        page,
        url(number),
        licence,
    )
    return row


def later(row: list[str]) -> list[str]:
    return ["0", row[0], hash_of_url(row[14]), *row[1:14], "https://moved.example/", *row[15:]]


LINES = [
    line(9),
    line(1),
    line(2, title="", page="javascript:alert(1)"),
    line(3, title="%3Cb%3E"),
    line(4, licence="Attribution-NonCommercial License"),
]
EXPECTED = {
    0: (None, None),
    1: ("Old Pier!", "http://www.flickr.com/photos/1@N00/1/"),
    2: (None, None),
    3: ("<b>", "http://www.flickr.com/photos/1@N00/3/"),
    4: (None, None),
}


def tsv(rows: list[list[str]]) -> bytes:
    return "".join("\t".join(row) + "\n" for row in rows).encode()


def found(titles: Titles) -> dict[int, tuple[str | None, str | None]]:
    title, page = titles.find(pa.array(HASHES[:5]))
    return dict(enumerate(zip(title.to_pylist(), page.to_pylist(), strict=True)))


NAMED = [
    ["photoid", "title", "pageurl", "downloadurl", "licensename"],
    *([row[0], row[6], row[13], row[14], row[15]] for row in LINES),
]
BY_HASH = [
    ["Hash", "Title", "pageURL"],
    *([hash_of_url(row[14]), row[6], row[13]] for row in LINES if "Non" not in row[15]),
]
FILES = {
    "plain": tsv(LINES),
    "with line ends of Windows": tsv(LINES).replace(b"\n", b"\r\n"),
    "gzip": gzip.compress(tsv(LINES)),
    "bzip2": bz2.compress(tsv(LINES)),
    "gzip in parts": gzip.compress(tsv(LINES[:2])) + gzip.compress(tsv(LINES[2:])),
    "bzip2 in parts": bz2.compress(tsv(LINES[:2])) + bz2.compress(tsv(LINES[2:])),
    "of 25 columns": tsv([later(row) for row in LINES]),
    "with a header": tsv(NAMED),
    "by hash": tsv(BY_HASH),
}


@pytest.mark.parametrize("kind", FILES)
def test_titles_and_pages_are_found_by_hash(tmp_path, kind):
    path = tmp_path / "yfcc"
    path.write_bytes(FILES[kind])
    titles = Titles(path, pa.array(HASHES[:5]))
    assert found(titles) == EXPECTED
    assert len(titles) == 3


def test_titles_are_found_in_parquet(tmp_path):
    names, *rows = NAMED
    pq.write_table(
        pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))),
        tmp_path / "yfcc.parquet",
        row_group_size=2,
    )
    assert found(Titles(tmp_path / "yfcc.parquet", pa.array(HASHES[:5]))) == EXPECTED


def test_a_big_file_is_read_block_by_block(tmp_path, monkeypatch):
    monkeypatch.setattr(yfcc_files, "_BLOCK_BYTES", 1 << 12)
    (tmp_path / "yfcc").write_bytes(
        tsv([line(number, title=f"t{number}") for number in range(1000)])
    )
    wanted = [hash_of_url(url(number)) for number in (999, 0, 500)]
    assert Titles(tmp_path / "yfcc", pa.array(wanted)).find(pa.array(wanted))[0].to_pylist() == [
        "t999",
        "t0",
        "t500",
    ]


def test_lines_with_other_columns_are_skipped_and_counted(tmp_path, caplog):
    path = tmp_path / "yfcc"
    path.write_bytes(tsv([LINES[0], ["torn", "line"], *LINES[1:]]))
    assert found(Titles(path, pa.array(HASHES[:5]))) == EXPECTED
    assert caplog.messages == [
        f"{path}: 1 lines have another number of columns; they are skipped.",
        f"{path}: 3 of the 5 images are in it; the others have no title.",
    ]


def test_a_file_without_any_of_the_images_is_a_warning(tmp_path, caplog):
    path = tmp_path / "yfcc"
    path.write_bytes(tsv([line(77)]))
    titles = Titles(path, pa.array(HASHES[:5]))
    assert set(found(titles).values()) == {(None, None)}
    assert caplog.messages == [f"{path}: none of the 5 images is in it."]
    assert len(Titles(path, pa.array([], pa.string()))) == 0


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "expected YFCC100M's 23 or 25 columns.*found 1 columns without names"),
        (b"a\tb\tc\n", "found 3 columns without names"),
        (b"title\tpageurl\n", "found title, pageurl"),
        (b"PAR1 no", "expected YFCC100M's metadata"),
        (b"\x1f\x8b no", "expected YFCC100M's metadata"),
    ],
)
def test_a_file_of_another_kind_is_an_error(tmp_path, data, match):
    (tmp_path / "yfcc").write_bytes(data)
    with pytest.raises(MetadataError, match=match):
        Titles(tmp_path / "yfcc", pa.array(HASHES))


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(MetadataError, match="No such file"):
        Titles(tmp_path / "yfcc", pa.array(HASHES))


def test_credits_have_titles_and_pages_where_they_are_known(tmp_path):
    (tmp_path / "yfcc").write_bytes(FILES["bzip2"])
    ds = datasets.Dataset.from_dict(
        {"hash": HASHES[:5], "creator_username": ["a", "b", "c", "d", "e"]}
    )
    known = [
        (credit.creator, credit.title, credit.page_url)
        for credit in credits(ds, yfcc=tmp_path / "yfcc")
    ]
    assert known == [(name, *EXPECTED[place]) for place, name in enumerate("abcde")]
    for grouped in (None, "creator"):
        write_attribution(ds, tmp_path / "C.jsonl", yfcc=tmp_path / "yfcc", group_by=grouped)
        rows = [json.loads(text) for text in (tmp_path / "C.jsonl").read_text().splitlines()]
        assert [(row["creator"], row["title"], row["page_url"]) for row in rows] == known


def test_hash_of_url_is_an_md5_without_leading_zeros_of_bytes():
    for number in range(50):
        expected = "".join(f"{byte:x}" for byte in hashlib.md5(url(number).encode()).digest())
        assert hash_of_url(url(number)) == expected
    assert len({len(hash_of_url(url(number))) for number in range(50)}) > 3


def test_hash_of_url_is_that_of_the_http_address():
    assert (
        hash_of_url("https://farm8.staticflickr.com/7205/6985418911_df7747990d.jpg")
        == "4e2f7a26a1dfbf165a7e30bdabf7e72a"
    )


def common_catalog(numbers: range) -> pa.Table:
    """Rows as CommonCatalog has them: a heavy column of images among many of metadata."""
    return pa.table(
        {
            "jpg": [random.Random(number).randbytes(20_000) for number in numbers],
            "title": [f"Pier+{number}" for number in numbers],
            "pageurl": [f"http://www.flickr.com/photos/1@N00/{number}/" for number in numbers],
            "downloadurl": [url(number) for number in numbers],
            "licensename": ["Attribution License" for _ in numbers],
        }
    )


def test_titles_are_found_in_a_folder_of_parquet(tmp_path, caplog):
    (tmp_path / "deep").mkdir()
    pq.write_table(common_catalog(range(2)), tmp_path / "a.parquet")
    pq.write_table(common_catalog(range(3, 5)), tmp_path / "deep" / "b.parquet")
    titles, pages = Titles(tmp_path, pa.array(HASHES[:5])).find(pa.array(HASHES[:5]))
    assert titles.to_pylist() == ["Pier 0", "Pier 1", None, "Pier 3", "Pier 4"]
    assert pages[4].as_py() == "http://www.flickr.com/photos/1@N00/4/"
    assert caplog.messages == [
        f"{tmp_path}: 4 of the 5 images are in it; the others have no title."
    ]
    (tmp_path / "none").mkdir()
    with pytest.raises(MetadataError, match="expected Parquet files with titles in this folder"):
        Titles(tmp_path / "none", pa.array(HASHES))


@pytest.fixture
def catalog(tmp_path, monkeypatch):
    """A dataset of the Hub with two Parquet files of 40 rows in four row groups each."""
    with Hub(tmp_path / "hub") as hub:
        connect(hub, monkeypatch, tmp_path / "hf")
        repository = hub.repositories["me/catalog"] = Repository(private=False)
        files = {}
        for part in range(2):
            path = tmp_path / f"{part}.parquet"
            pq.write_table(
                common_catalog(range(40 * part, 40 * part + 40)), path, row_group_size=10
            )
            files[f"data/{part}.parquet"] = hub.keep(path.read_bytes())._replace(lfs=True)
        repository.add("main", "data", None, files)
        yield hub


WANTED = [hash_of_url(url(number)) for number in (0, 39, 40, 79, 500)]


def test_titles_of_a_dataset_on_the_hub_are_read_without_its_images(catalog, caplog):
    address = "hf://datasets/me/catalog"
    titles, pages = Titles(address, pa.array(WANTED)).find(pa.array(WANTED))
    assert titles.to_pylist() == ["Pier 0", "Pier 39", "Pier 40", "Pier 79", None]
    assert pages.null_count == 1
    assert f"{address}: 4 of the 5 images are in it; the others have no title." in caplog.messages
    sent = sum(request.sent for request in catalog.asked("GET /(cdn|datasets)/"))
    assert sent < 400_000  # of 1.6 MB
    titles, _ = Titles(f"{address}/data/1.parquet", pa.array(WANTED)).find(pa.array(WANTED))
    assert titles.to_pylist() == [None, None, "Pier 40", "Pier 79", None]


def test_reading_titles_of_the_hub_goes_on_after_failures(catalog, monkeypatch):
    monkeypatch.setattr(yfcc_files, "_RETRY", Retry(attempts=5, first_wait=0.01))
    catalog.faults += [Fault("GET /cdn", cut=10), Fault("GET .*tree", status=503)]
    titles, _ = Titles("hf://datasets/me/catalog", pa.array(WANTED)).find(pa.array(WANTED))
    assert titles.null_count == 1
    assert catalog.faults == []


def test_titles_that_are_not_on_the_hub_are_an_error(catalog, monkeypatch):
    with pytest.raises(RemoteError, match=r"hf://datasets/me/none: expected Parquet files"):
        Titles("hf://datasets/me/none", pa.array(WANTED))
    catalog.repositories["me/catalog"].add("main", "no data", None, {})
    with pytest.raises(RemoteError, match=r"titles, found none. Check the address"):
        Titles("hf://datasets/me/catalog", pa.array(WANTED))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(RemoteError, match="found HF_HUB_OFFLINE set"):
        Titles("hf://datasets/me/catalog", pa.array(WANTED))


def write_folder(folder: Path, hashes: list[str]) -> Path:
    folder.mkdir()
    rows = [(n, "user", "", "Attribution License", h, "", "") for n, h in enumerate(hashes)]
    write_csv(folder / "pass_metadata.csv", rows)
    return folder


def test_the_command_takes_titles_of_the_hub(catalog, run, tmp_path):
    folder = write_folder(tmp_path / "pass", WANTED)
    done = run("credits", folder, tmp_path / "C.csv", "--yfcc", "hf://datasets/me/catalog", "-q")
    assert done.code == 0, done.err
    assert (tmp_path / "C.csv").read_text().count("Pier ") == 4
