"""Files with titles and Flickr pages: YFCC100M's own, or Parquet, on this machine or on the Hub."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import huggingface_hub
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from .._util.retry import Retry
from ..errors import MetadataError, RemoteError
from ..net.hub_errors import causes, client_errors, describe, is_transient
from ..net.session import offline_variable

logger = logging.getLogger(__name__)

HUB = "hf://"
# The columns of the file's two editions, which have no header.
_LATER = [
    *("uid", "unickname", "datetaken", "dateuploaded", "capturedevice", "title", "description"),
    *("usertags", "machinetags", "longitude", "latitude", "accuracy", "pageurl", "downloadurl"),
    *("licensename", "licenseurl", "serverid", "farmid", "secret", "secretoriginal", "ext"),
    "marker",
]
_EDITIONS = {
    len(columns): columns
    for columns in (["photoid", *_LATER], ["line", "photoid", "hash", *_LATER])
}
_NEEDED = ("title", "pageurl")
_COMPRESSIONS = {b"\x1f\x8b": "gzip", b"BZh": "bz2"}
_BLOCK_BYTES = 1 << 22
_FIRST_LINE_BYTES = 1 << 16
_RETRY = Retry(attempts=5, first_wait=1.0)
# in the order of preference: the hash, or what it is computed from
_KEYS = ("hash", "downloadurl")


class TitleFile(NamedTuple):
    """A file with titles.

    Attributes:
        name: Its path or address.
        read: Reads the columns that are needed, in batches.
        remote: Whether that asks a server.
    """

    name: str
    read: Callable[[], Iterator[pa.RecordBatch]]
    remote: bool = False


def is_remote(source: str | os.PathLike[str]) -> bool:
    """Whether titles are on the Hub.

    Args:
        source: A path, or an address.
    """
    return str(source).startswith(HUB)


def find_title_files(source: str | os.PathLike[str]) -> list[TitleFile]:
    """Find the files with titles that a source means.

    Args:
        source: A file of YFCC100M's metadata (tab-separated, plain or compressed by gzip or bzip2,
            with its 23 or 25 columns or with a header), a Parquet file with columns of these
            names, a folder of these, or a dataset or folder of the Hub with Parquet files, such as
            `hf://datasets/common-canvas/commoncatalog-cc-by`.

    Returns:
        At least one file, in the order of their names.

    Raises:
        MetadataError: there is none.
        RemoteError: the Hub refuses, cannot be reached, or fails for long.
    """
    if is_remote(source):
        return _on_the_hub(str(source))
    path = Path(source).expanduser().absolute()
    found = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not found:
        raise MetadataError(
            f"{path}: expected Parquet files with titles in this folder, found none.",
            path=str(path),
        )
    return [TitleFile(str(each), partial(_read, each)) for each in found]


def _on_the_hub(address: str) -> list[TitleFile]:
    variable = offline_variable()
    if variable is not None:
        raise RemoteError(
            f"{address}: expected to reach the Hub, found {variable} set. Unset it, or give a "
            "local copy.",
            url=address,
        )
    hub = huggingface_hub.HfFileSystem(skip_instance_cache=True)
    found = retried(address, lambda: [str(path) for path in hub.find(address)])
    files = sorted(path for path in found if path.endswith(".parquet"))
    if not files:
        raise RemoteError(
            f"{address}: expected Parquet files with titles, found none. Check the address.",
            url=address,
        )
    return [TitleFile(f"{HUB}{file}", partial(_read_remote, hub, file), True) for file in files]


def retried(address: str, work: Callable[[], Any]) -> Any:
    """Calls a function that asks the Hub, again while its failure is transient.

    Args:
        address: What it asks for, for messages.
        work: The function.

    Returns:
        What it returns.

    Raises:
        RemoteError: the Hub refuses, cannot be reached, or fails for long.
    """
    failures = 0
    while True:
        try:
            return work()
        except client_errors() as err:
            failures += 1
            if not any(map(is_transient, causes(err))) or failures >= _RETRY.attempts:
                raise RemoteError(
                    f"{address}: expected Parquet files with titles, found: {describe(err)}. Check "
                    "the address and the network, or give a local copy.",
                    url=address,
                ) from err
            logger.warning("%s: %s; retrying", address, describe(err, limit=80))
            time.sleep(_RETRY.backoff(failures))


def _read_remote(hub: Any, path: str) -> Iterator[pa.RecordBatch]:
    """The columns that are needed, and no others, a row group at a time."""
    with hub.open(path, "rb", cache_type="none") as file:
        parquet = pq.ParquetFile(file, pre_buffer=True)
        columns = _columns(f"{HUB}{path}", parquet.schema_arrow.names)
        for group in range(parquet.num_row_groups):
            yield from parquet.iter_batches(row_groups=[group], columns=columns)


def _read(path: Path) -> Iterator[pa.RecordBatch]:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
        if magic == b"PAR1":
            parquet = pq.ParquetFile(path)
            columns = _columns(str(path), parquet.schema_arrow.names)
            yield from parquet.iter_batches(columns=columns)
        else:
            packed = next(
                (name for begin, name in _COMPRESSIONS.items() if magic.startswith(begin)), None
            )
            yield from _read_lines(path, packed)
    except (OSError, pa.ArrowInvalid) as err:
        raise MetadataError(
            f"{path}: expected YFCC100M's metadata, tab-separated or as Parquet, found: {err}. "
            "Check the file.",
            path=str(path),
        ) from err


def _read_lines(path: Path, packed: str | None) -> Iterator[pa.RecordBatch]:
    def opened() -> pa.NativeFile:
        file = pa.OSFile(os.fsencode(path))
        return pa.CompressedInputStream(file, packed) if packed else file

    with opened() as stream:
        first = (
            stream.read(_FIRST_LINE_BYTES)
            .partition(b"\n")[0]
            .decode("utf-8", "replace")
            .rstrip("\r")
            .split("\t")
        )
    header = {"title", "pageurl"} <= {name.lower() for name in first}
    names = [name.lower() for name in first] if header else _EDITIONS.get(len(first), [])
    columns = _columns(str(path), names or [f"{len(first)} columns without names"])
    skipped = 0

    def skip(row: object) -> str:
        nonlocal skipped
        skipped += 1
        return "skip"

    yield from pa.csv.open_csv(
        opened(),
        read_options=pa.csv.ReadOptions(
            column_names=names, skip_rows=int(header), block_size=_BLOCK_BYTES, use_threads=False
        ),
        parse_options=pa.csv.ParseOptions(
            delimiter="\t", quote_char=False, invalid_row_handler=skip
        ),
        convert_options=pa.csv.ConvertOptions(
            include_columns=columns,
            column_types=dict.fromkeys(columns, pa.string()),
            strings_can_be_null=False,
        ),
    )
    if skipped:
        logger.warning(
            "%s: %s lines have another number of columns; they are skipped.",
            path,
            f"{skipped:,}",
        )


def _columns(path: str, names: list[str]) -> list[str]:
    key = next((name for name in _KEYS if name in names), None)
    if key is None or not set(_NEEDED) <= set(names):
        raise MetadataError(
            f"{path}: expected YFCC100M's 23 or 25 columns, or by name at least "
            f"{', '.join(_NEEDED)} and one of {' and '.join(_KEYS)}, found {', '.join(names)}. "
            "Check the file.",
            path=path,
        )
    return [key, *_NEEDED, *(name for name in ("licensename",) if name in names)]
