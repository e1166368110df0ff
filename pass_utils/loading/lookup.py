"""One image of PASS by its hash: from a folder, or by URL."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from .._datasets import stored_table
from .._util.cache import cache_dir
from ..errors import RemoteError, SelectionError
from ..hashes import HASH_MEANS, Keys, are_hashes
from ..metadata import open_metadata
from ..net.images import fetch_images
from ..releases import FEATURES, Release, find_release
from ..transfer.download import fetch_metadata
from ..transfer.folder import folder_path, release_in
from ..transfer.journal import is_subset
from .rows import Join, read_single_images


def find_image(
    hash: str,
    data_dir: str | os.PathLike[str] | None = None,
    *,
    release: str | Release | None = None,
    decode: bool = True,
) -> dict[str, Any]:
    """Returns the row of one image.

    Args:
        hash: The image's hash, 16 to 32 lower-case hex characters.
        data_dir: A folder with shards or a subset, and the CSV; None to fetch the image by URL,
            and the release's CSV into the cache.
        release: The release; None for the one that the folder holds, and else the default one.
        decode: False for the image as a dict of `path` and `bytes`, as `Image(decode=False)` gives
            it.

    Returns:
        The row as `ds[i]` gives it.

    Raises:
        SelectionError: it is no hash, or there is no such image.
        RemoteError: the server does not give the image.
        ReleaseError: there is no such folder, or no shard in it.
    """
    if not are_hashes(pa.array([hash], pa.string()))[0].as_py():
        raise SelectionError(f"hash: expected {HASH_MEANS}, found {hash!r}.")
    if data_dir is None:
        return _fetch(hash, find_release(release), decode=decode)
    return _find(hash, folder_path(data_dir), release_in(data_dir, release), decode=decode)


def _find(hash: str, folder: Path, release: Release, *, decode: bool) -> dict[str, Any]:
    import datasets

    present = [number for number, file in release.shards.items() if (folder / file.name).is_file()]
    shards = None if is_subset(folder) or len(present) == len(release.shards) else present
    ds = datasets.load_dataset(
        "pass", release.name, data_dir=str(folder), shards=shards or None, split="train"
    )
    index = pc.index(stored_table(ds).column("hash"), hash).as_py()
    if index < 0:
        where = "" if shards is None else f" of the shards {', '.join(map(str, shards))}"
        raise SelectionError(
            f"{folder}: expected image {hash}, found none such among {len(ds):,} images{where}."
        )
    if not decode:
        ds = ds.cast_column("image", datasets.Image(decode=False))
    row: dict[str, Any] = ds[index]
    return row


def _fetch(hash: str, release: Release, *, decode: bool) -> dict[str, Any]:
    metadata = open_metadata(fetch_metadata(release), cache_dir())
    if metadata.keys.find(Keys.of(pa.array([hash], pa.string())))[0] < 0:
        raise SelectionError(f"hash: expected an image of release {release.name}, found {hash}.")
    (image,) = fetch_images([hash], connections=1)
    if image.data is None:
        raise RemoteError(f"{hash}: expected an image, found {image.reason}.")
    (table,) = read_single_images(Join(metadata), [(hash, image.data)], hash)
    row: dict[str, Any] = table.to_pylist()[0]
    return dict(FEATURES.decode_example(row)) if decode else row
