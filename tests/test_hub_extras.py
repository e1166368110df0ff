"""What a push of PASS brings beside the images: the configs `sample` and `metadata`, the card with
its images and snippets, the record, and the Croissant description; each as its readers read it.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import datasets
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, load_dataset
from huggingface_hub import DatasetCard
from PIL import Image
from support.hostile import raw_names, read_names
from support.hub import Hub, connect
from support.reporting import dataset, row

from pass_utils import ExportError, credits, push_to_hub
from pass_utils.hub import extras
from pass_utils.hub.metadata import MetadataFile
from pass_utils.hub.sample import SampleRows
from pass_utils.releases import dummy_folder, source_url
from pass_utils.selection.bounds import Bounds
from pass_utils.selection.record import Selection

ID = "me/pass"
FOLDER = str(dummy_folder("v3"))


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Iterator[Hub]:
    """A Hub without repositories, for which nobody waits for long."""
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(min(seconds, 0.01)))
    with Hub(tmp_path / "kept") as hub:
        connect(hub, monkeypatch, tmp_path / "home")
        yield hub


@pytest.fixture
def ds() -> Dataset:
    """The bundled miniature of v3, opened in place."""
    return load_dataset("pass", "v3", data_dir=FOLDER, split="train")


@pytest.fixture
def small_samples(monkeypatch) -> None:
    """Samples of ten rows, where they have a thousand."""
    monkeypatch.setattr(extras, "ROWS", 10)


def push(source, **options) -> str:
    return push_to_hub(source, ID, **{"max_shard_size": 100_000, "quiet": True, **options})


def clone(hub: Hub, folder: Path) -> Path:
    """The files of the repository, in a folder."""
    for path, data in hub.files(ID).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def card(hub: Hub) -> str:
    return hub.files(ID)["README.md"].decode()


# --- the configs


def test_the_config_metadata_has_all_but_the_images(hub, ds):
    push(ds)
    back = load_dataset(ID, "metadata", split="train")
    assert back.column_names == [
        *("creator_username", "hash", "gps_latitude", "gps_longitude", "date_taken"),
        *("width", "height", "source_url", "credit", "license"),
    ]
    assert back["hash"][:] == ds["hash"][:]
    assert back["date_taken"][:] == ds["date_taken"][:]
    sizes = list(zip(back["width"], back["height"], strict=True))
    assert sizes == [image.size for image in ds["image"]]
    assert back["credit"][:] == [credit.text for credit in credits(ds)]
    assert back["source_url"][:] == [source_url(hash) for hash in ds["hash"]]
    assert set(back["license"]) == {"CC-BY-2.0"}


def test_images_are_fetched_by_the_url_of_their_metadata_when_asked_for(hub, ds):
    push(ds)
    rows = load_dataset(ID, "metadata", split="train").cast_column("source_url", datasets.Image())
    raw = rows.cast_column("source_url", datasets.Image(decode=False))[0]["source_url"]
    assert raw == {"bytes": None, "path": source_url(ds[0]["hash"])}


@pytest.mark.usefixtures("small_samples")
def test_the_config_sample_is_the_sample_that_load_dataset_takes(hub, ds):
    push(ds)
    sample = load_dataset(ID, "sample", split="train")
    ranked = sorted(ds["hash"], key=lambda hash: hashlib.sha256(f"0:{hash}".encode()).hexdigest())
    assert sample["hash"][:] == ranked[:10]
    # the CSV of the miniature has one image that no shard has
    taken = load_dataset("pass", "v3", data_dir=FOLDER, split="train", sample=10, seed=0)
    assert set(taken["hash"]) <= set(sample["hash"])
    assert sample.features == ds.features
    pixels = {hash: image.tobytes() for hash, image in zip(ds["hash"], ds["image"], strict=True)}
    assert all(r["image"].tobytes() == pixels[r["hash"]] for r in sample)


def test_a_sample_of_all_images_has_no_second_file(hub, ds):
    push(ds)
    assert [path for path in hub.files(ID) if path.startswith("sample/")] == []
    assert load_dataset(ID, "sample", split="train")["hash"][:] == ds["hash"][:]


def test_a_sample_keeps_the_rows_of_smallest_rank_however_they_come(monkeypatch):
    monkeypatch.setattr("pass_utils.hub.sample._SPARE_ROWS", 2)
    rows = dataset(*(row(number) for number in range(40)))
    table = rows.with_format("arrow")[:]

    def rank(hash: str) -> str:
        return hashlib.sha256(f"5:{hash}".encode()).hexdigest()

    for pieces in (1, 7, 40):
        kept = SampleRows(table.schema, count=6, seed=5)
        for begin in range(0, 40, pieces):
            kept.add(table.slice(begin, pieces))
        assert kept.passed == 40
        assert kept.table()["hash"].to_pylist() == sorted(rows["hash"], key=rank)[:6]


@pytest.mark.usefixtures("small_samples")
def test_a_stream_brings_the_same_beside_its_images(hub, ds):
    push(ds)
    once = hub.files(ID)
    hub.repositories.clear()
    push(load_dataset("pass", "v3", data_dir=FOLDER, split="train", streaming=True))
    found = hub.files(ID)
    # bytes in memory count the offsets of each batch, and batches differ on datasets 2.21
    sizes = re.compile(rb"(num_bytes|dataset_size): \d+")
    cards = [sizes.sub(rb"\1", files.pop("README.md")) for files in (found, once)]
    assert cards[0] == cards[1]
    assert found == once


@pytest.mark.usefixtures("small_samples")
def test_row_groups_and_pages_are_as_the_viewer_wants_them(hub, ds):
    push(ds)
    files = {path: data for path, data in hub.files(ID).items() if path.endswith(".parquet")}
    assert {path.split("/")[0] for path in files} == {"data", "metadata", "sample"}
    for path, data in files.items():
        found = pq.ParquetFile(io.BytesIO(data)).metadata
        for index in range(found.num_row_groups):
            group = found.row_group(index)
            assert group.num_rows <= (20_000 if path.startswith("metadata") else 256)
            assert group.total_byte_size < 300_000_000
            for column in range(group.num_columns):
                assert group.column(column).has_offset_index


def test_metadata_is_written_in_groups(tmp_path, monkeypatch):
    monkeypatch.setattr("pass_utils.hub.metadata.GROUP_ROWS", 3)
    rows = dataset(*(row(number, (60 + number, 40)) for number in range(7)))
    with MetadataFile(rows.features, tmp_path / "m.parquet", changes=None) as file:
        for number in range(7):
            file.add(rows.with_format("arrow")[number : number + 1])
    found = pq.ParquetFile(tmp_path / "m.parquet")
    sizes = [found.metadata.row_group(n).num_rows for n in range(found.num_row_groups)]
    assert sizes == [3, 3, 1]
    assert found.read()["width"].to_pylist() == [60 + number for number in range(7)]


def test_images_of_another_origin_bring_nothing_beside_them(hub):
    push(
        Dataset.from_list(
            [{"image": {"bytes": row(1)["image"]["bytes"], "path": "a.jpg"}}],
            features=datasets.Features({"image": datasets.Image()}),
        )
    )
    assert set(hub.files(ID)) == {
        *(".gitattributes", "README.md", "data/train-00000-of-00001.parquet"),
    }


@pytest.mark.parametrize("name", ["sample", "metadata", "card", "selection.json", "croissant.json"])
def test_names_of_what_is_beside_the_images_are_taken(hub, ds, name):
    with pytest.raises(ExportError, match="no name that is taken"):
        push(ds, config_name=name)


# --- the card and the record


def test_the_card_shows_images_with_their_credits(hub, ds):
    push(ds)
    files, text = hub.files(ID), card(hub)
    shown = re.findall(
        r"^!\[Photo \d by ([^\]]+)\]\((card/([0-9a-f]+)\.jpg)\)$", text, re.MULTILINE
    )
    assert len(shown) == 6
    for _, path, hash in shown:
        assert max(Image.open(io.BytesIO(files[path])).size) <= 240
        assert f"]({source_url(hash)})" in text
    assert "\n## Removals\n" in text
    assert f"{hub.host}/datasets/{ID}/discussions" in text


def test_images_that_are_no_longer_shown_are_deleted(hub, ds):
    push(ds)
    first = {path for path in hub.files(ID) if path.startswith("card/")}
    push(ds.filter(lambda hash: f"card/{hash}.jpg" not in first, input_columns="hash"))
    second = {path for path in hub.files(ID) if path.startswith("card/")}
    assert (len(first), len(second), first & second) == (6, 6, set())


def test_names_on_a_card_are_text(hub):
    markdown_it = pytest.importorskip("markdown_it")
    given, read = raw_names(), read_names()
    for begin in range(0, len(given), 6):
        names = given[begin : begin + 6]
        rows = dataset(*(row(number, name=name) for number, name in enumerate(names)))
        rows.info.dataset_name, rows.info.config_name = "pass", "v3"
        push(rows, changes="drawn")
        shown = card(hub).partition("Shown smaller: ")[2].partition("\n")[0]
        (line,) = markdown_it.MarkdownIt("gfm-like").parseInline(shown)
        links, text = [], ""
        for token in line.children:
            assert token.type in ("text", "text_special", "link_open", "link_close"), token
            links += [token.attrs["href"]] if token.type == "link_open" else []
            text += token.content
        assert {link.partition("/data/")[0] for link in links[:-1]} == {
            "https://multimedia-commons.s3-us-west-2.amazonaws.com"
        }
        assert len(links) == len(names) + 1
        for name in read[begin : begin + 6]:
            name = "".join(sign for sign in name if sign.isprintable())
            assert f" by {name}" in text or len(name) > 200, (name, text)


def test_the_record_has_the_selection_and_the_digest(hub, ds):
    chosen = Selection(release="v3", bounds=Bounds(min_side=1))
    push(ds, selection=chosen, changes="none to speak of")
    record = json.loads(hub.files(ID)["selection.json"])
    text = "".join(f"{hash}\n" for hash in sorted(ds["hash"]))
    assert record["hashes"] == {"count": 23, "sha256": hashlib.sha256(text.encode()).hexdigest()}
    assert (record["release"], record["images"]) == ("v3", {"train": 23})
    (selection,) = record["selection"]["records"]
    assert Selection.from_json(selection) == chosen.replace(release=None)
    assert record["changes"] == "none to speak of"
    assert "They were chosen: shorter side at least 1 pixels.\n" in card(hub)
    assert "[selection.json](selection.json) has how" in card(hub)


def test_another_config_has_its_own_beside_it(hub, ds):
    push(ds)
    push(ds.select(range(9)), config_name="few")
    assert {
        "few/selection.json",
        "few/croissant.json",
        "few-metadata/train-00000-of-00001.parquet",
    } <= set(hub.files(ID))
    assert len(load_dataset(ID, "few-metadata", split="train")) == 9
    assert len(load_dataset(ID, "metadata", split="train")) == 23


def test_the_card_is_one_that_huggingface_hub_reads(hub, ds):
    push(ds)
    read = DatasetCard(card(hub))
    assert read.data.license == ["cc-by-4.0", "cc-by-2.0"]
    assert [config["config_name"] for config in read.data.configs] == [
        "default",
        "metadata",
        "sample",
    ]
    assert hub.asked("POST /api/validate-yaml")  # which each commit of a card asks


# --- what others read


def test_mlcroissant_validates_the_description_and_reads_the_rows(hub, ds, tmp_path, caplog):
    mlcroissant = pytest.importorskip("mlcroissant", reason="pip install mlcroissant")
    push(ds)
    folder = clone(hub, tmp_path / "clone")
    described = json.loads((folder / "croissant.json").read_text())
    caplog.clear()
    opened = mlcroissant.Dataset(jsonld=described, mapping={"repository": str(folder)})
    issues = opened.metadata.ctx.issues
    assert (caplog.messages, issues.errors, issues.warnings) == ([], set(), set())
    assert described["rai:hasSyntheticData"] is False
    assert described["isBasedOn"] == "https://doi.org/10.5281/zenodo.6615455"
    for name in ("default", "metadata", "sample"):
        hashes = [str(record[f"{name}/hash"], "ascii") for record in opened.records(name)]
        assert hashes == ds["hash"][:], name
    first = next(iter(opened.records("default")))
    assert first["default/image"].tobytes() == ds[0]["image"].tobytes()


def test_the_snippets_of_the_card_run(hub, ds, tmp_path, monkeypatch):
    polars = pytest.importorskip("polars", reason="pip install polars")
    duckdb = pytest.importorskip("duckdb", reason="pip install duckdb")
    pytest.importorskip("webdataset", reason="pip install webdataset")
    push(ds)
    folder = clone(hub, tmp_path / "clone")
    monkeypatch.chdir(tmp_path)
    text = card(hub).replace(f"hf://datasets/{ID}", str(folder))
    python = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (sql,) = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    names: dict[str, object] = {"datasets": datasets}
    found = []
    for code in python:
        exec(compile(code, "card", "exec"), names)
        found.append(names.get("rows"))
    assert len(names["ds"]) == 23
    assert isinstance(found[2], polars.DataFrame)
    assert found[2]["hash"].to_list() == ds["hash"][:]
    assert len(list(names["samples"])) == 23
    rows = duckdb.sql(sql).fetchall()
    wide = [hash for hash, image in zip(ds["hash"], ds["image"], strict=True) if image.width >= 400]
    assert [hash for hash, *_ in rows] == wide
    images = f"SELECT count(*), sum(octet_length(image.bytes)) FROM '{folder}/data/*.parquet'"
    assert duckdb.sql(images).fetchall() == [(23, 368_007)]
