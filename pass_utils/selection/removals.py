"""Removals of one's own: a CSV of images to leave out, and of names to withhold."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from ..errors import SelectionError
from ..hashes import HASH_MEANS, Keys, are_hashes
from .lists import HashList, read_hashes

COLUMNS = ("hash", "action", "reason")
REMOVE, WITHHOLD = ACTIONS = ("remove", "withhold_name")
_DELIMITERS = ",\t;"
_HEAD_BYTES = 1 << 12  # read to learn whether a file is such a CSV


class Removals(NamedTuple):
    """What is asked to be removed.

    Attributes:
        images: The hashes of the images to leave out.
        names: The hashes of the images that stay, without the name of their creator.
    """

    images: HashList
    names: HashList


def read_removals(source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> Removals:
    """Reads what is excluded: lists of hashes, and CSVs of removals.

    Args:
        source: As for `read_hashes`; besides, the path of a CSV with the columns `hash`, `action`
            and `reason`. The action `remove` leaves the image out, `withhold_name` keeps it
            without its creator's name; the reason is for people. An image with both is left out.

    Returns:
        The images to leave out, and those whose creator is not named.

    Raises:
        SelectionError: a file is no list, a column is missing, or an action is none of the two.
    """
    items = [source] if isinstance(source, (str, os.PathLike)) else list(source)
    plain: list[str | os.PathLike[str]] = []
    images: list[Keys] = []
    names: list[Keys] = []
    for item in items:
        found = _read(item) if isinstance(item, (str, os.PathLike)) else None
        if found is None:
            plain.append(item)
        else:
            images.append(found[0])
            names.append(found[1])
    listed = read_hashes(plain)
    if not images or listed.keys is None:
        return Removals(listed, HashList.of(Keys.of(pa.array([], pa.string()))))
    removed, withheld = (Keys.concat(parts).unique() for parts in ([listed.keys, *images], names))
    staying = np.flatnonzero(removed.find(withheld) < 0)
    return Removals(HashList.of(removed, listed.sha256), HashList.of(withheld.take(staying)))


def _read(item: str | os.PathLike[str]) -> tuple[Keys, Keys] | None:
    """The keys of the images to leave out and of those to withhold the name of; None for a file
    that is no CSV of removals, and for a hash.
    """
    path = Path(item).expanduser()
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except (OSError, ValueError):
        return None  # `read_hashes` reports it, or takes it for a hash
    line = head.decode("utf-8-sig", errors="replace").partition("\n")[0].strip().replace("\0", "")
    headers = [(each, next(csv.reader([line], delimiter=each), [])) for each in _DELIMITERS]
    found = [(each, names) for each, names in headers if {"action", "reason"} & {*names}]
    if not found:
        return None
    delimiter, header = found[0]
    lacking = [name for name in COLUMNS if name not in header]
    if lacking:
        raise SelectionError(
            f"{path}: expected the columns {', '.join(COLUMNS)} of removals, found "
            f"{', '.join(name[:80] for name in header[:20])}; {' and '.join(lacking)} missing. Add "
            "them, or list the hashes in a text file, one a line.",
            path=str(path),
        )
    try:
        table = pa.csv.read_csv(
            pa.OSFile(os.fsencode(path)),
            parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=pa.csv.ConvertOptions(
                include_columns=["hash", "action"],
                column_types={"hash": pa.string(), "action": pa.string()},
            ),
        ).combine_chunks()
    except pa.ArrowInvalid as err:
        found_text = " ".join(str(err).split())[:300]
        raise SelectionError(
            f"{path}: expected a CSV with the columns {', '.join(COLUMNS)}, found: {found_text}.",
            path=str(path),
        ) from err
    hashes, actions = (
        pc.utf8_trim_whitespace(pa.concat_arrays(column.chunks or [pa.array([], pa.string())]))
        for column in table.columns
    )
    _check(path, hashes, are_hashes(hashes), f"a hash ({HASH_MEANS})")
    known = pc.fill_null(pc.is_in(actions, pa.array(ACTIONS)), False)
    _check(path, actions, known, f"an action ({' or '.join(ACTIONS)})")
    return (
        Keys.of(hashes.filter(pc.equal(actions, REMOVE))),
        Keys.of(hashes.filter(pc.equal(actions, WITHHOLD))),
    )


def _check(path: Path, values: pa.StringArray, good: pa.BooleanArray, expected: str) -> None:
    if pc.all(good).as_py() is False:
        row = pc.index(good, False).as_py()
        found = values[row].as_py()
        raise SelectionError(
            f"{path}: expected {expected}, found {repr(found[:80]) if found else 'nothing'} in row "
            f"{row + 1:,} of removals.",
            path=str(path),
        )
