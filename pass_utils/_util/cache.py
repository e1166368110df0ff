"""Cache of what was learnt of a file: memory-mapped Arrow, invalidated by size and mtime.

Each cache file is one record batch, mapped by every process that reads it. It is written atomically
and carries a checksum, so that what a power cut or a disk made of it is not taken for it; then the
files of the versions before are removed.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa

from .atomic import atomic_write

NAME = "pass"
_MARK = b"crc1"
_TRAILER = struct.Struct("<4sI")
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
    """Returns where the cache keeps something of a file.

    Args:
        cache_dir: see `cache_dir`.
        kind: what is kept, such as `sizes`.
        file: the path of the file.
        version: another one when the file or the format has changed.
    """
    whose = hashlib.sha256(file.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return cache_dir / f"{kind}-{whose}-{version}.arrow"


def read_batch(path: Path) -> pa.RecordBatch | None:
    """Returns the record batch of a cache file, mapped into memory; None where there is none, or
    one whose bytes are not those that were written.

    Args:
        path: as `cache_path` gives it.
    """
    try:
        if not path.is_file():
            return None
        with pa.memory_map(str(path)) as file:
            data = file.read_buffer(file.size() - _TRAILER.size)
            if file.read() != _trailer(data):
                return None
        return pa.ipc.open_file(pa.BufferReader(data)).get_batch(0)
    except (OSError, ValueError, pa.ArrowInvalid, IndexError):
        return None


def _trailer(data: pa.Buffer) -> bytes:
    """What stands after the data in a cache file: a mark, and the CRC-32 of the data, which zlib
    has at a gigabyte a second.
    """
    return _TRAILER.pack(_MARK, zlib.crc32(data))


def write_batch(batch: pa.RecordBatch, path: Path) -> None:
    """Writes a record batch with its checksum, and removes the files of other versions.

    Args:
        batch: what to keep.
        path: as `cache_path` gives it; its folder is made where it is not there.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    outdated = set(path.parent.glob("-".join(path.name.split("-")[:2]) + "-*.arrow"))
    outdated.discard(path)  # another process may have written it meanwhile
    with atomic_write(path) as part:
        with pa.ipc.new_file(str(part), batch.schema) as writer:
            writer.write_batch(batch)
        with pa.memory_map(str(part)) as file:
            trailer = _trailer(file.read_buffer())
        with part.open("ab") as out:
            out.write(trailer)
    for file in outdated:
        file.unlink(missing_ok=True)
