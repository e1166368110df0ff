"""The frame of a Croissant description: what PASS is, who made it, licences, and the fields of the
extension for responsible AI (RAI), from the facts of the datasheet.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import datasheet
from .._util.text import sentence
from ..releases import (
    DATASET_AUTHORS,
    DATASET_LICENSE_URL,
    DATASET_SPDX,
    LICENSE_URL,
    SPDX,
    Release,
    doi_url,
    script,
)
from ..selection.lists import HashList
from .vocabulary import CONFORMS_TO, CONTEXT

_LICENCES = (
    (DATASET_SPDX, DATASET_LICENSE_URL, "Of the dataset: the selection and the metadata."),
    (SPDX, LICENSE_URL, "Of each photograph: whoever passes it on credits its creator."),
)


@dataclass(frozen=True)
class Selected:
    """Images of a release that are described.

    Attributes:
        images: How many; None where that is not known.
        words: How they were chosen; None where nothing is recorded.
        hashes: The list of their hashes; None where that is not known.
        changes: What was done to them, in the user's words; None for nothing.
        distribution: How they are distributed over the Earth and over time, in sentences.
    """

    images: int | None = None
    words: str | None = None
    hashes: HashList | None = None
    changes: str | None = None
    distribution: Sequence[str] = ()


def document(
    release: Release,
    *,
    part: str,
    selected: Selected,
    distribution: Iterable[Mapping[str, Any]],
    record_sets: Iterable[Mapping[str, Any]],
    url: str | None = None,
) -> dict[str, Any]:
    """The description of images of a release.

    Args:
        release: The release.
        part: Which part of it this is, as sentences; empty for all of it.
        selected: Which images.
        distribution: The files.
        record_sets: How records are made of them.
        url: The page of the files, where that is not the dataset's own.
    """
    derived = {} if url is None else {"isBasedOn": doi_url(release)}
    return {
        "@context": copy.deepcopy(CONTEXT),  # mlcroissant adds to it
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": "PASS",
        "alternateName": f"Pictures without humAns for Self-Supervision, {release.name}",
        "description": " ".join(
            filter(
                None,
                (
                    f"{script.DESCRIPTION} Release {release.name}: {release.images:,} images.",
                    part,
                    *_selection_words(selected),
                ),
            )
        ),
        "version": f"{release.name[1:]}.0.0"
        if re.fullmatch(r"v\d+", release.name)
        else release.version,
        "datePublished": release.date,
        "url": url or script.HOMEPAGE,
        "sameAs": [doi_url(release)],
        "identifier": release.doi,
        **derived,
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
        **responsible_ai(selected),
        "distribution": [*distribution],
        "recordSet": [*record_sets],
    }


def _selection_words(selected: Selected) -> list[str]:
    words = []
    if selected.words is not None:
        words.append(f"The images were chosen: {sentence(selected.words)}")
    if selected.hashes is not None:
        words.append(
            f"The SHA-256 of the hashes of the {len(selected.hashes):,} images, one a line in "
            f"order, is {selected.hashes.digest}."
        )
    if selected.changes is not None:
        words.append(f"They were changed: {sentence(selected.changes)}")
    return words


def responsible_ai(selected: Selected) -> dict[str, Any]:
    """The fields of the RAI extension, among them those that NeurIPS asks for.

    Args:
        selected: Which images.

    Source of the names: https://docs.mlcommons.org/croissant/docs/croissant-rai-spec.html
    """
    steps = [*datasheet.FILTERING]
    if selected.words is not None:
        steps.append(f"Of the release, images were chosen: {sentence(selected.words)}")
    changes = "None." if selected.changes is None else sentence(selected.changes)
    return {
        "rai:dataCollection": datasheet.COLLECTION,
        "rai:dataCollectionType": [*datasheet.COLLECTION_TYPES],
        "rai:dataCollectionTimeframe": [*datasheet.COLLECTED],
        "rai:dataCollectionRawData": datasheet.RAW_DATA,
        "rai:dataCollectionMissingData": datasheet.MISSING_DATA,
        "rai:dataPreprocessingProtocol": steps,
        "rai:dataImputationProtocol": datasheet.IMPUTATION,
        "rai:dataManipulationProtocol": changes,
        "rai:dataAnnotationProtocol": [datasheet.ANNOTATION],
        "rai:dataUseCases": [*datasheet.USE_CASES],
        "rai:dataBiases": [*datasheet.BIASES, *selected.distribution],
        "rai:dataLimitations": [*datasheet.LIMITATIONS],
        "rai:dataSocialImpact": datasheet.SOCIAL_IMPACT,
        "rai:personalSensitiveInformation": [*datasheet.PERSONAL_DATA],
        "rai:hasSyntheticData": datasheet.HAS_SYNTHETIC_DATA,
        "rai:dataReleaseMaintenancePlan": datasheet.MAINTENANCE,
    }
