"""Whether a short pretraining raises the keypoint probe over a random network, over five seeds.

    python benchmark.py                                   # some ten minutes on two free cores
    python benchmark.py --images 300 --epochs 5           # less
    python benchmark.py --data-dir ~/pass-2k --images 0   # images of PASS instead of drawn scenes

For each seed it pretrains a tiny network anew, and evaluates it beside a random one of the same
seed. Without --data-dir it is pretrained on drawn scenes without figures, of the kind that the
figures of the probe stand before: a test of the programs, which says nothing of PASS.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import evaluate
import numpy as np
import pretrain
from features import preprocessing_of
from figures import draw_scene
from scores import Score, plot, table, to_json
from weights import read_weights

SIDE = 128  # of the scenes, in pixels


def make_scenes(folder: Path, images: int) -> None:
    """Draw scenes into a folder that opens like PASS.

    Args:
        folder: Where shard and metadata go.
        images: How many.
    """
    lines = [",unickname,datetaken,licensename,hash,latitude,longitude"]
    for number in range(10):  # a release has ten shards
        with tarfile.open(folder / f"PASS.{number}.tar", "w") as shard:
            for index in range(number, images, 10):
                data = io.BytesIO()
                draw_scene(np.random.default_rng([7, index]), SIDE).save(data, "JPEG", quality=90)
                member = tarfile.TarInfo(f"PASS_dataset/{number}/{index:032x}.jpg")
                member.size = data.tell()
                data.seek(0)
                shard.addfile(member, data)
                lines.append(f"{index},nobody,,Attribution License,{index:032x},,")
    (folder / "pass_metadata.csv").write_text("\n".join(lines) + "\n")


def run(options: argparse.Namespace, folder: Path) -> list[Score]:
    """Pretrain and evaluate, seed by seed.

    Args:
        options: Of the command.
        folder: For scenes and checkpoints.

    Returns:
        The scores of the pretrained and of the random networks.
    """
    data = options.data_dir
    if data is None:
        data = folder / "scenes"
        data.mkdir()
        make_scenes(data, options.images)
    names = ("pretrained", f"random {options.network}")
    values: dict[str, dict[str, list[float]]] = {name: {} for name in names}
    for seed in range(options.seeds):
        out, begin = folder / f"run-{seed}", time.perf_counter()
        arguments = [options.recipe, "--data-dir", str(data), "--out", str(out)]
        for name in ("network", "resolution", "epochs", "batch_size", "workers"):
            arguments += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
        arguments += ["--seed", str(seed), "--augmentation", "fast"]
        for name in ("lr", "start_lr"):  # by the rule for small batches, it would hardly move
            arguments += ["--set", f"optimizer.{name}={options.lr}"]
        if pretrain.main(arguments):
            sys.exit(1)
        trained = time.perf_counter()
        weights = read_weights(out)
        probe = evaluate.parse(
            [
                *("keypoints", "--weights", str(out), "--data", "figures"),
                *("--resolution", str(options.resolution)),
                *("--train-images", str(options.figures)),
                *("--test-images", str(options.figures // 2)),
                *("--workers", str(options.workers)),
            ]
        )
        probe.seeds = [seed]
        for name, baseline in zip(names, (names[1], None), strict=True):
            each = evaluate.Candidate(name, weights, preprocessing_of(weights), "", baseline)
            for metric, scores in evaluate.evaluate_keypoints(probe, each).items():
                values[name].setdefault(metric, []).extend(scores)
        print(
            f"seed {seed}: pretrained in {trained - begin:.0f} s, evaluated in "
            f"{time.perf_counter() - trained:.0f} s",
            flush=True,
        )
    protocol = {name: getattr(options, name) for name in ("images", "epochs", "figures")}
    return [
        Score(name, options.network, None, protocol, values[name], baseline)
        for name, baseline in zip(names, (names[1], None), strict=True)
    ]


def main() -> None:
    """Run the benchmark, and print what came out."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--recipe", default="moco-v2-r50", help="of recipes.toml; default: moco-v2-r50")
    add("--network", default="resnet10t", help="of timm; default: resnet10t")
    add("--data-dir", help="a folder of PASS, or of a subset; default: drawn scenes")
    add("--images", type=int, default=1000, help="drawn scenes; default: 1000")
    add("--epochs", type=int, default=10, help="of the pretraining; default: 10")
    add("--batch-size", type=int, default=50, help="of the pretraining; default: 50")
    add("--lr", type=float, default=0.06, help="of the pretraining; default: 0.06")
    add("--figures", type=int, default=1000, help="to train the probe, half for its test")
    add("--resolution", type=int, default=64, help="side of views and figures; default: 64 pixels")
    add("--seeds", type=int, default=5, help="how many; default: 5")
    add("--workers", type=int, default=0, help="processes that read images; default: 0")
    add("--json", type=Path, help="file for all values")
    add("--plot", type=Path, help="file for a plot")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scores = run(options, Path(folder))
    where = options.data_dir or f"{options.images:,} drawn scenes"
    title = f"{options.recipe} with {options.network}, {options.epochs} epochs of {where}"
    print(f"{title}; mean and 95% interval over {options.seeds} seeds\n\n{table(scores)}")
    if options.json:
        document = to_json(scores, task="keypoints", data="figures", seeds=options.seeds)
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    if options.plot:
        plot(scores, options.plot, title=f"keypoints of figures, {title}")


if __name__ == "__main__":
    main()
