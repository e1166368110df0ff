"""Reads PASS, in place or as a stream, into batches of augmented tensors, resumably.

    python examples/dataloader.py --workers 2                      # the bundled miniature
    python examples/dataloader.py --data-dir ~/pass --workers 8    # downloaded, shuffled
    python examples/dataloader.py --data-dir zenodo --stream       # byte ranges in random order

It needs `pip install 'pass-utils[examples]'`. Every few seconds it prints how fast it is. With
--checkpoint FILE, the same command resumes where FILE was last saved.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import datasets
import torch
from torchdata.stateful_dataloader import StatefulDataLoader  # knows how far each worker is
from torchvision.transforms import v2

import pass_utils

BUNDLED = str(pass_utils.dummy_folder("v3"))
# rows of a stream that a worker buffers to mix them, and loses when resumed; none of 1 from
# `datasets` 5.1 on
BUFFER = 1
REPORT_EVERY = 5  # seconds
AUGMENT = v2.Compose(
    [
        v2.RandomResizedCrop(224, scale=(0.2, 1.0)),
        v2.RandomHorizontalFlip(),
        v2.ColorJitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1),
        v2.ToImage(),  # of uint8: a quarter of the bytes that float32 would take from the workers
    ]
)
# of batches, on the device that trains
NORMALIZE = v2.Compose(
    [
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
    ]
)
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def collate(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Images as uint8 of (rows, 3, 224, 224), and their hashes; it runs in the workers."""
    images = torch.stack([AUGMENT(row["image"].convert("RGB")) for row in rows])
    return {"image": images, "hash": [row["hash"] for row in rows]}


def make_loader(options: argparse.Namespace, epoch: int) -> Any:
    """The batches of an epoch, in an order of its own."""
    where = {
        "data_dir": None if options.data_dir == "zenodo" else options.data_dir,
        "streaming": options.stream,
    }
    if options.stream and options.data_dir == BUNDLED:
        # Bytes: `datasets` 5.2 resumes workers that have ten ranges; a release has 700.
        where["range_size"] = 4096
    ds = datasets.load_dataset("pass", "v3", split="train", **where)
    order: dict[str, Any] = {"shuffle": True, "generator": torch.Generator().manual_seed(epoch)}
    if options.stream:
        ds, order = ds.shuffle(seed=0, buffer_size=BUFFER), {}
        ds.set_epoch(epoch)
    return StatefulDataLoader(
        ds, options.batch_size, num_workers=options.workers, collate_fn=collate, **order
    )


def main() -> None:
    """Read the epochs that are left, and print how fast."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", default=BUNDLED, help="folder of the shards, or zenodo")
    parser.add_argument(
        "--stream", action="store_true", help="read byte ranges instead of opening in place"
    )
    parser.add_argument("--checkpoint", type=Path, help="file to resume from, written if missing")
    parser.add_argument("--steps", type=int, help="batches after which to stop; default: all")
    for name, default in {"batch-size": 4, "workers": 0, "epochs": 1, "save-every": 100}.items():
        parser.add_argument(f"--{name}", type=int, default=default, help="default: %(default)s")
    options = parser.parse_args()
    epoch, position = (
        torch.load(file) if (file := options.checkpoint) and file.exists() else (0, None)
    )
    steps = 0
    while epoch < options.epochs:
        loader, images, begin = make_loader(options, epoch), 0, time.perf_counter()
        printed = begin
        if position:
            loader.load_state_dict(position)
        for step, batch in enumerate(loader, 1):
            views = NORMALIZE(batch["image"].to(DEVICE))
            images += len(views)  # a training script takes its step here
            steps += 1
            now = time.perf_counter()
            if now - printed > REPORT_EVERY:
                print(
                    f"step {step}: {images} images, {images / (now - begin):.1f} images/s",
                    flush=True,
                )
                printed = now
            if file and (step % options.save_every == 0 or steps == options.steps):
                torch.save((epoch, loader.state_dict()), file)
            if steps == options.steps:
                break
        rate = images / (time.perf_counter() - begin)
        print(f"epoch {epoch}: {images} images, {rate:.1f} images/s", flush=True)
        if steps == options.steps:
            break
        epoch, position = epoch + 1, None
        if file:
            torch.save((epoch, position), file)


if __name__ == "__main__":
    main()
