"""Splits of an export: whether `load_dataset` finds them by file name, else how it is told.

By itself it finds a few names, anywhere in those of files: what is called train_small is merged
with train, and of train and large only one is found.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import ExportError
from .outputs import Output

CARD_FILE = "README.md"
_FOUND_AS = {  # the names that `datasets` looks for, and what it calls them
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "dev", "val"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}


def is_found(split: str) -> bool:
    """Whether `load_dataset` finds a split by file names.

    Args:
        split: Its name.
    """
    return split in _FOUND_AS


def check_splits(splits: Sequence[str]) -> None:
    """Check that readers which go by file names find every split, and merge none.

    Args:
        splits: The names of all splits of a folder.

    Raises:
        ExportError: they would not.
    """
    found = [_FOUND_AS.get(split) for split in splits]
    if len(splits) > 1 and (None in found or len(set(found)) < len(found)):
        raise ExportError(
            "split: expected names that `load_dataset` tells apart by itself, such as train, "
            f"validation and test, found {', '.join(splits)}. Rename them, write each into a "
            "folder of its own, or write Parquet, with any names."
        )


def write_configs(output: Output, splits: Sequence[str]) -> None:
    """Write into the folder's README.md which Parquet files are which split.

    What else the README.md says is kept. There is none where `train` is the only split.

    Args:
        output: The export's folder.
        splits: The names of all splits in it.

    Raises:
        ExportError: it cannot be written, or is no dataset card.
    """
    from datasets.utils.metadata import MetadataConfigs
    from huggingface_hub import DatasetCard, DatasetCardData

    if list(splits) == ["train"]:
        return
    before = output.read(CARD_FILE) if CARD_FILE in output.names() else None
    files = [{"split": split, "path": f"{split}-*.parquet"} for split in splits]
    try:
        card = DatasetCard(
            before.decode("utf-8-sig") if before is not None else f"---\n{DatasetCardData()}\n---\n"
        )
        MetadataConfigs({"default": {"data_files": files}}).to_dataset_card_data(card.data)
        after = str(card).encode()
    except (ValueError, TypeError, AttributeError) as err:
        raise ExportError(
            f"{output}/{CARD_FILE}: expected a dataset card, found: {err}. Fix or delete it, and "
            "run the same again.",
            path=str(output),
        ) from err
    if after != before:
        with output.create(CARD_FILE) as sink:
            sink.write(after)
