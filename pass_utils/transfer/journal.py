"""Images that have arrived, in a growing file with a journal, to resume after a crash.

The bytes of an image are written before its line of the journal. What the journal does not name, or
names with another SHA-256 than the bytes have, has not arrived.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from ..errors import DownloadError
from ..selection.manifest import MANIFEST_FILE, has_file

WORK_FILE = "PASS.subset.work"
JOURNAL_FILE = "PASS.subset.journal"


class Arrived(NamedTuple):
    """Where the bytes of an image are in the work file: offset and size in bytes; their SHA-256."""

    offset: int
    size: int
    sha256: str


class Journal:
    """The work file and its journal in a folder; a context manager, which closes them.

    Attributes:
        arrived: The images that are in the work file, by hash.
        missing: Why an image is not available, by hash, where asking again gives nothing else.
    """

    def __init__(self, folder: Path, selection: dict[str, Any]) -> None:
        """Open what an earlier run left in the folder, or start anew.

        Args:
            folder: The folder of the subset.
            selection: What the subset is of, as `Selection.to_json` gives it.

        Raises:
            DownloadError: the journal there is of another selection.
        """
        self.arrived: dict[str, Arrived] = {}
        self.missing: dict[str, str] = {}
        self._folder = folder
        self._work = (folder / WORK_FILE).open("a+b")
        self._journal = (folder / JOURNAL_FILE).open("a+b")
        try:
            end = self._read(selection)
        except BaseException:
            self.close()
            raise
        ends = (place.offset + place.size for place in self.arrived.values())
        self._work.truncate(max(ends, default=0))
        self._journal.truncate(end)
        if not end:
            self._append(selection=selection)

    def _read(self, selection: dict[str, Any]) -> int:
        """Read the journal up to its end, or to where a crash cut it off; return that."""
        end = 0
        for line, entry in _entries(self._journal):
            if not end and entry.get("selection") != selection:
                raise DownloadError(
                    f"{self._folder}: expected a folder for the subset {json.dumps(selection)}, "
                    f"found an incomplete one of {json.dumps(entry.get('selection'))}. Choose "
                    "another folder, or ask for the same."
                )
            end += len(line)
            if "reason" in entry:
                self.missing[entry["hash"]] = entry["reason"]
            elif "hash" in entry:
                place = Arrived(entry["offset"], entry["size"], entry["sha256"])
                if hashlib.sha256(self._pread(place)).hexdigest() == place.sha256:
                    self.arrived[entry["hash"]] = place
        return end

    def _pread(self, place: Arrived) -> bytes:
        self._work.seek(place.offset)
        return self._work.read(place.size)

    def add(self, hash: str, data: bytes, sha256: str) -> None:
        """Keeps an image.

        Raises:
            OSError: it cannot be written.
        """
        offset = self._work.seek(0, 2)
        self._work.write(data)
        self._work.flush()
        self._append(hash=hash, offset=offset, size=len(data), sha256=sha256)
        self.arrived[hash] = Arrived(offset, len(data), sha256)

    def give_up(self, hash: str, reason: str) -> None:
        """Notes that an image is not available, and never will be."""
        self._append(hash=hash, reason=reason)
        self.missing[hash] = reason

    def read(self, hash: str) -> bytes:
        """Returns the bytes of an image that has arrived."""
        return self._pread(self.arrived[hash])

    def _append(self, **entry: Any) -> None:
        self._journal.write(json.dumps(entry).encode() + b"\n")
        self._journal.flush()

    def close(self) -> None:
        """Closes the files."""
        self._work.close()
        self._journal.close()

    def remove(self) -> None:
        """Removes the files, which are of no use once the subset is complete."""
        self.close()
        remove_journal(self._folder)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def remove_journal(folder: Path) -> None:
    """Removes what a run left that ended between the last two steps."""
    for name in (JOURNAL_FILE, WORK_FILE):
        (folder / name).unlink(missing_ok=True)


def _entries(journal: BinaryIO) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """The complete lines from the beginning, with what they say."""
    journal.seek(0)
    for line in journal:
        try:
            entry = json.loads(line)
        except ValueError:
            return
        if not line.endswith(b"\n") or not isinstance(entry, dict):
            return
        yield line, entry


def is_subset(folder: Path) -> bool:
    """Whether a folder is of a subset, complete or not."""
    return any(has_file(folder, name) for name in (MANIFEST_FILE, JOURNAL_FILE))
