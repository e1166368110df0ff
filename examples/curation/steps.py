"""The steps that decide by metadata: functions from an Arrow table to the rows to keep.

A step gets the table and the options that its entry in the configuration has, and returns a Boolean
for each row. Row steps see a part of the table at a time; set steps see the columns `hash` and
`unickname` of all rows at once. Add a function to `ROW_STEPS` or `SET_STEPS` to add a step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from errors import CurationError

from pass_utils.hashes import Keys, are_hashes
from pass_utils.selection.lists import HashList, read_hashes
from pass_utils.selection.record import Selection
from pass_utils.selection.removals import read_removals
from pass_utils.selection.sample import choose_rows

Mask = npt.NDArray[np.bool_]
_LICENCE = "Attribution License"  # Flickr's name of CC BY 2.0


def photos(table: pa.Table) -> Mask:
    """Keeps photographs, which have the marker 0 in YFCC100M; videos have 1."""
    valid = are_hashes(table.column("hash"))
    return _mask(pc.and_(valid, pc.fill_null(pc.equal(table.column("marker"), "0"), False)))


def licence(table: pa.Table) -> Mask:
    """Keeps what is under Flickr's "Attribution License", CC BY 2.0.

    There is no option for other licences: the credits that pass_utils writes state CC BY 2.0 for
    each image, which would be false for them.
    """
    return _mask(pc.equal(table.column("licensename"), _LICENCE))


def location(table: pa.Table, *, present: bool = True) -> Mask:
    """Keeps images with a location, or without one."""
    both = pc.and_(table.column("latitude").is_valid(), table.column("longitude").is_valid())
    mask: Mask = _mask(both) == present
    return mask


def dates(table: pa.Table, *, first: str = "0000-00-00", last: str = "9999-99-99") -> Mask:
    """Keeps what was taken from a day to a day, both included: `"2004-05-17"`."""
    day = pc.utf8_slice_codeunits(table.column("datetaken"), 0, 10)
    return _mask(pc.and_(pc.greater_equal(day, str(first)), pc.less_equal(day, str(last))))


def removals(table: pa.Table, *, file: str) -> Mask:
    """Drops the images of a list: text, CSV, Parquet, JSON lines, or a CSV of removals.

    Images that such a CSV has with `withhold_name` stay; `withheld_names` gives them.
    """
    return ~_listed(table, read_removals(file).images)


def withheld_names(file: str) -> set[str]:
    """Returns the hashes of the images that a CSV of removals keeps without a creator's name."""
    names = read_removals(file).names.keys
    return set() if names is None else set(names.text().to_pylist())


def include(table: pa.Table, *, file: str) -> Mask:
    """Keeps the images of a list."""
    return _listed(table, read_hashes(file))


def unique(table: pa.Table) -> Mask:
    """Keeps the first row of each hash."""
    keys = Keys.of(table.column("hash").combine_chunks())
    order = np.lexsort((np.arange(len(keys)), keys.length, keys.low, keys.high))
    new = np.ones(len(keys), np.bool_)
    same = np.ones(max(len(keys) - 1, 0), np.bool_)
    for numbers in (keys.high, keys.low, keys.length):
        same &= numbers[order[1:]] == numbers[order[:-1]]
    new[order[1:][same]] = False
    return new


def per_creator(table: pa.Table, *, count: int, seed: int = 0) -> Mask:
    """Keeps at most `count` images of each creator, by keyed hash as `--per-creator` does."""
    return _chosen(table, Selection(per_creator=count, seed=seed))


def sample(table: pa.Table, *, count: int, seed: int = 0) -> Mask:
    """Keeps a sample of `count` images, by keyed hash as `--sample` does."""
    return _chosen(table, Selection(sample=count, seed=seed))


ROW_STEPS: Mapping[str, Callable[..., Mask]] = {
    each.__name__: each for each in (photos, licence, location, dates, removals, include)
}
SET_STEPS: Mapping[str, Callable[..., Mask]] = {
    each.__name__: each for each in (unique, per_creator, sample)
}


def _mask(values: pa.Array | pa.ChunkedArray) -> Mask:
    mask: Mask = pc.fill_null(values, False).to_numpy(zero_copy_only=False)
    return mask


def _listed(table: pa.Table, listed: HashList) -> Mask:
    if listed.keys is None:
        raise CurationError("expected a list with its hashes, found the record of one.")
    hashes = table.column("hash").combine_chunks()
    valid = _mask(are_hashes(hashes))
    found = np.zeros(len(hashes), np.bool_)
    found[valid] = listed.keys.find(Keys.of(hashes.filter(pa.array(valid)))) >= 0
    return found


def _chosen(table: pa.Table, selection: Selection) -> Mask:
    """The rows of a selection that needs hashes and creators alone."""
    keys = Keys.of(table.column("hash").combine_chunks())
    order = keys.order()
    creators = table.column("unickname").combine_chunks().take(pa.array(order))
    nothing = pa.nulls(len(order), pa.float32())
    values = pa.RecordBatch.from_arrays(
        [pc.if_else(pc.equal(creators, ""), None, creators), nothing, nothing]
        + [pa.nulls(len(order), pa.timestamp("us"))],
        names=["creator_username", "gps_latitude", "gps_longitude", "date_taken"],
    )
    chosen = choose_rows(keys.take(order), values, selection).rows
    mask = np.zeros(len(order), np.bool_)
    mask[order[chosen]] = True
    return mask
