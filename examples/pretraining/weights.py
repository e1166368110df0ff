"""Pretrained weights into timm and torchvision networks: known checkpoint layouts, loaded strictly.

    python weights.py moco_v2_800ep.pth.tar runs/dino/checkpoint.pt    # describes them

Known are the layouts of MoCo-v2 (and MoCo-v2-CLD), SwAV and DINO, which the authors of PASS
released, the checkpoints of `pretrain.py`, and the folders that `export.py` writes. Files are read
with `weights_only=True`, so none can run code. Heads are dropped by name, the backbone must fit
tensor by tensor, and everything else is refused.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
import timm
import torch
import torchvision
from files import WeightsError, checked_hash, find_file, load_checkpoint
from layouts import check_fit, create_network, describe, expected_tensors, find_backbone, some

FORMAT = "pass-utils-pretraining/1"  # of the checkpoints of pretrain.py


class Weights(NamedTuple):
    """A backbone without heads.

    Attributes:
        path: The file.
        sha256: Of the file, in hexadecimal digits.
        layout: "MoCo-v2", "SwAV", "DINO", "pretrain.py" or "export.py".
        network: The name of the network in timm.
        options: Of `timm.create_model` which change its shape.
        state: Its tensors, by timm's names.
        recipe: What `pretrain.py` recorded of the training; None for released checkpoints.
        deviations: What differs from the official recipe, in words, as `pretrain.py` keeps it.
        selection: Its record of the images; None as above.
        step: Optimizer steps of that training; None where that is not recorded.
    """

    path: Path
    sha256: str
    layout: str
    network: str
    options: dict[str, Any]
    state: dict[str, torch.Tensor]
    recipe: dict[str, Any] | None = None
    deviations: tuple[str, ...] = ()
    selection: dict[str, Any] | None = None
    step: int | None = None


def read_weights(source: str | Path) -> Weights:
    """Read the backbone of a checkpoint.

    Args:
        source: As in `find_file`.

    Returns:
        The weights, which are known to fit the network that they name.

    Raises:
        WeightsError: the file is of no known layout, contains code, has another checksum than its
            name says, or its tensors do not fit: the message has what is missing, not expected, or
            of another shape.
    """
    path = find_file(source)
    sha256 = checked_hash(path)
    if path.suffix == ".safetensors":
        weights = _read_export(path, sha256)
    else:
        checkpoint = load_checkpoint(path)
        if checkpoint.get("format") == FORMAT:
            weights = _read_own(path, sha256, checkpoint)
        else:
            weights = Weights(path, sha256, *find_backbone(path, checkpoint))
    broken = [name for name, tensor in weights.state.items() if not torch.isfinite(tensor).all()]
    if broken:
        raise WeightsError(f"{path}: expected finite numbers, found others in {some(broken)}.")
    return weights


def make_network(weights: Weights) -> torch.nn.Module:
    """Make the timm network of the weights, in evaluation mode; its output is the features.

    Args:
        weights: As `read_weights` returns them.
    """
    network = random_network(weights, seed=0)
    network.load_state_dict(weights.state)  # strict
    return network


def random_network(weights: Weights, *, seed: int) -> torch.nn.Module:
    """Make the same timm network with random weights, in evaluation mode.

    Args:
        weights: Which say what network.
        seed: Of its initialization.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return create_network(weights.network, weights.options).eval()


def make_torchvision_network(weights: Weights) -> torch.nn.Module:
    """Make the torchvision network of the weights, in evaluation mode; its output is the features.

    Args:
        weights: Of a ResNet, which has the same names in timm and torchvision, or of a plain vision
            transformer, which is renamed.

    Raises:
        WeightsError: torchvision has no such network.
    """
    state = weights.state
    if "patch_embed.proj.weight" in state:
        network = _torchvision_transformer(state)
        state = _torchvision_names(state)
        head = "heads"
    else:
        make = getattr(torchvision.models, weights.network, None)
        if make is None:
            raise WeightsError(f"expected a network of torchvision, found {weights.network}.")
        network, head = make(), "fc"
    setattr(network, head, torch.nn.Identity())
    check_fit(weights.path, f"torchvision's {weights.network}", network.state_dict(), state)
    network.load_state_dict(state)
    made: torch.nn.Module = network.eval()
    return made


