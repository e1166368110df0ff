"""Fingerprint: content hash of Arrow columns, independent of chunks, offsets and what lies below a
null.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def update_digest(digest: Any, column: pa.ChunkedArray) -> None:
    """Update a digest with the values of a column.

    Every length comes before what is so long, so that no two columns of one type give the same
    bytes.

    Args:
        digest: An object of hashlib.
        column: Values of any type that `datasets` stores.
    """
    array = column.combine_chunks()
    _update(digest, pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array)


def _update(digest: Any, array: pa.Array) -> None:
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    digest.update(len(array).to_bytes(8, "big") + array.null_count.to_bytes(8, "big"))
    if array.null_count:
        digest.update(np.packbits(array.is_valid().to_numpy(zero_copy_only=False)))
        array = array.drop_null()
    kind = array.type
    if not len(array):
        return
    if pa.types.is_dictionary(kind):
        _update(digest, array.dictionary_decode())
    elif pa.types.is_struct(kind):
        for values in array.flatten():
            _update(digest, values)
    elif (
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    ):
        digest.update(pc.list_value_length(array).to_numpy(zero_copy_only=False).astype(np.int64))
        _update(digest, array.flatten())
    elif pa.types.is_boolean(kind):
        digest.update(np.packbits(array.to_numpy(zero_copy_only=False)))
    elif pa.types.is_string(kind) or pa.types.is_binary(kind):
        _update_with_bytes(digest, array, np.int32)
    elif pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
        _update_with_bytes(digest, array, np.int64)
    elif (
        pa.types.is_primitive(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_fixed_size_binary(kind)
    ):
        width = kind.bit_width // 8
        digest.update(
            memoryview(array.buffers()[1])[
                array.offset * width : (array.offset + len(array)) * width
            ]
        )
    else:  # no feature of `datasets` is stored as one of these
        digest.update(repr(array.to_pylist()).encode())


def _update_with_bytes(digest: Any, array: pa.Array, kind: type[np.signedinteger[Any]]) -> None:
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, kind)[array.offset : array.offset + len(array) + 1].astype(
        np.int64
    )
    digest.update(ends - ends[0])
    if data is not None:
        digest.update(memoryview(data)[ends[0] : ends[-1]])
