"""filter_resolution and add_resolution: the answers of decoding, on every kind of dataset, with
nothing else changed.
"""

from __future__ import annotations

import logging
import pickle

import datasets
import pytest
from conftest import image_hash, write_csv, write_tar
from datasets import load_dataset
from datasets.distributed import split_dataset_by_node
from PIL import Image
from support.jpegs import make_jpegs, save
from test_selection_bounds import keeps

from pass_utils import DatasetError, ResolutionError, add_resolution, filter_resolution
from pass_utils.images.resolutions import table_resolutions
from pass_utils.releases import FEATURES, dummy_folder
from pass_utils.selection import resolution as module

BOUNDS = [
    {"min_side": 333},
    {"max_side": 499},
    {"min_width": 500},
    {"max_width": 375},
    {"min_height": 375, "max_height": 375},
    {"min_pixels": 500 * 333, "max_pixels": 500 * 374},
    {"min_aspect": 4 / 3, "max_aspect": 4 / 3},
    {"max_aspect": 0.75},
    {"min_width": 300, "max_height": 400, "min_aspect": 1.0, "min_side": 240},
]


def open_all(release: str = "v2") -> dict[str, object]:
    options = {"data_dir": str(dummy_folder(release)), "name": release, "split": "train"}
    return {
        "in place": load_dataset("pass", **options),
        "embedded": load_dataset("pass", embed_images=True, **options),
        "streaming": load_dataset("pass", streaming=True, **options),
    }


def raw(dataset) -> list[dict]:
    return list(dataset.cast_column("image", datasets.Image(decode=False)))


@pytest.mark.slow
@pytest.mark.parametrize("release", ["v2", "v3"])
def test_the_bundled_pictures_are_chosen_as_decoding_would_choose_them(release):
    opened = open_all(release)
    sizes = {row["hash"]: row["image"].size for row in opened["in place"]}
    chosen = set()
    for bounds in BOUNDS:
        want = [image for image, size in sizes.items() if keeps(size, bounds)]
        chosen.add(len(want))
        for dataset in opened.values():
            assert [row["hash"] for row in filter_resolution(dataset, **bounds)] == want
    assert len(chosen) > 4
    for dataset in opened.values():
        rows = list(add_resolution(dataset))
        assert [(row["width"], row["height"]) for row in rows] == list(sizes.values())


@pytest.mark.parametrize("way", ["in place", "embedded", "streaming"])
def test_nothing_but_the_choice_of_rows_changes(way):
    dataset = open_all()[way]
    before = raw(dataset)
    kept = filter_resolution(dataset, min_side=333)
    assert type(kept) is type(dataset)
    assert kept.features == FEATURES
    hashes = {row["hash"] for row in kept}
    assert 0 < len(hashes) < 24
    assert raw(kept) == [row for row in before if row["hash"] in hashes]
    assert next(iter(kept))["image"].size[0] >= 333
    wider = add_resolution(dataset)
    assert list(wider.features) == [*FEATURES, "width", "height"]
    assert wider.features["width"] == wider.features["height"] == datasets.Value("int32")
    assert [{name: row[name] for name in FEATURES} for row in raw(wider)] == before


@pytest.mark.parametrize("way", ["in place", "embedded", "streaming"])
def test_decoding_and_format_stay_as_they_were(way):
    dataset = open_all()[way]
    undecoded = dataset.cast_column("image", datasets.Image(decode=False))
    kept = filter_resolution(undecoded, min_side=333)
    assert kept.features["image"].decode is False
    assert isinstance(next(iter(kept))["image"], dict)
    arrow = filter_resolution(dataset.with_format("arrow"), min_side=333)
    assert next(iter(arrow)).column_names == list(FEATURES)
    numpy = add_resolution(dataset.with_format("numpy"))
    assert next(iter(numpy))["image"].shape[:2] == tuple(
        next(iter(numpy))[side] for side in ("height", "width")
    )


def test_a_selection_copies_nothing_and_can_be_taken_further():
    ds = open_all()["embedded"]
    kept = filter_resolution(ds, min_side=333)
    assert kept.data is ds.data or kept.cache_files == ds.cache_files
    again = filter_resolution(kept.shuffle(seed=0), max_height=374)
    want = [row["hash"] for row in kept.shuffle(seed=0) if row["image"].height <= 374]
    assert [row["hash"] for row in again] == want
    assert [row["hash"] for row in add_resolution(again)] == want
    assert raw(pickle.loads(pickle.dumps(again))) == raw(again)
    assert [row["hash"] for row in filter_resolution(ds, min_side=333, num_proc=2)] == [
        row["hash"] for row in kept
    ]


