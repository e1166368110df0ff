"""What was withdrawn stays withdrawn: from an older copy exactly what a later release still has."""

from __future__ import annotations

import csv
import json
import shutil

import datasets
import pyarrow.parquet as pq
import pytest
from datasets import DatasetDict, load_dataset
from support.withdrawing import GONE, IMAGES, Made, make_releases, serve_url_list
from support.zenodo import Fault, Zenodo

from pass_utils import (
    PassError,
    RemoteError,
    SelectionError,
    credits,
    download,
    drop_withdrawn,
    write_parquet,
    write_report,
)
from pass_utils._util import retry as retries
from pass_utils.releases import RELEASES, dummy_folder
from pass_utils.selection.record import Selection
from pass_utils.transfer.withdrawn import known_release_list

CSV = "pass_metadata.csv"


@pytest.fixture
def made(tmp_path, monkeypatch) -> Made:
    return make_releases(tmp_path / "made", monkeypatch)


@pytest.fixture
def server(made, monkeypatch):
    """A server of v3."""
    monkeypatch.setattr(
        retries, "RETRY", retries.RETRY._replace(attempts=3, first_wait=0.001, read_timeout=0.3)
    )
    with Zenodo(made.v3, RELEASES["v3"].record) as server:
        monkeypatch.setenv("PASS_BASE_URL", server.base_url)
        yield server


def open_v2(made, **options):
    return load_dataset("pass", "v2", data_dir=str(made.v2), split="train", **options)


def test_exactly_the_rows_of_the_later_release_remain(made):
    ds = open_v2(made)
    assert set(ds["hash"][:]) == {*made.still, *GONE}
    listed = made.v3 / CSV
    for kind in (ds, open_v2(made, embed_images=True), open_v2(made, streaming=True)):
        kept = drop_withdrawn(kind, "v3", listed)
        assert type(kept) is type(kind)
        assert [row["hash"] for row in kept] == made.still
    parts = DatasetDict({"a": ds.select(range(9)), "b": ds.select(range(9, IMAGES))})
    kept = drop_withdrawn(parts, hashes=made.still)
    assert [*kept["a"]["hash"], *kept["b"]["hash"]] == made.still
    raw = datasets.Image(decode=False)
    before = [row for row in ds.cast_column("image", raw) if row["hash"] not in GONE]
    assert list(drop_withdrawn(ds, "v3", listed).cast_column("image", raw)) == before


