"""The options that commands share: each has one name and one meaning everywhere."""

from __future__ import annotations

import functools
import importlib.util
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click


def _script() -> str:
    """The text of pass.py: importing it imports `datasets`, for which a help page does not wait."""
    spec = importlib.util.find_spec("pass")
    return Path(spec.origin).read_text(encoding="utf-8") if spec and spec.origin else ""


RELEASES = tuple(re.findall(r'^    "(\w+)": Release\(', _script(), re.MULTILINE))
DEFAULT_RELEASE = "".join(
    re.findall(r'^    DEFAULT_CONFIG_NAME = "(\w+)"', _script(), re.MULTILINE)
)
Function = TypeVar("Function", bound=Callable[..., Any])


# generic since click 8.4
class _ReleaseName(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """The name of a release, where an option need not have any."""

    name = "release"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name as it is."""
        if value not in RELEASES:
            self.fail(
                f"expected one of {', '.join(RELEASES)} or nothing, found {value!r}. Put FOLDER "
                "before this option.",
                param,
                ctx,
            )
        return str(value)


class _FiniteRange(click.FloatRange):
    """A range that `nan` and `inf` are not in."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """`"1.5"` as `1.5`."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"expected a number such as 1.5, found {value!r}.", param, ctx)
        return number


# The bounds of `filter_resolution`: the option's type, and what its least and its greatest value
# are of.
BOUNDED = {
    "side": (click.IntRange(min=1), "Shorter side in pixels", "Longer side in pixels"),
    "width": (click.IntRange(min=1), "Width in pixels", "Width in pixels"),
    "height": (click.IntRange(min=1), "Height in pixels", "Height in pixels"),
    "pixels": (click.IntRange(min=1), "Width times height", "Width times height"),
    "aspect": (_FiniteRange(min=0, min_open=True), "Width by height", "Width by height"),
}
_GREATEST_SHARD = 999
BOUNDS = tuple(f"{end}_{what}" for what in BOUNDED for end in ("min", "max"))
CHOICES = (
    *(
        "include",
        "exclude",
        "drop_withdrawn",
        "release_list",
        "has_gps",
        "min_date",
        "max_date",
        "per_creator",
    ),
    *("sample", "seed"),
)
SAVING = "pass_utils.saving"  # in the context: where `--save-selection` writes, and how
CHOOSING = ("release", "shards", *CHOICES, *BOUNDS)  # the options that choose images


# generic since click 8.4
class ShardNumbers(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """Shard numbers as people write them: `0,3-5`."""

    name = "numbers"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[int]:
        """`"0,3-5"` as `[0, 3, 4, 5]`."""
        if isinstance(value, list):
            return value
        numbers: list[int] = []
        for part in str(value).split(","):
            first, dash, last = part.partition("-")
            if not first.strip().isdecimal() or (dash and not last.strip().isdecimal()):
                self.fail(f"expected shard numbers such as 0,3-5, found {value!r}.", param, ctx)
            begin, end = int(first), int(last if dash else first)
            if not begin <= end <= _GREATEST_SHARD:
                self.fail(
                    f"expected shard numbers from small to large, such as 0,3-5, found {value!r}.",
                    param,
                    ctx,
                )
            numbers += range(begin, end + 1)
        if len(set(numbers)) < len(numbers):
            self.fail(
                f"expected shard numbers once each, such as 0,3-5, found {value!r}.", param, ctx
            )
        return numbers


# generic since click 8.4
class ColumnNames(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """Names of columns as people write them: `gps,date_taken`."""

    name = "names"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[str]:
        """`"gps,date_taken"` as `["gps", "date_taken"]`."""
        if isinstance(value, list):
            return value
        names = [name.strip() for name in str(value).split(",")]
        if not all(names):
            self.fail(f"expected names such as gps,date_taken, found {value!r}.", param, ctx)
        return names


folder = click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
shards = click.option(
    "--shards", type=ShardNumbers(), help="Shards by number, such as 0,3-5.  [default: all]"
)
quiet = click.option(
    "-q", "--quiet", is_flag=True, help="Show no progress; results and problems are printed."
)
as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print the result as one JSON document, for programs."
)
changes = click.option(
    "--changes",
    metavar="TEXT",
    help='What was done to the images, such as "cropped", for the credits.',
)
dry_run = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
base_url = click.option(
    "--base-url",
    metavar="URL",
    help="A mirror laid out as Zenodo's /records.  [default: $PASS_BASE_URL, or Zenodo]",
)


def saves_selection(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that write the record of a selection, which `save_selection` reads."""

    @functools.wraps(function)
    def saving(save_selection: Path | None, save_hashes: bool, **given: Any) -> Any:
        if save_hashes and save_selection is None:
            raise click.UsageError("--save-hashes: expected it beside --save-selection FILE.")
        if save_selection is not None and not save_selection.absolute().parent.is_dir():
            raise click.UsageError(
                f"--save-selection: expected the name of a file in a folder that is there, found "
                f"{save_selection}."
            )
        click.get_current_context().meta[SAVING] = (save_selection, save_hashes)
        return function(**given)

    file = click.option(
        "--save-selection",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Write which images were chosen, and how, into a JSON file.",
    )
    hashes = click.option(
        "--save-hashes", is_flag=True, help="Write their hashes into it, too, for --include."
    )
    decorated: Callable[..., Any] = file(hashes(saving))
    return decorated


def release_of(default: str) -> Callable[[Function], Function]:
    """The option that names a release, where it is so by default."""
    return click.option(
        "--release", type=click.Choice(RELEASES), help=f"Release of PASS.  [default: {default}]"
    )


def selection(function: Function) -> Function:
    """The options that choose a release and shards of it, for commands with a folder."""
    return release_of(f"what the folder holds, else {DEFAULT_RELEASE}")(shards(function))


def max_shard_size(default: str) -> Callable[[Function], Function]:
    """The option that says how large a file may be."""
    text = f"How large a file may be, such as 1GB.  [default: {default}]"
    return click.option("--max-shard-size", metavar="SIZE", help=text)


_LISTS = "a hash, or a file: text, URLs, CSV, Parquet, JSON lines, manifest; may be repeated."
_DAY = click.DateTime(["%Y-%m-%d"])
_CHOICE_OPTIONS = {
    "include": click.option(
        "--include", metavar="FILE", multiple=True, help=f"Only these images: {_LISTS}"
    ),
    "exclude": click.option(
        "--exclude",
        metavar="FILE",
        multiple=True,
        help=f"Not these images: {_LISTS.replace('manifest', 'manifest, removals')}",
    ),
    "drop_withdrawn": click.option(
        "--drop-withdrawn",
        type=_ReleaseName(),
        is_flag=False,
        flag_value=RELEASES[-1],
        metavar="[RELEASE]",
        help=f"Not what this release withdrew; {RELEASES[-1]} where none is named.",
    ),
    "release_list": click.option(
        "--release-list",
        metavar="FILE",
        help="The list of that release's images: its CSV, or URLs.  [default: fetched once]",
    ),
    "has_gps": click.option(
        "--has-gps/--no-gps", default=None, help="Only images with a location, or without one."
    ),
    "min_date": click.option(
        "--min-date", type=_DAY, metavar="YYYY-MM-DD", help="Taken on this day or later."
    ),
    "max_date": click.option(
        "--max-date", type=_DAY, metavar="YYYY-MM-DD", help="Taken on this day or earlier."
    ),
    "per_creator": click.option(
        "--per-creator",
        type=click.IntRange(min=1),
        metavar="N",
        help="At most N images of each creator.",
    ),
    "sample": click.option(
        "--sample",
        type=click.IntRange(min=1),
        metavar="N",
        help="A sample of N images, the same on every machine, before any bound on the size.",
    ),
    "seed": click.option(
        "--seed",
        type=int,
        metavar="N",
        help="Of --sample, --per-creator and --test-size.  [default: 0]",
    ),
}


_REWRITING = {
    "resize": click.option(
        "--resize",
        type=click.IntRange(min=1),
        metavar="N",
        help="Write images as JPEGs whose shorter side has N pixels at most.",
    ),
    "quality": click.option(
        "--quality",
        type=click.IntRange(1, 100),
        metavar="N",
        help="Of the JPEGs of --resize.  [default: 90]",
    ),
    "on_error": click.option(
        "--on-error",
        type=click.Choice(["raise", "skip"]),
        help="What to do about an image that --resize cannot decode: stop, or leave its row out."
        "  [default: raise]",
    ),
    "drop_columns": click.option(
        "--drop-columns",
        type=ColumnNames(),
        help="Columns to leave out, such as gps,date_taken; gps stands for both of the location.",
    ),
    "label_column": click.option(
        "--label-column",
        metavar="NAME",
        help="Add a column of this name with the label 0, for frameworks that want labels.",
    ),
}
test_size = click.option(
    "--test-size",
    type=click.FloatRange(min=0, max=1, min_open=True, max_open=True),
    metavar="SHARE",
    help="Split by creator: this share of the creators, such as 0.05, into test, the others into "
    "train.",
)


def rewriting(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how rows are rewritten on their way into files, which the function gets
    as its argument `rewriting`.
    """
    return _gathered(function, _REWRITING, "rewriting")


def _gathered(
    function: Callable[..., Any],
    options: Mapping[str, Callable[[Any], Any]],
    argument: str = "filters",
) -> Callable[..., Any]:
    """The function with these options, which it gets as one argument, as far as they were given."""

    @functools.wraps(function)
    def gathered(**given: Any) -> Any:
        values = {name: given.pop(name) for name in options}
        chosen = {name: value for name, value in values.items() if value not in (None, ())}
        return function(**{argument: chosen}, **given)

    decorated: Callable[..., Any] = gathered
    for option in reversed(list(options.values())):
        decorated = option(decorated)
    return decorated


def choices(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that choose images by hash and metadata."""
    return _gathered(function, _CHOICE_OPTIONS)


def filters(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that choose images by hash, by metadata, and by width and height."""
    return _gathered(function, {**_CHOICE_OPTIONS, **_bounds()})


def filters_of_credits(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same without `--exclude`, which leaves out creators as well in a list of credits."""
    options = {name: option for name, option in _CHOICE_OPTIONS.items() if name != "exclude"}
    return _gathered(function, {**options, **_bounds()})


def _bounds() -> dict[str, Callable[[Any], Any]]:
    options = {}
    for what, (kind, least, greatest) in BOUNDED.items():
        for end, text in (("min", f"{least}, at least."), ("max", f"{greatest}, at most.")):
            options[f"{end}_{what}"] = click.option(
                f"--{end}-{what}", type=kind, metavar="N", help=text
            )
    return options
