"""load_dataset("pass", streaming=True) from a server and from a folder: faults, workers, resume,
and all that streams do.
"""

from __future__ import annotations

import inspect
import os
import pickle
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from conftest import image_hash, jpeg, write_csv, write_tar
from datasets import Image, load_dataset
from datasets.distributed import split_dataset_by_node
from support.zenodo import Fault, Zenodo, clear_environment, describe

from pass_utils import DownloadError, RemoteError, releases
from pass_utils._util import retry as retries
from pass_utils._util.retry import Retry
from pass_utils.loading import rows
from pass_utils.net import ranges as remote
from pass_utils.releases import FEATURES, METADATA_FILE, Release
from pass_utils.shards import source as sources
from pass_utils.shards import tar as shards
from pass_utils.shards.source import ShardFile
from pass_utils.shards.tar import read_members

SHARDS, IMAGES = 10, 30  # some 130 KB each
RANGE = 23_900  # bytes; six ranges a tar, none of which begins behind the last member
LOOKBACK = 8192
TAIL = 4096
TABLE = 8192


def picture(number: int) -> bytes:
    """A JPEG with up to 6,000 random bytes behind its end, which decoders pass over."""
    noise = random.Random(number)
    return jpeg(image_hash(number)) + noise.randbytes(noise.randrange(6000))


def metadata(number: int) -> dict:
    """The columns beside the image; every third one has a place."""
    return {
        "creator_username": f"user+{number % 7}",
        "hash": image_hash(number),
        "gps_latitude": float(np.float32(number / 10)) if number % 3 == 0 else None,
        "gps_longitude": float(np.float32(-number / 7)) if number % 3 == 0 else None,
        "date_taken": datetime(2011, 1, number % 28 + 1, 10, 11, 12),
    }


def write_folder(made: Path, *, shards: int = SHARDS, images: int = IMAGES) -> Path:
    """A folder laid out as PASS is, and the metadata in an order of its own."""
    for shard in range(shards):
        numbers = range(shard * images, (shard + 1) * images)
        write_tar(
            made / f"PASS.{shard}.tar",
            [(f"PASS_dataset/{shard}/{image_hash(n)}.jpg", picture(n)) for n in numbers],
        )
    lines = []
    for number in reversed(range(shards * images)):
        row = metadata(number)
        place = [
            repr(row[name]) if row[name] is not None else ""
            for name in ("gps_latitude", "gps_longitude")
        ]
        lines.append(
            (
                number,
                row["creator_username"],
                f"{row['date_taken']}.0",
                "Attribution License",
                row["hash"],
                *place,
            )
        )
    write_csv(made / METADATA_FILE, lines)
    return made


@pytest.fixture(scope="module")
def tars(tmp_path_factory) -> Path:
    """Ten shards of 30 images."""
    return write_folder(tmp_path_factory.mktemp("pass"))


@pytest.fixture(scope="module")
def few(tmp_path_factory) -> Path:
    """Two shards of 10 images."""
    return write_folder(tmp_path_factory.mktemp("few"), shards=2, images=10)


@pytest.fixture(scope="module")
def release(tars) -> Release:
    return describe(tars)._replace(name="v2")


@pytest.fixture(autouse=True)
def setting(monkeypatch, cache):
    """A plain environment, no waiting, and everything as small as the tars are."""
    clear_environment(monkeypatch)
    monkeypatch.setattr(datasets.config, "DOWNLOADED_DATASETS_PATH", cache / "downloads")
    monkeypatch.setattr(
        retries,
        "RETRY",
        Retry(first_wait=0.001, connect_timeout=5, read_timeout=0.5, progress_bytes=1000),
    )
    for module, name, size in (
        (remote, "_CHUNK", 4096),
        (sources, "_GAP", 4096),
        (sources, "_TAIL", TAIL),
        (shards, "LOOKBACK", LOOKBACK),
        (rows, "_BYTES_PER_TABLE", TABLE),
    ):
        assert hasattr(module, name)
        monkeypatch.setattr(module, name, size)


@pytest.fixture
def server(tars, release, monkeypatch) -> Iterator[Zenodo]:
    monkeypatch.setitem(releases.RELEASES, "v2", release)
    with Zenodo(tars) as zenodo:
        yield zenodo


def stream(where: Zenodo | Path, **options):
    """The rows from a server, or from a folder."""
    source = {"base_url": where.base_url} if isinstance(where, Zenodo) else {"data_dir": str(where)}
    return load_dataset(
        "pass", split="train", streaming=True, **{"range_size": RANGE, **source, **options}
    )


