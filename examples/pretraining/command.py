"""The options of pretrain.py."""

from __future__ import annotations

import argparse
import os
from typing import Any

from recipes import names, parse_toml

import pass_utils


def parse(description: str, arguments: list[str] | None) -> argparse.Namespace:
    """Parses the options; `changes` has those that are values of the recipe, by their key."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("recipe", choices=names(), help="a recipe of recipes.toml")
    add("--out", help="folder of the run, resumed where it has a checkpoint; default: runs/RECIPE")
    images = parser.add_argument_group("images")
    images.add_argument("--data-dir", help="folder of the shards, or of a subset")
    images.add_argument("--release", default="v3", help="default: v3")
    images.add_argument("--sample", type=int, metavar="N", help="this many images, by seed")
    images.add_argument("--range-size", type=int, help="bytes of a stream's ranges; 256 MiB")
    images.add_argument("--stream", action="store_true", help="stream the shards")
    add("--seed", type=int, default=0, help="of the sample, the weights and the views; default: 0")
    recipe = parser.add_argument_group("recipe")
    recipe.add_argument("--epochs", type=int, help="how often each image is seen")
    recipe.add_argument("--batch-size", type=int, help="images in a step of all processes")
    recipe.add_argument("--network", help="another network of timm")
    recipe.add_argument("--resolution", type=int, help="side of the large views, in pixels")
    recipe.add_argument("--augmentation", choices=("official", "fast"))
    recipe.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="any value of the recipe"
    )
    recipe.add_argument("--smoke", action="store_true", help="tiny, on the bundled images")
    run = parser.add_argument_group("run")
    run.add_argument("--workers", type=int, help="processes that prepare views; default: by CPUs")
    run.add_argument("--accelerator", default="auto", help="cpu, cuda, mps; default: auto")
    run.add_argument("--precision", help="default: bf16-mixed on CUDA, else 32-true")
    run.add_argument("--save-every", type=int, metavar="STEPS", help="default: an epoch")
    run.add_argument("--log-every", type=float, default=10, metavar="SECONDS", help="default: 10")
    run.add_argument("--steps", type=int, help="stop after so many, and save")
    options = parser.parse_args(arguments)

    changes: dict[str, Any] = {}
    for name in ("epochs", "batch_size", "network", "augmentation"):
        if getattr(options, name) is not None:
            changes[name] = getattr(options, name)
    for text in options.set:
        key, _, value = text.partition("=")
        try:
            changes[key] = parse_toml(f"value = {value}")["value"]
        except ValueError:
            changes[key] = value
    options.changes = changes
    if options.data_dir is None and options.sample is None:
        if options.smoke:
            options.data_dir = str(pass_utils.dummy_folder(options.release))
        elif not options.stream:
            parser.error("expected --data-dir FOLDER, --sample N, --stream or --smoke")
    if options.data_dir is not None:
        options.data_dir = os.path.expanduser(options.data_dir)  # noqa: PTH111
    if options.range_size is None:
        options.range_size = 4096 if options.smoke else 256 << 20
    options.out = options.out or f"runs/{options.recipe}{'-smoke' if options.smoke else ''}"
    if options.workers is None:
        options.workers = 0 if options.smoke else min(8, max(1, (os.cpu_count() or 2) - 1))
    return options
