"""The Croissant description is valid, true, and enough to make the same rows from the same
files.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from pathlib import Path

import datasets
import pytest
from conftest import image_hash
from datasets import load_dataset
from PIL import Image
from support.zenodo import describe

from pass_utils import (
    RELEASES,
    DatasetError,
    ReleaseError,
    croissant_jsonld,
    download,
    filter_resolution,
)
from pass_utils.croissant.vocabulary import CONFORMS_TO
from pass_utils.releases import FEATURES, dummy_folder

mlcroissant = pytest.importorskip(
    "mlcroissant", reason="mlcroissant reads the description; `pip install mlcroissant`"
)


@pytest.fixture(autouse=True)
def unpacked(tmp_path, monkeypatch) -> Path:
    """Where mlcroissant unpacks tars, which it keeps by URL."""
    from mlcroissant._src.operation_graph.operations import extract

    monkeypatch.setattr(extract, "EXTRACT_PATH", type(extract.EXTRACT_PATH)(tmp_path / "unpacked"))
    return tmp_path / "unpacked"


def read(described: dict, folder: Path) -> dict[str, dict[str, object]]:
    """The records that mlcroissant makes of a folder's files, by hash, under the names of our
    columns.
    """
    mapping = {name: folder / name for name in files(described)}
    records = mlcroissant.Dataset(jsonld=described, mapping=mapping).records("images")
    named = [
        {name.removeprefix("images/"): value for name, value in record.items()}
        for record in records
    ]
    return {str(record["hash"], "ascii"): record for record in named}


def files(described: dict) -> dict[str, tuple[str, str, str]]:
    """What a description says of each file: size, checksum, URL."""
    objects = [part for part in described["distribution"] if part["@type"] == "cr:FileObject"]
    return {
        part["@id"]: (part["contentSize"], part["sha256"], part["contentUrl"]) for part in objects
    }


def test_records_read_by_mlcroissant_are_our_rows(bundled):
    name, folder = bundled
    records = read(croissant_jsonld(describe(folder)), folder)
    ds = load_dataset("pass", name, data_dir=str(folder), split="train")
    assert set(records) == set(ds["hash"])
    for row in ds:
        record = records[row["hash"]]
        assert list(record) == list(FEATURES)
        assert (
            record["image"].tobytes() == Image.open(io.BytesIO(bytes_of(ds, row["hash"]))).tobytes()
        )
        assert record["creator_username"] == row["creator_username"].encode()
        for column in ("gps_latitude", "gps_longitude", "date_taken"):
            assert record[column] == row[column], column


def bytes_of(ds: datasets.Dataset, image: str) -> bytes:
    """An image's file, as it lies in its tar."""
    import fsspec

    paths = ds.cast_column("image", datasets.Image(decode=False))["image"]
    with fsspec.open(next(path["path"] for path in paths if image in path["path"])) as file:
        return file.read()


@pytest.mark.parametrize("name", RELEASES)
def test_files_have_the_sizes_and_checksums_of_the_release(name):
    described = croissant_jsonld(name)
    release = RELEASES[name]
    assert files(described) == {
        file.name: (
            f"{file.size} B",
            file.sha256,
            f"https://zenodo.org/records/{release.record}/files/{file.name}",
        )
        for file in release.files
    }
    assert f"{release.images:,} images" in described["description"]
    assert (described["version"], described["datePublished"]) == (f"{name[1]}.0.0", release.date)
    assert described["sameAs"] == [f"https://doi.org/10.5281/zenodo.{release.record}"]


def test_mlcroissant_finds_nothing_to_complain_of(caplog):
    metadata = mlcroissant.Dataset(jsonld=croissant_jsonld("v3")).metadata
    assert (caplog.messages, metadata.ctx.issues.errors, metadata.ctx.issues.warnings) == (
        [],
        set(),
        set(),
    )
    assert metadata.ctx.is_v1_1()
    assert metadata.conforms_to == [CONFORMS_TO]


def test_the_context_is_the_standards_own():
    from mlcroissant._src.core.rdf import make_context

    before = croissant_jsonld("v2")
    mlcroissant.Dataset(jsonld=before)
    assert croissant_jsonld("v2")["@context"] == make_context(
        mlcroissant.Context(conforms_to=CONFORMS_TO)
    )


def test_both_licences_the_authors_and_the_citation_are_there():
    described = croissant_jsonld("v3")
    assert [(licence["name"], licence["url"]) for licence in described["license"]] == [
        ("CC-BY-4.0", "https://creativecommons.org/licenses/by/4.0/"),
        ("CC-BY-2.0", "https://creativecommons.org/licenses/by/2.0/"),
    ]
    cited = re.search('author = "(.*)"', described["citeAs"])
    assert [creator["name"] for creator in described["creator"]] == cited[1].split(" and ")


