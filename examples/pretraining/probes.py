"""Probes of frozen features: weighted k nearest neighbours, logistic regression, linear layers."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from features import pooled
from sklearn.linear_model import LogisticRegression


class Protocol(NamedTuple):
    """How a linear probe is trained by official code; all use SGD with momentum 0.9.

    Attributes:
        lr: The learning rate at the first epoch.
        lr_batch: The batch that it is for, to which it is scaled; None where it is not scaled.
        batch_size: Images in a batch.
        weight_decay: Of all parameters.
        steps: The fractions of the epochs after which the rate is divided by 10; cosine to 0 where
            there are none.
        blocks: Of a vision transformer, how many of the last give their class tokens.
        epochs: How often each image is seen.
    """

    lr: float
    lr_batch: int | None
    batch_size: int
    weight_decay: float
    steps: tuple[float, ...]
    blocks: int = 1
    epochs: int = 100


PROTOCOLS = {
    # facebookresearch/moco, main_lincls.py, whose README sets lr 30 and batch 256
    "moco": Protocol(30.0, None, 256, 0.0, (0.6, 0.8)),
    # facebookresearch/swav, eval_linear.py: 32 images on each of 8 GPUs
    "swav": Protocol(0.3, None, 256, 1e-6, ()),
    # facebookresearch/dino, eval_linear.py: 128 images on each of 8 GPUs
    "dino": Protocol(0.001, 256, 1024, 0.0, (), blocks=4),
}


def knn_votes(
    train: torch.Tensor,
    labels: torch.Tensor,
    test: torch.Tensor,
    *,
    classes: int,
    k: int = 20,
    temperature: float = 0.07,
    batch_size: int = 1000,
) -> torch.Tensor:
    """Let the nearest training images vote, as in DINO's eval_knn.py.

    The weight of a neighbour is exp(cosine similarity / temperature).

    Args:
        train: Features of (images, features); they need not be normalized.
        labels: Of these, from 0.
        test: Features of other images.
        classes: How many classes there are.
        k: How many neighbours vote, at most all.
        temperature: The smaller, the more the nearest ones count.
        batch_size: Test images that are compared at once.

    Returns:
        The votes, of (test images, classes).
    """
    train = torch.nn.functional.normalize(train, dim=1)
    votes = torch.zeros(len(test), classes)
    for start in range(0, len(test), batch_size):
        part = torch.nn.functional.normalize(test[start : start + batch_size], dim=1)
        similarity, nearest = (part @ train.T).topk(min(k, len(train)), dim=1)
        weights = (similarity / temperature).exp()
        votes[start : start + batch_size].scatter_add_(1, labels[nearest], weights)
    return votes


def accuracy(votes: torch.Tensor, labels: torch.Tensor, *, top: int = 1) -> float:
    """Return the share of images whose label is among the `top` classes with most votes, in %."""
    best = votes.topk(min(top, votes.shape[1]), dim=1).indices
    return 100 * float((best == labels[:, None]).any(dim=1).float().mean())


def logistic_votes(
    train: torch.Tensor, labels: torch.Tensor, test: torch.Tensor, *, classes: int, seed: int = 0
) -> torch.Tensor:
    """Predict by logistic regression on standardized features.

    Its strength is the one of four that is best on a tenth of the training images; then it is
    trained on all of them.

    Args:
        train: Features of (images, features).
        labels: Of these, from 0.
        test: Features of other images.
        classes: How many classes there are.
        seed: Of that tenth.

    Returns:
        Log-probabilities of (test images, classes).
    """
    mean, std = train.mean(dim=0), train.std(dim=0).clamp_min(1e-6)
    x, y = ((train - mean) / std).double().numpy(), labels.numpy()
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed)).numpy()
    held_out, rest = order[: len(x) // 10], order[len(x) // 10 :]

    def fit(strength: float, rows: Any) -> Any:
        return LogisticRegression(C=strength, max_iter=1000).fit(x[rows], y[rows])

    strengths = (1e-4, 1e-3, 1e-2, 1e-1)
    best = strengths[-2]
    if len(held_out) and len(set(y[rest])) > 1:
        best = max(strengths, key=lambda c: fit(c, rest).score(x[held_out], y[held_out]))
    model = fit(best, order)
    votes = torch.full((len(test), classes), -math.inf)
    given = model.predict_log_proba(((test - mean) / std).double().numpy())
    votes[:, torch.from_numpy(model.classes_)] = torch.from_numpy(given).float()
    return votes


def learning_rate(protocol: Protocol, epoch: int, batch_size: int) -> float:
    """Return the learning rate of an epoch, from 0, at a batch size."""
    rate = protocol.lr * (batch_size / protocol.lr_batch if protocol.lr_batch else 1.0)
    if protocol.steps:
        return rate * 0.1 ** sum(epoch >= share * protocol.epochs for share in protocol.steps)
    return rate * 0.5 * (1 + math.cos(math.pi * epoch / protocol.epochs))


def train_linear(
    network: Any,
    rows: Any,
    *,
    classes: int,
    protocol: Protocol,
    seed: int,
    device: str = "cpu",
    workers: int = 0,
) -> torch.nn.Linear:
    """Train a linear layer on the frozen features of augmented images.

    Args:
        network: In evaluation mode.
        rows: A dataset of (tensor, label), augmented anew at each access.
        classes: How many classes there are.
        protocol: Of an official code, or a shorter one.
        seed: Of the layer, the order and the augmentation.
        device: Where to train.
        workers: Processes that read images.

    Returns:
        The layer after the last epoch; the official codes report their best epoch on the test
        images instead, which favours them.
    """
    torch.manual_seed(seed)
    batch_size = min(protocol.batch_size, len(rows))
    loader = torch.utils.data.DataLoader(rows, batch_size, shuffle=True, num_workers=workers)
    layer: Any = None
    for epoch in range(protocol.epochs):
        for images, labels in loader:
            with torch.no_grad():
                features = pooled(network, images.to(device), blocks=protocol.blocks).float()
            if layer is None:
                layer = torch.nn.Linear(features.shape[1], classes).to(device)
                torch.nn.init.normal_(layer.weight, std=0.01)
                torch.nn.init.zeros_(layer.bias)
                optimizer = torch.optim.SGD(
                    layer.parameters(), momentum=0.9, weight_decay=protocol.weight_decay
                )
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(protocol, epoch, batch_size)
            loss = torch.nn.functional.cross_entropy(layer(features), labels.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    made: torch.nn.Linear = layer
    return made
