"""The checkpoints of MoCo-v2, SwAV and DINO as their official code saves them: the backbones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import timm
import torch
from files import WeightsError

NETWORKS = ("resnet18", "resnet50", "vit_small_patch16_224")  # of the released checkpoints


class Layout(NamedTuple):
    """How a method's official code saves its network.

    Attributes:
        name: For people.
        key: The entry of the checkpoint that holds the tensors.
        prefix: What the names of the backbone begin with, a regular expression.
        heads: Of the names that follow the prefix, which are heads, as a regular expression.
        others: Which names beside the prefix may be there.
    """

    name: str
    key: str
    prefix: str
    heads: str
    others: str


LAYOUTS = (
    # facebookresearch/moco, moco/builder.py; heads of CLD: frank-xwang/CLD-UnsupervisedLearning
    Layout(
        "MoCo-v2",
        "state_dict",
        r"(?:module\.)?encoder_q\.",
        r"fc\.|instDis\.|groupDis\.",
        r"(?:module\.)?(?:encoder_k\.|queue)",
    ),
    # facebookresearch/swav, src/resnet50.py
    Layout("SwAV", "state_dict", r"module\.", r"projection_head\.|prototypes\.", r"(?!)"),
    # facebookresearch/dino, utils.py (MultiCropWrapper)
    Layout("DINO", "teacher", r"(?:module\.)?backbone\.", r"head\.", r"(?:module\.)?head\."),
)


class Backbone(NamedTuple):
    """A network without heads: its layout, its name and options in timm, and its tensors."""

    layout: str
    network: str
    options: dict[str, Any]
    state: dict[str, torch.Tensor]


def find_backbone(path: Path, checkpoint: Mapping[str, Any]) -> Backbone:
    """Find the backbone in a checkpoint of a known layout.

    Args:
        path: Of the file, for messages.
        checkpoint: What it holds.

    Raises:
        WeightsError: the layout is not known, or the backbone is not one of `NETWORKS`.
    """
    for layout in LAYOUTS:
        tensors = checkpoint.get(layout.key)
        if isinstance(tensors, Mapping) and any(re.match(layout.prefix, name) for name in tensors):
            break
    else:
        raise WeightsError(
            f"{path}: expected a checkpoint of MoCo-v2 (state_dict with module.encoder_q.*), SwAV "
            "(state_dict with module.*), DINO (teacher with backbone.*) or of pretrain.py, found "
            f"{describe(checkpoint)}."
        )
    state, unknown = {}, []
    for name, tensor in tensors.items():
        prefix = re.match(layout.prefix, name)
        if prefix and not re.match(layout.heads, name[prefix.end() :]):
            state[name[prefix.end() :]] = tensor
        elif not prefix and not re.match(layout.others, name):
            unknown.append(name)
    if unknown:
        raise WeightsError(f"{path}: expected {layout.name}'s names, found also {some(unknown)}.")
    # the network that the fewest tensors differ from: all of them fit, or it is the one meant
    expected = {network: expected_tensors(network, {}) for network in NETWORKS}
    network = min(NETWORKS, key=lambda each: sum(map(len, _differences(expected[each], state))))
    check_fit(path, network, expected[network], state)
    # any image size; and a random network as the authors began with
    transformer = network.startswith("vit_")
    options = {"dynamic_img_size": True} if transformer else {"zero_init_last": False}
    return Backbone(layout.name, network, options, state)


def create_network(network: str, options: Mapping[str, Any]) -> torch.nn.Module:
    """Create a network of timm whose output is the features, with random weights."""
    made: torch.nn.Module = timm.create_model(network, num_classes=0, **options)
    return made


def expected_tensors(network: str, options: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """The tensors that the network has, without their values."""
    with torch.device("meta"):
        state: dict[str, torch.Tensor] = create_network(network, options).state_dict()
    return state


def _differences(
    expected: Mapping[str, torch.Tensor], found: Mapping[str, torch.Tensor]
) -> tuple[list[str], list[str], list[str]]:
    """The names that are missing, those that are too many, and those of another shape."""
    missing = [name for name in expected if name not in found]
    unknown = [name for name in found if name not in expected]
    shapes = [
        f"{name} {tuple(found[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if name in found and found[name].shape != tensor.shape
    ]
    return missing, unknown, shapes


def check_fit(
    path: Path,
    network: str,
    expected: Mapping[str, torch.Tensor],
    found: Mapping[str, torch.Tensor],
) -> None:
    """Check that tensors fit a network, one by one.

    Args:
        path: Of the file, for messages.
        network: The name of the network, for messages.
        expected: Its tensors, as `expected_tensors` has them.
        found: Those of the file.

    Raises:
        WeightsError: with what is missing, not expected, or of another shape.
    """
    kinds = ("missing", "not expected", "of another shape")
    lists = zip(kinds, _differences(expected, found), strict=True)
    differences = [f"{kind}: {some(names)}" for kind, names in lists if names]
    if differences:
        raise WeightsError(
            f"{path}: expected the {len(expected)} tensors of {network}, found {len(found)}; "
            f"{'; '.join(differences)}."
        )


def describe(checkpoint: Mapping[str, Any]) -> str:
    """The names in a checkpoint, for messages."""
    keys = [
        f"{key} with {some(list(map(str, value)), 2)}" if isinstance(value, Mapping) else str(key)
        for key, value in checkpoint.items()
    ]
    return some(keys, 4)


def some(names: list[str], most: int = 5) -> str:
    """The first of some names, and how many more there are."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown or "nothing"
