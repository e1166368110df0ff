"""`credits` and `write_attribution`: datasets of every kind, folders, options and errors."""

from __future__ import annotations

import contextlib
import csv
import json
import logging
import subprocess
import sys

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import image_hash

import pass_utils
from pass_utils import (
    AttributionError,
    DatasetError,
    MetadataError,
    PassError,
    ReleaseError,
    credits,
    write_attribution,
)
from pass_utils.shards.places import Place
from pass_utils.shards.source import ShardFile

IMAGES = [0, 1, 2, 3, 4]  # of the fixture `folder`


def load(where, **options):
    return datasets.load_dataset(
        "pass", data_dir=str(where), shards=[0, 1], split="train", **options
    )


KINDS = {
    "in place": lambda where: load(where),
    "embedded": lambda where: load(where, embed_images=True),
    "streamed": lambda where: load(where, streaming=True),
    "in memory": lambda where: datasets.Dataset.from_list(
        [{"hash": image_hash(n), "creator_username": f"user+{n}"} for n in IMAGES]
    ),
    "iterable": lambda where: load(where).to_iterable_dataset(num_shards=2),
    "generated": lambda where: datasets.IterableDataset.from_generator(
        lambda: ({"creator_username": f"user+{n}", "x": 1, "hash": image_hash(n)} for n in IMAGES)
    ),
    "formatted": lambda where: load(where).with_format("numpy"),
    "split": lambda where: datasets.DatasetDict(
        {"train": load(where).select([0, 1]), "test": load(where).select([2, 3, 4])}
    ),
    "streamed split": lambda where: datasets.IterableDatasetDict(
        {"train": load(where, streaming=True)}
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_dataset_is_credited_in_its_order(folder, tmp_path, kind):
    ds = KINDS[kind](folder())
    assert [(credit.hash, credit.creator) for credit in credits(ds)] == [
        (image_hash(n), f"user {n}") for n in IMAGES
    ]
    assert write_attribution(ds, tmp_path / "CREDITS.jsonl") == 5
    rows = [json.loads(line) for line in (tmp_path / "CREDITS.jsonl").read_text().splitlines()]
    assert rows == [vars(credit) for credit in credits(ds)]


def test_credits_are_of_the_rows_that_a_selection_has_in_its_order(folder):
    ds = load(folder())
    chosen = ds.select([4, 0, 2]).filter(
        lambda row: row["creator_username"] != "user+0", load_from_cache_file=False
    )
    assert [credit.creator for credit in credits(chosen)] == ["user 4", "user 2"]
    assert [credit.creator for credit in credits(ds.shuffle(seed=1))] == [
        row["creator_username"].replace("+", " ")
        for row in ds.shuffle(seed=1).remove_columns("image")
    ]
    assert list(credits(ds.select([]))) == []


def test_credits_of_a_stream_are_lazy(folder):
    ds = datasets.IterableDataset.from_generator(
        lambda: (
            {"hash": image_hash(n), "creator_username": "a"} if n < 600 else 1 / 0
            for n in range(601)
        )
    )
    assert next(credits(ds)).hash == image_hash(0)


def test_credits_of_datasets_on_disk_read_no_image(folder, tmp_path, monkeypatch):
    where = folder()
    kinds = [
        load(where),
        load(where, embed_images=True).with_format("numpy"),
        load(where).select([4, 3, 2, 1, 0]),
    ]
    reads: list[str] = []
    for owner, name in (
        (ShardFile, "__init__"),
        (Place, "read"),
        (datasets.Image, "decode_example"),
    ):
        monkeypatch.setattr(owner, name, lambda *args, name=name, **kwargs: reads.append(name))
    tables: list[list[str]] = []
    original = datasets.formatting.ArrowFormatter.format_batch
    monkeypatch.setattr(
        datasets.formatting.ArrowFormatter,
        "format_batch",
        lambda self, table: tables.append(table.column_names) or original(self, table),
    )
    for ds in kinds:
        for name in ("C.csv", "C.html", "C.parquet"):
            assert write_attribution(ds, tmp_path / name, group_by="creator") == 5
    assert reads == []
    assert tables
    assert {tuple(names) for names in tables} == {("hash", "creator_username")}


def test_credits_of_a_folder_need_its_csv_only(folder, tmp_path):
    where = folder()
    in_order = [f"user {n}" for n in reversed(IMAGES)]  # the CSV's
    assert [credit.creator for credit in credits(where)] == in_order
    for shard in where.glob("*.tar"):
        shard.unlink()
    assert [credit.creator for credit in credits(str(where))] == in_order
    assert write_attribution(where / "pass_metadata.csv", tmp_path / "C.txt") == 5


@pytest.mark.parametrize(
    "name", ["C.csv", "C.jsonl", "C.parquet", "C.txt", "C.md", "C.html", "c.HTML"]
)
def test_the_suffix_of_a_list_chooses_its_format(folder, tmp_path, name):
    path = tmp_path / name
    assert write_attribution(folder(), path) == 5
    data = path.read_bytes()
    begin = {
        "csv": b"hash,",
        "jsonl": b'{"hash"',
        "parquet": b"PAR1",
        "txt": b"PASS (",
        "md": b"# Credits",
        "html": b"<!DOCTYPE",
    }
    assert data.startswith(begin[path.suffix[1:].lower()])
    write_attribution(tmp_path / "pass", tmp_path / "other.dat", format=path.suffix[1:].lower())
    assert (tmp_path / "other.dat").read_bytes() == data
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted([name, "other.dat", "pass"])


def test_a_list_names_the_release_of_its_target_unless_one_is_given(bundled, tmp_path):
    release, where = bundled
    ds = datasets.load_dataset("pass", release, data_dir=str(where), split="train")
    path = tmp_path / "C.txt"
    for target, given, shown in (
        (ds, None, release),
        (ds.select([1]), None, release),
        (where, None, release),
        (where, release, release),
        ({"a": ds, "b": ds}, None, release),
    ):
        write_attribution(target, path, release=given)
        assert f", release {shown} (" in path.read_text()


def test_exclude_leaves_out_creators_and_hashes(folder, tmp_path, caplog):
    where = folder()
    left = [image_hash(1), "user+2", "user 3"]
    assert [credit.creator for credit in credits(where, exclude=left)] == ["user 4", "user 0"]
    for name in ("C.csv", "C.html"):
        assert write_attribution(where, tmp_path / name, exclude=left, group_by="creator") == 2
        assert not [n for n in (1, 2, 3) if image_hash(n) in (tmp_path / name).read_text()]
    assert caplog.messages == []
    assert len(list(credits(where, exclude="user 4"))) == 4
    assert len(list(credits(where, exclude=["user", "user 4"]))) == 4
    assert caplog.messages == ["exclude: no image has the hash or the creator 'user'."]


def test_exclude_compares_names_as_they_read(tmp_path, caplog):
    names = ["Jos%C3%A9", "Jose%CC%81", "%E2%80%AEJos%C3%A9+", "Jose", None]
    ds = datasets.Dataset.from_dict(
        {"hash": [image_hash(n) for n in range(5)], "creator_username": names}
    )
    for given in ("José", "Jose\u0301", " José  ", "Jose\u0301\u200b"):
        assert [credit.creator_username for credit in credits(ds, exclude=[given, "", " "])] == [
            "Jose",
            None,
        ]
    assert caplog.messages == []
    assert len(list(credits(ds, exclude=" Josè "))) == 5
    assert caplog.messages == ["exclude: no image has the hash or the creator ' Josè '."]


def test_a_creator_called_unknown_flickr_user_is_not_counted_as_nameless(folder, tmp_path, caplog):
    where = folder()
    path = where / "pass_metadata.csv"
    path.write_text(path.read_text().replace("user+1", "").replace("user+3", "unknown+Flickr+user"))
    assert write_attribution(where, tmp_path / "C.csv") == 5
    assert caplog.messages == [
        "C.csv: 1 of 5 images have no creator's name; lists for people credit them to "
        "'unknown Flickr user'."
    ]


@pytest.mark.parametrize("changes", ["", " \n", "\u202e\u200b"])
def test_changes_without_visible_characters_are_none(folder, tmp_path, changes):
    where = folder()
    assert next(credits(where, changes=changes)) == next(credits(where))
    for name in ("C.csv", "C.txt", "C.html"):
        write_attribution(where, tmp_path / name, changes=changes)
        with_blanks = (tmp_path / name).read_bytes()
        write_attribution(where, tmp_path / name)
        assert (tmp_path / name).read_bytes() == with_blanks


@pytest.mark.parametrize("kind", [pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_credits_take_large_and_dictionary_encoded_strings(kind):
    table = pa.table(
        {
            "hash": pa.array([image_hash(0)]).cast(kind),
            "creator_username": pa.array(["a"]).cast(kind),
        }
    )
    assert [credit.creator for credit in credits(datasets.Dataset(table))] == ["a"]


def test_images_without_a_creator_are_counted_in_a_warning(folder, tmp_path, caplog):
    where = folder()
    path = where / "pass_metadata.csv"
    path.write_text(path.read_text().replace("user+1", "").replace("user+3", "%E2%80%AE+"))
    assert write_attribution(where, tmp_path / "C.csv") == 5
    assert caplog.messages == [
        "C.csv: 2 of 5 images have no creator's name; lists for people credit them to "
        "'unknown Flickr user'."
    ]
    rows = list(csv.DictReader((tmp_path / "C.csv").open(newline="")))
    assert [row["creator"] for row in rows].count("") == 2
    write_attribution(where, tmp_path / "C.txt")
    assert (tmp_path / "C.txt").read_text().count("Photo by unknown Flickr user (") == 2
    assert [credit.creator for credit in credits(where)].count(None) == 2


def test_group_by_creator_sorts_tables_too(folder, tmp_path):
    where = folder()
    path = where / "pass_metadata.csv"
    path.write_text(path.read_text().replace("user+3", "anna"))
    write_attribution(where, tmp_path / "C.parquet", group_by="creator", changes="resized")
    table = pq.read_table(tmp_path / "C.parquet")
    assert table["creator"].to_pylist() == ["anna", "user 0", "user 1", "user 2", "user 4"]
    assert set(table["changes"].to_pylist()) == {"resized"}


class TestErrors:
    """What cannot be credited or written."""

    def test_a_missing_column(self, folder):
        ds = load(folder())
        for lacking in ("hash", "creator_username"):
            for kind in (ds, ds.to_iterable_dataset()):
                with pytest.raises(
                    AttributionError,
                    match=f"expected the columns hash and creator_username.*; {lacking} missing",
                ):
                    credits(kind.remove_columns(lacking))
        generated = datasets.IterableDataset.from_generator(lambda: iter([{"hash": image_hash(0)}]))
        with pytest.raises(AttributionError, match=r"found 'hash'; creator_username missing"):
            next(credits(generated))

    @pytest.mark.parametrize("target", [None, 7, [], {}, {"a": []}])
    def test_a_target_that_is_no_dataset(self, target):
        with pytest.raises(DatasetError, match="dataset: expected"):
            credits(target)

    def test_a_dataset_without_hashes_of_pass(self, tmp_path):
        ds = datasets.Dataset.from_dict({"hash": ["abc"], "creator_username": ["a"]})
        with pytest.raises(
            AttributionError, match="hash: expected 16 to 32 lower-case hex characters, found 'abc'"
        ):
            write_attribution(ds, tmp_path / "C.csv")
        ds = datasets.Dataset.from_dict({"hash": [[1, 2]], "creator_username": ["a"]})
        with pytest.raises(AttributionError, match="hash: expected text, found list"):
            write_attribution(ds, tmp_path / "C.csv")
        assert list(tmp_path.iterdir()) == []

    def test_a_missing_folder_or_csv(self, tmp_path):
        with pytest.raises(
            ReleaseError, match="expected a folder with pass_metadata.csv, found nothing there"
        ):
            credits(tmp_path / "no")
        with pytest.raises(
            ReleaseError, match="expected a folder with pass_metadata.csv, found none in it"
        ):
            write_attribution(tmp_path, tmp_path / "C.csv")

    def test_a_csv_with_other_columns(self, tmp_path):
        (tmp_path / "other.csv").write_text("a,b\n1,2\n")
        with pytest.raises(MetadataError, match="expected the columns hash, unickname"):
            write_attribution(tmp_path / "other.csv", tmp_path / "C.csv")

    def test_an_unknown_format_group_or_release(self, folder, tmp_path):
        where = folder()
        with pytest.raises(
            AttributionError, match=r"C.docx: expected a name that ends in .csv, .*found .docx"
        ):
            write_attribution(where, tmp_path / "C.docx")
        with pytest.raises(
            AttributionError, match=r"C: expected a name that ends in .csv, .*found no suffix"
        ):
            write_attribution(where, tmp_path / "C")
        with pytest.raises(AttributionError, match=r"format: expected one of csv, .*found 'docx'"):
            write_attribution(where, tmp_path / "C.csv", format="docx")
        with pytest.raises(
            AttributionError, match="group_by: expected \"creator\" or None, found 'date'"
        ):
            write_attribution(where, tmp_path / "C.csv", group_by="date")
        with pytest.raises(ReleaseError, match="expected one of v2, v3, found 'v9'"):
            write_attribution(where, tmp_path / "C.csv", release="v9")

    def test_columns_that_are_not_text(self):
        label = datasets.ClassLabel(names=["anna", "bo"])
        names = datasets.Dataset.from_dict(
            {"hash": [image_hash(0)], "creator_username": [1]},
            features=datasets.Features(
                {"hash": datasets.Value("string"), "creator_username": label}
            ),
        )
        with pytest.raises(AttributionError, match="creator_username: expected text, found int64"):
            next(credits(names))
        numbers = datasets.Dataset.from_dict({"hash": [10**18], "creator_username": ["a"]})
        with pytest.raises(AttributionError, match="hash: expected text, found int64"):
            next(credits(numbers))

    def test_a_list_that_would_replace_its_csv_or_titles(self, folder, tmp_path):
        where = folder()
        metadata = where / "pass_metadata.csv"
        before = metadata.read_bytes()
        (tmp_path / "link.csv").symlink_to(metadata)
        (tmp_path / "titles.csv").write_text("hash\ttitle\tpageurl\n")
        for target, out, options in (
            (where, metadata, {}),
            (where, tmp_path / "link.csv", {}),
            (metadata, where / ".." / where.name / "pass_metadata.csv", {}),
            (load(where), metadata, {}),
            (load(where), tmp_path / "pass_metadata.csv", {}),
            (load(where), tmp_path / "titles.csv", {"yfcc": tmp_path / "titles.csv"}),
        ):
            with pytest.raises(AttributionError, match="expected the name of a new list, found"):
                write_attribution(target, out, **options)
        assert metadata.read_bytes() == before
        assert (tmp_path / "titles.csv").read_text() == "hash\ttitle\tpageurl\n"
        assert not (tmp_path / "pass_metadata.csv").exists()

    @pytest.mark.parametrize("changes", [7, ["cropped"], b"cropped", "\ud800"])
    def test_changes_and_exclude_that_are_not_text(self, folder, tmp_path, changes):
        where = folder()
        for options in ({"changes": changes}, {"exclude": [changes]}):
            with pytest.raises(AttributionError, match=f"{next(iter(options))}: expected text"):
                credits(where, **options)
            with pytest.raises(AttributionError, match=f"{next(iter(options))}: expected text"):
                write_attribution(where, tmp_path / "C.csv", **options)
        with pytest.raises(AttributionError, match="exclude: expected text, found NoneType"):
            credits(where, exclude=None)
        assert not list(tmp_path.glob("C.csv*"))

    def test_spreadsheet_safe_is_for_csv_only(self, folder, tmp_path):
        with pytest.raises(
            AttributionError, match="spreadsheet_safe: expected a list in csv, found html"
        ):
            write_attribution(folder(), tmp_path / "C.html", spreadsheet_safe=True)

    def test_lists_of_one_stem_have_a_folder_of_pages_each(self, folder, tmp_path, monkeypatch):
        monkeypatch.setattr("pass_utils.attribution.html.PAGE_CREDITS", 3)
        where = folder()
        for name in ("C.html", "C.htm", "C"):
            write_attribution(where, tmp_path / name, format="html", exclude=f"user {len(name)}")
        assert sorted(path.name for path in tmp_path.glob("C*_files")) == [
            "C.htm_files",
            "C.html_files",
            "C_files",
        ]
        for name, left_out in (("C.htm", 5), ("C.html", 6), ("C", 1)):
            text = "".join(path.read_text() for path in (tmp_path / f"{name}_files").iterdir())
            assert [n for n in IMAGES if f"<bdi>user {n}</bdi>" not in text] == [
                n for n in IMAGES if n == left_out
            ]

    @pytest.mark.parametrize("name", ["C.csv", "C.html"])
    def test_a_missing_folder_for_the_list(self, folder, tmp_path, name):
        with pytest.raises(
            AttributionError, match="expected to write it, found: .*No such file or directory"
        ):
            write_attribution(folder(), tmp_path / "no" / name)

    @pytest.mark.slow
    @pytest.mark.parametrize("name", ["C.csv", "C.parquet", "C.html"])
    def test_an_error_half_way_leaves_the_old_list(self, tmp_path, name):
        (tmp_path / name).write_text("old")
        rows = [{"hash": image_hash(n), "creator_username": "a"} for n in range(30_000)] + [
            {"hash": "!", "creator_username": "b"}
        ]
        with pytest.raises(PassError, match="found '!'"):
            write_attribution(datasets.Dataset.from_list(rows), tmp_path / name)
        assert (tmp_path / name).read_text() == "old"
        assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_importing_pass_utils_does_not_import_attribution():
    code = "import sys, pass_utils; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"jinja2", "pyarrow", "datasets", "pass_utils.attribution.writing"} & set(
        done.stdout.split()
    )
    assert {"Credit", "credits", "dataset_credit", "write_attribution"} <= set(pass_utils.__all__)


def test_write_attribution_prints_and_logs_nothing_on_success(folder, tmp_path, capfd, caplog):
    caplog.set_level(logging.INFO, "pass_utils.attribution.writing")
    write_attribution(folder(), tmp_path / "C.csv")
    assert (caplog.messages, capfd.readouterr()) == ([], ("", ""))


def test_progress_is_shown_while_images_are_read_and_credits_are_written(
    folder, tmp_path, monkeypatch
):
    bars: dict[tuple[str, int | None], int] = {}

    class Bar(contextlib.nullcontext[None]):
        def __init__(self, title: str, *, unit: str, total: int | None, quiet: bool) -> None:
            super().__init__(self)
            self.key = (f"{title} {unit}", total)
            bars[self.key] = 0
            assert quiet is False

        def update(self, count: int) -> None:
            bars[self.key] += count

    monkeypatch.setattr("pass_utils.attribution.writing.count_bar", Bar)
    for target, known in ((load(folder()), 5), (tmp_path / "pass", None)):
        write_attribution(target, tmp_path / "C.html", quiet=False)
        assert bars == {("C.html: reading images", known): 5, ("C.html: writing credits", 5): 5}
        bars.clear()


_KILLED = """
import sys, time, datasets
import pass_utils

def rows():
    yield {"hash": "0" * 31, "creator_username": "a"}
    print("ready", flush=True)
    time.sleep(60)

ds = datasets.IterableDataset.from_generator(
    rows, features=datasets.Features(
        {"hash": datasets.Value("string"), "creator_username": datasets.Value("string")}
    )
)
pass_utils.write_attribution(ds, sys.argv[1])
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["C.csv", "C.html"])
def test_what_a_killed_run_leaves_is_removed_by_the_next_one(folder, tmp_path, name):
    where = folder()
    process = subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(tmp_path / name)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.kill()
    process.wait()
    assert len(list(tmp_path.glob("C.*.part"))) == 1
    write_attribution(where, tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == [name, "pass"]
