"""The card of a repository, README.md: YAML for the Hub and `datasets`, and text for people."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import datasets
import yaml
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCard, DatasetCardData

from .._util.text import plain_line
from ..errors import RemoteError
from ..pages.markdown import environment, inline
from ..releases import (
    DATASET_LICENSE,
    DATASET_LICENSE_URL,
    DATASET_SPDX,
    LICENSE,
    LICENSE_URL,
    SPDX,
    WITHHELD_CREATOR,
    Release,
    script,
)
from ..statistics import quantiles
from .contents import Contents

_FACTS: dict[str, Any] = {  # of PASS, for a card that does not say so yet
    "annotations_creators": ["no-annotation"],
    "language": ["en"],
    "license": [DATASET_SPDX.lower(), SPDX.lower()],
    "pretty_name": "Pictures without humAns for Self-Supervision",
    "source_datasets": ["extended|yffc100M"],
    "tags": ["self-supervised pretraining", "images", "pass"],
    "task_categories": ["other"],
    "paperswithcode_id": "pass",
}
_LICENCES = {
    "dataset": {"name": DATASET_LICENSE, "url": DATASET_LICENSE_URL},
    "photo": {"name": LICENSE, "url": LICENSE_URL},
}
_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_FRONT = re.compile(r"\A\s*---\r?\n.*?\n---\r?\n", re.DOTALL)


class Card(NamedTuple):
    """A README.md.

    Attributes:
        data: What its YAML says.
        text: What follows that.
    """

    data: Any
    text: str


def read_card(content: bytes) -> Card:
    """Read the README.md of a repository.

    Args:
        content: Its bytes; a byte order mark is left out. Empty where there is none.

    Raises:
        RemoteError: it is not UTF-8, its YAML is broken, or its `configs` or `dataset_info` are
            not what the Hub takes there.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise _refused("UTF-8", str(err)) from err
    try:
        data = DatasetCard(text).data if _FRONT.match(text) else DatasetCardData()
    except (ValueError, TypeError, AttributeError, yaml.YAMLError) as err:
        raise _refused("YAML between two lines of ---", str(err)) from err
    configs, info = data.get("configs"), data.get("dataset_info")
    if not _is_list_of_dicts([] if configs is None else configs):
        raise _refused("a list of configs, each with its config_name", f"configs: {configs!r}")
    if info is not None and not _is_list_of_dicts(info if isinstance(info, list) else [info]):
        raise _refused("a mapping, or a list of them", f"dataset_info: {info!r}")
    for config in configs or ():
        files = config.get("data_files", ())
        if not isinstance(files, (str, dict, list, tuple)):
            raise _refused("data_files with a path or a list of them", f"data_files: {files!r}")
    return Card(data, _FRONT.sub("", text))


def _is_list_of_dicts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def _refused(expected: str, found: str) -> RemoteError:
    return RemoteError(
        f"README.md: expected {expected}, found: {plain_line(found)}. Fix it in the repository, "
        "and push again."
    )


def other_patterns(card: Card, config: str) -> list[str]:
    """The patterns of the files that a card gives to other configs.

    Args:
        card: Of the repository.
        config: The name of the config that they do not belong to.
    """
    patterns: list[str] = []
    for other in card.data.get("configs") or ():
        files = other.get("data_files", ()) if other.get("config_name") != config else ()
        for entry in [files] if isinstance(files, (str, dict)) else files:
            paths = entry.get("path", ()) if isinstance(entry, dict) else entry
            patterns += map(str, paths) if isinstance(paths, (list, tuple)) else [str(paths)]
    return patterns


def write_card(
    before: Card,
    *,
    repo_id: str,
    config: str,
    folder: str,
    contents: Contents,
    release: Release | None,
    selection: str | None,
    credits: str | None,
    changes: str | None = None,
) -> str:
    """Write what is pushed into the README.md of its repository.

    Kept is what speaks of something else: what the YAML says of other configs and of the dataset,
    and the text but for what an earlier push wrote of this config.

    Args:
        before: The card that was there.
        repo_id: The name of the repository.
        config: The name of the config that is pushed.
        folder: Which holds its files.
        contents: What was pushed.
        release: Which the rows come from, None where that is not known.
        selection: How they were chosen, for people.
        credits: The path of the credit list, None where there is none.
        changes: What was done to the images, for people.

    Returns:
        The text of the new README.md.

    Raises:
        RemoteError: the card cannot be written as the Hub takes it.
    """
    data = before.data
    if release is not None:
        for key, value in _FACTS.items():
            if data.get(key) is None:
                data[key] = value
    data["size_categories"] = [_size_category(contents.rows)]
    splits = datasets.SplitDict()
    for name, part in contents.parts.items():
        splits.add(datasets.SplitInfo(name=name, num_bytes=part.row_bytes, num_examples=part.rows))
    info = datasets.DatasetInfo(
        features=contents.features,
        splits=splits,
        download_size=sum(part.file_bytes for part in contents.parts.values()),
        dataset_size=sum(part.row_bytes for part in contents.parts.values()),
    )
    files = [{"split": name, "path": f"{folder}/{name}-*.parquet"} for name in contents.parts]
    try:
        datasets.info.DatasetInfosDict({config: info}).to_dataset_card_data(data)
        MetadataConfigs({config: {"data_files": files}}).to_dataset_card_data(data)
    except (ValueError, TypeError, KeyError, AttributeError) as err:
        raise _refused("configs and dataset_info as the Hub has them", repr(err)) from err
    statistics = contents.statistics
    resolutions = statistics.resolutions
    text = (
        environment()
        .get_template("card.md.jinja")
        .render(
            name=repo_id.rpartition("/")[2],
            repo_id=repo_id,
            config=config,
            first_split=next(iter(contents.parts), "train"),
            contents=contents,
            sides={
                "shorter": quantiles(resolutions.shorter_sides, _QUANTILES),
                "longer": quantiles(resolutions.longer_sides, _QUANTILES),
            },
            years=statistics.year,
            release=release,
            selection=inline(selection),
            changes=inline(changes),
            credits=credits,
            citation=script.CITATION,
            homepage=script.HOMEPAGE,
            withheld=WITHHELD_CREATOR,
            licences=_LICENCES,
        )
    )
    return f"---\n{data.to_yaml()}\n---\n{_put(before.text, config, text.strip())}"


def _put(text: str, config: str, ours: str) -> str:
    """The text with what is ours in place of what an earlier push wrote of this config, or at its
    end.
    """
    begin, end = (
        f"<!-- {mark} of what pass-utils writes of {config} -->" for mark in ("begin", "end")
    )
    block = f"{begin}\n{ours}\n{end}\n"
    found = re.search(f"{re.escape(begin)}.*?{re.escape(end)}\n?", text, re.DOTALL)
    if found:
        return text[: found.start()] + block + text[found.end() :]
    return f"{text.rstrip()}\n\n{block}".lstrip()


def _size_category(rows: int) -> str:
    """What the Hub calls a dataset of so many rows.

    >>> _size_category(1_439_588)
    '1M<n<10M'
    """
    names = ["1K", "10K", "100K", "1M", "10M", "100M", "1B"]
    for number, name in enumerate(names):
        if rows < 1000 * 10**number:
            return f"{names[number - 1]}<n<{name}" if number else "n<1K"
    return "n>1B"
