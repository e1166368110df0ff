"""Contents of a push, counted while they are written: rows, files, bytes and statistics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import datasets
import pyarrow as pa

from ..statistics import Statistics, StatisticsBuilder


@dataclass
class SplitContents:
    """What was written of a split.

    Attributes:
        rows: How many.
        files: How many.
        file_bytes: Of all files.
        row_bytes: Of the rows in memory.
    """

    rows: int = 0
    files: int = 0
    file_bytes: int = 0
    row_bytes: int = 0


class Config(NamedTuple):
    """A config of a repository.

    Attributes:
        name: Its name.
        features: Of its rows.
        files: The pattern of its files by split.
        parts: What was written, by split.
    """

    name: str
    features: datasets.Features
    files: Mapping[str, str]
    parts: Mapping[str, SplitContents]


@dataclass
class Contents:
    """What was written of all splits.

    Attributes:
        features: Of the rows.
        parts: By split.
    """

    features: datasets.Features
    parts: dict[str, SplitContents] = field(default_factory=dict)
    _builder: StatisticsBuilder = field(default_factory=StatisticsBuilder)

    @property
    def rows(self) -> int:
        """Rows of all splits."""
        return sum(part.rows for part in self.parts.values())

    @property
    def statistics(self) -> Statistics:
        """Of the rows of all splits."""
        return self._builder.build()

    def add_file(self, split: str, size: int) -> None:
        """Count a file.

        Args:
            split: The name of its split.
            size: In bytes.
        """
        part = self.parts.setdefault(split, SplitContents())
        part.files += 1
        part.file_bytes += size

    def add_table(self, split: str, table: pa.Table) -> None:
        """Count some rows.

        Args:
            split: The name of their split.
            table: The rows, with the bytes of their images.
        """
        part = self.parts.setdefault(split, SplitContents())
        part.rows += len(table)
        part.row_bytes += table.nbytes
        self._builder.add(table, self.features)