def raw(dataset) -> list[dict]:
    """Rows with the bytes of the image instead of the picture."""
    undecoded = dataset.cast_column("image", Image(decode=False))
    return [{**row, "image": row["image"]["bytes"]} for row in undecoded]


def expected(numbers) -> list[dict]:
    return [{"image": picture(number), **metadata(number)} for number in numbers]


def hashes(rows) -> list[str]:
    return [row["hash"] for row in rows]


ALL = range(SHARDS * IMAGES)
HASHES = [image_hash(number) for number in ALL]


def shard_of(hash: str) -> int:
    return HASHES.index(hash) // IMAGES


def num_shards(dataset) -> int:
    return getattr(dataset, "num_shards", None) or dataset.n_shards


def asked(server: Zenodo, name: str) -> int:
    return sum(request.path.endswith(name) for request in server.requests)


class TestServer:
    def test_gives_the_rows_that_the_shards_hold(self, server, tars):
        ds = stream(server)
        assert ds.features == FEATURES
        found = raw(ds)
        assert found == expected(ALL)
        assert found == raw(stream(tars))
        row = next(iter(ds))
        assert (row["image"].format, row["image"].height) == ("JPEG", 8)

    def test_chosen_shards_are_asked_for_and_no_others(self, server):
        assert hashes(stream(server, shards=[7, 2])) == HASHES[210:240] + HASHES[60:90]
        assert {request.path.rpartition("/")[2] for request in server.requests} == {
            METADATA_FILE,
            "PASS.7.tar",
            "PASS.2.tar",
        }

    def test_the_environment_can_name_the_mirror(self, server, monkeypatch):
        monkeypatch.setenv("PASS_BASE_URL", server.base_url)
        ds = load_dataset("pass", split="train", streaming=True, shards=[4])
        assert hashes(ds) == HASHES[120:150]
        assert asked(server, "PASS.4.tar") > 0

    def test_the_csv_is_fetched_once_and_kept(self, server):
        for _ in range(2):
            assert hashes(stream(server, shards=[0])) == HASHES[:IMAGES]
            assert asked(server, METADATA_FILE) == 1

    def test_a_csv_that_comes_wrong_once_is_fetched_again(self, server):
        server.faults = [Fault(corrupt=100, name=METADATA_FILE)]
        assert raw(stream(server, shards=[0])) == expected(range(IMAGES))
        assert asked(server, METADATA_FILE) == 2

    def test_a_wrong_csv_is_an_error(self, server, release):
        server.faults = [Fault(corrupt=100, name=METADATA_FILE)] * 2
        with pytest.raises(
            DownloadError,
            match=f"{METADATA_FILE}: expected sha256 {release.metadata.sha256}, found",
        ):
            stream(server, shards=[0])
        assert raw(stream(server, shards=[0])) == expected(range(IMAGES))

    @pytest.mark.slow
    def test_cuts_stalls_and_rate_limits_lose_and_double_nothing(self, server, caplog):
        chance = random.Random(3)
        places = [
            chance.randrange(TAIL, 20_000) for _ in range(55)
        ]  # in ranges, of which all is read, not in their tails
        faults = [Fault(cut=at) for at in places[:50]] + [
            Fault(stall=(at, 1.0)) for at in places[50:]
        ]
        faults += [Fault(status=429)] * 10
        chance.shuffle(faults)
        server.faults = faults
        assert raw(stream(server)) == expected(ALL)
        assert server.faults == []
        notes = [
            record.getMessage()
            for record in caplog.records
            if "resuming at byte" in record.getMessage()
        ]
        assert len(notes) == 65
        assert sum("reading timed out" in note for note in notes) == 5
        assert sum("429 Too Many Requests" in note for note in notes) == 10

    def test_a_server_that_ignores_range_is_read_once_per_shard(self, server, tars, caplog):
        server.always = lambda path, start: Fault(ignore_range=True)
        assert raw(stream(server)) == expected(ALL)
        assert [(r.status, r.path.rpartition("/")[2]) for r in server.requests] == [
            (200, name)
            for name in (METADATA_FILE, *(f"PASS.{shard}.tar" for shard in range(SHARDS)))
        ]
        assert server.sent == sum(path.stat().st_size for path in tars.iterdir())
        assert caplog.text.count("the server ignores Range") == 11  # once for each file

    def test_a_server_that_ignores_range_serves_readers_that_take_turns(self, server):
        server.always = lambda path, start: Fault(ignore_range=True)
        ds = stream(server, shards=[1, 2]).select_columns(["hash"])
        both = list(zip(ds, ds.skip(0), strict=True))
        assert [(one["hash"], other["hash"]) for one, other in both] == [
            (hash, hash) for hash in HASHES[30:90]
        ]
        assert sorted(hashes(ds.shuffle(seed=1, buffer_size=8))) == sorted(HASHES[30:90])

    def test_a_shard_that_is_not_there_is_an_error_after_the_rows_before_it(self, server):
        server.always = lambda path, start: (
            Fault(status=404) if path.endswith("PASS.1.tar") else None
        )
        found = []
        with pytest.raises(
            RemoteError, match="found 404 Not Found. Check release and base URL"
        ) as caught:
            for row in stream(server):
                found.append(row["hash"])
        assert found == HASHES[:IMAGES]
        assert caught.value.url == server.url("PASS.1.tar")
        assert caught.value.status == 404

    def test_a_shard_of_another_size_is_an_error(self, server):
        server.always = lambda path, start: (
            Fault(extend=512) if path.endswith("PASS.0.tar") else None
        )
        with pytest.raises(
            RemoteError,
            match="expected a file of .* it changed on the server, or is another release's",
        ):
            next(iter(stream(server)))

    @pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"])
    def test_offline_is_an_error_that_names_what_is_missing(self, server, monkeypatch, variable):
        monkeypatch.setenv(variable, "1")
        with pytest.raises(
            RemoteError,
            match=f"{variable} is set: expected the shards on this machine.*`data_dir=`",
        ):
            stream(server)
        assert server.requests == []


