"""What was learnt of a file in, a file of the cache out that holds it until that file changes.

Each is one Arrow record batch, mapped by every process that reads it. It is written beside its
place and takes its name when whole; then those that were learnt of the file as it was before are
removed.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pyarrow as pa

from .atomic import atomic_write

NAME = "pass"
_DEPTH = 3  # folders between a prepared file and the cache's own


def cache_dir(root: str | os.PathLike[str] | None = None, *, dataset: Any = None) -> Path:
    """Returns the folder of all that pass_utils keeps: `pass` in the cache of `datasets`.

    Args:
        root: the `cache_dir` that `datasets` was given, if any.
        dataset: one that `load_dataset("pass")` opened: the cache that it lies in, so that
            `cache_dir=` there is followed here.
    """
    if root is None and dataset is not None:
        # ROOT/pass/<config>/<version>/<hash>/<file>, as `datasets` lays out a prepared dataset
        for file in getattr(dataset, "cache_files", None) or ():
            folders = Path(file["filename"]).parents
            if len(folders) > _DEPTH and folders[_DEPTH].name == NAME:
                return folders[_DEPTH]
    if root is None:
        import datasets

        root = datasets.config.HF_DATASETS_CACHE
    return Path(root) / NAME


def cache_path(cache_dir: Path, kind: str, file: str, version: str) -> Path:
    """Where the cache keeps `kind` of the `file` in this `version` of it."""
    whose = hashlib.sha256(file.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return cache_dir / f"{kind}-{whose}-{version}.arrow"


def read_batch(path: Path) -> pa.RecordBatch | None:
    """The record batch, mapped into memory; None where there is none, or a damaged one."""
    try:
        return pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
    except (OSError, pa.ArrowInvalid, IndexError):
        return None


def write_batch(batch: pa.RecordBatch, path: Path) -> None:
    """Write it under a `cache_path`, and remove what stands there for other versions of the same
    file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    outdated = set(path.parent.glob("-".join(path.name.split("-")[:2]) + "-*.arrow"))
    outdated.discard(path)  # another process may have written it meanwhile
    with atomic_write(path) as part, pa.ipc.new_file(str(part), batch.schema) as writer:
        writer.write_batch(batch)
    for file in outdated:
        file.unlink(missing_ok=True)