@pytest.mark.slow
def test_2000_jpegs_of_all_kinds_are_chosen_as_decoding_would_choose_them():
    jpegs = [
        data for kind, data in make_jpegs(2000) if kind not in ("12 bits", "arithmetic tables")
    ]
    own = datasets.Features({"jpg": datasets.Image()})
    ds = datasets.Dataset.from_dict(
        {"jpg": [{"bytes": data, "path": None} for data in jpegs]}, features=own
    )
    sizes = [row["jpg"].size for row in ds]
    added = add_resolution(ds)
    assert list(zip(added["width"], added["height"], strict=True)) == sizes
    kept = filter_resolution(ds, min_side=20, max_aspect=1.5)
    want = [
        data
        for data, size in zip(jpegs, sizes, strict=True)
        if keeps(size, {"min_side": 20, "max_aspect": 1.5})
    ]
    assert [
        row["jpg"]["bytes"] for row in kept.cast_column("jpg", datasets.Image(decode=False))
    ] == want
    stream = add_resolution(ds.to_iterable_dataset(num_shards=3))
    assert [(row["width"], row["height"]) for row in stream] == sizes


def test_a_dict_of_splits_is_filtered_split_by_split():
    opened = open_all()
    for kind, dataset in (
        (datasets.DatasetDict, opened["in place"]),
        (datasets.IterableDatasetDict, opened["streaming"]),
        (dict, opened["in place"]),
        (dict, opened["streaming"]),
    ):
        splits = kind(
            {
                "train": dataset,
                "test": dataset.take(5)
                if isinstance(dataset, datasets.IterableDataset)
                else dataset.select([0]),
            }
        )
        kept = filter_resolution(splits, min_side=1)
        assert type(kept) is kind
        assert {name: len(list(part)) for name, part in kept.items()} == {
            name: len(list(part)) for name, part in splits.items()
        }


def test_rows_without_an_image_are_left_out_and_have_no_size():
    own = datasets.Features({"image": datasets.Image(), "n": datasets.Value("int64")})
    data = {
        "image": [{"bytes": save(Image.new("L", (4, 3))), "path": None}, None, None],
        "n": [0, 1, 2],
    }
    ds = datasets.Dataset.from_dict(data, features=own)
    for dataset in (ds, ds.to_iterable_dataset()):
        rows = list(add_resolution(dataset))
        assert [(row["width"], row["height"]) for row in rows] == [
            (4, 3),
            (None, None),
            (None, None),
        ]
        for bounds in ({"min_side": 1}, {"max_side": 9}):
            assert [row["n"] for row in filter_resolution(dataset, **bounds)] == [0]


@pytest.fixture
def stream(tmp_path):
    """A stream of 120 pictures in small ranges; number n is n + 1 pixels wide."""
    write_tar(
        tmp_path / "PASS.0.tar",
        [(f"{image_hash(n)}.jpg", save(Image.new("L", (n + 1, 9)))) for n in range(120)],
    )
    rows = [(n, f"user{n}", "", "Attribution License", image_hash(n), "", "") for n in range(120)]
    write_csv(tmp_path / "pass_metadata.csv", rows)
    return load_dataset(
        "pass",
        data_dir=str(tmp_path),
        shards=[0],
        split="train",
        streaming=True,
        range_size=1 << 14,
    )


def names(rows) -> list[str]:
    return [row["creator_username"] for row in rows]


def test_a_stream_is_filtered_lazily_and_without_decoding(stream, monkeypatch):
    calls = []
    monkeypatch.setattr(
        module,
        "table_resolutions",
        lambda table, column: calls.append(len(table)) or table_resolutions(table, column),
    )
    kept = filter_resolution(stream, min_width=100)
    assert calls == []
    monkeypatch.setattr(datasets.Image, "decode_example", None)
    assert names(kept.select_columns(["creator_username"])) == [f"user{n}" for n in range(99, 120)]
    assert sum(calls) == 120