def test_types_are_those_of_the_features():
    (records,) = croissant_jsonld("v2")["recordSet"]
    types = {
        "sc:ImageObject": "Image",
        "sc:Text": "string",
        "cr:Float32": "float32",
        "sc:DateTime": "timestamp[us]",
    }
    assert {field["name"]: types[field["dataType"]] for field in records["field"]} == {
        name: getattr(feature, "dtype", None) if isinstance(feature, datasets.Value) else "Image"
        for name, feature in FEATURES.items()
    }


def test_a_file_that_is_another_is_noticed(folder):
    made = folder()
    release = describe(made)
    with (made / "PASS.1.tar").open("ab") as file:
        file.write(b"\0" * 512)
    with pytest.raises(Exception, match=r"Download\(PASS.1.tar\)") as raised:
        read(croissant_jsonld(release), made)
    assert "not identical with the reference" in str(raised.value.__cause__)


def test_shards_and_mirror_can_be_chosen(folder):
    made = folder([[0, 1], [2], [3, 4, 5]])
    release = describe(made)
    described = croissant_jsonld(release, shards=[0, 2], base_url="https://mirror.example/records/")
    assert files(described)["PASS.2.tar"][2] == "https://mirror.example/records/1/files/PASS.2.tar"
    assert described["description"].endswith("This is the part of it in PASS.0.tar, PASS.2.tar.")
    assert set(read(described, made)) == {image_hash(n) for n in (0, 1, 3, 4, 5)}
    with pytest.raises(ReleaseError, match="expected different numbers from 0 to 2"):
        croissant_jsonld(release, shards=[3])


def test_a_dataset_is_described_by_the_files_that_its_rows_come_from():
    folder = str(dummy_folder("v3"))
    ds = load_dataset("pass", "v3", data_dir=folder, shards=[1, 4, 7], split="train")
    few = [
        row
        for row, path in enumerate(ds.data["image"].to_pylist())
        if "PASS.1.tar" not in path["path"]
    ]
    described = croissant_jsonld(ds.select(few))
    assert set(files(described)) == {"pass_metadata.csv", "PASS.4.tar", "PASS.7.tar"}
    assert (
        f" This is the part of it in PASS.4.tar, PASS.7.tar. {len(few)} rows of it are meant. "
        in described["description"]
    )
    assert f"{RELEASES['v3'].images:,}" in described["description"]
    stream = load_dataset("pass", "v3", data_dir=folder, split="train", streaming=True)
    assert croissant_jsonld(stream) == croissant_jsonld("v3")
    with pytest.raises(ReleaseError, match="Name the release: `croissant_jsonld"):
        croissant_jsonld(datasets.Dataset.from_dict({"hash": ["0"]}))
    with pytest.raises(DatasetError, match="found NoneType"):
        croissant_jsonld(None)


def test_croissant_takes_the_splits_that_load_dataset_gives_without_split():
    folder = str(dummy_folder("v3"))
    ds = load_dataset("pass", "v3", data_dir=folder)
    assert isinstance(ds, datasets.DatasetDict)
    assert croissant_jsonld(ds) == croissant_jsonld(ds["train"])
    streams = load_dataset("pass", "v3", data_dir=folder, streaming=True)
    assert croissant_jsonld(streams) == croissant_jsonld("v3")
    some = load_dataset("pass", "v3", data_dir=folder, shards=[4], split="train")
    other = load_dataset("pass", "v3", data_dir=folder, shards=[7], split="train")
    described = croissant_jsonld({"train": some, "test": other})
    assert set(files(described)) == {"pass_metadata.csv", "PASS.4.tar", "PASS.7.tar"}
    assert f" {len(some) + len(other)} rows of it are meant." in described["description"]
    with pytest.raises(ReleaseError, match="Name the release: `croissant_jsonld"):
        croissant_jsonld({"a": ds["train"], "b": datasets.Dataset.from_dict({"hash": ["0"]})})


