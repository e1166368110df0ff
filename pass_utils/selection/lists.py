"""Lists of hashes from files: text, URLs, CSV, Parquet, JSON lines, and the manifest of a subset.

A list is read batch by batch into sorted 128-bit keys, so that 1.4 million lines take 25 MB.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from ..errors import SelectionError
from ..hashes import HASH_MEANS, Keys, are_hashes

COLUMN = "hash"
SAVED_KIND = "pass-utils selection"  # of the record of a selection in a file
_HEAD_BYTES = 1 << 16  # read to learn the format
_BLOCK_BYTES = 1 << 20
_DELIMITERS = ",\t;"
_NO_DELIMITER = "\x01"  # Arrow's CSV reader wants one; no list of hashes has it
_SUFFIX = ".jpg"
_FORMATS = (
    "a hash, file name or URL in each line; a CSV, Parquet or JSON lines file with a column "
    "`hash`; the manifest of a subset; or a selection saved with its hashes"
)


@dataclass(frozen=True)
class HashList:
    """The different hashes of one or several lists.

    Attributes:
        digest: The SHA-256 of the hashes one a line in order, as `LC_ALL=C sort -u | sha256sum`
            gives for a text file of them: the same for every format.
        count: The number of hashes.
        keys: The hashes as sorted keys; None where only digest and number were recorded.
        sha256: The SHA-256 of the image files by hash, as far as a manifest among the lists has
            them.
        release: The name of the release that the only manifest among the lists is of.
    """

    digest: str
    count: int
    keys: Keys | None = field(default=None, compare=False, repr=False)
    sha256: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    release: str | None = field(default=None, compare=False)

    def __len__(self) -> int:
        return self.count

    @classmethod
    def of(cls, keys: Keys, sha256: Mapping[str, str] | None = None) -> HashList:
        """Returns the list of these keys, repeats removed."""
        keys = keys.unique()
        texts = keys.text()
        lines = pc.binary_join_element_wise(texts.take(pc.sort_indices(texts)), "\n", "")
        digest = hashlib.sha256("".join(lines.to_pylist()).encode()).hexdigest()
        return cls(digest, len(keys), keys, sha256 or {})


def read_hashes(source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> HashList:
    """Reads hashes from a file, or from several.

    Args:
        source: The path of a file, a hash, or an iterable of either. A file is text with a hash,
            `<hash>.jpg` or a URL that ends so in each line (empty lines and those that begin
            with `#` do not count); a CSV, Parquet or JSON lines file with a column `hash`, such
            as the credits of an export or PASS's own CSV; the manifest of a subset; or the record
            of a selection with its hashes. The format is told by the content.

    Returns:
        The different hashes.

    Raises:
        SelectionError: a file cannot be read, has none of these formats, or has something else
            where a hash should be.
    """
    items = [source] if isinstance(source, (str, os.PathLike)) else list(source)
    texts = [item if isinstance(item, str) and item.isascii() else None for item in items]
    known = pa.array(texts, pa.string())
    hashes = are_hashes(known)
    parts = [Keys.of(known.filter(hashes))]
    digests: dict[str, str] = {}
    releases: set[str | None] = set()
    for item, is_hash in zip(items, hashes.to_pylist(), strict=True):
        if not is_hash:
            path = _check_path(item)
            manifest = _read_manifest(path)
            if manifest is not None:
                digests.update(manifest.sha256)
                releases.add(manifest.release)
                listed = pa.array(manifest.hashes, pa.string())
                parts += [Keys.of(part) for part in _check(path, [listed], "image")]
            else:
                parts += [Keys.of(batch) for batch in _batches(path)]
    made = HashList.of(Keys.concat(parts), digests)
    return replace(made, release=releases.pop() if len(releases) == 1 else None)


def _check_path(item: object) -> Path:
    if not isinstance(item, (str, os.PathLike)):
        raise SelectionError(
            f"expected hashes or the paths of lists, found {type(item).__name__} {item!r}."
        )
    path = Path(item).expanduser()
    if not path.is_file():
        raise SelectionError(
            f"{path}: expected a hash ({HASH_MEANS}) or a file with {_FORMATS}; found "
            f"{'a folder' if path.is_dir() else 'no such file'}.",
            path=str(path),
        )
    return path


class _Manifest(NamedTuple):
    """The hashes of images, the SHA-256 of those that have one, and the release."""

    hashes: list[str]
    sha256: dict[str, str]
    release: str | None


def _read_manifest(path: Path) -> _Manifest | None:
    """The manifest of a subset, or the saved selection, that the file is; None for another file.

    Raises:
        SelectionError: it is damaged, or a selection without its hashes.
    """
    try:
        with path.open("rb") as file:
            if file.readline(_HEAD_BYTES).strip() != b"{":  # a record of JSON lines is complete
                return None
        document = json.loads(path.read_bytes())
        release = document["selection"].get("release")
        if document.get("kind") == SAVED_KIND:
            return _Manifest(_saved_hashes(path, document), {}, release)
        images = {str(image["hash"]): str(image["sha256"]) for image in document["images"]}
        return _Manifest(list(images), images, release)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as err:
        found = " ".join(f"{type(err).__name__} {err}".split())[:300]
        raise SelectionError(
            f"{path}: expected {_FORMATS}; found {found}.", path=str(path)
        ) from err


def _saved_hashes(path: Path, document: dict[str, Any]) -> list[str]:
    """The hashes of a saved selection."""
    if "hashes" not in document:
        raise SelectionError(
            f"{path}: expected a selection saved with its hashes, found one without. Save it again "
            "with `--save-selection FILE --save-hashes`.",
            path=str(path),
        )
    hashes = [str(hash) for hash in document["hashes"]]
    if len(hashes) != document["count"]:
        raise ValueError(f"{len(hashes):,} hashes of {document['count']}")
    return hashes


def _batches(path: Path) -> Iterator[pa.StringArray]:
    """The hashes of a file, checked, batch by batch."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
        if not head:  # Arrow's readers refuse it
            return
        if head.startswith(b"PAR1"):
            yield from _parquet(path)
            return
        text = head.decode("utf-8-sig", errors="replace").lstrip()
        first = text.partition("\n")[0].rstrip()
        if first.startswith("{"):
            yield from _json_lines(path, first)
        elif (delimiter := _delimiter(path, first)) is not None:
            yield from _csv(path, delimiter)
        else:
            yield from _text(path)
    except (OSError, pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowKeyError) as err:
        found = " ".join(str(err).split())[:300]
        raise SelectionError(
            f"{path}: expected {_FORMATS}; found: {found}.", path=str(path)
        ) from err


