"""The images of datasets as a selection: the steps that chose them, their hashes, their folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import datasets
import pyarrow as pa
import pyarrow.compute as pc

from .._util.text import one_line
from ..hashes import Keys, are_hashes
from ..images.files import dataset_places
from .lists import HashList
from .manifest import Manifest
from .record import Selection

Parts: TypeAlias = Mapping[str, datasets.Dataset]  # by split
_ROWS_AT_A_TIME = 100_000


class Steps(NamedTuple):
    """Selections that were made one of the other.

    Attributes:
        words: What was chosen, for people; None where nothing is recorded.
        records: The records of it in JSON, the first one first.
    """

    words: str | None
    records: list[dict[str, Any]]


def selection_steps(subset: Manifest | None, selection: Selection | str | None) -> Steps:
    """Returns how images were chosen: by a subset's manifest, then by a selection from it.

    Args:
        subset: Of the folder that they are in, None where it has none.
        selection: The record, or the user's words; None where nothing is recorded.

    >>> selection_steps(None, Selection(release="v3", sample=10)).words
    'a sample of 10 with seed 0'
    """
    given = (subset and subset.selection, selection)
    words = [
        each.words() if isinstance(each, Selection) else one_line(each) for each in given if each
    ]
    records = [
        record
        for each in given
        if isinstance(each, Selection) and (record := each.replace(release=None).to_json())
    ]
    return Steps("; of these: ".join(filter(None, words)) or None, records)


def hash_list(parts: Parts) -> HashList | None:
    """Returns the different hashes of all rows; None where a row has none.

    Args:
        parts: Datasets by split.
    """
    keys: list[Keys] = []
    for part in parts.values():
        if "hash" not in part.column_names:
            return None
        for batch in part.select_columns("hash").with_format("arrow").iter(_ROWS_AT_A_TIME):
            hashes = batch["hash"].combine_chunks()
            if not pa.types.is_string(hashes.type) or not pc.all(are_hashes(hashes)).as_py():
                return None
            keys.append(Keys.of(hashes))
    return HashList.of(Keys.concat(keys)) if keys else None


def shard_names(parts: Parts) -> set[str]:
    """Returns the names of the shards in which images of datasets are.

    Args:
        parts: Datasets by split.
    """
    return {
        Path(places.shard).name
        for part in parts.values()
        if "image" in part.column_names
        for places in dataset_places(part, "image")
    }


def shard_folder(parts: Parts) -> Path | None:
    """Returns the only folder in whose shards all images of datasets are; None for any others.

    Args:
        parts: Datasets by split.
    """
    folders = set()
    for part in parts.values():
        places = dataset_places(part, "image") if "image" in part.column_names else []
        if sum(len(each.rows) for each in places) < len(part):
            return None
        folders |= {Path(each.shard).parent for each in places}
    return folders.pop() if len(folders) == 1 else None
