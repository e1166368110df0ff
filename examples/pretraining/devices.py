"""Devices, precision and processes of a run, by Lightning Fabric."""

from __future__ import annotations

import argparse
import os
from typing import Any

import torch
from lightning.fabric import Fabric
from lightning.fabric.strategies import DDPStrategy


def make_fabric(options: argparse.Namespace) -> Any:
    """Makes and launches Fabric for one device, or for the processes that torchrun started."""
    local = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    world = int(os.environ.get("WORLD_SIZE", 1))
    cuda = torch.cuda.is_available() and options.accelerator in ("auto", "cuda", "gpu")
    fabric = Fabric(
        accelerator=options.accelerator,
        devices=local,
        num_nodes=max(1, world // local),
        # the buffers of all processes are the same, but for statistics that no step reads
        strategy=DDPStrategy(broadcast_buffers=False) if world > 1 else "auto",
        precision=options.precision or ("bf16-mixed" if cuda else "32-true"),
    )
    fabric.launch()
    return fabric
