"""Lists of hashes: every format gives the same hashes, and what is wrong is named by its line."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pass_utils import SelectionError, write_attribution
from pass_utils.hashes import Keys
from pass_utils.releases import File, dummy_folder
from pass_utils.selection.lists import HashList, read_hashes
from pass_utils.selection.manifest import Manifest, Missing, SubsetImage
from pass_utils.selection.record import Selection

HASH = "ffd3eb12a16cb83138f26e6f36dec967"
OTHER = "fff0eece99cc71c2e91fe716051599"
HASHES = st.lists(st.text("0123456789abcdef", min_size=16, max_size=32), max_size=60)
BUCKET = "https://multimedia-commons.s3-us-west-2.amazonaws.com/data/images"


def write_text(path: Path, hashes: list[str]) -> None:
    path.write_text("".join(f"{each}\n" for each in hashes))


def write_urls(path: Path, hashes: list[str]) -> None:
    lines = [f"{BUCKET}/{each[:3]}/{each[3:6]}/{each}.jpg" for each in hashes]
    path.write_text("\r\n".join(["# of PASS v3", "", *lines]))


def write_csv(path: Path, hashes: list[str]) -> None:
    rows = [f'"a, ""b""\nc",{each},\n' for each in hashes]
    path.write_text("\ufeffname,hash,last\n" + "".join(rows), encoding="utf-8")


def write_tsv(path: Path, hashes: list[str]) -> None:
    path.write_text("hash\tname\n" + "".join(f"{each}\ta;b\n" for each in hashes))


def write_jsonl(path: Path, hashes: list[str]) -> None:
    first = {"hash": HASH, "place": {"x": [1]}}
    rows = [first, *({"hash": each, "n": n} for n, each in enumerate(hashes))]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_parquet(path: Path, hashes: list[str]) -> None:
    column = pa.array(hashes, pa.large_string()).dictionary_encode()
    pq.write_table(pa.table({"n": range(len(hashes)), "hash": column}), path, row_group_size=7)


def write_manifest(path: Path, hashes: list[str]) -> None:
    images = tuple(SubsetImage(each, 3, sha256(each)) for each in dict.fromkeys(hashes))
    missing = (Missing("0" * 16, "404"),)
    made = Manifest(Selection(release="v3", sample=9), (), images, missing, "x", "2026-11-25")
    made.write(path)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    "write",
    [write_text, write_urls, write_csv, write_tsv, write_jsonl, write_parquet, write_manifest],
)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(hashes=HASHES)
def test_every_format_gives_the_different_hashes_and_their_digest(tmp_path, write, hashes):
    path = tmp_path / "list"  # the content tells the format, not the name
    write(path, hashes)
    wanted = {*hashes, HASH} if write is write_jsonl else set(hashes)
    read = read_hashes(path)
    assert read.keys is not None
    assert set(read.keys.text().to_pylist()) == wanted
    assert len(read) == len(read.keys) == len(wanted)
    assert read.digest == sha256("".join(f"{each}\n" for each in sorted(wanted)))
    if write is write_manifest:
        assert read.sha256 == {each: sha256(each) for each in wanted}


@given(hashes=HASHES, seed=st.integers(0, 9))
@settings(deadline=None)
def test_keys_become_the_text_that_they_were_made_of_once_each_in_order(hashes, seed):
    keys = Keys.of(pa.array(hashes, pa.string()))
    assert keys.text().to_pylist() == hashes
    in_order = sorted(set(hashes), key=lambda text: (int(text, 16), len(text)))
    random.Random(seed).shuffle(hashes)
    assert Keys.of(pa.array(hashes, pa.string())).unique().text().to_pylist() == in_order


@pytest.mark.parametrize("name", ["credits.csv", "credits.jsonl", "credits.parquet"])
@pytest.mark.parametrize("spreadsheet_safe", [False, True])
def test_the_credits_of_an_export_are_a_list(tmp_path, name, spreadsheet_safe):
    ds = load_dataset("pass", data_dir=str(dummy_folder("v2")), split="train").select(range(9))
    options = {"spreadsheet_safe": True} if spreadsheet_safe and name.endswith("csv") else {}
    write_attribution(ds, tmp_path / name, changes='resized, "cropped"', **options)
    assert read_hashes(tmp_path / name) == read_hashes(ds["hash"])
    assert len(read_hashes(tmp_path / name)) == 9


def test_the_csv_of_a_release_is_a_list(bundled):
    release, folder = bundled
    ds = load_dataset("pass", release, data_dir=str(folder), split="train")
    read = read_hashes(folder / "pass_metadata.csv")
    assert set(ds["hash"]) <= set(read.keys.text().to_pylist())


def test_hashes_and_files_come_together_in_one_list(tmp_path):
    write_text(tmp_path / "a", [HASH])
    write_manifest(tmp_path / "b", [OTHER])
    read = read_hashes([tmp_path / "a", str(tmp_path / "b"), HASH])
    assert read == HashList.of(Keys.of(pa.array([OTHER, HASH])))
    assert read.sha256 == {OTHER: sha256(OTHER)}
    assert read.release == "v3"
    assert read_hashes(OTHER) == read_hashes([OTHER, OTHER]) != read_hashes([])
    assert len(read_hashes([])) == 0


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (f"{HASH}\n\n# {OTHER}\nFFD3EB12A16CB831\n", "'FFD3EB12A16CB831' in line 4"),
        (f"{HASH}\n{'f' * 33}\n", f"'{'f' * 33}' in line 2"),
        (f"{HASH}.png\n", f"'{HASH}.png' in line 1"),
        (f"{HASH} {OTHER}\n", f"'{HASH} {OTHER}' in line 1"),
        (f"{HASH}\n" * 70_000 + "\x1b[2J\n", r"'\x1b[2J' in line 70,001"),
        (f"n,hash\n1,{HASH}\n2,\n", "'' in row 2"),
        (f"n,hash\n1,{HASH}\n2\n", "Expected 2 columns, got 1"),
        (f"n,Hash\n1,{HASH}\n", "expected a column 'hash', found 'n', 'Hash'"),
        (f'{{"hash": "{HASH}"}}\n{{"other": 1}}\n', "nothing in row 2"),
        (f'{{"id": "{HASH}"}}\n', "expected a column 'hash', found 'id'"),
        (f'{{"hash": "{HASH}"}}\n{{"hash": 1}}\n', "changed from string to number"),
        (f'{{"hash": "{HASH}"\n', "expected a column 'hash'"),
        ('{\n "selection": {}, "images": [{"hash": "xyz", "sha256": ""}]\n}\n', "'xyz' in image 1"),
        ('{\n "images": [{"hash": 1}]\n}\n', "KeyError"),
        ('{\n "images"\n}\n', "JSONDecodeError"),
        (b"PAR1 and more", "Parquet"),
        (b"\xff\xfe\n", "UTF8"),
        (b"\0" * 40, r"'\x00\x00"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else None,
)
def test_what_is_no_hash_is_named_with_its_line(tmp_path, content, found):
    path = tmp_path / "list.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SelectionError) as raised:
        read_hashes(path)
    assert found in str(raised.value)
    assert raised.value.path == str(path)
    assert len(str(raised.value)) < 900


def test_what_is_neither_a_hash_nor_a_file_is_refused(tmp_path):
    for source, found in (
        (tmp_path / "none.txt", "no such file"),
        ("FFD3", "no such file"),
        (tmp_path, "a folder"),
        ([7], "found int 7"),
    ):
        with pytest.raises(SelectionError, match=found):
            read_hashes(source)


def test_a_manifest_is_read_as_it_was_written(tmp_path):
    made = Manifest(
        selection=Selection(release="v3", sample=2, seed=51, include=read_hashes([HASH, OTHER])),
        files=(File("PASS.subset.tar", 10240, "ab" * 32),),
        images=(SubsetImage(HASH, 931, "cd" * 32),),
        missing=(Missing(OTHER, 'HTTP 404 "\n'),),
        source=f"{BUCKET}/",
        created="2026-11-25T16:00:00+00:00",
    )
    made.write(tmp_path / "PASS.subset.json")
    assert Manifest.read(tmp_path / "PASS.subset.json") == made
    assert len((tmp_path / "PASS.subset.json").read_text().splitlines()) == 13
    for content in ("{", "[]", '{"kind": "pass-utils subset", "version": 2}', "[" * 100_000):
        (tmp_path / "bad.json").write_text(content)
        with pytest.raises(SelectionError, match="bad.json: expected the manifest of a subset"):
            Manifest.read(tmp_path / "bad.json")
