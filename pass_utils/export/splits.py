"""The names of the splits in a folder in, whether and how `load_dataset` finds them out.

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


def check_splits(splits: Sequence[str]) -> None:
    """Refuse names of splits that a reader which goes by the names of files would merge, or not
    find.

    Raises:
        ExportError: there are such names.
    """
    found = [_FOUND_AS.get(split) for split in splits]
    if len(splits) > 1 and (None in found or len(set(found)) < len(found)):
        raise ExportError(
            "split: expected names that `load_dataset` tells apart by itself, such as train, "
            f"validation and test, found {', '.join(splits)}. Rename them, write each into a "
            "folder of its own, or write Parquet, with any names."
        )


def write_configs(output: Output, splits: Sequence[str]) -> None:
    """Say in the folder's README.md which Parquet files are which split, unless there is train
    only; keep what else it says.

    Raises:
        ExportError: it cannot be written, or is no card.
    """
    from datasets.utils.metadata import MetadataConfigs
    from huggingface_hub import DatasetCard, DatasetCardData

    if list(splits) == ["train"]:
        return
    before = output.read(CARD_FILE) if CARD_FILE in output.names() else None
    files = [{"split": split, "path": f"{split}-*.parquet"} for split in splits]
    try:
        card = DatasetCard(
            before.decode() if before is not None else f"---\n{DatasetCardData()}\n---\n"
        )
        MetadataConfigs({"default": {"data_files": files}}).to_dataset_card_data(card.data)
        after = str(card).encode()
    except (ValueError, TypeError) as err:
        raise ExportError(
            f"{output}/{CARD_FILE}: expected a dataset card, found: {err}. Mend or delete it, and "
            "run the same again.",
            path=str(output),
        ) from err
    if after != before:
        with output.create(CARD_FILE) as sink:
            sink.write(after)
