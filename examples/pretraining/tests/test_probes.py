"""Probes by value: kNN against a formula written out, linear probes on features that separate."""

from __future__ import annotations

import math

import pytest
import torch
from features import Preprocessing, Transformed, make_transform, pooled
from PIL import Image
from probes import (
    PROTOCOLS,
    accuracy,
    knn_votes,
    learning_rate,
    logistic_votes,
    train_linear,
)


def test_knn_votes_equal_the_formula_written_out():
    draw = torch.Generator().manual_seed(0)
    train, test = (torch.randn(rows, 5, generator=draw) for rows in (40, 7))
    labels = torch.randint(0, 4, (40,), generator=draw)
    votes = knn_votes(train, labels, test, classes=4, k=9, temperature=0.07, batch_size=3)
    for row, query in enumerate(test.tolist()):
        cosines = []
        for other in train.tolist():
            norms = math.hypot(*query) * math.hypot(*other)
            cosines.append(sum(a * b for a, b in zip(query, other, strict=True)) / norms)
        nearest = sorted(range(40), key=lambda index: -cosines[index])[:9]
        wanted = [
            sum(math.exp(cosines[n] / 0.07) for n in nearest if labels[n] == label)
            for label in range(4)
        ]
        assert votes[row].tolist() == pytest.approx(wanted, rel=1e-3)


def test_one_near_neighbour_outvotes_two_far_ones_at_a_low_temperature():
    train = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.6, -0.8]])
    labels, test = torch.tensor([0, 1, 1]), torch.tensor([[2.0, 0.0]])
    assert knn_votes(train, labels, test, classes=2, temperature=0.07).argmax() == 0
    assert knn_votes(train, labels, test, classes=2, temperature=10.0).argmax() == 1


def test_accuracy_counts_labels_among_the_best():
    votes = torch.tensor([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0], [1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
    labels = torch.tensor([0, 1, 2, 2])
    assert (accuracy(votes, labels), accuracy(votes, labels, top=2)) == (50.0, 75.0)


def test_logistic_regression_separates_what_can_be_and_not_what_cannot():
    draw = torch.Generator().manual_seed(0)
    labels = torch.arange(200) % 2
    features = torch.randn(200, 3, generator=draw)
    noise = logistic_votes(features[:100], labels[:100], features[100:], classes=3)
    assert accuracy(noise, labels[100:]) < 65
    features[:, 1] += 20.0 * labels
    votes = logistic_votes(features[:100], labels[:100], features[100:], classes=3)
    assert accuracy(votes, labels[100:]) == 100
    assert votes[:, 2].tolist() == [-math.inf] * 100  # a class that training has not seen


def test_learning_rates_are_those_of_the_official_codes():
    moco, swav, dino = (PROTOCOLS[name] for name in ("moco", "swav", "dino"))
    rates = [learning_rate(moco, epoch, 256) for epoch in (0, 59, 60, 79, 80, 99)]
    assert rates == pytest.approx([30, 30, 3, 3, 0.3, 0.3])
    assert [learning_rate(swav, epoch, 256) for epoch in (0, 50, 100)] == pytest.approx(
        [0.3, 0.15, 0]
    )
    assert learning_rate(dino, 0, 1024) == pytest.approx(0.004)
    assert learning_rate(dino, 0, 256) == pytest.approx(0.001)


class Red(torch.nn.Module):
    """Features: the mean of each colour."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean(dim=(2, 3))


def test_a_linear_probe_learns_from_augmented_images_and_is_the_same_for_a_seed():
    colors = [(255, 0, 0), (0, 0, 255)]
    rows = [(Image.new("RGB", (20, 16), colors[index % 2]), index % 2) for index in range(12)]
    data = Transformed(rows, range(12), make_transform(Preprocessing(), 8, augment=True))
    options = {"classes": 2, "protocol": PROTOCOLS["swav"]._replace(epochs=5), "seed": 3}
    layers = [train_linear(Red(), data, **options) for _ in range(2)]
    assert torch.equal(layers[0].weight, layers[1].weight)
    votes = layers[0](Red()(torch.stack([image for image, _ in data])))
    assert votes.argmax(dim=1).tolist() == [0, 1] * 6


def test_the_class_tokens_of_the_last_blocks_follow_one_another():
    import timm

    torch.manual_seed(0)
    network = timm.create_model("test_vit", num_classes=0, img_size=32).eval()
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        features = pooled(network, images, blocks=2)
        x = network.forward_features(images)[:, 0]  # after the norm
    assert features.shape == (2, 2 * network.num_features)
    assert torch.allclose(features[:, network.num_features :], x, atol=1e-5)
