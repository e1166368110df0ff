"""Frozen networks: preprocessing, pooled features and feature maps of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torchvision.transforms import InterpolationMode, v2
from weights import Weights

RATIO = 256 / 224  # of what images are resized to and the crop, as in the three official codes


class Preprocessing(NamedTuple):
    """What a network was trained to be given."""

    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    bicubic: bool = False


def method_of(weights: Weights) -> str:
    """Return the method that made the weights: "moco", "swav", "dino" or another name."""
    released = {"MoCo-v2": "moco", "SwAV": "swav", "DINO": "dino"}
    return released.get(weights.layout) or str((weights.recipe or {}).get("method", ""))


def preprocessing_of(weights: Weights) -> Preprocessing:
    """Return the preprocessing of the official evaluation, or of the recipe where there is one."""
    method, recipe = method_of(weights), weights.recipe or {}
    usual = Preprocessing(bicubic=method == "dino")  # dino: eval_linear.py
    if method == "swav":  # swav: eval_linear.py
        usual = usual._replace(std=(0.228, 0.224, 0.225))
    mean, std = recipe.get("mean", usual.mean), recipe.get("std", usual.std)
    return usual._replace(mean=tuple(mean), std=tuple(std))


def make_transform(
    preprocessing: Preprocessing, resolution: int, *, augment: bool = False
) -> Callable[[Any], torch.Tensor]:
    """Make the transform from a PIL image to a normalized tensor of (3, resolution, resolution).

    Args:
        preprocessing: Of the network.
        resolution: Side of the crop in pixels.
        augment: Whether to crop at random and to flip, as the official codes train linear probes,
            instead of taking the centre.
    """
    by = InterpolationMode.BICUBIC if preprocessing.bicubic else InterpolationMode.BILINEAR
    # DINO and the others crop by torchvision's default in training
    crops = (
        [v2.RandomResizedCrop(resolution), v2.RandomHorizontalFlip()]
        if augment
        else [v2.Resize(round(resolution * RATIO), interpolation=by), v2.CenterCrop(resolution)]
    )
    tensors = [v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True)]
    made: Callable[[Any], torch.Tensor] = v2.Compose(
        [v2.RGB(), *crops, *tensors, v2.Normalize(preprocessing.mean, preprocessing.std)]
    )
    return made


class Transformed(torch.utils.data.Dataset[Any]):
    """Images with labels, transformed: rows of (tensor, label).

    Args:
        images: Rows of (PIL image, label).
        indices: Of the rows to take, in their order.
        transform: From an image to a tensor.
    """

    def __init__(
        self, images: Any, indices: Sequence[int], transform: Callable[[Any], Any]
    ) -> None:
        self.images, self.indices, self.transform = images, list(indices), transform

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image, label = self.images[self.indices[index]]
        return self.transform(image), label


def pooled(network: Any, images: torch.Tensor, *, blocks: int = 1) -> torch.Tensor:
    """Compute the features of a batch.

    Args:
        network: A timm network without classifier.
        images: Of (images, 3, side, side).
        blocks: Of a vision transformer, how many of the last blocks give their class token, one
            after the other; others give their output.

    Returns:
        Of (images, features).
    """
    if blocks > 1 and hasattr(network, "get_intermediate_layers"):
        layers = network.get_intermediate_layers(
            images, n=blocks, return_prefix_tokens=True, norm=True
        )
        return torch.cat([prefix[:, 0] for _, prefix in layers], dim=-1)
    output: torch.Tensor = network(images)
    return output


def feature_maps(network: Any, images: torch.Tensor) -> torch.Tensor:
    """Compute the last feature maps of a batch, of (images, channels, height, width)."""
    maps: torch.Tensor = network.forward_intermediates(
        images, indices=1, norm=True, output_fmt="NCHW", intermediates_only=True
    )[0]
    return maps


def extract(
    compute: Callable[[torch.Tensor], torch.Tensor],
    rows: Any,
    *,
    device: str,
    batch_size: int = 64,
    workers: int = 0,
) -> tuple[torch.Tensor, list[Any]]:
    """Compute features of all images.

    Args:
        compute: From a batch of images to their features.
        rows: A dataset of (tensor, label).
        device: Where to compute.
        batch_size: Images in a batch.
        workers: Processes that read images.

    Returns:
        The features on the CPU, row by row, and the labels.
    """
    loader = torch.utils.data.DataLoader(rows, batch_size, num_workers=workers, collate_fn=_collate)
    features, labels = [], []
    with torch.no_grad():
        for images, their_labels in loader:
            features.append(compute(images.to(device)).float().cpu())
            labels += their_labels
    return torch.cat(features), labels


def _collate(rows: list[tuple[torch.Tensor, Any]]) -> tuple[torch.Tensor, list[Any]]:
    return torch.stack([image for image, _ in rows]), [label for _, label in rows]