def test_the_list_is_fetched_once_verified_and_resumed(made, server):
    ds = open_v2(made)
    size = (made.v3 / CSV).stat().st_size
    server.faults += [Fault(cut=size // 2), Fault(corrupt=3)]
    assert drop_withdrawn(ds)["hash"][:] == made.still
    assert {request.path.rpartition("/")[2] for request in server.requests} == {CSV}
    resumed = [request.range for request in server.requests if request.range]
    assert f"bytes={size // 2}-" in " ".join(map(str, resumed))
    count = len(server.requests)
    assert drop_withdrawn(open_v2(made, streaming=True)).take(1) is not None
    assert open_v2(made, drop_withdrawn="v3")["hash"][:] == made.still
    assert len(server.requests) == count


def test_the_authors_list_of_urls_stands_in_for_a_csv_that_cannot_be_had(made, server, monkeypatch):
    serve_url_list(server, made, monkeypatch)
    server.always = lambda path, start: Fault(status=404) if path.endswith(CSV) else None
    assert drop_withdrawn(open_v2(made))["hash"][:] == made.still
    assert len(known_release_list(RELEASES["v3"]) or ()) == len(made.still)
    server.requests.clear()
    assert drop_withdrawn(open_v2(made))["hash"][:] == made.still
    assert not server.requests


def test_without_any_list_the_error_is_that_of_the_server(made, server):
    server.always = lambda path, start: Fault(status=404)
    with pytest.raises(RemoteError, match="404"):
        drop_withdrawn(open_v2(made))


def test_a_list_that_lacks_images_of_the_release_is_refused(made, server, monkeypatch):
    short = made.v3 / "short.txt"
    short.write_text("\n".join([*made.still[1:], made.still[1]]))
    message = r"expected the 27 different hashes of release v3, found 26"
    with pytest.raises(SelectionError, match=message):
        drop_withdrawn(open_v2(made), "v3", short)
    with pytest.raises(SelectionError, match=message):
        open_v2(made, drop_withdrawn="v3", release_list=str(short))
    monkeypatch.setitem(RELEASES, "v3", RELEASES["v3"]._replace(images=28))
    with pytest.raises(SelectionError, match=f"{CSV}: expected the 28 different .* found 27"):
        drop_withdrawn(open_v2(made))
    with pytest.raises(PassError, match="release: expected one of v2, v3, found 'v9'"):
        open_v2(made, drop_withdrawn="v9")
    with pytest.raises(SelectionError, match="release_list: expected it beside `drop_withdrawn`"):
        open_v2(made, release_list=str(short))


def test_a_selection_records_the_release_that_its_images_are_still_in():
    chosen = Selection("v2", drop_withdrawn="v3")
    assert chosen.words() == "still in release v3"
    assert chosen.to_json() == {"release": "v2", "drop_withdrawn": "v3"}
    assert Selection.from_json(chosen.to_json()) == chosen
    assert chosen.command_options() == "--release v2 --drop-withdrawn v3"
    assert chosen.digest != Selection("v2").digest
    assert (chosen.by_metadata, chosen.is_subset) == (True, False)


def test_a_sample_is_that_of_the_later_release(made):
    options = {"drop_withdrawn": "v3", "release_list": str(made.v3 / CSV)}
    v3 = load_dataset("pass", "v3", data_dir=str(made.v3), split="train", sample=20)
    v2 = open_v2(made, sample=20, **options)
    assert sorted(v2["hash"]) == sorted(v3["hash"])
    assert GONE & {*open_v2(made, sample=20)["hash"]}  # else this would show nothing
    stream = open_v2(made, sample=20, streaming=True, **options)
    assert sorted(row["hash"] for row in stream) == sorted(v3["hash"])


def test_a_subset_is_of_the_images_that_are_still_there(made, tmp_path, server):
    folder = download(
        tmp_path / "few", "v2", per_creator=100, source=made.v2, drop_withdrawn="v3", quiet=True
    )
    ds = load_dataset("pass", data_dir=str(folder), split="train")
    assert sorted(ds["hash"]) == sorted(made.still)
    manifest = json.loads((folder / "PASS.subset.json").read_text())
    assert manifest["selection"]["drop_withdrawn"] == "v3"
    with pytest.raises(SelectionError, match="drop_withdrawn: expected it beside a choice"):
        download(tmp_path / "all", "v2", drop_withdrawn="v3")


def test_a_subset_has_no_name_that_is_withheld(made, tmp_path):
    removals = tmp_path / "removals.csv"
    removals.write_text(
        f"hash,action,reason\n{made.still[3]},withhold_name,\n{made.still[0]},remove,\n"
    )
    folder = download(
        tmp_path / "few", "v2", include=made.still[:5], exclude=removals, source=made.v2, quiet=True
    )
    rows = list(csv.DictReader((folder / CSV).open(encoding="utf-8")))
    names = {row["hash"]: row["unickname"] for row in rows}
    assert set(names) == set(made.still[1:5])
    assert [h for h, name in names.items() if name.startswith("name+withheld")] == [made.still[3]]
    ds = load_dataset("pass", data_dir=str(folder), split="train")
    assert [credit.creator for credit in credits(ds)].count(
        "name withheld at the creator's request"
    ) == 1


def test_credits_reports_and_exports_hold_no_withdrawn_image(made, tmp_path, run):
    kept = drop_withdrawn(open_v2(made), "v3", made.v3 / CSV)
    assert {credit.hash for credit in credits(kept)} == set(made.still)
    written = write_parquet(kept, tmp_path / "parquet", quiet=True)
    tables = [pq.read_table(tmp_path / "parquet" / file.name) for file in written]
    assert [h for table in tables for h in table["hash"].to_pylist()] == made.still
    pytest.importorskip("matplotlib")
    statistics = write_report(kept, tmp_path / "report.html", images=IMAGES)
    page = (tmp_path / "report.html").read_text()
    assert statistics.images == len(made.still)
    assert [h for h in GONE if h in page] == []
    assert made.still[0] in page


@pytest.mark.parametrize("given", [(), ("v3",)])
def test_every_command_drops_what_was_withdrawn(made, tmp_path, run, server, given):
    options = ("--release", "v2", "--drop-withdrawn", *given)
    assert json.loads(run("info", made.v2, "--json", *options).out)["images"] == len(made.still)
    ended = run("credits", made.v2, tmp_path / "C.csv", *options)
    assert ended.out.endswith("27 credits, of the selected images.\n")
    listed = {row["hash"] for row in csv.DictReader((tmp_path / "C.csv").open(encoding="utf-8"))}
    assert listed == set(made.still)
    out = tmp_path / "out"
    assert run("export", "imagefolder", made.v2, out, "-q", *options).code == 0
    assert {path.stem for path in out.rglob("*.jpg")} == set(made.still)
    few = tmp_path / "few"
    arguments = ("--per-creator", 99, "--from", made.v2, "-q", *options)
    ended = run("download", few, *arguments)
    assert ended.out.startswith(f"{few} holds 27 images of release v2, ")
    assert ": still in release v3; at most 99 of each creator" in ended.out


def test_the_list_is_given_as_a_file_and_needs_the_option(made, run):
    listed = ("--release-list", made.v3 / CSV)
    ended = run("info", made.v2, "--json", "--drop-withdrawn", "v3", *listed)
    assert json.loads(ended.out)["images"] == 27
    ended = run("info", made.v2, *listed)
    assert ended.code == 1
    assert "release_list: expected it beside `drop_withdrawn` (`--drop-withdrawn`)" in ended.err
    ended = run("info", "--drop-withdrawn", made.v2)
    assert ended.code == 2
    assert "expected one of v2, v3 or nothing, found" in ended.err
    assert "Put FOLDER before this option." in ended.err


def test_miniatures_know_each_others_lists_without_a_network(run, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = tmp_path / "copy"
    shutil.copytree(dummy_folder("v2"), folder)
    for where in (dummy_folder("v2"), folder):
        ended = run("info", where, "--drop-withdrawn", "--json")
        assert json.loads(ended.out)["images"] == 23
    ds = load_dataset("pass", data_dir=str(folder), split="train")
    kept = drop_withdrawn(ds, "v3", dummy_folder("v3") / CSV)
    v3 = load_dataset("pass", data_dir=str(dummy_folder("v3")), split="train")
    assert sorted(kept["hash"]) == sorted(v3["hash"])
