"""Parquet files of pictures in, as they are pushed; out: what their card says of them, and whom to
credit.

The files are read once more while they are here, a row group at a time. Kept are counts, and on
disk the two columns that credits are made of.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .._datasets import image_columns
from ..hashes import are_hashes
from ..images.resolutions import image_resolutions

_CREDITED = ("hash", "creator_username")
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


@dataclass
class Part:
    """What is known of a split: rows, files, their bytes, and the bytes of the rows in memory."""

    rows: int = 0
    files: int = 0
    file_bytes: int = 0
    row_bytes: int = 0


@dataclass
class Survey:
    """Figures of what was added, split by split; sides are in pixels, years those of the dates.

    `folder` takes the columns that credits are made of. A context manager.
    """

    features: datasets.Features
    folder: Path
    parts: dict[str, Part] = field(default_factory=dict)
    short: Counter[int] = field(default_factory=Counter)
    long: Counter[int] = field(default_factory=Counter)
    years: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._pictures = image_columns(self.features)
        texts = [
            getattr(self.features.get(name), "dtype", None) in ("string", "large_string")
            for name in _CREDITED
        ]
        self._kept = (
            pa.schema([self.features.arrow_schema.field(name) for name in _CREDITED])
            if all(texts)
            else None
        )
        self._hashes = True
        self._held = contextlib.ExitStack()
        if self._kept is not None:
            self._writer = self._held.enter_context(
                pa.ipc.new_stream(str(self._credits), self._kept)
            )

    @property
    def credited(self) -> bool:
        """Whether the rows say whose pictures they are: all that were added have PASS's hash, and a
        column of creators.
        """
        return self._kept is not None and self._hashes

    @property
    def _credits(self) -> Path:
        return self.folder / "credits.arrow"

    @property
    def rows(self) -> int:
        """Rows of all splits."""
        return sum(part.rows for part in self.parts.values())

    def add(self, split: str, path: Path) -> None:
        """Look at a file of a split."""
        part = self.parts.setdefault(split, Part())
        part.files += 1
        part.file_bytes += path.stat().st_size
        with pq.ParquetFile(path) as file:
            for number in range(file.num_row_groups):
                table = file.read_row_group(number)
                part.rows += len(table)
                part.row_bytes += table.nbytes
                self._look(table)

    def _look(self, table: pa.Table) -> None:
        for name in self._pictures:
            for chunk in table[name].chunks:
                sizes = image_resolutions(chunk)
                sizes = sizes[sizes[:, 0] > 0]
                _count(self.short, sizes.min(axis=1))
                _count(self.long, sizes.max(axis=1))
        if "date_taken" in table.column_names and pa.types.is_timestamp(
            table.schema.field("date_taken").type
        ):
            self.years.update(pc.unique(pc.year(table["date_taken"])).drop_null().to_pylist())
        if self.credited:
            self._hashes = pc.all(are_hashes(table["hash"])).as_py() is not False
            self._writer.write_table(table.select(list(_CREDITED)).cast(self._kept))

    def credits(self) -> datasets.Dataset:
        """The rows without their pictures and what else credits do not need, mapped from disk;
        nothing is added after it.
        """
        self._held.close()
        return datasets.Dataset.from_file(str(self._credits))

    def __enter__(self) -> Survey:
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self._held.close()


def _count(counter: Counter[int], sides: npt.NDArray[np.int32]) -> None:
    values, counts = np.unique(sides, return_counts=True)
    counter.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))


def quantiles(counts: Counter[int]) -> list[int]:
    """The values at `QUANTILES` of what was counted; none where nothing was.

    >>> quantiles(Counter({100: 1, 375: 98, 500: 1}))
    [100, 375, 375, 375, 375, 375, 500]
    """
    values = sorted(counts)
    if not values:
        return []
    ends = np.cumsum([counts[value] for value in values])
    wanted = np.maximum(1, np.ceil(np.array(QUANTILES) * ends[-1]))
    return [values[place] for place in np.searchsorted(ends, wanted)]
