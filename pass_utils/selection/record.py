"""The record of a selection: which rows of which release, in words, as JSON and as a digest.

It travels into the manifest of a subset, the state of an export, cards and reports. Lists of hashes
are in it by their number and digest, never by the path of a file.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, datetime
from numbers import Integral, Real
from typing import Any, TypeAlias

import pyarrow as pa

from ..errors import SelectionError
from ..hashes import Keys
from ..releases import find_release
from .bounds import Bounds
from .lists import HashList, read_hashes
from .removals import read_removals

Hashes: TypeAlias = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
_LISTS = ("include", "exclude", "withhold_names")
_DATES = ("min_date", "max_date")
# what is bounded: its least value's name for people, its greatest value's, the unit
_BOUNDED = {
    "side": ("shorter side", "longer side", " pixels"),
    "width": ("width", "width", " pixels"),
    "height": ("height", "height", " pixels"),
    "pixels": ("width times height", "width times height", ""),
    "aspect": ("width by height", "width by height", ""),
}


@dataclass(frozen=True)
class Selection:
    """Which rows were asked for; None where something was not asked for.

    Attributes:
        release: The name of the release, such as `"v3"`.
        shards: The numbers of the shards.
        include: The hashes that may be there; what `read_hashes` reads becomes a list.
        exclude: The hashes that may not be there; what `read_removals` reads becomes this list and
            `withhold_names`.
        withhold_names: The hashes of images whose creator is not named.
        drop_withdrawn: The name of the release whose images alone may be there.
        has_gps: True for images with a location, False for those without.
        min_date: The first day on which an image may have been taken.
        max_date: The last day on which an image may have been taken.
        per_creator: How many images of each creator at most, by keyed hash. Images without a
            creator's name count each for themselves.
        bounds: Bounds on the width and height.
        sample: How many images at most: those with the smallest SHA-256 of `"<seed>:<hash>"` among
            all that the rest leaves.
        test_size: The share of creators in the split `test`, where the rows were split in two.
        seed: The key of `sample`, `per_creator` and `test_size`.
    """

    release: str | None = None
    shards: tuple[int, ...] | None = None
    include: HashList | None = None
    exclude: HashList | None = None
    withhold_names: HashList | None = None
    drop_withdrawn: str | None = None
    has_gps: bool | None = None
    min_date: date | None = None
    max_date: date | None = None
    per_creator: int | None = None
    bounds: Bounds | None = None
    sample: int | None = None
    test_size: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("per_creator", "sample"):
            number = getattr(self, name)
            if number is not None and (not is_whole(number) or number < 1):
                raise SelectionError(f"{name}: expected a number, at least 1, found {number!r}.")
        if self.test_size is not None:
            check_test_size(self.test_size)
        check_seed(self.seed)
        if self.has_gps is not None and not isinstance(self.has_gps, bool):
            raise SelectionError(f"has_gps: expected True or False, found {self.has_gps!r}.")
        if self.include is not None and not isinstance(self.include, HashList):
            self._set("include", read_hashes(self.include))
        if self.exclude is not None and not isinstance(self.exclude, HashList):
            images, names = read_removals(self.exclude)
            self._set("exclude", images if len(images) or not len(names) else None)
            if len(names):
                self._set("withhold_names", names)
        if self.drop_withdrawn is not None:
            self._set("drop_withdrawn", find_release(self.drop_withdrawn).name)
        for name in _DATES:
            self._set(name, _as_date(name, getattr(self, name)))
        if self.shards is not None:
            self._set("shards", tuple(self.shards))
        if self.min_date and self.max_date and self.min_date > self.max_date:
            raise SelectionError(
                f"min_date: expected a day up to max_date {self.max_date}, found {self.min_date}."
            )

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    @property
    def by_metadata(self) -> bool:
        """Whether the CSV is needed to choose, beyond the shards."""
        others = (self.exclude, self.withhold_names, self.drop_withdrawn)
        return self.is_subset or any(value is not None for value in others)

    @property
    def is_subset(self) -> bool:
        """Whether it asks for single images of a release rather than for its shards: for a sample,
        a list, or what else the CSV knows. To leave images or names out does not.
        """
        asked = (self.include, self.has_gps, self.min_date, self.max_date, self.per_creator)
        return self.sample is not None or any(value is not None for value in asked)

    def words(self) -> str | None:
        """Returns what was chosen, for people; None for all of the release.

        >>> Selection(shards=(0, 3), bounds=Bounds(min_side=375), sample=3000, seed=51).words()
        'from shards 0 and 3; shorter side at least 375 pixels; a sample of 3,000 with seed 51'
        """
        said = [*self._metadata_words(), *self._bounds_words()]
        if self.sample is not None:
            said.append(f"a sample of {self.sample:,} with seed {self.seed}")
        if self.test_size is not None:
            said.append(
                f"split by creator, {self.test_size} of them in test, with seed {self.seed}"
            )
        return "; ".join(said) or None

    def _metadata_words(self) -> Iterable[str]:
        if self.shards is not None:
            *others, last = map(str, self.shards)
            yield f"from shards {', '.join(others)} and {last}" if others else f"from shard {last}"
        for words, listed in (("in", self.include), ("not in", self.exclude)):
            if listed is not None:
                noun = "hash" if len(listed) == 1 else "hashes"
                yield f"{words} a list of {len(listed):,} {noun} ({listed.digest[:12]})"
        if self.withhold_names is not None:
            count = len(self.withhold_names)
            noun = "image" if count == 1 else "images"
            yield f"the creators of {count:,} {noun} not named ({self.withhold_names.digest[:12]})"
        if self.drop_withdrawn is not None:
            yield f"still in release {self.drop_withdrawn}"
        if self.has_gps is not None:
            yield "with a location" if self.has_gps else "without a location"
        if self.min_date and self.max_date:
            yield f"taken from {self.min_date} to {self.max_date}"
        elif self.min_date or self.max_date:
            yield f"taken {'from' if self.min_date else 'up to'} {self.min_date or self.max_date}"
        if self.per_creator is not None:
            seed = "" if self.sample is not None else f" with seed {self.seed}"
            yield f"at most {self.per_creator:,} of each creator{seed}"

    def _bounds_words(self) -> Iterable[str]:
        given = {} if self.bounds is None else asdict(self.bounds)
        for what, (least, greatest, unit) in _BOUNDED.items():
            for end, text, name in (("min", "at least", least), ("max", "at most", greatest)):
                if given.get(f"{end}_{what}") is not None:
                    yield f"{name} {text} {given[f'{end}_{what}']:,}{unit}"

    def command_options(self) -> str:
        """Returns the options of the command line that ask for the same; lists are `FILE`.

        >>> Selection(release="v3", shards=(0, 3), bounds=Bounds(min_side=375)).command_options()
        '--release v3 --shards 0,3 --min-side 375'
        """
        words: list[str] = []
        for name, value in self.to_json().items():
            if name == "withhold_names":  # comes from a file that excludes
                name = "exclude"
                if "exclude" in self.to_json():
                    continue
            option = f"--{name.replace('_', '-')}"
            if name in _LISTS:
                value = "FILE"
            elif name == "shards":
                value = ",".join(map(str, value))
            if name == "has_gps":
                words.append(option if value else "--no-gps")
            else:
                words.append(f"{option} {value}")
        return " ".join(words)

    def to_json(self, *, hashes: bool = False) -> dict[str, Any]:
        """Returns what was asked for as values of JSON.

        Args:
            hashes: Whether lists are given with their hashes, beside number and digest.
        """
        document: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name == "bounds":
                bounds = {} if value is None else asdict(value)
                document |= {name: bound for name, bound in bounds.items() if bound is not None}
            elif each.name == "seed":
                if any(
                    each is not None for each in (self.sample, self.per_creator, self.test_size)
                ):
                    document["seed"] = value
            elif value is not None:
                document[each.name] = _as_json(value, hashes=hashes)
        return document

    @classmethod
    def from_json(cls, document: Any) -> Selection:
        """Returns the selection that `to_json` wrote.

        Raises:
            SelectionError: it is something else.
        """
        names = {each.name for each in fields(cls)} - {"bounds"}
        bounds = {each.name for each in fields(Bounds)}
        if not isinstance(document, Mapping) or not names | bounds >= document.keys():
            raise SelectionError(
                f"expected the record of a selection ({', '.join(sorted(names))}, or a bound such "
                f"as min_side), found {str(document)[:200]!r}."
            )
        given = {name: value for name, value in document.items() if name in names}
        given |= {name: _list_of(name, given[name]) for name in _LISTS if name in given}
        chosen = {name: value for name, value in document.items() if name in bounds}
        return cls(**given, bounds=Bounds(**chosen) if chosen else None)

    @property
    def digest(self) -> str:
        """The SHA-256 of the record in JSON: equal for equal selections."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def keys_of(self, name: str) -> Keys | None:
        """Returns the keys of the list of this name; None where there is none.

        Raises:
            SelectionError: only its digest was recorded, or it is to include and has no hashes.
        """
        listed: HashList | None = getattr(self, name)
        if listed is None:
            return None
        if listed.keys is None:
            raise SelectionError(
                f"{name}: expected a list with its hashes, found the record of one "
                f"({len(listed):,} hashes). Give the list again."
            )
        if not len(listed) and name == "include":
            raise SelectionError("include: expected at least one hash, found none.")
        return listed.keys

    def replace(self, **changes: Any) -> Selection:
        """Returns the selection with some of its values changed."""
        return replace(self, **changes)


