"""Images of a push that a repository does not have, by the hashes in its config `metadata`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import RemoteError
from ..hashes import Keys, are_hashes
from ..selection.selected import Parts, hash_list
from .extras import METADATA, extra_name
from .record import RECORD_FILE
from .repository import Head, Repository

_NOT_FOUND = 404


class Difference(NamedTuple):
    """How a push would change the images of a config.

    Attributes:
        new: Images that are not there yet, or not with the same changes.
        kept: Images that are there.
        removed: Images that are there and would be no longer.
    """

    new: int
    kept: int
    removed: int


def find_difference(
    repository: Repository, config: str, parts: Parts, folder: Path, *, changes: str | None
) -> Difference:
    """Compare what would be pushed with what a repository has; nothing is changed.

    Args:
        repository: Which need not exist.
        config: The name of the config with the images.
        parts: What would be pushed, by split.
        folder: For downloads.
        changes: What would be done to the images.

    Raises:
        RemoteError: the Hub refuses, cannot be reached, or fails for long.
    """
    listed = hash_list(parts)
    rows = sum(map(len, parts.values()))
    try:
        head = repository.head()
    except RemoteError as err:
        if err.status != _NOT_FOUND:
            raise
        return Difference(rows, 0, 0)
    there = _hashes(repository, head, config, folder)
    if listed is None or listed.keys is None or not len(there):
        return Difference(rows, 0, len(there))
    kept = int((there.find(listed.keys) >= 0).sum())
    removed = len(there) - kept
    if _changes(repository, head, config, folder) != changes:
        return Difference(rows, 0, removed)
    return Difference(len(listed) - kept, kept, removed)


def _hashes(repository: Repository, head: Head, config: str, folder: Path) -> Keys:
    prefix = f"{extra_name(config, METADATA)}/"
    paths = [path for path in head.files if path.startswith(prefix) and path.endswith(".parquet")]
    keys = [Keys.of(pa.array([], pa.string()))]
    for path in paths:
        file = pq.ParquetFile(repository.download(head, path, folder))
        for batch in file.iter_batches(columns=["hash"]) if "hash" in file.schema.names else ():
            hashes = batch.column("hash").cast(pa.string())
            keys.append(Keys.of(hashes.filter(are_hashes(hashes))))
    return Keys.concat(keys).unique()


def _changes(repository: Repository, head: Head, config: str, folder: Path) -> str | None:
    path = RECORD_FILE if config == "default" else f"{config}/{RECORD_FILE}"
    if path not in head.files:
        return None
    try:
        record = json.loads(repository.download(head, path, folder).read_bytes())
    except ValueError:
        return None
    return record.get("changes") if isinstance(record, dict) else None
