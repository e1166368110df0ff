"""Export plans: where a dataset is cut into files, and how small their tasks pickle."""

from __future__ import annotations

import pickle

import pyarrow as pa
import pytest
from conftest import image_hash, jpeg
from datasets import Dataset, Features, Image, Value, load_dataset

from pass_utils import DatasetError
from pass_utils.export.parquet import plan_parquet
from pass_utils.releases import FEATURES


def test_a_plan_puts_as_many_row_groups_into_a_file_as_fit(folder):
    ds = load_dataset("pass", data_dir=str(folder([range(10)])), shards=[0], split="train")
    sizes = [len(jpeg(image_hash(number))) + 200 for number in range(10)]
    plan = plan_parquet(ds, row_group_rows=2, max_shard_size=sum(sizes[:5]))
    assert [task.rows for task in plan] == [4, 4, 2]
    assert [task.size for task in plan] == [sum(sizes[:4]), sum(sizes[4:8]), sum(sizes[8:])]
    assert [task.name for task in plan] == [
        f"train-0000{number}-of-00003.parquet" for number in range(3)
    ]
    assert [task.content.groups for task in list(plan)[1:]] == [(2, 2), (2,)]
    assert (plan.rows, plan.bytes) == (10, sum(sizes))
    assert [task.rows for task in plan_parquet(ds, row_group_rows=2, max_shard_size=1)] == [1] * 10


@pytest.mark.parametrize("embed", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
def test_a_task_pickles_without_the_bytes_of_its_images(folder, embed, shuffle):
    shards = folder([range(300)])
    ds = load_dataset("pass", data_dir=str(shards), shards=[0], split="train", embed_images=embed)
    ds = ds.shuffle(seed=0) if shuffle else ds
    task = plan_parquet(ds, row_group_rows=50, max_shard_size=60_000)[1]
    sent = pickle.dumps(task)
    assert b"JFIF" not in sent
    assert len(sent) < 40 * task.rows + 8000 < task.size / 3
    tables = list(pickle.loads(sent).content.tables([]))
    first = task.content.first
    hashes = [hash for table in tables for hash in table["hash"].to_pylist()]
    assert hashes == ds[first : first + task.rows]["hash"]
    for table in tables:
        for image, hash in zip(table["image"].to_pylist(), table["hash"].to_pylist(), strict=True):
            assert image == {"bytes": jpeg(hash), "path": f"{hash}.jpg"}


def test_a_task_of_a_dataset_in_memory_pickles_with_its_own_rows_only():
    rows = [{"bytes": bytes([number]) * 10_000, "path": None} for number in range(50)]
    ds = Dataset.from_dict({"image": rows}, features=Features({"image": Image()}))
    task = plan_parquet(ds, row_group_rows=1, max_shard_size=20_500)[3]
    assert len(pickle.dumps(task)) < 30_000
    assert [
        row["bytes"][0] for table in task.content.tables([]) for row in table["image"].to_pylist()
    ] == [6, 7]


def test_the_fingerprint_is_that_of_the_rows(folder):
    ds = load_dataset("pass", data_dir=str(folder([range(20)])), shards=[0], split="train")
    ds = ds.cast_column("image", Image(decode=False))
    fingerprint = plan_parquet(ds).fingerprint
    assert plan_parquet(ds.select(range(20))).fingerprint == fingerprint
    assert plan_parquet(ds.select(list(range(20)))).fingerprint == fingerprint
    assert plan_parquet(ds, max_shard_size=2000, row_group_rows=3).fingerprint == fingerprint
    others = [ds.select(range(19)), ds.select([1, 0, *range(2, 20)]), ds.remove_columns("hash")]
    others.append(ds.rename_column("hash", "key"))
    renamed = ds.with_format("arrow")[:].set_column(
        1, "creator_username", pa.array(["someone"] * 20)
    )
    others.append(Dataset(renamed, info=ds.info))
    others.append(
        ds.map(
            lambda row: {
                "image": {
                    **row["image"],
                    "path": row["image"]["path"].replace("pass://", "pass://1"),
                }
            }
        )
    )
    assert len({fingerprint, *(plan_parquet(other).fingerprint for other in others)}) == 7


def test_a_dataset_without_rows_is_one_task_without_tables():
    plan = plan_parquet(Dataset.from_dict({name: [] for name in FEATURES}, features=FEATURES))
    assert [(task.name, task.rows, list(task.content.tables([]))) for task in plan] == [
        ("train-00000-of-00001.parquet", 0, [])
    ]


@pytest.mark.parametrize("features", [None, Features({"text": Value("string")})])
def test_a_dataset_without_a_column_of_images_is_refused(features):
    ds = Dataset.from_dict({"text": ["a"]} if features else {}, features=features)
    with pytest.raises(
        DatasetError, match=r"dataset: expected a column of type Image, found (text|none)"
    ):
        plan_parquet(ds)


def test_images_in_lists_are_embedded_too(tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg("a"))
    path = {"bytes": None, "path": str(tmp_path / "a.jpg")}
    features = Features({"image": Image(), "more": [Image()]})
    ds = Dataset.from_dict({"image": [path], "more": [[path, path]]}, features=features)
    (table,) = plan_parquet(ds)[0].content.tables([])
    assert [image["bytes"] for image in table["more"][0].as_py()] == [jpeg("a")] * 2
    assert table.schema.equals(features.arrow_schema)
    assert isinstance(table, pa.Table)
