"""PyTorch's DataLoader over datasets opened in place and streamed, with workers started by fork and
by spawn.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from conftest import image_hash
from datasets import load_dataset
from datasets.distributed import split_dataset_by_node

torch = pytest.importorskip("torch")
data = torch.utils.data


def collate(rows):
    """Hashes and sizes of the pictures of a batch."""
    return [(row["hash"], np.asarray(row["image"]).shape) for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize("start", ["fork", "spawn"])
@pytest.mark.parametrize("streaming", [False, True])
def test_workers_get_every_row_once(folder, start, streaming):
    shards = folder([range(12), range(12, 20)])
    ds = load_dataset(
        "pass",
        data_dir=str(shards),
        shards=[0, 1],
        split="train",
        streaming=streaming,
        **{"range_size": 2048} if streaming else {},
    )
    alone = Counter(pair for row in ds for pair in collate([row]))
    loader = data.DataLoader(
        ds, batch_size=4, num_workers=2, collate_fn=collate, multiprocessing_context=start
    )
    assert Counter(pair for batch in loader for pair in batch) == alone
    assert {hash for hash, _ in alone} == {image_hash(number) for number in range(20)}


def test_more_workers_than_shards_share_the_ranges(folder):
    shards = folder([range(60), range(60, 130)])
    stream = load_dataset(
        "pass", data_dir=str(shards), shards=[0, 1], split="train", streaming=True, range_size=4096
    )
    nodes = [split_dataset_by_node(stream, rank=rank, world_size=12) for rank in range(12)]
    parts = [[row["hash"] for row in node] for node in nodes]
    assert all(parts)
    assert Counter(hash for part in parts for hash in part) == Counter(
        image_hash(number) for number in range(130)
    )


def test_default_collate_refuses_pil_images(folder):
    ds = load_dataset("pass", data_dir=str(folder([range(4)])), shards=[0], split="train")
    with pytest.raises(TypeError, match="default_collate: batch must contain tensors"):
        next(iter(data.DataLoader(ds, batch_size=2)))


@pytest.mark.parametrize("streaming", [False, True])
def test_with_format_torch_needs_the_dates_removed(folder, streaming):
    shards = str(folder([range(4)]))
    ds = load_dataset("pass", data_dir=shards, shards=[0], split="train", streaming=streaming)
    with pytest.raises(TypeError, match=r"can't convert np\.ndarray of type numpy\.datetime64"):
        next(iter(ds.with_format("torch")))
    row = next(iter(ds.remove_columns("date_taken").with_format("torch")))
    assert (row["image"].dtype, row["image"].shape[0]) == (torch.uint8, 3)
