"""Credit lists for programs: CSV, JSON Lines and Parquet, with a column for each field.

A field that is not known is empty in CSV and null elsewhere. A line is put together for a whole
batch at once, by Arrow.
"""

from __future__ import annotations

import json
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..releases import LICENSE, LICENSE_URL, SPDX
from .credit import FIELDS, dataset_credit
from .options import Batches, Format, ListOptions, join, joined

_PLAIN = {"hash", "source_url"}  # nothing to escape in them, and each is different
_GROUP_ROWS = 1 << 16  # of a Parquet row group
# what a spreadsheet takes for a formula; the wide ones in East Asia
_FORMULA = "^[=+@\t\r\n\uff0b\uff0d\uff1d\uff20-]"


def write_csv(batches: Batches, options: ListOptions, file: BinaryIO) -> None:
    """RFC 4180, in UTF-8; for spreadsheets with a byte order mark, and an apostrophe before what
    they would compute.
    """

    def cell(texts: pa.StringArray) -> pa.StringArray | str:
        if texts.null_count == len(texts):
            return ""
        if options.spreadsheet_safe:
            texts = pc.if_else(pc.match_substring_regex(texts, _FORMULA), join("'", texts), texts)
        return pc.fill_null(join('"', pc.replace_substring(texts, '"', '""'), '"'), "")

    def word(text: str | None) -> str:
        cells = cell(pa.array([text], pa.string()))
        return cells if isinstance(cells, str) else cells[0].as_py()

    file.write(b"\xef\xbb\xbf" if options.spreadsheet_safe else b"")
    file.write(f"{','.join(FIELDS)}\r\n".encode())
    fixed = f",{LICENSE},{LICENSE_URL},{SPDX},{word(options.changes)},"
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


def write_jsonl(batches: Batches, options: ListOptions, file: BinaryIO) -> None:
    """An object for each credit, with all fields, in UTF-8."""
    fixed = _fixed(options)
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


def write_parquet(batches: Batches, options: ListOptions, file: BinaryIO) -> None:
    """All fields as strings; the file's metadata says how to credit the dataset."""
    fixed = _fixed(options)
    schema = pa.schema(
        [(name, pa.string()) for name in FIELDS],
        metadata={"dataset_credit": dataset_credit(options.release)},
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


def _fixed(options: ListOptions) -> dict[str, str | None]:
    """The fields that are the same in every credit."""
    return {
        "license": LICENSE,
        "license_url": LICENSE_URL,
        "spdx": SPDX,
        "changes": options.changes,
    }


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


FORMATS = (
    Format(
        "csv",
        ".csv",
        write_csv,
        "programs and spreadsheets (then with `spreadsheet_safe=True`)",
        options=frozenset({"spreadsheet_safe"}),
    ),
    Format("jsonl", ".jsonl", write_jsonl, "programs: an object in each line"),
    Format("parquet", ".parquet", write_parquet, "programs, and all of a release in one file"),
)
