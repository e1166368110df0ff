"""Batches of credits in, licence manifests out, for people who publish pictures of PASS: SPDX 2.3
and REUSE 3.3.
"""

from __future__ import annotations

import json
import tempfile
from datetime import datetime, timezone
from shutil import copyfileobj
from typing import BinaryIO
from uuid import uuid4

import pyarrow.compute as pc

from .._version import __version__
from ..releases import (
    DATASET_AUTHORS,
    DATASET_SPDX,
    DATASET_TITLE,
    METADATA_FILE,
    SPDX,
    doi_url,
)
from .credit import dataset_credit, nameless, sentence, text_lines
from .formats import Batches, Sheet, Writer, join, joined, json_strings

_AUTHORS = ", ".join(DATASET_AUTHORS)


def write_spdx(batches: Batches, sheet: Sheet, file: BinaryIO) -> None:
    """An SPDX 2.3 document in JSON; each picture is a package, as a file would need a checksum, and
    so its bytes.

    A picture may come once, as its hash is its id.
    """
    release = sheet.release
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "Pictures of PASS",
        "documentNamespace": f"https://spdx.org/spdxdocs/pass-pictures-{uuid4()}",
        "creationInfo": {
            "created": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": [f"Tool: pass-utils-{__version__}"],
        },
    }
    dataset = {
        "SPDXID": "SPDXRef-PASS",
        "name": DATASET_TITLE,
        "versionInfo": release.name,
        "downloadLocation": doi_url(release),
        "filesAnalyzed": False,
        "licenseConcluded": DATASET_SPDX,
        "licenseDeclared": DATASET_SPDX,
        "copyrightText": _AUTHORS,
        "attributionTexts": [dataset_credit(release)],
    }
    fixed = (
        f', "filesAnalyzed": false, "licenseConcluded": "{SPDX}", '
        f'"licenseDeclared": "{SPDX}", "copyrightText": '
    )  # fmt: skip
    with tempfile.TemporaryFile() as described:  # the ids once more, for the end of the document
        file.write(
            json.dumps(document)[:-1].encode() + b', "packages": [\n' + json.dumps(dataset).encode()
        )
        described.write(b'"SPDXRef-PASS"')
        for batch in batches:
            hashes = batch.column("hash")
            creators = batch.column("creator")
            nobody = nameless(batch)
            owner = pc.if_else(nobody, '"NOASSERTION"', json_strings(creators))
            originator = pc.if_else(
                nobody, '"NOASSERTION"', json_strings(join("Person: ", creators))
            )
            lines = json_strings(text_lines(batch, sheet.changes))
            names = (
                ',\n{"SPDXID": "SPDXRef-',
                hashes,
                '", "name": "',
                hashes,
                '.jpg", "packageFileName": "',
                hashes,
            )
            place = '.jpg", "downloadLocation": "', batch.column("source_url"), '"'
            people = fixed, owner, ', "originator": ', originator
            file.write(joined(*names, *place, *people, ', "attributionTexts": [', lines, "]}"))
            described.write(joined(', "SPDXRef-', hashes, '"'))
        file.write(b'\n], "documentDescribes": [')
        described.seek(0)
        copyfileobj(described, file)
        file.write(b"]}\n")


def write_reuse(batches: Batches, sheet: Sheet, file: BinaryIO) -> None:
    """A REUSE.toml that covers `<hash>.jpg` in any folder, and the CSV; the batches are grouped by
    creator.
    """
    changes = f"# Changes: {sentence(sheet.changes)}\n" if sheet.changes else ""
    file.write(
        f"version = 1\n\n{changes}# {dataset_credit(sheet.release)}\n"
        '[[annotations]]\nprecedence = "override"\n'
        f"SPDX-FileCopyrightText = {json.dumps(_AUTHORS)}\n"
        f'SPDX-License-Identifier = "{DATASET_SPDX}"\n'
        f'path = [\n  "**{METADATA_FILE}",\n'.encode()
    )
    for batch in batches:
        heading = pc.if_else(
            pc.is_valid(batch.column("pictures")),
            join(
                ']\n\n[[annotations]]\nprecedence = "override"\nSPDX-FileCopyrightText = ',
                json_strings(batch.column("creator")),
                f'\nSPDX-License-Identifier = "{SPDX}"\npath = [\n',
            ),
            "",
        )
        file.write(joined(heading, '  "**', batch.column("hash"), '.jpg",\n'))
    file.write(b"]\n")


MANIFESTS: dict[str, Writer] = {"spdx": write_spdx, "reuse": write_reuse}
