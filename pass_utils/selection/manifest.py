"""The manifest of a subset: its selection, its files, and the SHA-256 of each of its images.

A JSON document with a line for each image. Whoever has it can fetch the same subset again:
`read_hashes` takes it as a list.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from .._util.atomic import atomic_write
from ..errors import SelectionError
from ..hashes import Keys
from ..releases import File
from .record import Selection

SUBSET_TAR = "PASS.subset.tar"
MANIFEST_FILE = "PASS.subset.json"
_KIND = "pass-utils subset"
_VERSION = 1  # raise it when older code would misread what is written


class SubsetImage(NamedTuple):
    """An image of a subset: its hash, the bytes of its file, the file's SHA-256 in hex."""

    hash: str
    size: int
    sha256: str


class Missing(NamedTuple):
    """An image that was not available: its hash, and why."""

    hash: str
    reason: str


@dataclass(frozen=True)
class Manifest:
    """What a subset holds.

    Attributes:
        selection: What was asked for; the release is in it.
        files: The tar and the CSV, as a release lists its own.
        images: The images, in the order of the tar.
        missing: The chosen images that were not available.
        source: Where the images come from.
        created: When, in UTC by ISO 8601.
    """

    selection: Selection
    files: tuple[File, ...]
    images: tuple[SubsetImage, ...]
    missing: tuple[Missing, ...]
    source: str
    created: str

    @property
    def keys(self) -> Keys:
        """The keys of the images, sorted."""
        return Keys.of(pa.array([image.hash for image in self.images], pa.string())).unique()

    def write(self, path: Path) -> None:
        """Writes it to a file, atomically."""
        head = {
            "kind": _KIND,
            "version": _VERSION,
            "selection": self.selection.to_json(),
            "source": self.source,
            "created": self.created,
        }
        with atomic_write(path) as part, part.open("w", encoding="utf-8") as file:
            file.write("{\n")
            file.writelines(f" {json.dumps(key)}: {json.dumps(head[key])},\n" for key in head)
            lists = {"files": self.files, "images": self.images, "missing": self.missing}
            file.write(",\n".join(f' "{name}": {_lines(rows)}' for name, rows in lists.items()))
            file.write("\n}\n")

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Returns the manifest in a file.

        Raises:
            SelectionError: it is none, or one of a newer version.
        """
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            if document["kind"] != _KIND or document["version"] != _VERSION:
                raise ValueError(f"kind {document['kind']!r}, version {document['version']!r}")
            return cls(
                selection=Selection.from_json(document["selection"]),
                files=tuple(File(**row) for row in document["files"]),
                images=tuple(SubsetImage(**row) for row in document["images"]),
                missing=tuple(Missing(**row) for row in document["missing"]),
                source=str(document["source"]),
                created=str(document["created"]),
            )
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as err:
            found = " ".join(f"{type(err).__name__} {err}".split())[:300]
            raise SelectionError(
                f"{path}: expected the manifest of a subset, version {_VERSION}, found {found}. "
                "Fetch the subset again, or update pass-utils.",
                path=str(path),
            ) from err


def _lines(rows: tuple[Any, ...]) -> str:
    """A JSON array with a line for each row."""
    return "[" + ",".join(f"\n  {json.dumps(row._asdict())}" for row in rows) + "]"


def has_file(folder: Path, name: str) -> bool:
    """Whether there is such a file in a folder; not, if the folder may not be read."""
    try:
        return (folder / name).is_file()
    except PermissionError:
        return False


def read_subset(folder: Path) -> Manifest | None:
    """Returns the manifest of the subset in a folder; None where no subset is complete.

    Raises:
        SelectionError: the manifest is damaged.
    """
    path = folder / MANIFEST_FILE
    if not has_file(folder, MANIFEST_FILE):
        return None
    status = path.stat()
    return _read(path, status.st_size, status.st_mtime_ns, status.st_ino)


@functools.lru_cache(maxsize=4)
def _read(path: Path, *_stamp: int) -> Manifest:
    return Manifest.read(path)