def check_test_size(test_size: object) -> float:
    """Checks a share of creators.

    Raises:
        SelectionError: it is no number above 0 and below 1.
    """
    if (
        isinstance(test_size, bool)
        or not isinstance(test_size, Real)
        or not 0 < float(test_size) < 1
    ):
        raise SelectionError(
            f"test_size: expected a share above 0 and below 1, such as 0.05, found {test_size!r}."
        )
    return float(test_size)


def check_seed(seed: object) -> None:
    """Checks the key of keyed hashes.

    Raises:
        SelectionError: it is no whole number.
    """
    if not is_whole(seed):
        raise SelectionError(f"seed: expected a whole number, found {seed!r}.")


def is_whole(value: object) -> bool:
    """Whether a value is a whole number by type, and no boolean."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def _as_date(name: str, value: Any) -> date | None:
    """A day given as a date, a time or text."""
    if isinstance(value, datetime):
        return value.date()
    if value is None or isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError) as err:
        raise SelectionError(
            f"{name}: expected a day such as 2010-12-31, found {value!r}."
        ) from err


def _as_json(value: Any, *, hashes: bool) -> Any:
    if isinstance(value, HashList):
        listed: dict[str, Any] = {"count": value.count, "sha256": value.digest}
        if hashes and value.keys is not None:
            listed["hashes"] = value.keys.text().to_pylist()
        return listed
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, (str, bool)):
        return value
    return int(value) if isinstance(value, Integral) else float(value)


def _list_of(name: str, value: Any) -> HashList:
    try:
        if "hashes" in value:
            return HashList.of(Keys.of(pa.array(value["hashes"], pa.string())))
        return HashList(digest=str(value["sha256"]), count=int(value["count"]))
    except (TypeError, KeyError, ValueError, pa.ArrowInvalid, pa.ArrowTypeError) as err:
        raise SelectionError(
            f"{name}: expected a list by `count` and `sha256`, found {str(value)[:200]!r}."
        ) from err
