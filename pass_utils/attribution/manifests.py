"""Licence manifests for whoever publishes images of PASS: SPDX 2.3 and REUSE 3.3."""

from __future__ import annotations

import json
import tempfile
from datetime import datetime, timezone
from shutil import copyfileobj
from typing import BinaryIO
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc

from .._util.text import sentence
from .._version import __version__
from ..releases import (
    DATASET_AUTHORS,
    DATASET_SPDX,
    DATASET_TITLE,
    METADATA_FILE,
    SPDX,
    doi_url,
)
from .credit import dataset_credit
from .options import Batches, Format, ListOptions, join, joined, shown_creators, text_lines
from .tables import json_strings

_AUTHORS = ", ".join(DATASET_AUTHORS)


def write_spdx(batches: Batches, options: ListOptions, file: BinaryIO) -> None:
    """An SPDX 2.3 document in JSON.

    Each image is a package, as a file would need a checksum, and so its bytes; it may come once, as
    its hash is its id. https://spdx.github.io/spdx-spec/v2.3/
    """
    release = options.release
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "Images of PASS",
        "documentNamespace": f"https://spdx.org/spdxdocs/pass-images-{uuid4()}",
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
            creator = batch.column("creator")
            owner = _asserted(creator)
            originator = _asserted(join("Person: ", creator))
            lines = json_strings(text_lines(batch, options.changes))
            names = (',\n{"SPDXID": "SPDXRef-', hashes, '", "name": "', hashes)
            files = ('.jpg", "packageFileName": "', hashes, '.jpg", "downloadLocation": "')
            people = (fixed, owner, ', "originator": ', originator)
            source = batch.column("source_url")
            end = (', "attributionTexts": [', lines, "]}")
            file.write(joined(*names, *files, source, '"', *people, *end))
            described.write(joined(', "SPDXRef-', hashes, '"'))
        file.write(b'\n], "documentDescribes": [')
        described.seek(0)
        copyfileobj(described, file)
        file.write(b"]}\n")


def _asserted(texts: pa.StringArray) -> pa.StringArray | str:
    """Texts as JSON strings, and SPDX's word for what is not known."""
    return json_strings(pc.fill_null(texts, "NOASSERTION"))


def write_reuse(batches: Batches, options: ListOptions, file: BinaryIO) -> None:
    """A REUSE.toml that covers `<hash>.jpg` in any folder, and the CSV.

    The batches are grouped by creator. https://reuse.software/spec-3.3/
    """
    changes = f"# Changes: {sentence(options.changes)}\n" if options.changes else ""
    file.write(
        f"version = 1\n\n{changes}# {dataset_credit(options.release)}\n"
        '[[annotations]]\nprecedence = "override"\n'
        f"SPDX-FileCopyrightText = {json.dumps(_AUTHORS)}\n"
        f'SPDX-License-Identifier = "{DATASET_SPDX}"\n'
        f'path = [\n  "**{METADATA_FILE}",\n'.encode()
    )
    for batch in batches:
        heading = pc.if_else(
            pc.is_valid(batch.column("images")),
            join(
                ']\n\n[[annotations]]\nprecedence = "override"\nSPDX-FileCopyrightText = ',
                json_strings(shown_creators(batch)),
                f'\nSPDX-License-Identifier = "{SPDX}"\npath = [\n',
            ),
            "",
        )
        file.write(joined(heading, '  "**', batch.column("hash"), '.jpg",\n'))
    file.write(b"]\n")


FORMATS = (
    Format(
        "spdx", ".spdx.json", write_spdx, "published subsets: SPDX 2.3", in_memory=True, unique=True
    ),
    Format(
        "reuse",
        "REUSE.toml",
        write_reuse,
        "published subsets: REUSE 3.3, beside the images",
        grouped=lambda count: True,
        in_memory=True,
        unique=True,
    ),
)
