"""Batches of credits in, the bytes of a credit list out: tables for programs, and lists for people.

A line is put together for a whole batch at once, by Arrow; what other people wrote is escaped for
the format that it goes into.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..releases import LICENSE, LICENSE_URL, SPDX, Release
from .credit import FIELDS, dataset_credit, links, sentence, text_lines

_PLAIN = {"hash", "source_url"}  # nothing to escape in them, and each is different
_GROUP_ROWS = 1 << 16  # of a Parquet row group
# what makes a spreadsheet compute a cell; the wide ones in East Asia
_FORMULA = "^[=+@\t\r\n\uff0b\uff0d\uff1d\uff20-]"
_MARKDOWN = r"([\\`*_\[\]<>&~|!#@:$])"
_WHAT_PHOTOS_ARE_UNDER = (
    f"Each photo is its photographer's, and licensed under {LICENSE} ({LICENSE_URL})."
)


class Sheet(NamedTuple):
    """What a list says beside its credits, and how: the release, the user's changes, whether
    spreadsheets may open it.
    """

    release: Release
    changes: str | None = None
    spreadsheet_safe: bool = False


Batches = Iterable[pa.RecordBatch]
Writer = Callable[[Batches, Sheet, BinaryIO], None]


def write_csv(batches: Batches, sheet: Sheet, file: BinaryIO) -> None:
    """RFC 4180, in UTF-8; for spreadsheets with a byte order mark, and an apostrophe before what
    they would compute.
    """

    def cell(texts: pa.StringArray) -> pa.StringArray | str:
        if texts.null_count == len(texts):
            return ""
        if sheet.spreadsheet_safe:
            texts = pc.if_else(pc.match_substring_regex(texts, _FORMULA), join("'", texts), texts)
        return pc.fill_null(join('"', pc.replace_substring(texts, '"', '""'), '"'), "")

    def word(text: str | None) -> str:
        cells = cell(pa.array([text], pa.string()))
        return cells if isinstance(cells, str) else cells[0].as_py()

    file.write(b"\xef\xbb\xbf" if sheet.spreadsheet_safe else b"")
    file.write(f"{','.join(FIELDS)}\r\n".encode())
    fixed = f",{LICENSE},{LICENSE_URL},{SPDX},{word(sheet.changes)},"
    for batch in batches:
        creator, username, title, page = (
            cell(batch.column(name))
            for name in ("creator", "creator_username", "title", "page_url")
        )
        hashes, sources = batch.column("hash"), batch.column("source_url")
        file.write(
            joined(
                hashes, ",", creator, ",", username, ",", sources, fixed, title, ",", page, "\r\n"
            )
        )


def write_jsonl(batches: Batches, sheet: Sheet, file: BinaryIO) -> None:
    """An object for each credit, with all fields, in UTF-8."""
    fixed = _fixed(sheet)
    for batch in batches:
        parts: list[pa.StringArray | str] = []
        for name in FIELDS:
            parts.append(f'{", " if parts else "{"}"{name}": ')
            if name in _PLAIN:
                parts += ['"', batch.column(name), '"']
            else:
                parts.append(
                    json.dumps(fixed[name], ensure_ascii=False)
                    if name in fixed
                    else json_strings(batch.column(name))
                )
        file.write(joined(*parts, "}\n"))


def write_parquet(batches: Batches, sheet: Sheet, file: BinaryIO) -> None:
    """All fields as strings; the file's metadata says how to credit the dataset."""
    fixed = _fixed(sheet)
    schema = pa.schema(
        [(name, pa.string()) for name in FIELDS],
        metadata={"dataset_credit": dataset_credit(sheet.release)},
    )
    with pq.ParquetWriter(
        file,
        schema,
        compression="zstd",
        use_dictionary=[name for name in FIELDS if name not in _PLAIN],
    ) as writer:
        waiting: list[pa.RecordBatch] = []
        for batch in batches:
            columns = [
                pa.repeat(pa.scalar(fixed[name], pa.string()), len(batch))
                if name in fixed
                else batch.column(name)
                for name in FIELDS
            ]
            waiting.append(pa.RecordBatch.from_arrays(columns, schema=schema))
            if sum(map(len, waiting)) >= _GROUP_ROWS:
                writer.write_table(pa.Table.from_batches(waiting))
                waiting = []
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting))


