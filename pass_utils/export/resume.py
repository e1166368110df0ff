"""A folder in, what is known of the exports in it out: which rows they hold, and which of their
files are whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..errors import ExportError
from .outputs import Output

LEDGER_FILE = ".pass-utils-export.json"
_FORMAT = 1  # of the file; raise it when what is written there changes


class Written(NamedTuple):
    """A file that is whole: its `name` in the folder, its `rows`, its `size` in bytes and their
    `sha256` in hex.

    For a folder of pictures, bytes and SHA-256 are those of all its files, one after the other.
    """

    name: str
    rows: int
    size: int
    sha256: str


def known_splits(output: Output) -> list[str]:
    """The names of the splits that were exported into a folder, whole or not."""
    kept = output.read_json(LEDGER_FILE)
    return (
        list(kept["splits"])
        if isinstance(kept, dict) and isinstance(kept.get("splits"), dict)
        else []
    )


class Ledger:
    """Keeps what was written of one split, so that a later run goes on; written anew with each file
    that is whole.

    `facts` say what is exported and how: a run with other ones is refused.

    Raises:
        ExportError: the folder holds another export, or files that are none of ours.
    """

    def __init__(self, output: Output, split: str, facts: Mapping[str, Any]) -> None:
        self._output = output
        self._split = split
        kept = output.read_json(LEDGER_FILE)
        kept = {"format": _FORMAT, "splits": {}} if kept is None else kept
        try:
            if split not in kept["splits"]:
                for name in output.names():
                    if name == split or name.startswith(f"{split}-"):
                        raise self._refuse(
                            f"no files of the split {split!r}",
                            f"{name}, which is of another origin",
                        )
            kinds = {known["facts"]["kind"] for known in kept["splits"].values()}
            entry = kept["splits"].setdefault(
                split, {"facts": dict(facts), "files": [], "state": {}}
            )
            self._entry = entry
            self.files = {file.name: file for file in (Written(*each) for each in entry["files"])}
            self.state: dict[str, Any] = entry["state"]
            changed = [key for key in facts if entry["facts"].get(key) != facts[key]]
        except (TypeError, KeyError, AttributeError) as err:
            raise self._refuse(
                f"{LEDGER_FILE} as this version writes it", f"another content ({err!r})"
            ) from err
        if kept.get("format") != _FORMAT or kinds - {facts["kind"]} or changed:
            what = {
                "input": "other rows",
                "kind": "another kind of files",
                "features": "other columns",
            }
            differ = (
                ", ".join(what.get(key, f"another {key}") for key in changed)
                or "another kind of files"
            )
            raise self._refuse("an export of the same rows with the same options", differ)
        self._kept = kept

    def _refuse(self, expected: str, found: str) -> ExportError:
        return ExportError(
            f"{self._output}: expected {expected}, found {found}. Choose another folder, or empty "
            "this one.",
            path=str(self._output),
        )

    def is_whole(self, name: str) -> bool:
        """Whether a file was written, and is there with the size that it had."""
        return name in self.files and self._output.size(name) == self.files[name].size

    def note(self, *files: Written, **state: Any) -> None:
        """Keep that these files are whole, and what else is to be known when the export goes on."""
        self.files |= {file.name: file for file in files}
        self.state |= state
        self.save()

    def save(self) -> None:
        """Write what is known to the folder."""
        self._entry["files"] = [list(file) for _, file in sorted(self.files.items())]
        self._entry["state"] = self.state
        self._output.write_json(LEDGER_FILE, self._kept)