def _read_own(path: Path, sha256: str, checkpoint: Mapping[str, Any]) -> Weights:
    lacking = [name for name in ("recipe", "network", "backbone") if name not in checkpoint]
    if lacking or not timm.is_model(str(checkpoint["network"])):
        raise WeightsError(
            f"{path}: expected recipe, backbone and a network of timm, found "
            f"{describe(checkpoint)}."
        )
    recipe = checkpoint["recipe"]
    # DINO evaluates its teacher; the momentum encoder of MoCo is not what it evaluates
    teacher = recipe.get("method") == "dino" and checkpoint.get("teacher_backbone") is not None
    state = dict(checkpoint["teacher_backbone" if teacher else "backbone"])
    network, options = checkpoint["network"], dict(checkpoint.get("network_options") or {})
    check_fit(path, network, expected_tensors(network, options), state)
    return Weights(
        path,
        sha256,
        "pretrain.py",
        network,
        options,
        state,
        recipe,
        tuple(checkpoint.get("deviations") or ()),
        json.loads(checkpoint.get("selection") or "null"),
        checkpoint.get("step"),
    )


def _read_export(path: Path, sha256: str) -> Weights:
    config = path.with_name("config.json")
    if not config.is_file():
        raise WeightsError(f"{path}: expected config.json beside it, found none.")
    record = json.loads(config.read_text())
    network, ours = record.get("architecture"), record.get("pass_utils") or {}
    if not timm.is_model(str(network)):
        raise WeightsError(f"{config}: expected a network of timm, found {network!r}.")
    try:
        state = safetensors.torch.load_file(path)
    except safetensors.SafetensorError as err:
        raise WeightsError(f"{path}: expected a file of safetensors, found: {err}") from err
    options = record.get("model_args") or {}
    check_fit(path, network, expected_tensors(network, options), state)
    return Weights(
        path,
        sha256,
        "export.py",
        network,
        options,
        state,
        ours.get("recipe"),
        tuple(ours.get("deviations") or ()),
        ours.get("selection"),
        ours.get("step"),
    )


def _torchvision_transformer(state: Mapping[str, torch.Tensor]) -> torch.nn.Module:
    width, _, patch, _ = state["patch_embed.proj.weight"].shape
    depth = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("blocks."))
    made: torch.nn.Module = torchvision.models.VisionTransformer(
        image_size=patch * round((state["pos_embed"].shape[1] - 1) ** 0.5),
        patch_size=patch,
        num_layers=depth,
        num_heads=width // 64,  # as all of DeiT's and DINO's
        hidden_dim=width,
        mlp_dim=state["blocks.0.mlp.fc1.weight"].shape[0],
    )
    return made


def _torchvision_names(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors of a vision transformer under torchvision's names."""
    patterns = {
        r"^cls_token$": "class_token",
        r"^pos_embed$": "encoder.pos_embedding",
        r"^patch_embed\.proj\.": "conv_proj.",
        r"^norm\.": "encoder.ln.",
        r"^blocks\.(\d+)\.": r"encoder.layers.encoder_layer_\1.",
        r"\.norm(\d)\.": r".ln_\1.",
        r"\.attn\.qkv\.": ".self_attention.in_proj_",
        r"\.attn\.proj\.": ".self_attention.out_proj.",
        r"\.mlp\.fc1\.": ".mlp.0.",
        r"\.mlp\.fc2\.": ".mlp.3.",
    }
    renamed = {}
    for name, tensor in state.items():
        renamed_name = name
        for pattern, replacement in patterns.items():
            renamed_name = re.sub(pattern, replacement, renamed_name)
        renamed[renamed_name] = tensor
    return renamed


def main() -> None:
    """Describe weights."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", nargs="+", metavar="WEIGHTS", help="a file, folder or name")
    for source in parser.parse_args().weights:
        try:
            weights = read_weights(source)
        except WeightsError as err:
            parser.exit(1, f"error: {err}\n")
        tensors = list(weights.state.values())
        print(weights.path)
        print(f"  SHA-256  {weights.sha256}")
        print(f"  layout   {weights.layout}")
        print(f"  network  {weights.network} of timm, {len(tensors)} tensors, all of them fit")
        if weights.step is not None:
            print(f"  training {weights.step} steps")


if __name__ == "__main__":
    main()
