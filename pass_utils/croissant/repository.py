"""Croissant of a repository of Parquet files on the Hub, with the fields of responsible AI that
the Hub's own description lacks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import datasets

from ..releases import Release
from .document import Selected, document
from .shards import FIELDS

_REPOSITORY = "repository"
# A repository has no checksum; this is the address that the Hub's own descriptions have instead.
_NO_SHA256 = "https://github.com/mlcommons/croissant/issues/80"
_ADDED = {  # columns that PASS does not have
    "width": "Pixels of the image, turned upright.",
    "height": "Pixels of the image, turned upright.",
    "source_url": "Where the image is among those of YFCC100M.",
    "credit": "The line that credits the creator.",
    "license": "The SPDX name of the licence of the image.",
}
_TYPES = {
    "float32": "cr:Float32",
    "float64": "cr:Float64",
    "int8": "cr:Int8",
    "int16": "cr:Int16",
    "int32": "cr:Int32",
    "int64": "cr:Int64",
    "bool": "sc:Boolean",
}


def repository_jsonld(
    release: Release,
    *,
    url: str,
    revision: str,
    configs: Mapping[str, tuple[Sequence[str], datasets.Features]],
    selected: Selected,
) -> dict[str, Any]:
    """The Croissant description of a repository of Parquet files.

    Args:
        release: Which the rows come from.
        url: The page of the repository.
        revision: The branch.
        configs: By name, the patterns of their files and their features.
        selected: Which images.
    """
    files: dict[tuple[str, ...], dict[str, Any]] = {}
    record_sets = []
    for name, (patterns, features) in configs.items():
        file_set = files.setdefault(tuple(patterns), _file_set(f"{name}-files", patterns))
        record_sets.append(_record_set(name, file_set["@id"], features))
    repository = {
        "@type": "cr:FileObject",
        "@id": _REPOSITORY,
        "name": _REPOSITORY,
        "description": "The repository on the Hub.",
        "contentUrl": f"{url}/tree/{revision.replace('/', '%2F')}",
        "encodingFormat": "git+https",
        "sha256": _NO_SHA256,
    }
    return document(
        release,
        part=f"These are {selected.images:,} of them." if selected.images else "",
        selected=selected,
        distribution=[repository, *files.values()],
        record_sets=record_sets,
        url=url,
    )


def _file_set(name: str, patterns: Sequence[str]) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": name,
        "name": name,
        "description": "Parquet files.",
        "containedIn": {"@id": _REPOSITORY},
        "encodingFormat": "application/x-parquet",
        "includes": [*patterns],
    }


def _record_set(name: str, file_set: str, features: datasets.Features) -> dict[str, Any]:
    fields = []
    for column, feature in features.items():
        kind, description = FIELDS.get(column, (_type(feature), _ADDED.get(column, "A column.")))
        image = isinstance(feature, datasets.Image)
        field: dict[str, Any] = {
            "@type": "cr:Field",
            "@id": f"{name}/{column}",
            "name": column,
            "description": description,
            "dataType": "sc:ImageObject" if image else kind,
            "source": {"fileSet": {"@id": file_set}, "extract": {"column": column}},
        }
        if image:
            field["source"]["transform"] = {"jsonPath": "bytes"}
        fields.append(field)
    made = {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"The rows of the config {name}.",
        "field": fields,
    }
    return {**made, "key": {"@id": f"{name}/hash"}} if "hash" in features else made


def _type(feature: Any) -> str:
    return _TYPES.get(str(getattr(feature, "dtype", "")), "sc:Text")
