"""What the tests of the audit share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import datasets
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from drawn import planted_folder
from planted import BROKEN, FACES, run

if TYPE_CHECKING:
    from findings import Counts


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty `datasets` cache, for the processes that tests start as well."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", folder)
        patch.setenv("HF_DATASETS_CACHE", str(folder))
        datasets.disable_progress_bars()
        yield folder


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled v3 with planted faces and an image that cannot be decoded."""
    return planted_folder(tmp_path_factory.mktemp("planted") / "pass", FACES, (BROKEN,))


@pytest.fixture(scope="session")
def audited(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Counts]:
    """The results of an audit of that folder, and its counts."""
    out = tmp_path_factory.mktemp("audit")
    return out, run(folder, out)
