"""Resume state of an export: which files are complete, and of which rows they were written.

The state is a JSON file in the export's folder, replaced with each file that is complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..errors import ExportError
from .outputs import Output

STATE_FILE = ".pass-utils-export.json"
_FORMAT = 1  # of the file; raise it when what is written there changes
_DIFFERENCES = {
    "input": "other rows",
    "kind": "another kind of files",
    "features": "other columns",
    "changes": "other changes",
}
_CONSEQUENCES = {"changes": {"resize", "quality"}}  # what differs because of something else


class Written(NamedTuple):
    """A file that an export wrote, or a folder of images.

    Attributes:
        name: Its path in the export's folder.
        rows: How many rows it holds.
        size: Its bytes; those of all its files for a folder.
        sha256: Of these bytes, in hex; for a folder, of its images and its metadata, one after
            the other.
        skipped: The rows that were left out, since their image cannot be decoded, by hash;
            `row 12` of a dataset without hashes. Always empty where images keep their bytes.
    """

    name: str
    rows: int
    size: int
    sha256: str
    skipped: tuple[str, ...] = ()

    @classmethod
    def of(cls, recorded: Any) -> Written:
        """The file as the state has it."""
        name, rows, size, sha256, *skipped = recorded
        return cls(name, rows, size, sha256, *map(tuple, skipped))


def exported_splits(output: Output) -> list[str]:
    """The names of the splits that were exported into a folder, complete or not.

    Args:
        output: The folder.

    Raises:
        ExportError: the state cannot be read.
    """
    state = output.read_json(STATE_FILE)
    splits = state.get("splits") if isinstance(state, dict) else None
    return list(splits) if isinstance(splits, dict) else []


def recorded_credits(output: Output) -> Written | None:
    """The credit list that an export wrote into a folder; None where there is none.

    Args:
        output: The folder.

    Raises:
        ExportError: the state cannot be read.
    """
    state = output.read_json(STATE_FILE)
    credits = state.get("credits") if isinstance(state, dict) else None
    return Written.of(credits) if isinstance(credits, list) and len(credits) in (4, 5) else None


def record_credits(output: Output, credits: Written) -> None:
    """Save that a credit list is complete.

    Args:
        output: The folder, whose splits are complete.
        credits: The list.
    """
    state = output.read_json(STATE_FILE)
    output.write_json(STATE_FILE, {**state, "credits": list(credits)})


def record_selection(output: Output, selection: Mapping[str, Any]) -> None:
    """Save which rows were exported, for people who find the folder.

    Args:
        output: The folder, whose splits are complete.
        selection: The record, as JSON.
    """
    state = output.read_json(STATE_FILE)
    if state.get("selection") != selection:
        output.write_json(STATE_FILE, {**state, "selection": selection})


class ExportState:
    """The resume state of one split, saved with each file that is complete.

    Args:
        output: The export's folder.
        split: The name of the split.
        facts: What is exported and how, `kind` among it: an export with other facts is refused.

    Attributes:
        files: The files that were complete, by name.
        extra: What else a later run has to know, as JSON.

    Raises:
        ExportError: the folder holds another export, or files of this split that no export wrote.
    """

    def __init__(self, output: Output, split: str, facts: Mapping[str, Any]) -> None:
        self._output = output
        state = output.read_json(STATE_FILE)
        state = {"format": _FORMAT, "splits": {}} if state is None else state
        try:
            if split not in state["splits"]:
                self._check_unused(split)
            kinds = {other["facts"]["kind"] for other in state["splits"].values()}
            entry = state["splits"].setdefault(
                split, {"facts": dict(facts), "files": [], "state": {}}
            )
            self._entry = entry
            self.files = {file.name: file for file in map(Written.of, entry["files"])}
            self.extra: dict[str, Any] = entry["state"]
            known = entry["facts"]
            changed = [key for key in facts if known.get(key) != facts[key]]
        except (TypeError, KeyError, AttributeError, ValueError) as err:
            raise self._refused(
                f"{STATE_FILE} as this version writes it", f"another content ({err!r})"
            ) from err
        if state.get("format") != _FORMAT or kinds - {facts["kind"]} or changed:
            differences = [
                _DIFFERENCES.get(key, f"another {key} ({known.get(key)})")
                for key in changed
                if not _CONSEQUENCES.get(key, set()) & set(changed)
            ]
            raise self._refused(
                "an export of the same rows with the same options",
                ", ".join(differences) or _DIFFERENCES["kind"],
            )
        self._state = state

    def _check_unused(self, split: str) -> None:
        for name in self._output.names():
            if name == split or name.startswith(f"{split}-"):
                raise self._refused(
                    f"no files of the split {split!r}", f"{name}, which no export wrote"
                )

    def _refused(self, expected: str, found: str) -> ExportError:
        return ExportError(
            f"{self._output}: expected {expected}, found {found}. Choose another folder, or empty "
            "this one.",
            path=str(self._output),
        )

    def is_complete(self, name: str) -> bool:
        """Whether a file was completed, and is still there with the size that it had.

        Args:
            name: Its path in the export's folder.
        """
        return name in self.files and self._output.size(name) == self.files[name].size

    def record(self, *files: Written, **extra: Any) -> None:
        """Save that files are complete.

        Args:
            files: Written and renamed to their final names.
            extra: What else a later run has to know, as JSON.
        """
        self.files |= {file.name: file for file in files}
        self.extra |= extra
        self.save()

    def save(self) -> None:
        """Write the state to the folder, atomically."""
        self._entry["files"] = [list(file) for _, file in sorted(self.files.items())]
        self._entry["state"] = self.extra
        self._output.write_json(STATE_FILE, self._state)
