"""The record of a selection in a file, on demand with the hashes of the images that it chose."""

from __future__ import annotations

import json
from pathlib import Path

from .._util.atomic import atomic_write
from ..errors import SelectionError
from ..hashes import Keys
from .lists import SAVED_KIND, HashList
from .record import Selection

_VERSION = 1  # raise it when older code would misread what is written


def write_selection(
    path: Path, selection: Selection, chosen: Keys | None, *, hashes: bool = False
) -> None:
    """Writes the record of a selection as JSON, atomically.

    With the hashes, `read_hashes` takes the file as a list of the images that were chosen.

    Args:
        path: The file; one that is there is replaced.
        selection: What was asked for.
        chosen: The images that this chose; None where they were not looked at.
        hashes: Whether their hashes are written, a line for each, beside number and digest.

    Raises:
        SelectionError: the file cannot be written.
    """
    listed = None if chosen is None else HashList.of(chosen)
    head = {
        "kind": SAVED_KIND,
        "version": _VERSION,
        "selection": selection.to_json(),
        "words": selection.words(),
        "count": None if listed is None else listed.count,
        "sha256": None if listed is None else listed.digest,
    }
    lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    if hashes and listed is not None and listed.keys is not None:
        texts = ",".join(f'\n  "{hash}"' for hash in listed.keys.text().to_pylist())
        lines.append(f' "hashes": [{texts}]')
    try:
        with atomic_write(path) as part:
            part.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    except OSError as err:
        raise SelectionError(
            f"{path}: expected to write the record of the selection, found: {err}. Name another "
            "file.",
            path=str(path),
        ) from err