class TestRanges:
    @pytest.mark.parametrize("range_size", [512, 1000, 20_000, 10**9])
    def test_of_any_size_hold_every_row_once_and_in_order(self, tars, range_size):
        chosen = [path for path in sorted(tars.iterdir()) if path.suffix == ".tar"][:2]
        ds = stream(tars, shards=[0, 1], range_size=range_size)
        assert num_shards(ds) == sum(-(-path.stat().st_size // range_size) for path in chosen)
        assert raw(ds) == expected(range(2 * IMAGES))

    @pytest.mark.slow
    @pytest.mark.parametrize("strategy", ["auto", "shards"])
    def test_24_nodes_share_10_tars(self, tars, strategy):
        """By default `datasets` divides the ranges only where 24 divides their number; else each
        node reads all of them.
        """
        options = {} if strategy == "auto" else {"strategy": strategy}
        if options and "strategy" not in inspect.signature(split_dataset_by_node).parameters:
            pytest.skip("this version of datasets has no other strategy")
        ds = stream(tars).select_columns(["hash"])
        assert num_shards(ds) == 60
        parts = [
            hashes(split_dataset_by_node(ds, rank=rank, world_size=24, **options))
            for rank in range(24)
        ]
        assert all(parts)
        assert Counter(hash for part in parts for hash in part) == Counter(HASHES)

    def test_24_workers_share_10_tars_and_read_each_range_once(self, server, release):
        ds = stream(server).select_columns(["hash"])
        if not hasattr(ds, "shard"):
            pytest.skip("this version of datasets has no IterableDataset.shard")
        next(iter(ds))
        server.requests.clear()
        parts = [
            hashes(ds.shard(num_shards=24, index=index, contiguous=False)) for index in range(24)
        ]
        assert all(parts)
        assert Counter(hash for part in parts for hash in part) == Counter(HASHES)
        around = (
            LOOKBACK + 511 + 2 * TAIL
        )  # before and behind a range; no member is larger than two tails
        assert server.sent <= sum(file.size for file in release.shards.values()) + 60 * around

    @pytest.mark.slow
    def test_workers_of_a_data_loader_get_every_row_once(self, server):
        data = pytest.importorskip("torch.utils.data")
        server.faults = [Fault(cut=5000), Fault(status=429), Fault(cut=0)] * 5
        loader = data.DataLoader(plain(stream(server)), batch_size=None, num_workers=4)
        found = {row["hash"]: row["image"]["bytes"] for row in loader}
        assert found == {image_hash(number): picture(number) for number in ALL}
        assert sum(1 for _ in loader) == len(ALL)

    def test_an_error_in_a_worker_is_still_ours(self, server):
        data = pytest.importorskip("torch.utils.data")
        server.always = lambda path, start: (
            Fault(status=410) if path.endswith("PASS.1.tar") else None
        )
        with pytest.raises(RemoteError, match="found 410 Gone"):
            list(data.DataLoader(stream(server, shards=[0, 1]), batch_size=None, num_workers=1))

    @pytest.mark.slow
    def test_shuffle_mixes_ranges_of_several_tars_early_and_loses_nothing(self, tars):
        ds = stream(tars).select_columns(["hash"])
        shuffled = hashes(ds.shuffle(seed=1, buffer_size=40))
        assert sorted(shuffled) == sorted(HASHES)
        assert len({shard_of(hash) for hash in shuffled[:20]}) >= 4
        assert shuffled != hashes(ds.shuffle(seed=2, buffer_size=40))
        ordered = ds.shuffle(seed=1, buffer_size=1)  # the ranges alone
        assert len({shard_of(hash) for hash in hashes(ordered.take(30))}) >= 4

    def test_reshard_gives_more_shards_and_the_same_rows(self, tars):
        ds = stream(tars)
        if not hasattr(ds, "reshard"):
            pytest.skip("this version of datasets has no IterableDataset.reshard")
        halves = ds.reshard()
        assert num_shards(halves) == 2 * num_shards(ds)
        quarters = halves.reshard()
        assert num_shards(quarters) == 4 * num_shards(ds)
        assert raw(halves) == expected(ALL)
        assert hashes(quarters.select_columns(["hash"])) == HASHES


class TestWhatStreamsDo:
    def test_take_and_skip(self, server):
        ds = stream(server)
        assert raw(ds.take(35)) == expected(range(35))
        assert raw(ds.skip(290)) == expected(range(290, 300))
        assert raw(ds.skip(29).take(2)) == expected([29, 30])

    def test_take_asks_for_no_more_than_it_needs(self, server):
        next(iter(stream(server)))
        server.requests.clear()
        assert len(list(stream(server).take(3))) == 3
        assert [request.path for request in server.requests] == ["/records/1/files/PASS.0.tar"]
        assert server.sent <= RANGE

    def test_filter_and_map(self, tars):
        ds = stream(tars)
        assert hashes(ds.filter(lambda row: row["gps_latitude"] is not None)) == HASHES[::3]
        widths = ds.map(lambda row: {"width": row["image"].width}, remove_columns=["image"])
        assert [row["width"] for row in widths] == [row["image"].width for row in ds]
        twice = ds.map(
            lambda rows: {"again": [hash * 2 for hash in rows["hash"]]}, batched=True, batch_size=7
        )
        assert [row["again"] for row in twice] == [hash * 2 for hash in HASHES]

    def test_batch_and_iter(self, server):
        ds = stream(server)
        batches = list(ds.batch(batch_size=64))
        assert [len(batch["hash"]) for batch in batches] == [64] * 4 + [44]
        assert [hash for batch in batches for hash in batch["hash"]] == HASHES
        batches = list(ds.iter(batch_size=64))
        assert [hash for batch in batches for hash in batch["hash"]] == HASHES
        assert batches[0]["image"][5].size == next(iter(ds.skip(5)))["image"].size

    def test_arrow_tables(self, server):
        ds = stream(server).with_format("arrow")
        tables = list(ds.iter(batch_size=64))
        assert {type(table) for table in tables} == {pa.Table}
        assert [len(table) for table in tables] == [64] * 4 + [44]
        assert tables[0].schema.equals(FEATURES.arrow_schema)
        found = pa.concat_tables(tables).to_pylist()
        assert [{**row, "image": row["image"]["bytes"]} for row in found] == expected(ALL)
        assert [row["image"]["path"] for row in found] == [f"{hash}.jpg" for hash in HASHES]
        table = next(iter(ds))
        assert isinstance(table, pa.Table)
        assert table["hash"].to_pylist() == HASHES[:1]

    def test_columns_can_be_left_out(self, server):
        ds = stream(server)
        without = ds.remove_columns("image")
        assert without.column_names == COLUMNS[1:]
        assert list(without) == [metadata(number) for number in ALL]
        assert list(ds.select_columns(["hash"])) == [{"hash": hash} for hash in HASHES]

    @pytest.mark.slow
    def test_a_stream_can_be_pickled_and_read_twice(self, server):
        ds = stream(server)
        copy = pickle.loads(pickle.dumps(ds))
        for dataset in (ds, copy, ds):
            assert raw(dataset) == expected(ALL)


COLUMNS = ["image", "creator_username", "hash", "gps_latitude", "gps_longitude", "date_taken"]


def plain(ds):
    return ds.cast_column("image", Image(decode=False))


def without_image(ds):
    return ds.remove_columns("image")


def mapped_and_filtered(ds):
    ds = ds.map(lambda row: {"first": row["hash"][0]}, remove_columns=["image"])
    return ds.filter(lambda row: row["first"] not in "05af").map(
        lambda row: {"again": row["hash"] + row["first"]}
    )


def mapped_in_batches(ds):
    """Two rows for each but the first of four."""
    return ds.select_columns(["hash"]).map(
        lambda rows: {"hash": [name for hash in rows["hash"][1:] for name in (hash, hash[::-1])]},
        batched=True,
        batch_size=4,
    )


def batched(ds):
    return ds.select_columns(["hash", "date_taken"]).batch(batch_size=3)


def skipped(ds):
    return plain(ds).skip(4).take(13)


def shared_by_ranges(ds):
    return split_dataset_by_node(plain(ds), rank=1, world_size=3)


def shared_by_rows(ds):
    return split_dataset_by_node(plain(ds), rank=1, world_size=4)


def arrow(ds):
    return ds.with_format("arrow")


def arrow_mapped(ds):
    return arrow(ds).map(lambda table: table.append_column("again", table["hash"]))


def arrow_filtered_and_mapped_in_batches(ds):
    ds = arrow(ds).filter(lambda table: pc.less(table["hash"], "c"), batched=True, batch_size=3)
    return ds.map(lambda table: table.select(["hash"]), batched=True, batch_size=4)


def arrow_batched(ds):
    return arrow(ds).batch(batch_size=3)


def comparable(value):
    """A row, a batch or a table as something that can be compared."""
    if isinstance(value, pa.Table):
        return value.to_pylist()
    if isinstance(value, dict):
        return {name: comparable(part) for name, part in value.items()}
    if isinstance(value, list):
        return [comparable(part) for part in value]
    return (value.size, value.tobytes()) if hasattr(value, "tobytes") else value


class TestResume:
    @pytest.mark.slow
    @pytest.mark.parametrize("batch_size", [None, 3])
    @pytest.mark.parametrize(
        "pipeline",
        [
            plain,
            without_image,
            mapped_and_filtered,
            mapped_in_batches,
            batched,
            skipped,
            shared_by_ranges,
            shared_by_rows,
        ]
        + [arrow, arrow_mapped, arrow_filtered_and_mapped_in_batches, arrow_batched],
    )
    def test_at_every_row_and_twice_in_a_row_loses_and_doubles_nothing(
        self, few, pipeline, batch_size
    ):
        ds = pipeline(stream(few, shards=[0, 1]))
        assert num_shards(stream(few, shards=[0, 1])) == 6

        def read(count: int = 1000) -> list:
            iterator = ds.iter(batch_size=batch_size) if batch_size else ds
            return [comparable(item) for _, item in zip(range(count), iterator, strict=False)]

        begin = ds.state_dict()
        whole = read()
        assert len(whole) >= 2
        for first in range(len(whole) + 1):
            for second in {0, 1, 4} if batch_size is None else {0, 1}:
                state, found = begin, []
                for count in (first, second, 1000):
                    ds.load_state_dict(state)
                    read_now = read(count)
                    state = ds.state_dict() if read_now else state
                    found += read_now
                assert found == whole, (first, second)

    def test_in_a_stream_opened_anew_gives_the_rest_byte_for_byte(self, server):
        server.faults = [Fault(cut=2000, name=".tar")] * 40
        found, state = [], None
        for count in (137, 1, 20, 1000):
            ds = plain(stream(server))
            if state is not None:
                ds.load_state_dict(pickle.loads(state))
            found += [
                {**row, "image": row["image"]["bytes"]}
                for _, row in zip(range(count), ds, strict=False)
            ]
            state = pickle.dumps(ds.state_dict())
        assert found == expected(ALL)

    def test_reads_at_most_one_range_again(self, server, tars):
        """And all of the range before it, until the second table of a range: `datasets` keeps the
        state of a table before.
        """
        with ShardFile(tars / "PASS.0.tar") as shard:
            members = list(read_members(shard))
        range_of = [(member.offset - 512) // RANGE for member in members]
        one = LOOKBACK + 511 + RANGE + 2 * TAIL  # no picture is larger than two tails
        ds = plain(stream(server))
        iterator = iter(ds)
        ranges = []
        for done in range(1, IMAGES):
            next(iterator)
            again = plain(stream(server))
            again.load_state_dict(ds.state_dict())
            server.requests.clear()
            assert next(iter(again))["hash"] == HASHES[done]
            before = [
                member.size
                for member, at in zip(members[: done - 1], range_of, strict=False)
                if at == range_of[done - 1]
            ]
            ranges.append(1 if sum(before) > TABLE and range_of[done - 1] == range_of[done] else 2)
            assert server.sent <= ranges[-1] * one
        assert ranges.count(1) >= 6


PICTURE = 120_000  # bytes, as PASS's have on average
BIG_IMAGES = 830


@pytest.fixture(scope="module")
def big(tmp_path_factory) -> Iterator[Path]:
    """Three shards of 100 MB."""
    made = tmp_path_factory.mktemp("big")
    noise = random.Random(0).randbytes(2 * PICTURE)
    for shard in range(3):
        numbers = range(shard * BIG_IMAGES, (shard + 1) * BIG_IMAGES)
        files = [
            (f"PASS_dataset/{shard}/{image_hash(n)}.jpg", noise[n : n + PICTURE]) for n in numbers
        ]
        write_tar(made / f"PASS.{shard}.tar", files)
    numbers = range(3 * BIG_IMAGES)
    write_csv(
        made / METADATA_FILE,
        [(n, "u", "", "Attribution License", image_hash(n), "", "") for n in numbers],
    )
    yield made
    shutil.rmtree(made)


class TestSizesOfPass:
    """With the library's own sizes, and pictures as large as those of PASS."""

    @pytest.fixture(autouse=True)
    def setting(self, monkeypatch, cache):
        clear_environment(monkeypatch)
        monkeypatch.setattr(datasets.config, "DOWNLOADED_DATASETS_PATH", cache / "downloads")

    @pytest.fixture
    def server(self, big, monkeypatch) -> Iterator[Zenodo]:
        monkeypatch.setitem(releases.RELEASES, "v2", describe(big)._replace(name="v2"))
        with Zenodo(big) as zenodo:
            yield zenodo

    def test_resume_near_the_end_of_a_tar_reads_one_range_again(self, server):
        range_size = 16 << 20
        ds = plain(stream(server, range_size=range_size))
        for _ in zip(range(BIG_IMAGES - 2), ds, strict=False):
            pass
        again = plain(stream(server, range_size=range_size))
        again.load_state_dict(ds.state_dict())
        server.requests.clear()
        assert [row["hash"] for _, row in zip(range(2), again, strict=False)] == [
            image_hash(number) for number in (BIG_IMAGES - 2, BIG_IMAGES - 1)
        ]
        size = releases.RELEASES["v2"].shards[0].size
        start = size // range_size * range_size
        assert (
            server.sent
            <= size - start + shards.LOOKBACK + 511
            <= range_size + shards.LOOKBACK + 511
        )
        assert [request.range for request in server.requests] == [
            f"bytes={start - shards.LOOKBACK}-{size - 1}"
        ]

    @pytest.mark.slow
    @pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")
    def test_memory_does_not_grow_with_what_was_read(self, server, tmp_path):
        script = f"""
import os
from pathlib import Path
from datasets import Image, load_dataset
import pass_utils
from pass_utils.releases import RELEASES, File, Release

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

RELEASES["v2"] = Release(*{tuple(releases.RELEASES["v2"])!r})
ds = load_dataset("pass", split="train", streaming=True, base_url={server.base_url!r},
                  range_size=32 << 20)
rows = images = after_first = most = 0
for row in ds.cast_column("image", Image(decode=False)):
    rows, images = rows + 1, images + len(row["image"]["bytes"])
    after_first = after_first or resident()
    most = max(most, resident())
print(rows, images, most - after_first)
"""
        environment = {**os.environ, "HF_HOME": str(tmp_path / "hf")}
        result = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True
        )
        assert result.returncode == 0, result.stderr
        rows, images, growth = map(int, result.stdout.split())
        assert (rows, images) == (3 * BIG_IMAGES, 3 * BIG_IMAGES * PICTURE)
        assert growth < 60e6
