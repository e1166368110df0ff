"""The files of weights: found or downloaded, verified, and read without running code."""

from __future__ import annotations

import argparse
import hashlib
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

import pass_utils

# https://github.com/yukimasano/PASS: hubconf.py and README.md. No name has a part of a checksum.
RELEASED_URL = "https://www.robots.ox.ac.uk/~vgg/research/pass/pretrained_models/"
RELEASED = {
    "moco_resnet50": "moco_v2_800ep.pth.tar",
    "moco_resnet50_200ep": "moco_v2_200ep.pth.tar",
    "moco_cld_resnet50": "moco_v2_CLD_200ep.pth.tar",
    "swav_resnet50": "swav_200ep.pth.tar",
    "dino_vits16": "dino_deit_300ep_ttemp0o07_warumup30ep_normlayerF.pth.tar",
    "dino_100ep_vits16": "dino_deit_100ep.pth.tar",
}

_CHECKSUM = re.compile(r"-([0-9a-f]{8,64})\.")  # PyTorch's convention: name-<part of SHA-256>.pth


class WeightsError(pass_utils.PassError):
    """A file that is not known weights, or weights that do not fit their network."""


def find_file(source: str | Path) -> Path:
    """Find the file of some weights, and download it where a name of the authors' hubconf is given.

    Args:
        source: A file, a folder that `export.py` or `pretrain.py` wrote, or one of `RELEASED`.

    Returns:
        The path of the file. Downloads are kept where `torch.hub` keeps them.

    Raises:
        WeightsError: there is no such file or name, or it cannot be downloaded.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        for name in ("model.safetensors", "checkpoint.pt"):
            if (path / name).is_file():
                return path / name
        raise WeightsError(
            f"{path}: expected model.safetensors or checkpoint.pt in it, found neither."
        )
    if path.is_file():
        return path
    if str(source) not in RELEASED:
        raise WeightsError(
            f"{source}: expected a file, or a name of the released weights "
            f"({', '.join(RELEASED)}), found neither."
        )
    name = RELEASED[str(source)]
    file = Path(torch.hub.get_dir()) / "checkpoints" / name
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(RELEASED_URL + name, str(file))
        except OSError as err:
            raise WeightsError(
                f"{RELEASED_URL + name}: expected the weights {source}, found: {err}. Download the "
                "file by other means, and pass its path."
            ) from err
    return file


def checked_hash(path: Path) -> str:
    """Compute the SHA-256 of a file, and hold it to the part of it that the name has, if any.

    Raises:
        WeightsError: they differ.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(1 << 20):
            digest.update(data)
    found = digest.hexdigest()
    wanted = _CHECKSUM.search(path.name)
    if wanted and not found.startswith(wanted[1]):
        raise WeightsError(
            f"{path}: expected SHA-256 {wanted[1]}..., as its name says, found {found}. Download "
            "it again."
        )
    return found


def load_checkpoint(path: Path) -> Mapping[str, Any]:
    """Load a checkpoint of tensors and plain values.

    Raises:
        WeightsError: it is none, is damaged, or contains what may run code.
    """
    try:
        # DINO keeps its options in the checkpoint: a class that only holds attributes
        with torch.serialization.safe_globals([argparse.Namespace]):
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as err:
        reason = str(err).partition("\n")[0]
        raise WeightsError(
            f"{path}: expected a checkpoint of tensors alone, found something that may run code, "
            f"or no checkpoint: {reason}"
        ) from err
    except (RuntimeError, EOFError, ValueError) as err:
        raise WeightsError(f"{path}: expected a checkpoint of PyTorch, found: {err}") from err
    if not isinstance(checkpoint, Mapping):
        raise WeightsError(f"{path}: expected a dict, found {type(checkpoint).__name__}.")
    return checkpoint
