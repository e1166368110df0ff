"""The config `sample` of a push: a seeded sample of the rows, taken as they pass by."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ..selection.sample import Ranks, hash_ranks

ROWS = 1000
SEED = 0
_SPARE_ROWS = 200  # that are held beyond the sample before the largest ranks are dropped


class SampleRows:
    """Keeps the rows with the smallest SHA-256 of `"<seed>:<hash>"`, with their images, in memory.

    They are the rows that `load_dataset("pass", sample=...)` chooses of the same ones.

    Args:
        schema: Of the rows.
        count: How many to keep.
        seed: The key.
    """

    def __init__(self, schema: pa.Schema, *, count: int, seed: int) -> None:
        self.passed = 0
        self._schema, self._count, self._seed = schema, count, seed
        self._tables: list[pa.Table] = []
        self._ranks: list[Ranks] = []
        self._largest: int | None = None  # once there are enough

    def add(self, table: pa.Table) -> None:
        """Look at some rows.

        Args:
            table: With a column `hash`.
        """
        self.passed += len(table)
        ranks = hash_ranks(table["hash"].combine_chunks(), self._seed)
        if self._largest is not None:
            chosen = np.flatnonzero(ranks < self._largest)
            table, ranks = table.take(pa.array(chosen)), ranks[chosen]
        if len(table):
            self._tables.append(table)
            self._ranks.append(ranks)
        if sum(map(len, self._ranks)) > self._count + _SPARE_ROWS:
            self._keep_smallest()

    def _keep_smallest(self) -> None:
        table = pa.concat_tables(self._tables)
        ranks = np.concatenate(self._ranks)
        chosen = np.argsort(ranks, kind="stable")[: self._count]
        self._tables, self._ranks = [table.take(pa.array(chosen))], [ranks[chosen]]
        if len(chosen) == self._count:
            self._largest = int(ranks[chosen[-1]])

    def table(self) -> pa.Table:
        """The sample, the smallest rank first."""
        if self._tables:
            self._keep_smallest()
        return pa.concat_tables([self._schema.empty_table(), *self._tables])
