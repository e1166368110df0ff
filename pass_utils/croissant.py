"""The Croissant 1.1 description of a release: JSON-LD that says where its files are and how rows
are made of them.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import datasets

from ._datasets import Splits, open_splits
from .errors import ReleaseError
from .images.files import dataset_places
from .net.urls import without_secrets
from .releases import (
    DATASET_AUTHORS,
    DATASET_LICENSE_URL,
    DATASET_SPDX,
    IMAGE_NAME,
    LICENSE_URL,
    METADATA_COLUMNS,
    METADATA_FILE,
    SPDX,
    File,
    Release,
    choose_shards,
    doi_url,
    file_url,
    find_release,
    script,
)

CONFORMS_TO = "http://mlcommons.org/croissant/1.1"
RECORDS = "images"  # the record set: one record for each row
# The standard's own context, without which its tools warn.
# https://docs.mlcommons.org/croissant/docs/croissant-spec.html
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
} | {
    term: f"cr:{term}"
    for term in (
        *(
            "arrayShape",
            "citeAs",
            "column",
            "containedIn",
            "equivalentProperty",
            "extract",
            "field",
            "fileObject",
        ),
        *(
            "fileProperty",
            "fileSet",
            "format",
            "includes",
            "isArray",
            "isLiveDataset",
            "jsonPath",
            "key",
            "md5",
        ),
        *(
            "parentField",
            "path",
            "recordSet",
            "references",
            "regex",
            "repeated",
            "replace",
            "samplingRate",
            "separator",
        ),
        *("source", "subField", "transform"),
    )
}
_LICENCES = (
    (DATASET_SPDX, DATASET_LICENSE_URL, "Of the dataset: the selection and the metadata."),
    (SPDX, LICENSE_URL, "Of each photograph: whoever passes it on credits its creator."),
)
_FIELDS = {  # of the dataset's columns: Croissant's type, and what it is
    "image": ("sc:ImageObject", "The photograph, a JPEG."),
    "creator_username": ("sc:Text", "The creator's name on Flickr, form-encoded."),
    "hash": ("sc:Text", "The image's id in YFCC100M, 28 to 32 hex characters; the key."),
    "gps_latitude": ("cr:Float32", "Degrees north; empty where not known."),
    "gps_longitude": ("cr:Float32", "Degrees east; empty where not known."),
    "date_taken": ("sc:DateTime", "When it was taken, without a time zone; empty where not known."),
}


def croissant_jsonld(
    source: Any,
    *,
    shards: Iterable[int] | None = None,
    base_url: str | None = None,
) -> dict[str, Any]:
    """The Croissant description of a release, or of some shards; `json.dumps` makes it a file.

    Args:
        source: A release, by name or as a record; or a dataset that `load_dataset("pass")` opened,
            or a dict of such splits. A dataset is described by the files that its rows come from:
            its release, and in place only the shards in which its images are. Croissant cannot
            name single rows, so the description of a selection has their number and no more.
        shards: The numbers of those to describe; by default all of a release, those of a dataset.
        base_url: Where the files are; by default the environment's `PASS_BASE_URL`, else Zenodo.

    Returns:
        The description, as JSON-LD.

    Raises:
        ReleaseError: there is no such release or shard, or the dataset is not one that
            `load_dataset("pass")` opened.
        DatasetError: the source is something else.

    >>> [file["name"] for file in croissant_jsonld("v3", shards=[0])["distribution"]]
    ['pass_metadata.csv', 'PASS.0.tar', 'image-files']
    """
    rows: int | None = None
    if isinstance(source, (str, Release)):
        release = find_release(source)
    else:
        splits = open_splits(source, resolve=False)
        if splits.release is None:
            raise ReleaseError(
                "croissant_jsonld: expected a release, or a dataset that "
                '`load_dataset("pass")` opened, found a dataset of another origin. Name the '
                'release: `croissant_jsonld("v3")`.'
            )
        release = splits.release
        if not splits.streamed:
            rows = sum(len(part) for part in splits.parts.values())
        shards = _shards_of(splits, release) if shards is None else shards
    chosen = choose_shards(release, shards)
    whole = len(chosen) == len(release.shards) and rows in (None, release.images)
    part = (
        ""
        if whole
        else f" This is the part of it in {', '.join(file.name for file in chosen.values())}."
    )
    part += "" if whole or rows is None else f" {rows:,} rows of it are meant."
    return {
        "@context": copy.deepcopy(_CONTEXT),  # mlcroissant adds to it
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": "PASS",
        "alternateName": f"Pictures without humAns for Self-Supervision, {release.name}",
        "description": (
            f"{script.DESCRIPTION} Release {release.name}: {release.images:,} images.{part}"
        ),
        "version": f"{release.name[1:]}.0.0"
        if re.fullmatch(r"v\d+", release.name)
        else release.version,
        "datePublished": release.date,
        "url": script.HOMEPAGE,
        "sameAs": [doi_url(release)],
        "identifier": release.doi,
        "citeAs": script.CITATION,
        "license": [
            {"@type": "sc:CreativeWork", "name": name, "description": of, "url": url}
            for name, url, of in _LICENCES
        ],
        "creator": [{"@type": "sc:Person", "name": name} for name in DATASET_AUTHORS],
        "publisher": {"@type": "sc:Organization", "name": "Zenodo", "url": "https://zenodo.org"},
        "keywords": [
            "self-supervised learning",
            "pretraining",
            "images",
            "CC-BY",
            "without humans",
        ],
        "isAccessibleForFree": True,
        "isLiveDataset": False,
        "rai:dataUseCases": [
            "Self-supervised pretraining of image models, judged on other datasets. No benchmark."
        ],
        "rai:dataBiases": [
            "Follows Flickr's distribution: mostly photos from Europe and the United States."
        ],
        "rai:dataLimitations": [
            "For research. Annotators can miss something: later releases withdrew photos of people."
        ],
        "rai:personalSensitiveInformation": [
            "The photos were chosen to show no people. Names of creators serve attribution and "
            "nothing else."
        ],
        "distribution": [
            *(
                _file_object(file, release, base_url)
                for file in (release.metadata, *chosen.values())
            ),
            _file_set(chosen.values()),
        ],
        "recordSet": [_record_set()],
    }


def _file_object(file: File, release: Release, base_url: str | None) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file.name,
        "name": file.name,
        "description": "Who took which image, when and where."
        if file.name == METADATA_FILE
        else "A shard of the images.",
        "contentUrl": without_secrets(file_url(release, file, base_url)),
        "contentSize": f"{file.size} B",
        "encodingFormat": "text/csv" if file.name == METADATA_FILE else "application/x-tar",
        "sha256": file.sha256,
    }


def _file_set(shards: Iterable[File]) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": "image-files",
        "name": "image-files",
        "description": "The JPEGs in the shards, named <hash>.jpg.",
        "containedIn": [{"@id": file.name} for file in shards],
        "encodingFormat": "image/jpeg",
        "includes": "PASS_dataset/*/[0-9a-f]*.jpg",  # not the `._<hash>.jpg` that macOS adds
    }


def _record_set() -> dict[str, Any]:
    columns: dict[str, str] = {ours: theirs for theirs, ours, _ in METADATA_COLUMNS}
    fields = []
    for name, (kind, description) in _FIELDS.items():
        field: dict[str, Any] = {
            "@type": "cr:Field",
            "@id": f"{RECORDS}/{name}",
            "name": name,
            "description": description,
            "dataType": kind,
        }
        if name == "image":
            field["source"] = {
                "fileSet": {"@id": "image-files"},
                "extract": {"fileProperty": "content"},
            }
        elif name == "hash":
            field["source"] = {
                "fileSet": {"@id": "image-files"},
                "extract": {"fileProperty": "filename"},
                # Without `.jpg`: mlcroissant applies it twice to joined fields.
                "transform": {"regex": IMAGE_NAME.pattern.removesuffix(r"\.jpg")},
            }
            field["references"] = {
                "fileObject": {"@id": METADATA_FILE},
                "extract": {"column": columns[name]},
            }
        else:
            field["source"] = {
                "fileObject": {"@id": METADATA_FILE},
                "extract": {"column": columns[name]},
            }
        fields.append(field)
    return {
        "@type": "cr:RecordSet",
        "@id": RECORDS,
        "name": RECORDS,
        "description": (
            "One record for each image: its file, joined with its line of the CSV by the hash in "
            "its name."
        ),
        "key": {"@id": f"{RECORDS}/hash"},
        "field": fields,
    }


def _shards_of(splits: Splits, release: Release) -> list[int] | None:
    """The shards in which the images of datasets opened in place are; None where not known."""
    names = {
        Path(places.shard).name
        for part in splits.parts.values()
        if isinstance(part, datasets.Dataset) and "image" in part.column_names
        for places in dataset_places(part, "image")
    }
    return [number for number, file in release.shards.items() if file.name in names] or None