@pytest.mark.parametrize(
    "bounds",
    [{"min_width": 31}, {"max_width": 70}, {"min_width": 119}, {"min_width": 40, "max_width": 41}],
)
def test_a_filtered_stream_resumes_where_it_stopped(stream, bounds):
    kept = filter_resolution(stream, **bounds)
    want = names(kept)
    assert want == [f"user{n}" for n in range(120) if keeps((n + 1, 9), bounds)]
    for stop in {0, 1, len(want) // 3, len(want) - 1, len(want)}:
        kept = filter_resolution(stream, **bounds)
        rows = iter(kept)
        seen = [next(rows)["creator_username"] for _ in range(stop)]
        state = kept.state_dict()
        fresh = filter_resolution(stream, **bounds)
        fresh.load_state_dict(state)
        assert seen + names(fresh) == want


def test_a_filtered_stream_is_shuffled_split_and_batched_as_any(stream):
    kept = filter_resolution(stream, min_width=61)
    want = sorted(f"user{n}" for n in range(60, 120))
    assert sorted(names(kept)) == sorted(names(kept)) == want  # the second epoch, too
    assert sorted(names(kept.shuffle(seed=0, buffer_size=10))) == want
    halves = [split_dataset_by_node(kept, rank, 2) for rank in range(2)]
    assert sorted(names(halves[0]) + names(halves[1])) == want
    tables = list(kept.with_format("arrow").iter(7))
    assert [table["creator_username"].to_pylist() for table in tables][0] == [
        f"user{n}" for n in range(60, 67)
    ]
    assert sum(map(len, tables)) == 60
    assert names(kept.take(3)) == ["user60", "user61", "user62"]


def test_a_stream_of_python_examples_is_filtered_too():
    def examples():
        for n in range(50):
            yield {"image": {"bytes": save(Image.new("L", (n + 1, 2))), "path": None}, "n": n}

    own = datasets.Features({"image": datasets.Image(), "n": datasets.Value("int64")})
    stream = datasets.IterableDataset.from_generator(examples, features=own)
    kept = filter_resolution(stream, min_width=41)
    assert [(row["n"], row["image"].size) for row in kept] == [
        (n, (n + 1, 2)) for n in range(40, 50)
    ]


def test_nothing_that_fits_is_an_empty_dataset_and_a_warning_with_the_largest_sizes(caplog):
    opened = open_all()
    with caplog.at_level(logging.WARNING):
        for way in ("in place", "embedded"):
            kept = filter_resolution(opened[way], min_side=501)
            assert (len(kept), kept.features) == (0, FEATURES)
    message = (
        "expected images that keep to the bounds, found none among 24 images: the largest "
        "width is 500, the largest height 500, the longest side 500 pixels."
    )
    assert [record.message for record in caplog.records] == [message, message]
    assert len(filter_resolution(opened["in place"].select([]), min_side=1)) == 0


def test_a_stream_in_which_nothing_fits_warns_once_on_the_way(stream, caplog, monkeypatch):
    monkeypatch.setattr(module, "_WARN_AFTER", 60)
    monkeypatch.setattr(module, "_ROWS_AT_A_TIME", 64)
    with caplog.at_level(logging.WARNING):
        assert names(filter_resolution(stream, min_width=121)) == []
        assert names(filter_resolution(stream, max_width=10)) == [f"user{n}" for n in range(10)]
    assert len(caplog.records) == 1
    assert (
        "found none among the first 64 images: the largest width is 64, the largest height 9"
        in caplog.text
    )


@pytest.mark.parametrize("num_proc", [0, -3, True, "2"])
def test_a_number_of_processes_that_makes_no_sense_is_an_error(num_proc):
    for work in (
        lambda ds: filter_resolution(ds, min_side=1, num_proc=num_proc),
        lambda ds: add_resolution(ds, num_proc=num_proc),
    ):
        with pytest.raises(
            ResolutionError,
            match=f"num_proc: expected a number of processes, at least 1, found {num_proc!r}",
        ):
            work(open_all()["in place"])


def test_datasets_without_one_column_of_images_are_an_error():
    numbers = datasets.Dataset.from_dict({"n": [1]})
    with pytest.raises(DatasetError, match=r"expected a column of type Image, found n\."):
        filter_resolution(numbers, min_side=1)
    two = datasets.Features({"left": datasets.Image(), "right": datasets.Image()})
    with pytest.raises(DatasetError, match=r"found several \(left, right\)"):
        add_resolution(datasets.Dataset.from_dict({"left": [], "right": []}, features=two))
    with pytest.raises(DatasetError, match=r"expected a column of type Image, found n\."):
        filter_resolution(
            datasets.IterableDataset.from_generator(lambda: iter([{"n": 1}])), min_side=1
        )
    with pytest.raises(
        DatasetError,
        match="expected a Dataset, an IterableDataset or a dict of them by split, found list",
    ):
        filter_resolution([], min_side=1)
    with pytest.raises(ResolutionError, match="expected no column width yet, found one"):
        add_resolution(add_resolution(open_all()["in place"]))


def test_of_several_columns_of_images_the_one_called_image_counts():
    own = datasets.Features({"image": datasets.Image(), "mask": datasets.Image()})
    small, large = ({"bytes": save(Image.new("L", (side, side))), "path": None} for side in (5, 9))
    ds = datasets.Dataset.from_dict({"image": [small], "mask": [large]}, features=own)
    assert add_resolution(ds)[0]["width"] == 5
