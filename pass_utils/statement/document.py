"""The facts of a statement as a JSON document: what is known of the data, and what is not."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .. import datasheet
from .._version import __version__
from ..releases import (
    DATASET_AUTHORS,
    DATASET_LICENSE,
    DATASET_LICENSE_URL,
    DATASET_SPDX,
    DATASET_TITLE,
    LICENSE,
    LICENSE_URL,
    RELEASES,
    SPDX,
    Release,
    doi_url,
    script,
)
from ..selection.manifest import Manifest
from ..selection.record import Selection
from ..selection.selected import Parts, hash_list, selection_steps, shard_names
from ..statistics import Statistics
from ..transfer.folder import scan
from .distribution import describe_dates, describe_locations

_KIND = "pass-utils statement"
_VERSION = 1  # raise it when a key changes its meaning


class Document:
    """Collects the facts of a statement.

    Args:
        release: Of which the images are; None where that is not known.

    Attributes:
        facts: What is known, as values of JSON; None for what is not.
        gaps: What is not known, in words, by the path of its fact.
    """

    def __init__(self, release: Release | None) -> None:
        self._release = release
        self.gaps: dict[str, str] = {}
        self.facts: dict[str, Any] = {
            "kind": _KIND,
            "version": _VERSION,
            "pass_utils": __version__,
            "dataset": _dataset(release),
            "licenses": _LICENSES if release else None,
            "limitations": [*datasheet.LIMITATIONS],
        }
        if release is None:
            self.gaps["dataset"] = "name, address and licence of the dataset that the images are of"

    def to_json(self) -> dict[str, Any]:
        """Returns facts and gaps in one document."""
        return {**self.facts, "gaps": self.gaps}

    def _add_withdrawals(self, dropped: Iterable[str]) -> None:
        """Add up to which release withdrawals hold: that of the images, or a later one whose
        withdrawn images were dropped.
        """
        if self._release is None:
            self.gaps["withdrawals"] = "whether images that were withdrawn are among these"
            self.facts["withdrawals"] = {"up_to": None, "released": None, "later": []}
            return
        names = list(RELEASES)
        if self._release.name in names:
            upto = max((self._release.name, *dropped), key=names.index)
            later = names[names.index(upto) + 1 :]
        else:  # one that only the caller knows
            upto, later = self._release.name, []
        for before, other in zip([upto, *later], later, strict=False):
            withdrawn = RELEASES[before].images - RELEASES[other].images
            self.gaps[f"withdrawals.{other}"] = (
                f"whether any of these is among the {withdrawn:,} images that {other} of "
                f"{RELEASES[other].date} withdrew"
            )
        self.facts["withdrawals"] = {
            "up_to": upto,
            "released": RELEASES.get(upto, self._release).date,
            "later": later,
        }

    def add_counts(self, parts: Parts, statistics: Statistics) -> None:
        """Add what was counted of the images of all splits."""
        location, dates = statistics.locations, statistics.dates
        known = statistics.to_json()
        self.facts |= {
            "images": statistics.images,
            "image_bytes": statistics.image_bytes,
            "splits": {name: len(part) for name, part in parts.items()},
            **{name: known[name] for name in ("width", "height")},
            "location": None if location is None else describe_locations(location),
            "date": None if dates is None else describe_dates(dates),
            "personal_data": {
                "about_images": datasheet.PERSONAL_DATA[0] if self._release else None,
                "about_metadata": datasheet.PERSONAL_DATA[1] if self._release else None,
                "creators": statistics.creators,
                "without_creator": statistics.without_creator,
                "columns": sorted({name for part in parts.values() for name in part.column_names}),
            },
        }
        if location is None:
            self.gaps["location"] = "locations: the dataset has no columns of them"
        if dates is None:
            self.gaps["date"] = "dates: the dataset has no column of them"
        if self._release is None:
            self.gaps["personal_data"] = "whether the images show people or personal information"

    def add_release(self) -> None:
        """Add what is known of a release without reading its files."""
        if self._release is None:
            raise ValueError("a release is expected")
        self.facts |= {
            "images": self._release.images,
            "image_bytes": self._release.image_bytes,
            "splits": {"train": self._release.images},
            **dict.fromkeys(("width", "height", "location", "date")),
            "personal_data": {
                "about_images": datasheet.PERSONAL_DATA[0],
                "about_metadata": datasheet.PERSONAL_DATA[1],
                "creators": None,
                "without_creator": None,
                "columns": [*script.FEATURES],
            },
        }
        self.facts["hashes"] = None
        self.gaps["hashes"] = "the digest of the hashes: no file was read"
        for name, what in (
            ("width", "width and height"),
            ("location", "locations"),
            ("date", "dates"),
        ):
            self.gaps[name] = f"{what}: no file was read"

    def add_hashes(self, parts: Parts) -> None:
        """Add the digest of the hashes of all splits."""
        listed = hash_list(parts)
        self.facts["hashes"] = listed and {"count": listed.count, "sha256": listed.digest}
        if listed is None:
            self.gaps["hashes"] = "the digest of the hashes, which not each row has"

    def add_selection(
        self, selection: Selection | str | None, subset: Manifest | None, *, complete: bool
    ) -> None:
        """Add how the images were chosen.

        Args:
            selection: The record, or the user's words; None where nothing is recorded.
            subset: The manifest of the folder that the images are in.
            complete: Whether they are all images of the release.
        """
        steps = selection_steps(subset, selection)
        words = steps.words or ("all images of the release" if complete else None)
        self.facts["selection"] = {
            "words": words,
            "records": steps.records,
            "missing": len(subset.missing) if subset else None,
        }
        dropped = (record.get("drop_withdrawn") for record in steps.records)
        self._add_withdrawals(filter(None, dropped))
        if words is None:
            self.gaps["selection"] = "how the images were chosen"

    def add_origin(self, parts: Parts, folder: Path | None, subset: Manifest | None) -> None:
        """Add where the files come from.

        Args:
            parts: The splits.
            folder: The only folder in which their images are in shards, None where there is none.
            subset: The manifest of that folder.
        """
        obtained: dict[str, Any] = dict.fromkeys(("source", "when", "files", "verified"))
        if subset is not None:
            from_shards = subset.source == "shards"
            obtained |= {
                "source": doi_url(self._release)
                if from_shards and self._release
                else subset.source,
                "when": subset.created,
                "files": [file.name for file in subset.files],
            }
        elif folder is not None and self._release is not None:
            names = shard_names(parts)
            files = [file for file in self._release.files if file.name in names]
            states = scan(folder, files)
            verified = len(files) == len(names) and all(
                states[file.name].verified for file in files
            )
            obtained |= {
                "source": doi_url(self._release) if verified else None,
                "files": sorted(names),
                "verified": verified,
            }
        self.facts["obtained"] = obtained
        if obtained["source"] is None:
            self.gaps["obtained.source"] = "where the files were obtained"
        if obtained["when"] is None:
            self.gaps["obtained.when"] = "when the files were obtained"
        if not obtained["verified"]:
            self.gaps["obtained.verified"] = "whether the files are those of the release"

    def add_changes(self, changes: str | None, *, original: bool) -> None:
        """Add what was done to the images.

        Args:
            changes: In the user's words.
            original: Whether their bytes are those in the shards.
        """
        self.facts["changes"] = changes or ("none" if original else None)
        if self.facts["changes"] is None:
            self.gaps["changes"] = "what was done to the images"


def _dataset(release: Release | None) -> dict[str, Any] | None:
    if release is None:
        return None
    return {
        "name": DATASET_TITLE,
        "release": release.name,
        "released": release.date,
        "doi": release.doi,
        "url": doi_url(release),
        "homepage": script.HOMEPAGE,
        "authors": [*DATASET_AUTHORS],
        "citation": script.CITATION.strip(),
        "modality": datasheet.MODALITY,
        "images": release.images,
        "collection": datasheet.COLLECTION,
        "collected": [*datasheet.COLLECTED],
        "filtering": [*datasheet.FILTERING],
        "synthetic": datasheet.HAS_SYNTHETIC_DATA,
    }


_LICENSES = [
    {
        "of": "the dataset: its selection and metadata",
        "name": DATASET_LICENSE,
        "spdx": DATASET_SPDX,
        "url": DATASET_LICENSE_URL,
    },
    {"of": "each photograph", "name": LICENSE, "spdx": SPDX, "url": LICENSE_URL},
]
