"""What was pushed in, the repository's README.md out: YAML that the Hub and `datasets` read, and a
text that people do.
"""

from __future__ import annotations

import re
from typing import Any

import datasets
import jinja2
import yaml
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCard, DatasetCardData

from ..errors import RemoteError
from ..releases import Release, script
from .survey import Survey, quantiles

_FACTS: dict[str, Any] = {  # of PASS, for a card that does not say so yet
    "annotations_creators": ["no-annotation"],
    "language": ["en"],
    "license": ["cc-by-4.0", "cc-by-2.0"],
    "pretty_name": "Pictures without humAns for Self-Supervision",
    "source_datasets": ["extended|yffc100M"],
    "tags": ["self-supervised pretraining", "images", "pass"],
    "task_categories": ["other"],
    "paperswithcode_id": "pass",
}
_FRONT = re.compile(r"\A\s*---\r?\n.*?\n---\r?\n", re.DOTALL)


def write_card(
    before: str,
    *,
    repo_id: str,
    config: str,
    folder: str,
    survey: Survey,
    release: Release | None,
    selection: str | None,
    credits: str | None,
) -> str:
    """The README.md of a repository whose `folder` holds a config's files; `credits` is the path of
    the credit list there.

    Of the README.md that was there `before` all is kept that speaks of something else: what its
    YAML says of other configs and of the dataset, and its text but for what an earlier push wrote
    of this config.
    """
    data = _data_of(before)
    if release is not None:
        for key, value in _FACTS.items():
            if data.get(key) is None:
                data[key] = value
    data["size_categories"] = [_size_category(survey.rows)]
    splits = datasets.SplitDict()
    for name, part in survey.parts.items():
        splits.add(datasets.SplitInfo(name=name, num_bytes=part.row_bytes, num_examples=part.rows))
    info = datasets.DatasetInfo(
        features=survey.features,
        splits=splits,
        download_size=sum(part.file_bytes for part in survey.parts.values()),
        dataset_size=sum(part.row_bytes for part in survey.parts.values()),
    )
    datasets.info.DatasetInfosDict({config: info}).to_dataset_card_data(data)
    files = [{"split": name, "path": f"{folder}/{name}-*.parquet"} for name in survey.parts]
    MetadataConfigs({config: {"data_files": files}}).to_dataset_card_data(data)
    text = (
        _environment()
        .get_template("card.md.jinja")
        .render(
            name=repo_id.rpartition("/")[2],
            repo_id=repo_id,
            config=config,
            first_split=next(iter(survey.parts), "train"),
            survey=survey,
            short=quantiles(survey.short),
            long=quantiles(survey.long),
            years=sorted(survey.years),
            release=release,
            selection=_one_line(selection),
            credits=credits,
            citation=script.CITATION,
            homepage=script.HOMEPAGE,
        )
    )
    return f"---\n{data.to_yaml()}\n---\n{_put(_FRONT.sub('', before), config, text.strip())}"


def _data_of(card: str) -> Any:
    """What the YAML of a card says.

    Raises:
        RemoteError: it is broken.
    """
    try:
        return DatasetCard(card).data if _FRONT.match(card) else DatasetCardData()
    except (ValueError, TypeError, yaml.YAMLError) as err:
        raise RemoteError(
            f"README.md: expected YAML between two lines of ---, found: {err}. Mend it in the "
            "repository, and push again."
        ) from err


def patterns_of_others(card: str, config: str) -> list[str]:
    """The patterns of the files that a card gives to other configs.

    Raises:
        RemoteError: its YAML is broken.
    """
    patterns: list[str] = []
    for other in _data_of(card).get("configs") or ():
        files = (
            other.get("data_files", ())
            if isinstance(other, dict) and other.get("config_name") != config
            else ()
        )
        for entry in [files] if isinstance(files, (str, dict)) else files:
            paths = entry.get("path", ()) if isinstance(entry, dict) else entry
            patterns += [paths] if isinstance(paths, str) else map(str, paths)
    return patterns


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


def _one_line(text: str | None) -> str | None:
    """Text from elsewhere, unable to end the line, open a tag or close our comment."""
    return text and " ".join(text.replace("<", "&lt;").split()).rstrip(".")


def _size_category(rows: int) -> str:
    """What the Hub calls a dataset of that size.

    >>> _size_category(1_439_588)
    '1M<n<10M'
    """
    names = ["1K", "10K", "100K", "1M", "10M", "100M", "1B"]
    for number, name in enumerate(names):
        if rows < 1000 * 10**number:
            return f"{names[number - 1]}<n<{name}" if number else "n<1K"
    return "n>1B"


def _environment() -> jinja2.Environment:
    return jinja2.Environment(  # of Markdown: nothing is escaped
        loader=jinja2.PackageLoader("pass_utils.pages"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
