"""The record of a push, selection.json in the repository: which images it has, and how they were
made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .._version import __version__
from ..releases import Release
from ..selection.lists import HashList
from ..selection.selected import Steps

RECORD_FILE = "selection.json"
_KIND = "pass-utils push"
_VERSION = 1  # raise it when older code would misread what is written


def push_record(
    *,
    release: Release | None,
    steps: Steps,
    rows: Mapping[str, int],
    hashes: HashList | None,
    changes: str | None,
) -> dict[str, Any]:
    """The record, as values of JSON.

    Args:
        release: Which the rows come from, None where that is not known.
        steps: How they were chosen.
        rows: How many, by split.
        hashes: Their list; None where not each has one.
        changes: What was done to the images.
    """
    return {
        "kind": _KIND,
        "version": _VERSION,
        "pass_utils": __version__,
        "release": release and release.name,
        "doi": release and release.doi,
        "selection": {"words": steps.words, "records": steps.records},
        "images": dict(rows),
        "hashes": hashes and {"count": hashes.count, "sha256": hashes.digest},
        "changes": changes,
    }


def json_bytes(document: Mapping[str, Any]) -> bytes:
    """A JSON document as a file.

    Args:
        document: Values of JSON.
    """
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
