"""Labelled images for probes: an ImageFolder, or any dataset of the Hub with images and labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import datasets
from torchvision.datasets import ImageFolder

import pass_utils

TEST_NAMES = ("val", "valid", "validation", "test")


class DataError(pass_utils.PassError):
    """Images that a probe cannot be made of."""


class Labelled(NamedTuple):
    """Images to train and to test a probe: rows of (PIL image, label from 0), and the classes."""

    train: Any
    test: Any
    classes: tuple[str, ...]


class _Rows:
    """Rows of a dataset of the Hub as pairs."""

    def __init__(self, dataset: Any, image: str, label: str) -> None:
        self.dataset, self.image, self.label = dataset, image, label

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        row = self.dataset[index]
        return row[self.image], row[self.label]


def open_labelled(data: str) -> Labelled:
    """Open labelled images.

    Args:
        data: A folder with train/ and val/ (or test/), each with a folder for each class; or a
            dataset of the Hub, with `:` and its config where it has several.

    Raises:
        DataError: there are no such parts, no images, no labels, or other classes in the two.
    """
    folder = Path(data).expanduser()
    return _open_folder(folder) if folder.is_dir() else _open_hub(data)


def _open_folder(folder: Path) -> Labelled:
    test = next((folder / name for name in TEST_NAMES if (folder / name).is_dir()), None)
    if not (folder / "train").is_dir() or test is None:
        found = sorted(path.name for path in folder.iterdir() if path.is_dir())
        raise DataError(
            f"{folder}: expected the folders train and one of {', '.join(TEST_NAMES)}, found "
            f"{', '.join(found[:5]) or 'none'}."
        )
    try:
        parts = [ImageFolder(str(part)) for part in (folder / "train", test)]
    except FileNotFoundError as err:
        raise DataError(f"{folder}: expected a folder of images for each class: {err}") from err
    if parts[0].classes != parts[1].classes:
        odd = sorted(set(parts[0].classes) ^ set(parts[1].classes))
        raise DataError(
            f"{folder}: expected the same classes in train and {test.name}, found {odd[0]} in one "
            "of them only."
        )
    return Labelled(parts[0], parts[1], tuple(parts[0].classes))


def _open_hub(data: str) -> Labelled:
    name, _, config = data.partition(":")
    try:
        parts = datasets.load_dataset(name, config or None)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as err:
        raise DataError(
            f"{data}: expected a folder, or a dataset of the Hub with labels, found neither: {err}"
        ) from err
    test = next((each for each in TEST_NAMES if each in parts), None)
    if "train" not in parts or test is None:
        raise DataError(
            f"{data}: expected the splits train and one of {', '.join(TEST_NAMES)}, found "
            f"{', '.join(parts)}."
        )
    features = parts["train"].features
    images = [key for key, value in features.items() if isinstance(value, datasets.Image)]
    labels = [key for key, value in features.items() if isinstance(value, datasets.ClassLabel)]
    if not images or not labels:
        raise DataError(
            f"{data}: expected a column of images and one of class labels, found "
            f"{', '.join(features)}."
        )
    rows = [_Rows(parts[split], images[0], labels[0]) for split in ("train", test)]
    return Labelled(rows[0], rows[1], tuple(features[labels[0]].names))