def test_the_fields_of_responsible_ai_are_there_and_mlcroissant_reads_them():
    described = croissant_jsonld("v3")
    asked = {  # by NeurIPS 2026
        *("dataBiases", "dataLimitations", "personalSensitiveInformation", "dataUseCases"),
        *("dataSocialImpact", "hasSyntheticData"),
    }
    assert {f"rai:{name}" for name in asked} <= described.keys()
    assert described["rai:hasSyntheticData"] is False
    metadata = mlcroissant.Dataset(jsonld=described).metadata
    read = {
        "rai:dataBiases": metadata.data_biases,
        "rai:dataLimitations": metadata.data_limitations,
        "rai:personalSensitiveInformation": metadata.personal_sensitive_information,
        "rai:dataUseCases": metadata.data_use_cases,
        "rai:dataSocialImpact": metadata.data_social_impact,
        "rai:dataCollection": metadata.data_collection,
        "rai:dataCollectionType": metadata.data_collection_type,
        "rai:dataPreprocessingProtocol": metadata.data_preprocessing_protocol,
        "rai:dataAnnotationProtocol": metadata.data_annotation_protocol,
        "rai:dataReleaseMaintenancePlan": metadata.data_release_maintenance_plan,
    }
    assert all(read.values())
    for name, value in read.items():
        lists = isinstance(value, list)
        assert (sorted(value) if lists else value) == (
            sorted(described[name]) if lists else described[name]
        ), name


def test_a_subset_is_described_by_its_own_files_and_read_from_beside_them(tmp_path, caplog):
    folder = tmp_path / "some"
    download(folder, "v3", sample=4, seed=2, source=dummy_folder("v3"))
    ds = load_dataset("pass", data_dir=str(folder), split="train")
    described = croissant_jsonld(ds)
    path = folder / "croissant.json"
    path.write_text(json.dumps(described))
    assert {name: url for name, (_, _, url) in files(described).items()} == {
        name: name for name in ("pass_metadata.csv", "PASS.subset.tar")
    }
    assert (
        "a subset of 4 of them. The images were chosen: a sample of 4" in (described["description"])
    )
    caplog.clear()
    opened = mlcroissant.Dataset(jsonld=str(path))
    issues = opened.metadata.ctx.issues
    assert (caplog.messages, issues.errors, issues.warnings) == ([], set(), set())
    hashes = {str(record["images/hash"], "ascii") for record in opened.records("images")}
    assert hashes == set(ds["hash"])
    with pytest.raises(ReleaseError, match="expected a subset alone"):
        croissant_jsonld(ds, base_url="https://mirror.example")


def test_a_selection_is_described_by_its_words_its_digest_and_its_distribution(caplog):
    ds = load_dataset("pass", "v3", data_dir=str(dummy_folder("v3")), split="train")
    some = filter_resolution(ds, min_side=375)
    described = croissant_jsonld(
        some, selection="shorter side at least 375 pixels", changes="cropped"
    )
    lines = "".join(f"{hash}\n" for hash in sorted(some["hash"]))
    digest = hashlib.sha256(lines.encode()).hexdigest()
    assert described["description"].endswith(
        " 13 rows of it are meant. The images were chosen: shorter side at least 375 pixels. The "
        f"SHA-256 of the hashes of the 13 images, one a line in order, is {digest}. They were "
        "changed: cropped."
    )
    assert described["rai:dataPreprocessingProtocol"][-1] == (
        "Of the release, images were chosen: shorter side at least 375 pixels."
    )
    assert described["rai:dataManipulationProtocol"] == "cropped."

    def known(column: str) -> int:
        return sum(value is not None for value in some[column])

    assert [words.partition(":")[0] for words in described["rai:dataBiases"][-2:]] == [
        f"A location is known of {known('gps_latitude')} of 13 images. Of these",
        f"A date is known of {known('date_taken')} of 13 images",
    ]
    issues = mlcroissant.Dataset(jsonld=described).metadata.ctx.issues
    assert (caplog.messages, issues.errors, issues.warnings) == ([], set(), set())


def test_the_command_describes_what_its_options_select(run):
    folder = dummy_folder("v3")
    done = run("croissant", folder, "--min-side", "375", "-q")
    ds = load_dataset("pass", data_dir=str(folder), split="train")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == croissant_jsonld(
        filter_resolution(ds, min_side=375), selection="shorter side at least 375 pixels"
    )
    done = run("croissant", "--min-side", "375")
    assert (done.code, done.out) == (2, "")
    assert "need FOLDER" in done.err


def test_the_command_prints_what_the_function_gives(run):
    assert json.loads(
        run("croissant", "--release", "v3", "--shards", "0,3").out
    ) == croissant_jsonld("v3", shards=[0, 3])


def test_the_urls_of_the_files_have_no_password(monkeypatch):
    monkeypatch.setenv("PASS_BASE_URL", "https://me:SECRET@mirror.example/records")
    document = json.dumps(croissant_jsonld("v3"))
    assert "https://mirror.example/records/6615455/files/PASS.0.tar" in document
    assert "SECRET" not in document
