"""The one door to `datasets`: the splits of what a user passes, and the private parts that we use.

Every function that takes a dataset opens it here, so that all accept the same things and refuse the
rest with the same error. `datasets` changes its private parts without notice; those that we touch
(all but the builder's and the registry's) are touched in this package only, each with the versions
in which it was seen. Private.
"""

from .patching import leave_unpatched
from .splits import AnyDataset, Part, Splits, image_column, image_columns, open_splits
from .storage import (
    TYPE,
    Rows,
    cast_table,
    embed_storage,
    file_size,
    images_in_memory,
    keep_rows,
    open_file,
    progress_bars,
    read_file,
    replace_column,
    select_rows,
    stored_chunks,
    stored_indices,
    stored_table,
)
from .streams import format_type, known_features, map_stream, stream_tables, with_known_features

__all__ = [
    "TYPE",
    "AnyDataset",
    "Part",
    "Rows",
    "Splits",
    "cast_table",
    "embed_storage",
    "file_size",
    "format_type",
    "image_column",
    "image_columns",
    "images_in_memory",
    "keep_rows",
    "known_features",
    "leave_unpatched",
    "map_stream",
    "open_file",
    "open_splits",
    "progress_bars",
    "read_file",
    "replace_column",
    "select_rows",
    "stored_chunks",
    "stored_indices",
    "stored_table",
    "stream_tables",
    "with_known_features",
]
