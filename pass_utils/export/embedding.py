"""Embedding: put the bytes of images that lie in shards or files into the table of a row group."""

from __future__ import annotations

import datasets
import pyarrow as pa

from .._datasets import embed_storage, image_columns
from ..images.files import embed
from .originals import check_embedded


def embed_table(table: pa.Table, features: datasets.Features) -> pa.Table:
    """Embed the images of a row group.

    Args:
        table: Rows as `datasets` stores them: images by place, by path or with their bytes.
        features: Of the rows; their order is that of the columns.

    Returns:
        The rows in the schema of the features, each image with its bytes and a file name.

    Raises:
        ExportError: a file of this machine is no image.
        PassError: an image is gone or has changed.
    """
    images = set(image_columns(features))
    columns = []
    for field in features.arrow_schema:
        array = table[field.name].combine_chunks()
        array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
        if field.name in images:
            embedded = embed(features[field.name].cast_storage(array))
        else:  # images in lists
            embedded = embed_storage(array, features[field.name])
        check_embedded(array, embedded)
        columns.append(embedded.cast(field.type))
    return pa.Table.from_arrays(columns, schema=features.arrow_schema)
