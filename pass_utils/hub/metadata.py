"""The config `metadata` of a push: all columns but the images, with width, height and credit."""

from __future__ import annotations

from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

from .._datasets import image_columns
from ..attribution.credit import credit_batch
from ..attribution.options import text_lines
from ..export.credits import COLUMNS
from ..export.parquet import parquet_options
from ..images.resolutions import table_resolutions
from ..releases import SPDX

GROUP_ROWS = 20_000  # of some 300 bytes
_ADDED = {
    "width": datasets.Value("int32"),
    "height": datasets.Value("int32"),
    "source_url": datasets.Value("string"),
    "credit": datasets.Value("string"),
    "license": datasets.Value("string"),
}


def metadata_features(features: datasets.Features) -> datasets.Features:
    """The features of the config: those that are no images, and what is added.

    Args:
        features: Of what is pushed.
    """
    images = image_columns(features)
    kept = {name: kind for name, kind in features.items() if name not in images}
    return datasets.Features({**kept, **{n: k for n, k in _ADDED.items() if n not in kept}})


class MetadataFile:
    """Writes the metadata of rows as they pass by into one Parquet file; a context manager.

    URLs are text: the Hub's viewer fetches no images from other hosts.

    Args:
        features: Of the rows, which have images, hashes of PASS and creators.
        path: The file.
        changes: What was done to the images, for the credits.
    """

    def __init__(self, features: datasets.Features, path: Path, *, changes: str | None) -> None:
        self.features = metadata_features(features)
        self._images = image_columns(features)
        self._changes = changes
        self._schema: pa.Schema = self.features.arrow_schema
        self._waiting: list[pa.Table] = []
        self._rows = 0
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd", **parquet_options())

    def add(self, table: pa.Table) -> int:
        """Write the metadata of some rows.

        Args:
            table: The rows, with the bytes of their images.

        Returns:
            The bytes that it takes in memory.

        Raises:
            AttributionError: a row has no hash of PASS.
        """
        hashes, creators = (table[name].cast(pa.string()).combine_chunks() for name in COLUMNS)
        credits = credit_batch(_one(hashes), _one(creators))
        column = "image" if "image" in self._images else self._images[0]
        found = table_resolutions(table.select([column]), column)
        sides = (pa.array(side, pa.int32(), mask=side < 0) for side in found.T)
        added = {
            **dict(zip(("width", "height"), sides, strict=True)),
            "source_url": credits.column("source_url"),
            "credit": text_lines(credits, self._changes),
            "license": pa.array([SPDX] * len(table), pa.string()),
        }
        columns = [added[name] if name in added else table[name] for name in self._schema.names]
        made = pa.table(columns, names=self._schema.names).cast(self._schema)
        self._waiting.append(made)
        self._rows += len(made)
        if self._rows >= GROUP_ROWS:
            self._flush()
        return int(made.nbytes)

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.concat_tables(self._waiting), row_group_size=GROUP_ROWS)
        self._waiting, self._rows = [], 0

    def __enter__(self) -> MetadataFile:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._flush()
        self._writer.close()


def _one(column: pa.Array | pa.ChunkedArray) -> pa.StringArray:
    return pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column
