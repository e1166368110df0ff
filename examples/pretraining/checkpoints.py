"""Checkpoints: all of a run in one atomic file, and what a run must have in common with it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from methods import Method
from methods.base import world_size
from recipes import PretrainingError

FORMAT = "pass-utils-pretraining/1"
NAME = "checkpoint.pt"
BACKBONES = ("backbone", "teacher_backbone")


def full_state(method: Method) -> dict[str, torch.Tensor]:
    """Returns the parameters and all buffers of a method by name, also those that `state_dict`
    leaves out, such as lightly's queues.
    """
    return {**dict(method.named_parameters()), **dict(method.named_buffers())}


def collect(method: Method, optimizer: Any, *, run: dict[str, Any], stream: Any) -> dict[str, Any]:
    """Collects a checkpoint; all processes must call it.

    Args:
        method: Its parameters and buffers are the same in all processes, but for the running
            statistics of BatchNorm, of which those of the first are kept; no training step reads
            them.
        optimizer: Of the method.
        run: The other values, by their keys in the checkpoint.
        stream: The state of this process' stream, or None.
    """
    parts: dict[str, dict[str, torch.Tensor]] = {"backbone": {}, "teacher_backbone": {}}
    rest: dict[str, torch.Tensor] = {}
    for name, tensor in full_state(method).items():
        part, _, own = name.partition(".")
        target, key = (parts[part], own) if part in BACKBONES else (rest, name)
        target[key] = tensor.detach()
    streams = _gather(stream)
    return {
        "format": FORMAT,
        "network": method.recipe.network,
        "network_options": method.recipe.network_options,
        "backbone": parts["backbone"],
        "teacher_backbone": parts["teacher_backbone"] or None,
        "method": rest,
        "optimizer": optimizer.state_dict(),
        "rng": _gather(_rng_state()),
        "stream": None if stream is None else streams,
        **run,
    }


def save(checkpoint: dict[str, Any], file: Path) -> None:
    """Writes a checkpoint: the file is the old one or the new one, complete, at any time."""
    part = file.with_name(f"{file.name}.part")
    with part.open("wb") as target:
        torch.save(checkpoint, target)
        target.flush()
        os.fsync(target.fileno())
    part.replace(file)


def read(file: Path) -> dict[str, Any]:
    """Reads a checkpoint onto the CPU.

    Raises:
        PretrainingError: it is none.
    """
    try:
        checkpoint = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as err:  # torch lets out whatever a broken file runs into
        raise PretrainingError(
            f"{file}: expected a checkpoint of {FORMAT}, found a file that cannot be read ({err}). "
            "Move it away to start over."
        ) from err
    found = checkpoint.get("format") if isinstance(checkpoint, dict) else None
    if found != FORMAT:
        raise PretrainingError(f"{file}: expected a checkpoint of {FORMAT}, found {found!r}.")
    return dict(checkpoint)


def check(checkpoint: dict[str, Any], file: Path, expected: dict[str, Any]) -> None:
    """Refuses to resume what is not the same run.

    Args:
        checkpoint: What is to be resumed.
        file: Its name, for the message.
        expected: What this run has under the keys of the checkpoint.

    Raises:
        PretrainingError: something differs, which the message names.
    """
    differences = []
    for key, value in expected.items():
        found = checkpoint.get(key)
        if key == "selection":
            value, found = json.loads(value), json.loads(found or "null")
        differences += _differences(key, value, found)
    if differences:
        words = "; ".join(
            f"{name} {ours!r}, found {theirs!r}" for name, ours, theirs in differences
        )
        raise PretrainingError(
            f"{file}: expected a checkpoint of the same run, with {words}. Give the options of "
            "that run, or another --out."
        )


def restore(checkpoint: dict[str, Any], method: Method, optimizer: Any, rank: int) -> None:
    """Gives the method, the optimizer and the random number generators their state."""
    saved = dict(checkpoint["method"])
    for part in BACKBONES:
        saved |= {f"{part}.{name}": each for name, each in (checkpoint[part] or {}).items()}
    state = full_state(method)
    if state.keys() != saved.keys():
        raise PretrainingError(
            f"expected the tensors of {checkpoint['network']}, found others: "
            f"{sorted(state.keys() ^ saved.keys())[:5]}. Is it another version of timm or lightly?"
        )
    with torch.no_grad():
        for name, tensor in state.items():
            tensor.copy_(saved[name])
    optimizer.load_state_dict(checkpoint["optimizer"])
    own = checkpoint["rng"][rank]
    torch.set_rng_state(own["cpu"])
    if own["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(own["cuda"])


def _differences(key: str, ours: Any, theirs: Any) -> list[tuple[str, Any, Any]]:
    """The values that differ, with their dotted keys."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        names = [*ours, *(name for name in theirs if name not in ours)]
        pairs = ((f"{key}.{name}", ours.get(name), theirs.get(name)) for name in names)
        return [found for pair in pairs for found in _differences(*pair)]
    return [] if ours == theirs else [(key, ours, theirs)]


def _rng_state() -> dict[str, torch.Tensor | None]:
    cuda = torch.cuda.get_rng_state() if torch.cuda.is_available() else None
    return {"cpu": torch.get_rng_state(), "cuda": cuda}


def _gather(value: Any) -> list[Any]:
    """The values of all processes."""
    values = [value] * world_size()
    if world_size() > 1:
        dist.all_gather_object(values, value)
    return values
