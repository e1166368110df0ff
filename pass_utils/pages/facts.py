"""What pages state about photos and dataset: for people, and as schema.org structured data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from .._util.text import sentence
from ..images.thumbnails import Thumbnail
from ..releases import (
    AUTHORS_LINE,
    DATASET_AUTHORS,
    DATASET_LICENSE,
    DATASET_LICENSE_URL,
    DATASET_TITLE,
    LICENSE,
    LICENSE_URL,
    UNKNOWN_CREATOR,
    Release,
    doi_url,
)


class Entry(NamedTuple):
    """A photo on a page, with its credit.

    `creator`, `title` and `page_url` are None where they are not known, `thumbnail` where the photo
    is not shown.
    """

    hash: str
    creator: str | None
    source_url: str
    title: str | None = None
    page_url: str | None = None
    thumbnail: Thumbnail | None = None

    @property
    def link(self) -> str:
        """Where people find the photo: its Flickr page if known, else the file."""
        return self.page_url or self.source_url


def page_facts(release: Release, changes: str | None = None) -> dict[str, Any]:
    """What is the same for all photos of a page, and how the dataset is credited.

    Args:
        release: The release that the dataset's credit names.
        changes: What was done to the photos, in the user's words.
    """
    return {
        "license": LICENSE,
        "license_url": LICENSE_URL,
        "unknown_creator": UNKNOWN_CREATOR,
        "changes": sentence(changes) if changes else None,
        "dataset": {
            "title": DATASET_TITLE,
            "release": release.name,
            "date": release.date,
            "authors": AUTHORS_LINE,
            "url": doi_url(release),
            "license": DATASET_LICENSE,
            "license_url": DATASET_LICENSE_URL,
        },
    }


def structured_data(
    release: Release, entries: Sequence[Entry], *, name: str = "Photo credits"
) -> dict[str, Any]:
    """A page as a schema.org CollectionPage, for search engines.

    Args:
        release: The release that the photos come from.
        entries: The photos to describe one by one.
        name: The page's title.
    """
    dataset = {
        "@type": "Dataset",
        "name": DATASET_TITLE,
        "version": release.name,
        "datePublished": release.date,
        "identifier": doi_url(release),
        "url": doi_url(release),
        "license": DATASET_LICENSE_URL,
        "creator": [{"@type": "Person", "name": author} for author in DATASET_AUTHORS],
    }
    page = {
        "@context": "https://schema.org",
        "@type": "CollectionPage",
        "name": name,
        "isBasedOn": dataset,
    }
    return {**page, "hasPart": [_image_object(entry) for entry in entries]} if entries else page


def _image_object(entry: Entry) -> dict[str, Any]:
    found: dict[str, Any] = {
        "@type": "ImageObject",
        "identifier": entry.hash,
        "contentUrl": entry.source_url,
        "creditText": entry.creator or UNKNOWN_CREATOR,
        "license": LICENSE_URL,
        "acquireLicensePage": entry.link,
    }
    if entry.creator:
        found["creator"] = {"@type": "Person", "name": entry.creator}
    if entry.title:
        found["name"] = entry.title
    return found
