"""What the tests of the folder share."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

os.environ["OMP_NUM_THREADS"] = "1"  # before torch: its threads wait for each other on tiny tensors
os.environ["HF_HUB_OFFLINE"] = "1"

FOLDER = Path(__file__).parent.parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent.parent / "tests")]


@pytest.fixture(autouse=True, scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `datasets` cache of the tests."""
    import datasets

    folder = tmp_path_factory.mktemp("cache")
    os.environ["HF_DATASETS_CACHE"] = str(folder)  # of the processes that tests start
    datasets.config.HF_DATASETS_CACHE = folder
    datasets.disable_progress_bars()
    return folder
