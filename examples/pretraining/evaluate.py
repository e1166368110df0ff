"""Evaluates pretrained networks by probes, beside a random network, over several seeds.

    python evaluate.py keypoints --weights runs/moco --data figures
    python evaluate.py keypoints --weights moco_resnet50 swav_resnet50 --data ~/coco
    python evaluate.py knn --weights runs/moco dino_vits16 --data ~/imagenet --plot knn.png
    python evaluate.py linear --weights runs/moco --data uoft-cs/cifar10 --train-images 5000

WEIGHTS are files, folders of runs or exports, or names of the authors' hubconf (README.md). DATA is
a folder with train/ and val/ with a folder for each class, or a dataset of the Hub with labels; for
keypoints COCO's folder, or `figures` that are drawn here. A seed decides the random network, which
training images are taken, and the order and the augmentation of the probe's training.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from features import (
    Preprocessing,
    Transformed,
    extract,
    feature_maps,
    make_transform,
    method_of,
    pooled,
    preprocessing_of,
)
from figures import Figures, open_people
from keypoints import pck, train_heatmaps
from labelled import DataError, open_labelled
from probes import PROTOCOLS, accuracy, knn_votes, logistic_votes, train_linear
from scores import Score, plot, table, to_json
from weights import Weights, make_network, random_network, read_weights

import pass_utils

TEST_SEED = 1_000_003  # of the figures to test on, which no training seed has
SMALL = {"keypoints": (2000, 1000), "knn": (None, None), "linear": (None, None)}


class Candidate(NamedTuple):
    """Weights to evaluate, or the random network beside them.

    Attributes:
        name: For people.
        weights: The file; of a random network, that which it is compared with.
        preprocessing: Of both.
        protocol: The name of the linear probe.
        baseline: The name of the random network; None for that itself.
    """

    name: str
    weights: Weights
    preprocessing: Preprocessing
    protocol: str
    baseline: str | None

    def network(self, seed: int) -> torch.nn.Module:
        """Make the network of a seed."""
        return (
            random_network(self.weights, seed=seed)
            if self.baseline is None
            else make_network(self.weights)
        )


def candidates(options: argparse.Namespace) -> list[Candidate]:
    """Read all weights, and add a random network for each kind of network among them."""
    found: list[Candidate] = []
    randoms: dict[tuple[Any, ...], Candidate] = {}
    for source in options.weights:
        weights = read_weights(source)
        preprocessing = preprocessing_of(weights)
        protocol = options.protocol if options.task == "linear" else ""
        if protocol == "official":
            protocol = method_of(weights)
            if protocol not in PROTOCOLS:
                raise DataError(
                    f"{weights.path}: expected a method with an official protocol "
                    f"({', '.join(PROTOCOLS)}), found {protocol!r}. Give --protocol."
                )
        key = (weights.network, str(weights.options), preprocessing, protocol)
        if key not in randoms:
            name = _unique(f"random {weights.network}", [each.name for each in randoms.values()])
            randoms[key] = Candidate(name, weights, preprocessing, protocol, None)
        name = _unique(_label(weights.path), [each.name for each in found])
        found.append(Candidate(name, weights, preprocessing, protocol, randoms[key].name))
    return [*found, *(randoms.values() if options.random else ())]


def _label(path: Path) -> str:
    if path.name in ("checkpoint.pt", "model.safetensors"):
        return path.absolute().parent.name
    return path.name.removesuffix(".tar").removesuffix(".pth").removesuffix(".pt")


def _unique(name: str, others: list[str]) -> str:
    number = sum(other == name or other.startswith(f"{name} (") for other in others)
    return f"{name} ({number + 1})" if number else name


def choose(count: int, wanted: int | None, seed: int) -> list[int]:
    """Choose `wanted` of `count` images by seed, in their order; all where that is None."""
    if wanted is None or wanted >= count:
        return list(range(count))
    generator = torch.Generator().manual_seed(seed)
    return sorted(torch.randperm(count, generator=generator)[:wanted].tolist())


def evaluate_labels(options: argparse.Namespace, each: Candidate) -> dict[str, list[float]]:
    """Score a network by kNN or a linear probe: top-1 and, of more than five classes, top-5."""
    data = open_labelled(options.data)
    classes, loading = len(data.classes), _loading(options)
    transform = make_transform(each.preprocessing, options.resolution)
    tests = Transformed(data.test, choose(len(data.test), options.test_images, 0), transform)
    values: dict[str, list[float]] = {"top-1": [], **({"top-5": []} if classes > 5 else {})}
    features = _Cache(each.baseline is not None)  # those of a random network change with the seed
    for seed in options.seeds:
        network: Any = each.network(seed).to(options.device)
        indices = choose(len(data.train), options.train_images, seed)
        blocks = PROTOCOLS[each.protocol].blocks if each.protocol in PROTOCOLS else 1
        compute = partial(pooled, network, blocks=blocks)
        test, labels = features.get("test", partial(extract, compute, tests, **loading))
        if each.protocol in PROTOCOLS:
            protocol = PROTOCOLS[each.protocol]
            protocol = protocol._replace(epochs=options.epochs or protocol.epochs)
            augment = make_transform(each.preprocessing, options.resolution, augment=True)
            layer = train_linear(
                network,
                Transformed(data.train, indices, augment),
                classes=classes,
                protocol=protocol,
                seed=seed,
                device=options.device,
                workers=options.workers,
            )
            with torch.no_grad():
                votes = layer.cpu()(test)
        else:
            trains = Transformed(data.train, indices, transform)
            train, targets = features.get(
                str(indices), partial(extract, compute, trains, **loading)
            )
            known = torch.tensor(targets)
            if options.task == "knn":
                k, heat = options.k, options.temperature
                votes = knn_votes(train, known, test, classes=classes, k=k, temperature=heat)
            else:
                votes = logistic_votes(train, known, test, classes=classes, seed=seed)
        for metric, scores in values.items():
            scores.append(accuracy(votes, torch.tensor(labels), top=int(metric[-1])))
    return values


def evaluate_keypoints(options: argparse.Namespace, each: Candidate) -> dict[str, list[float]]:
    """Score a network by the keypoint probe: PCK at 0.1 and 0.2 of the figure's longer side."""
    side, loading = options.resolution, _loading(options)
    people = (
        None if options.data == "figures" else open_people(_folder(options.data), resolution=side)
    )
    values: dict[str, list[float]] = {"PCK@0.1": [], "PCK@0.2": []}
    features = _Cache(each.baseline is not None)
    for seed in options.seeds:
        if people is None:
            train: Any = Figures(options.train_images, seed=seed, resolution=side)
            test: Any = Figures(options.test_images, seed=TEST_SEED, resolution=side)
            chosen = (list(range(len(train))), list(range(len(test))))
        else:
            train, test = people
            chosen = (
                choose(len(train), options.train_images, seed),
                choose(len(test), options.test_images, 0),
            )
        network: Any = each.network(seed).to(options.device)
        compute = partial(feature_maps, network)
        rows = _Examples(train, chosen[0], each.preprocessing)
        maps, labels = extract(compute, rows, **loading)
        points, visible, _ = _stack(labels)
        predict = train_heatmaps(
            maps, points, visible, resolution=side, seed=seed, epochs=options.epochs or 30
        )
        del maps
        rows = _Examples(test, chosen[1], each.preprocessing)
        maps, labels = features.get("test", partial(extract, compute, rows, **loading))
        points, visible, lengths = _stack(labels)
        found = predict(maps)
        for metric, scores in values.items():
            score = pck(found, points, visible, lengths, alpha=float(metric[4:]))
            if score is None:
                raise DataError(f"{options.data}: expected visible keypoints, found none.")
            scores.append(score)
    return values


