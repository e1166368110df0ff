"""The card of a repository, README.md: YAML for the Hub and `datasets`, and text for people."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import date
from typing import Any, NamedTuple

import datasets
import yaml
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCard, DatasetCardData

from .. import datasheet
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
    UNKNOWN_CREATOR,
    WITHHELD_CREATOR,
    Release,
    script,
)
from ..statement.distribution import distribution_words
from ..statistics import quantiles
from .changelog import HEADING, grow_changelog
from .contents import Config, Contents
from .images import CardImage
from .sample import ROWS, SEED

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


def other_patterns(card: Card, configs: Collection[str]) -> list[str]:
    """The patterns of the files that a card gives to other configs.

    Args:
        card: Of the repository.
        configs: The names of those that they do not belong to.
    """
    patterns: list[str] = []
    for other in card.data.get("configs") or ():
        files = other.get("data_files", ()) if other.get("config_name") not in configs else ()
        for entry in [files] if isinstance(files, (str, dict)) else files:
            paths = entry.get("path", ()) if isinstance(entry, dict) else entry
            patterns += map(str, paths) if isinstance(paths, (list, tuple)) else [str(paths)]
    return patterns


class CardFacts(NamedTuple):
    """What is pushed, as a card describes it.

    Attributes:
        config: The name of the config.
        folder: Which holds its files.
        contents: What was written of it.
        release: Which the rows come from, None where that is not known.
        selection: How they were chosen, for people.
        changes: What was done to the images, for people.
        digest: Of the hashes of the images; empty where not each has one.
        credits: The path of the credit list, None where there is none.
        record: The path of the record, None where there is none.
        sample: The config with a sample, None where there is none.
        metadata: The config without images, None where there is none.
        images: Some that are shown.
    """

    config: str
    folder: str
    contents: Contents
    release: Release | None = None
    selection: str | None = None
    changes: str | None = None
    digest: str = ""
    credits: str | None = None
    record: str | None = None
    sample: Config | None = None
    metadata: Config | None = None
    images: Sequence[CardImage] = ()

    @property
    def main(self) -> Config:
        """The config with the images."""
        files = {split: f"{self.folder}/{split}-*.parquet" for split in self.contents.parts}
        return Config(self.config, self.contents.features, files, self.contents.parts)

    @property
    def configs(self) -> list[Config]:
        """All configs, that with the images first."""
        return [self.main, *(each for each in (self.sample, self.metadata) if each is not None)]


def write_card(before: Card, *, repo_id: str, url: str, facts: CardFacts, day: date) -> str:
    """Write what is pushed into the README.md of its repository.

    Kept is what speaks of something else: what the YAML says of other configs and of the dataset,
    and the text but for what an earlier push wrote of this config, whose changelog goes on.

    Args:
        before: The card that was there.
        repo_id: The name of the repository.
        url: The address of its page.
        facts: What is facts.
        day: When.

    Returns:
        The text of the new README.md.

    Raises:
        RemoteError: the card cannot be written as the Hub takes it.
    """
    data, contents, release = before.data, facts.contents, facts.release
    if release is not None:
        for key, value in _FACTS.items():
            if data.get(key) is None:
                data[key] = value
    data["size_categories"] = [_size_category(contents.rows)]
    try:
        for each in facts.configs:
            _write_config(data, each)
    except (ValueError, TypeError, KeyError, AttributeError) as err:
        raise _refused("configs and dataset_info as the Hub has them", repr(err)) from err
    statistics = contents.statistics
    resolutions = statistics.resolutions
    template = environment().get_template("card.md.jinja")
    text = template.render(
        name=repo_id.rpartition("/")[2],
        repo_id=repo_id,
        url=url,
        **facts._asdict()
        | {"selection": inline(facts.selection), "changes": inline(facts.changes)},
        first_split=next(iter(contents.parts), "train"),
        sides={
            "shorter": quantiles(resolutions.shorter_sides, _QUANTILES),
            "longer": quantiles(resolutions.longer_sides, _QUANTILES),
        },
        years=statistics.year,
        biases=[*datasheet.BIASES, *distribution_words(statistics), *datasheet.LIMITATIONS],
        changelog=grow_changelog(_block(before.text, facts.config), _entry(facts), day),
        changelog_heading=HEADING,
        sample_rows=ROWS,
        sample_seed=SEED,
        citation=script.CITATION,
        homepage=script.HOMEPAGE,
        withheld=WITHHELD_CREATOR,
        licences=_LICENCES,
        unknown_creator=UNKNOWN_CREATOR,
        inline=inline,
    )
    return f"---\n{data.to_yaml()}\n---\n{_put(before.text, facts.config, text.strip())}"


def _write_config(data: Any, config: Config) -> None:
    splits = datasets.SplitDict()
    for name, part in config.parts.items():
        splits.add(datasets.SplitInfo(name=name, num_bytes=part.row_bytes, num_examples=part.rows))
    info = datasets.DatasetInfo(
        features=config.features,
        splits=splits,
        download_size=sum(part.file_bytes for part in config.parts.values()),
        dataset_size=sum(part.row_bytes for part in config.parts.values()),
    )
    files = [{"split": name, "path": path} for name, path in config.files.items()]
    datasets.info.DatasetInfosDict({config.name: info}).to_dataset_card_data(data)
    MetadataConfigs({config.name: {"data_files": files}}).to_dataset_card_data(data)


def _entry(facts: CardFacts) -> str:
    """What a changelog says of a push."""
    parts = [f"{facts.contents.rows:,} image{'' if facts.contents.rows == 1 else 's'}"]
    parts[0] += f" of release {facts.release.name}" if facts.release else ""
    if facts.digest:
        parts.append(f"hashes `{facts.digest[:12]}`")
    if facts.selection:
        parts.append(inline(facts.selection))
    if facts.changes:
        parts.append(f"changed: {inline(facts.changes)}")
    return "; ".join(parts)


def _marks(config: str) -> tuple[str, str]:
    begin, end = (
        f"<!-- {mark} of what pass-utils writes of {config} -->" for mark in ("begin", "end")
    )
    return begin, end


def _block(text: str, config: str) -> str:
    """What an earlier push wrote of a config; empty where none did."""
    begin, end = _marks(config)
    return text.partition(begin)[2].partition(end)[0]


def _put(text: str, config: str, ours: str) -> str:
    """The text with what is ours in place of what an earlier push wrote of this config, or at its
    end.
    """
    begin, end = _marks(config)
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