def write_txt(batches: Batches, sheet: Sheet, file: BinaryIO) -> None:
    """A line for each credit, after the name of its file."""
    file.write(f"{dataset_credit(sheet.release)}\n{_WHAT_PHOTOS_ARE_UNDER}\n\n".encode())
    for batch in batches:
        heading = headings(batch, "\n", batch.column("creator"), "\n")
        file.write(
            joined(heading, batch.column("hash"), ".jpg: ", text_lines(batch, sheet.changes), "\n")
        )


def write_md(batches: Batches, sheet: Sheet, file: BinaryIO) -> None:
    """A Markdown list with links."""
    file.write(
        f"# Credits\n\n{dataset_credit(sheet.release)}\n\n{_WHAT_PHOTOS_ARE_UNDER}\n\n".encode()
    )
    changes = (
        markdown(pa.array([sentence(sheet.changes)], pa.string()))[0].as_py()
        if sheet.changes
        else None
    )
    end = (
        f", licensed under [{LICENSE}]({LICENSE_URL})."
        + (f" Changes: {changes}" if changes else "")
        + "\n"
    )
    for batch in batches:
        creator = markdown(batch.column("creator"))
        what = pc.fill_null(join('"', markdown(batch.column("title")), '"'), "Photo")
        heading = headings(batch, "\n## ", creator, "\n\n")
        file.write(
            joined(
                heading,
                "- `",
                batch.column("hash"),
                ".jpg`: [",
                what,
                "](<",
                links(batch),
                ">) by ",
                creator,
                end,
            )
        )


def _fixed(sheet: Sheet) -> dict[str, str | None]:
    """The fields that are the same in every credit."""
    return {"license": LICENSE, "license_url": LICENSE_URL, "spdx": SPDX, "changes": sheet.changes}


def headings(
    batch: pa.RecordBatch, before: str, creator: pa.StringArray, after: str
) -> pa.StringArray | str:
    """What stands above the first picture of each creator where the batch is grouped: the name and
    the count.
    """
    if "pictures" not in batch.schema.names:
        return ""
    count = batch.column("pictures")
    noun = pc.if_else(pc.equal(count, 1), " picture)", " pictures)")
    return pc.fill_null(join(before, creator, " (", count.cast(pa.string()), noun, after), "")


def markdown(texts: pa.StringArray) -> pa.StringArray:
    """Texts whose every sign stands for itself, in CommonMark and on GitHub, within a line."""
    escaped = pc.replace_substring_regex(texts, _MARKDOWN, r"\\\1")
    # or GitHub makes a link of it
    return pc.replace_substring_regex(escaped, r"(?i)(www)\.", r"\1\\.")


def json_strings(texts: pa.StringArray) -> pa.StringArray | str:
    """Texts as JSON strings, `null` where there is none."""
    if texts.null_count == len(texts):
        return "null"
    escaped = pc.replace_substring(pc.replace_substring(texts, "\\", "\\\\"), '"', '\\"')
    quoted = pc.fill_null(join('"', escaped, '"'), "null")
    with_controls = pc.fill_null(pc.match_substring_regex(texts, r"[\x00-\x1f]"), False)
    if not pc.any(with_controls).as_py():
        return quoted
    rare = pa.array(
        [json.dumps(text, ensure_ascii=False) for text in texts.filter(with_controls).to_pylist()],
        pa.string(),
    )
    return pc.replace_with_mask(quoted, with_controls, rare)


def join(*parts: pa.StringArray | str) -> pa.StringArray:
    """Each row's parts, one after the other; null where one of them is."""
    return pc.binary_join_element_wise(*parts, "")


def joined(*parts: pa.StringArray | str) -> memoryview:
    """The bytes of all rows: the very memory in which Arrow puts them together."""
    lines = join(*parts)
    if not len(lines):
        return memoryview(b"")
    _, offsets, data = lines.buffers()
    first, last = np.frombuffer(offsets, dtype=np.int32)[[lines.offset, lines.offset + len(lines)]]
    return memoryview(data)[first:last]


WRITERS: dict[str, Writer] = {
    "csv": write_csv,
    "jsonl": write_jsonl,
    "parquet": write_parquet,
    "txt": write_txt,
    "md": write_md,
}