class _Examples(torch.utils.data.Dataset[Any]):
    """Images with keypoints as rows of (tensor, (points, visible, length))."""

    def __init__(self, examples: Any, indices: list[int], preprocessing: Preprocessing) -> None:
        self.examples, self.indices = examples, indices
        self.mean, self.std = (torch.tensor(each)[:, None, None] for each in preprocessing[:2])

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, Any]:
        import numpy as np

        example = self.examples[self.indices[index]]
        pixels = torch.from_numpy(np.array(example.image)).permute(2, 0, 1).float() / 255
        return (pixels - self.mean) / self.std, (example.points, example.visible, example.length)


def _stack(labels: list[Any]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    points, visible, lengths = zip(*labels, strict=True)
    return (
        torch.stack([torch.as_tensor(each) for each in points]),
        torch.stack([torch.as_tensor(each) for each in visible]),
        torch.tensor(lengths),
    )


class _Cache:
    """Features that were computed, of the last key alone but for `test`."""

    def __init__(self, keep: bool) -> None:
        self.keep, self.found = keep, dict[str, Any]()

    def get(self, key: str, compute: Callable[[], Any]) -> Any:
        if not self.keep:
            return compute()
        if key not in self.found:
            self.found = {name: value for name, value in self.found.items() if name == "test"}
            self.found[key] = compute()
        return self.found[key]


def _loading(options: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(options, name) for name in ("device", "batch_size", "workers")}


def _folder(data: str) -> Path:
    folder = Path(data).expanduser()
    if not folder.is_dir():
        raise DataError(f"{data}: expected `figures` or the folder of COCO, found neither.")
    return folder


def evaluate(options: argparse.Namespace) -> dict[str, Any]:
    """Evaluate all networks, and print and write what they scored.

    Args:
        options: Of the command.

    Returns:
        What `--json` writes.

    Raises:
        PassError: weights or data cannot be used.
    """
    run = evaluate_keypoints if options.task == "keypoints" else evaluate_labels
    scores = []
    for each in candidates(options):
        print(f"{each.name}: {each.weights.network}, {len(options.seeds)} seeds", file=sys.stderr)
        protocol = _protocol(options, each.protocol)
        sha256 = None if each.baseline is None else each.weights.sha256
        values = run(options, each)
        baseline = each.baseline if options.random else None
        scores.append(Score(each.name, each.weights.network, sha256, protocol, values, baseline))
    title = f"{options.task} on {options.data}, {len(options.seeds)} seeds"
    document = to_json(scores, task=options.task, data=options.data, seeds=len(options.seeds))
    print(f"{title}; mean and 95% interval over seeds\n\n{table(scores)}")
    if options.task == "keypoints" and options.data == "figures":
        print("\nDrawn figures: no comparison with the pose results of the paper.")
    if options.json:
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    if options.plot:
        plot(scores, options.plot, title=title)
    return document


def _protocol(options: argparse.Namespace, name: str) -> dict[str, Any]:
    shared = {
        "resolution": options.resolution,
        "train_images": options.train_images,
        "test_images": options.test_images,
    }
    if options.task == "knn":
        return {**shared, "k": options.k, "temperature": options.temperature}
    if options.task == "keypoints":
        return {**shared, "probe": "one linear layer to heatmaps", "epochs": options.epochs or 30}
    if name == "light":
        return {**shared, "probe": "logistic regression"}
    epochs = options.epochs or PROTOCOLS[name].epochs
    return {**shared, "probe": f"linear layer as in {name}", "epochs": epochs}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("task", choices=("knn", "linear", "keypoints"))
    add("--weights", nargs="+", required=True, help="files, folders, or names of hubconf")
    add("--data", required=True, help="a folder, a dataset of the Hub, or figures")
    add("--seeds", type=int, default=5, help="how many; default: 5")
    add("--train-images", type=int, help="by seed; default: 2000 for keypoints, else all")
    add("--test-images", type=int, help="default: 1000 for keypoints, else all")
    add("--resolution", type=int, default=224, help="side of the images in pixels; default: 224")
    add("--no-random", dest="random", action="store_false", help="without random networks")
    probe = parser.add_argument_group("probe").add_argument
    probe("--k", type=int, default=20, help="neighbours of kNN; default: 20")
    probe("--temperature", type=float, default=0.07, help="of kNN; default: 0.07")
    probe(
        "--protocol",
        choices=("light", "official", *PROTOCOLS),
        default="light",
        help="of linear: logistic regression (light, the default), that of the weights' method "
        "(official), or that of one method for all",
    )
    probe("--epochs", type=int, help="of the probe; default: 100 for linear, 30 for keypoints")
    run = parser.add_argument_group("run").add_argument
    run("--json", type=Path, help="file for all values")
    run("--plot", type=Path, help="file for a plot, .png, .svg or .pdf")
    run("--batch-size", type=int, default=64, help="of features; default: 64")
    run("--workers", type=int, default=0, help="processes that read images; default: 0")
    run("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args(arguments)
    options.seeds = range(options.seeds)
    train, test = SMALL[options.task]
    options.train_images, options.test_images = (
        options.train_images or train,
        options.test_images or test,
    )
    return options


def main(arguments: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit code: 0, or 1 for an error.
    """
    try:
        evaluate(parse(arguments))
    except pass_utils.PassError as err:
        print(f"error: {err}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
