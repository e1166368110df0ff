"""An IterableDataset in, Parquet files out, the same that a dataset with its rows becomes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import datasets
import numpy as np
import pyarrow as pa

from .._util.progress import Progress, is_quiet
from ..errors import ExportError
from ..images.files import image_columns, stored_sizes
from .fingerprint import feed
from .groups import GROUP_BYTES, ROW_BYTES, check_rows, cut_groups, embed_table, parse_size
from .outputs import Output
from .parquet import MAX_SHARD_SIZE, ROW_GROUP_ROWS, file_name, write_tables
from .planning import Seen
from .resume import Ledger, Written


class Group(NamedTuple):
    """Rows that are held in memory together, and about how many bytes they will take in a file."""

    table: pa.Table
    bytes: int

    @property
    def rows(self) -> int:
        """How many rows they are."""
        return len(self.table)


class StreamGroups:
    """The rows of a stream in the groups in which `Pieces` has those of a dataset."""

    def __init__(self, dataset: datasets.IterableDataset, *, rows: int, max_bytes: int) -> None:
        check_rows(rows)
        if dataset.features is None:
            dataset = dataset._resolve_features()
        self.features: datasets.Features = dataset.features
        self._names = image_columns(self.features)
        self._tables = iter(dataset.with_format("arrow").iter(rows))
        self._rows = rows
        self._max_bytes = max_bytes
        self._groups: list[Group] = []
        self._digest = hashlib.sha256()

    @property
    def trail(self) -> str:
        """Hex digits that are other ones after other rows; pictures are told apart by their number
        of bytes.
        """
        return self._digest.hexdigest()

    def peek(self) -> Group | None:
        """The next group, None at the end."""
        while not self._groups:
            table = next(self._tables, None)
            if table is None:
                return None
            table = datasets.table.table_cast(
                table.select(list(self.features)), self.features.arrow_schema
            )
            sizes = sum(
                (stored_sizes(table[name]) for name in self._names),
                np.full(len(table), ROW_BYTES, dtype=np.int64),
            )
            begin = 0
            for rows in cut_groups(sizes, self._rows, min(self._max_bytes, GROUP_BYTES)):
                self._groups.append(
                    Group(table.slice(begin, rows), int(sizes[begin : begin + rows].sum()))
                )
                begin += rows
        return self._groups[0]

    def take(self) -> Group | None:
        """The next group, which is gone then, and counts for the trail."""
        group = self.peek()
        if group is not None:
            self._groups.pop(0)
            self._digest.update(group.bytes.to_bytes(8, "big"))
            for column in group.table.drop_columns(self._names).columns:
                feed(self._digest, column)
        return group


class ParquetStream:
    """An IterableDataset on its way into files, one after the other: iterate to write them.

    How many files there will be is known at the end only, so their names do not say it:
    `train-00000.parquet`. `done` are files that an earlier run wrote: their rows are read and
    passed over. `trail` is a digest of all rows up to the file that came last, by which a rerun can
    tell that it passed over the same rows.
    """

    def __init__(
        self,
        dataset: datasets.IterableDataset,
        folder: str | Output,
        *,
        max_shard_size: str | int = MAX_SHARD_SIZE,
        row_group_rows: int = ROW_GROUP_ROWS,
        split: str = "train",
        done: Sequence[Written] = (),
        seen: Seen = lambda count: None,
    ) -> None:
        self._output = folder if isinstance(folder, Output) else Output(folder)
        self._max_bytes = parse_size(max_shard_size)
        self._split = split
        self._done = done
        self._seen = seen
        self._groups = StreamGroups(dataset, rows=row_group_rows, max_bytes=self._max_bytes)

    @property
    def trail(self) -> str:
        """Hex digits of all rows that were read so far."""
        return self._groups.trail

    @property
    def ended(self) -> bool:
        """Whether all rows were read."""
        return self._groups.peek() is None

    def pass_over(self) -> None:
        """Read the rows of the files that are done.

        Raises:
            ExportError: there are not as many.
        """
        for file in self._done:
            rows = 0
            while rows < file.rows:
                group = self._groups.take()
                rows += group.rows if group is not None else 0
                if group is None or rows > file.rows:
                    raise self.other_rows(file.name)

    def other_rows(self, name: str) -> ExportError:
        """What to raise when this file was written from other rows."""
        return ExportError(
            f"{self._output}: expected the rows that {name} was written from, found others. Choose "
            "another folder, or empty this one.",
            path=str(self._output),
        )

    def __iter__(self) -> Iterator[Written]:
        number = len(self._done)
        while self._groups.peek() is not None or number == 0:
            name = file_name(self._split, number)
            rows = 0

            def tables() -> Iterator[pa.Table]:
                nonlocal rows
                held = 0
                while (group := self._groups.peek()) is not None and (
                    not rows or held + group.bytes <= self._max_bytes
                ):
                    self._groups.take()
                    rows += group.rows
                    held += group.bytes
                    yield embed_table(group.table, self._groups.features)

            with self._output.create(name) as sink:
                write_tables(sink, tables(), self._groups.features, self._seen)
            yield Written(name, rows, sink.size, sink.sha256)
            number += 1


def write_stream(
    dataset: datasets.IterableDataset,
    output: Output,
    split: str,
    options: dict[str, Any],
    quiet: bool | None,
) -> list[Written]:
    """Write a stream; the files get the names that say how many there are when the last one is
    whole.
    """
    if dataset.features is None:
        dataset = dataset._resolve_features()
    facts = {"kind": "parquet", "input": "stream", "features": repr(dataset.features), **options}
    ledger = Ledger(output, split, facts)
    trails: dict[str, str] = ledger.state.setdefault("trails", {})
    count: int | None = ledger.state.get("count")
    done = _done(ledger, split, count, output)
    with Progress(0, title=split, quiet=is_quiet(quiet)) as progress:
        progress.start(split, 0)
        stream = ParquetStream(
            dataset,
            output,
            **options,
            split=split,
            done=done,
            seen=partial(progress.advance, split),
        )
        stream.pass_over()
        if done and trails[file_name(split, len(done) - 1)] != stream.trail:
            raise stream.other_rows(done[-1].name)
        if count is None:
            ledger.save()
            for written in stream:
                done.append(written)
                trails[written.name] = stream.trail
                ledger.note(written)
            count = len(done)
            ledger.note(
                *(file._replace(name=file_name(split, n, count)) for n, file in enumerate(done)),
                count=count,
            )
        elif not stream.ended:
            raise stream.other_rows(done[-1].name)
    names = [(file_name(split, number), file_name(split, number, count)) for number in range(count)]
    for old, new in names:
        if not ledger.is_whole(new):
            output.rename(old, new)
    output.tidy()
    return [ledger.files[new] for _, new in names]


def _done(ledger: Ledger, split: str, count: int | None, output: Output) -> list[Written]:
    """The files of a stream that are whole, all of them when it ended."""
    done: list[Written] = []
    if count is None:
        while ledger.is_whole(name := file_name(split, len(done))):
            done.append(ledger.files[name])
        return done
    for number in range(count):
        name = file_name(split, number, count)
        if not ledger.is_whole(name) and not ledger.is_whole(file_name(split, number)):
            raise ExportError(
                f"{output}: expected the files of a stream that ended, missing {name}. Empty the "
                "folder, and export again.",
                path=str(output),
            )
        done.append(ledger.files[name])
    return done
