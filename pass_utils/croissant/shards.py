"""Croissant of shards and their CSV: files, the images in them, and how rows are made of these."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..releases import IMAGE_NAME, METADATA_COLUMNS, METADATA_FILE, File

RECORDS = "images"  # the record set: one record for each row
FIELDS = {  # of the dataset's columns: Croissant's type, and what it is
    "image": ("sc:ImageObject", "The photograph, a JPEG."),
    "creator_username": ("sc:Text", "The creator's name on Flickr, form-encoded."),
    "hash": ("sc:Text", "The image's id in YFCC100M, 28 to 32 hex characters; the key."),
    "gps_latitude": ("cr:Float32", "Degrees north; empty where not known."),
    "gps_longitude": ("cr:Float32", "Degrees east; empty where not known."),
    "date_taken": ("sc:DateTime", "When it was taken, without a time zone; empty where not known."),
}


def file_object(file: File, url: str) -> dict[str, Any]:
    """A file of a release or a subset.

    Args:
        file: The file.
        url: Where it is.
    """
    return {
        "@type": "cr:FileObject",
        "@id": file.name,
        "name": file.name,
        "description": "Who took which image, when and where."
        if file.name == METADATA_FILE
        else "A shard of the images.",
        "contentUrl": url,
        "contentSize": f"{file.size} B",
        "encodingFormat": "text/csv" if file.name == METADATA_FILE else "application/x-tar",
        "sha256": file.sha256,
    }


def file_set(shards: Iterable[File]) -> dict[str, Any]:
    """The images in some shards.

    Args:
        shards: The tars that they are in.
    """
    return {
        "@type": "cr:FileSet",
        "@id": "image-files",
        "name": "image-files",
        "description": "The JPEGs in the shards, named <hash>.jpg.",
        "containedIn": [{"@id": file.name} for file in shards],
        "encodingFormat": "image/jpeg",
        "includes": "PASS_dataset/*/[0-9a-f]*.jpg",  # not the `._<hash>.jpg` that macOS adds
    }


def record_set() -> dict[str, Any]:
    """How rows are made of the images and of the lines of the CSV."""
    columns: dict[str, str] = {ours: theirs for theirs, ours, _ in METADATA_COLUMNS}
    fields = []
    for name, (kind, description) in FIELDS.items():
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
