"""The files of a subset: a tar of its images, the CSV of their rows, and the manifest.

They are the same bytes for the same images, wherever these come from.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from .._util.atomic import atomic_write
from .._util.files import hash_file
from ..errors import DownloadError
from ..releases import METADATA_FILE, WITHHELD_USERNAME, File
from ..selection.manifest import MANIFEST_FILE, SUBSET_TAR, Manifest, Missing, SubsetImage
from ..selection.record import Selection

_FOLDER = "PASS_dataset/subset"  # of the tar's members; PASS has the number of the shard there
CREATOR = "unickname"  # a column of PASS's CSV
_BLOCK_BYTES = 1 << 20


def write_subset(
    folder: Path,
    selection: Selection,
    release_csv: Path,
    *,
    hashes: Sequence[str],
    read: Callable[[str], bytes],
    missing: Iterable[Missing],
    source: str,
) -> Manifest:
    """Writes the files of a subset, each atomically; it is complete when the manifest is there.

    Args:
        folder: Where to.
        selection: What was asked for.
        release_csv: The CSV that the images' rows are taken from.
        hashes: The images that are available, sorted.
        read: Gives the bytes of an image.
        missing: The images that are not available.
        source: Where the images come from.

    Raises:
        OSError: a file cannot be written.
        DownloadError: the CSV does not have a row for each image.
    """
    withheld = selection.keys_of("withhold_names")
    unnamed = pa.array([], pa.string()) if withheld is None else withheld.text()
    metadata = _write_csv(folder / METADATA_FILE, release_csv, hashes, unnamed)
    images: list[SubsetImage] = []
    with (
        atomic_write(folder / SUBSET_TAR) as part,
        tarfile.open(part, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for hash in hashes:
            data = read(hash)
            member = tarfile.TarInfo(f"{_FOLDER}/{hash}.jpg")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
            images.append(SubsetImage(hash, len(data), hashlib.sha256(data).hexdigest()))
    made = Manifest(
        selection=selection,
        files=(metadata, _file(folder / SUBSET_TAR)),
        images=tuple(images),
        missing=tuple(missing),
        source=source,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )
    made.write(folder / MANIFEST_FILE)
    return made


def _write_csv(
    path: Path, release_csv: Path, hashes: Sequence[str], unnamed: pa.StringArray
) -> File:
    """Copy the header and the rows of these hashes, in the order of the CSV they come from; some of
    them without the name of their creator.
    """
    wanted = pa.array(hashes, pa.string())
    rows = 0
    with atomic_write(path) as part, part.open("wb") as file:
        with release_csv.open(encoding="utf-8-sig", newline="") as header:
            names = next(csv.reader(header))
        file.write(_csv_lines([names]))
        reader = pa.csv.open_csv(
            pa.OSFile(os.fsencode(release_csv)),
            read_options=pa.csv.ReadOptions(
                block_size=_BLOCK_BYTES, use_threads=False, skip_rows=1, column_names=names
            ),
            convert_options=pa.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
        )
        column = names.index("hash")
        for batch in reader:
            chosen = batch.filter(pc.is_in(batch.column(column), wanted))
            rows += len(chosen)
            columns = dict(zip(names, chosen.columns, strict=True))
            withheld = pc.is_in(columns["hash"], unnamed)
            columns[CREATOR] = pc.if_else(withheld, WITHHELD_USERNAME, columns[CREATOR])
            lists = (each.to_pylist() for each in columns.values())
            file.write(_csv_lines(zip(*lists, strict=True)))
    if rows != len(hashes):
        raise DownloadError(
            f"{release_csv}: expected a row for each of {len(hashes):,} images, found {rows:,}. "
            "Was the file changed? Run the same again."
        )
    return _file(path)


def _file(path: Path) -> File:
    digest = hash_file(path)
    return File(path.name, path.stat().st_size, digest.hexdigest())


def _csv_lines(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
