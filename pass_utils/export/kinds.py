"""Kinds of exports as records: how each is planned and written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import pyarrow as pa

from .outputs import Output
from .planning import ExportPlan, FileTask
from .resume import Written

OnBytes: TypeAlias = Callable[[int], object]
OnTable: TypeAlias = Callable[[pa.Table], object]


def ignore(_: object) -> None:
    """Do nothing with what was written: the default `OnBytes` and `OnTable`."""


def observed(tables: Iterable[pa.Table], on_table: OnTable) -> Iterator[pa.Table]:
    """The tables as they are, each shown to a function first.

    Args:
        tables: In order.
        on_table: Called with each.
    """
    for table in tables:
        on_table(table)
        yield table


class WriteFile(Protocol):
    """Writes one planned file; a function of a module, so that it pickles."""

    def __call__(self, task: FileTask, output: Output, on_bytes: OnBytes = ignore) -> Written:
        """Write the file.

        Args:
            task: Of the kind's plan.
            output: The export's folder.
            on_bytes: Called with the number of bytes each time that some were written.
        """


@dataclass(frozen=True)
class Kind:
    """A kind of files that datasets are exported as.

    Attributes:
        name: As in `pass-utils export NAME` and in the export's state.
        plan: Plans the files of a split; takes the dataset, `split`, `rewriting`, and the kind's
            options.
        write_file: Carries out one task of the plan.
        options: The options of `plan` with their defaults, such as `max_shard_size`.
        finish: Called when all files of a split are complete, with the folder, the split and the
            plan; returns what else it wrote.
        splits_by_file_name: Whether readers find splits by file names alone.
    """

    name: str
    plan: Callable[..., ExportPlan]
    write_file: WriteFile
    options: Mapping[str, Any]
    finish: Callable[[Output, str, ExportPlan], Written] | None = None
    splits_by_file_name: bool = False