def _delimiter(path: Path, header: str) -> str | None:
    """What separates the columns of a CSV; None where the first line is no header of one."""
    for delimiter in _DELIMITERS:
        fields = next(csv.reader([header.replace("\0", "\ufffd")], delimiter=delimiter), [])
        if COLUMN in fields:
            return delimiter
        if len(fields) > 1:
            raise _no_column(path, fields)
    return None


def _no_column(path: Path, found: Iterable[str]) -> SelectionError:
    names = ", ".join(repr(name[:80]) for name in list(found)[:20])
    return SelectionError(
        f"{path}: expected a column {COLUMN!r}, found {names}. Rename the column that has the "
        "hashes, or list them in a text file, one a line.",
        path=str(path),
    )


def _csv(path: Path, delimiter: str) -> Iterator[pa.StringArray]:
    reader = pa.csv.open_csv(
        pa.OSFile(os.fsencode(path)),
        read_options=pa.csv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False),
        parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            include_columns=[COLUMN], column_types={COLUMN: pa.string()}
        ),
    )
    yield from _check(path, (batch.column(0) for batch in reader), "row")


def _parquet(path: Path) -> Iterator[pa.StringArray]:
    with pq.ParquetFile(os.fspath(path)) as file:
        if COLUMN not in file.schema_arrow.names:
            raise _no_column(path, file.schema_arrow.names)
        columns = (batch.column(0) for batch in file.iter_batches(columns=[COLUMN]))
        yield from _check(path, columns, "row")


def _json_lines(path: Path, first: str) -> Iterator[pa.StringArray]:
    try:
        record = json.loads(first)
    except ValueError:
        record = {}
    if COLUMN not in record:
        raise _no_column(path, record)
    table = pa.json.read_json(
        os.fspath(path),
        parse_options=pa.json.ParseOptions(
            explicit_schema=pa.schema([(COLUMN, pa.string())]), unexpected_field_behavior="ignore"
        ),
    )
    yield from _check(path, table[COLUMN].chunks, "row")


def _text(path: Path) -> Iterator[pa.StringArray]:
    reader = pa.csv.open_csv(
        pa.OSFile(os.fsencode(path)),
        read_options=pa.csv.ReadOptions(
            block_size=_BLOCK_BYTES, use_threads=False, column_names=["line"]
        ),
        parse_options=pa.csv.ParseOptions(
            delimiter=_NO_DELIMITER, quote_char=False, ignore_empty_lines=False
        ),
        convert_options=pa.csv.ConvertOptions(column_types={"line": pa.string()}),
    )
    yield from _check(path, (_line_hashes(batch.column(0)) for batch in reader), "line")


def _line_hashes(lines: pa.StringArray) -> pa.StringArray:
    """The hash of each line; the line itself where there is none, null where it does not count."""
    lines = pc.utf8_trim_whitespace(lines)
    counted = pc.invert(pc.match_substring_regex(lines, "^(#|$)"))
    parts = pc.split_pattern(lines, "/", max_splits=1, reverse=True)
    names = parts.values.take(pc.subtract(parts.offsets[1:], 1))
    names = pc.if_else(pc.ends_with(names, _SUFFIX), pc.utf8_slice_codeunits(names, 0, -4), names)
    return pc.if_else(
        counted, pc.if_else(are_hashes(names), names, lines), pa.scalar(None, pa.string())
    )


def _check(path: Path, columns: Iterable[pa.Array], unit: str) -> Iterator[pa.StringArray]:
    """The columns as hashes; where `unit` is a line, null means that it does not count."""
    before = 0
    for column in columns:
        hashes = column.cast(pa.string())
        bad = pc.invert(are_hashes(hashes))
        if unit == "line":
            bad = pc.and_(bad, hashes.is_valid())
        if pc.any(bad).as_py():
            number = pc.index(bad, True).as_py()
            found = hashes[number].as_py()
            raise SelectionError(
                f"{path}: expected {HASH_MEANS}, found "
                f"{'nothing' if found is None else repr(found[:80])} in {unit} "
                f"{before + number + 1:,}. A list is {_FORMATS}.",
                path=str(path),
            )
        before += len(hashes)
        yield hashes.drop_null()
