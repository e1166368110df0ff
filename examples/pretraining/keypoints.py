"""Keypoint probe: frozen feature maps to heatmaps by one linear layer, and PCK."""

from __future__ import annotations

from typing import Any

import torch

CELLS = 28  # about so many rows and columns have the heatmaps


class Heatmaps(torch.nn.Module):
    """One linear layer from the features of a cell to the heatmaps within it.

    Args:
        channels: Of the feature maps.
        keypoints: How many heatmaps there are.
        cells: Rows (and columns) of the feature maps.
    """

    def __init__(self, channels: int, keypoints: int, cells: int) -> None:
        super().__init__()
        self.factor = max(1, round(CELLS / cells))
        self.layer = torch.nn.Conv2d(channels, keypoints * self.factor**2, 1)
        torch.nn.init.zeros_(self.layer.weight)
        torch.nn.init.zeros_(self.layer.bias)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return logits of (images, keypoints, rows, columns)."""
        return torch.nn.functional.pixel_shuffle(self.layer(maps), self.factor)


def heatmap_targets(points: torch.Tensor, *, cells: int, resolution: int) -> torch.Tensor:
    """Draw a Gaussian of one cell around each keypoint.

    Args:
        points: As (x, y) in pixels, of (images, keypoints, 2).
        cells: Rows (and columns) of a heatmap.
        resolution: Side of the images in pixels.

    Returns:
        Of (images, keypoints, cells * cells), each with the sum 1.
    """
    centers = (torch.arange(cells) + 0.5) * (resolution / cells)
    distance = (points[..., None] - centers) / (resolution / cells)  # in cells
    x, y = (-0.5 * distance[..., axis, :] ** 2 for axis in (0, 1))
    return (y[..., :, None] + x[..., None, :]).flatten(-2).softmax(dim=-1)


def locate(logits: torch.Tensor, *, resolution: int) -> torch.Tensor:
    """Find keypoints: the mean position, by probability, of the three by three cells around the
    most probable one.

    Args:
        logits: Of (images, keypoints, cells, cells).
        resolution: Side of the images in pixels.

    Returns:
        As (x, y) in pixels, of (images, keypoints, 2).
    """
    cells = logits.shape[-1]
    probability = logits.flatten(-2).softmax(dim=-1).unflatten(-1, (cells, cells))
    best = probability.flatten(-2).argmax(dim=-1)
    index = torch.arange(cells)
    near_y = ((index - (best // cells)[..., None]).abs() <= 1).float()
    near_x = ((index - (best % cells)[..., None]).abs() <= 1).float()
    local = probability * near_y[..., :, None] * near_x[..., None, :]
    local = local / local.sum(dim=(-1, -2), keepdim=True)
    y, x = ((local.sum(dim=axis) * (index + 0.5)).sum(dim=-1) for axis in (-1, -2))
    return torch.stack([x, y], dim=-1) * (resolution / cells)


def pck(
    found: torch.Tensor,
    points: torch.Tensor,
    visible: torch.Tensor,
    lengths: torch.Tensor,
    *,
    alpha: float = 0.1,
) -> float | None:
    """Return the percentage of correct keypoints: within alpha times the length of their figure.

    Args:
        found: Predictions as (x, y), of (images, keypoints, 2).
        points: What is true, likewise.
        visible: Which keypoints count, of (images, keypoints).
        lengths: Of the figures, of (images,), in the same unit as the points.
        alpha: The share of the length that an error may have.

    Returns:
        From 0 to 100; None where no keypoint is visible.
    """
    if not visible.any():
        return None
    correct = (found - points).norm(dim=-1) <= alpha * lengths[:, None]
    return 100 * float(correct[visible].float().mean())


def train_heatmaps(
    maps: torch.Tensor,
    points: torch.Tensor,
    visible: torch.Tensor,
    *,
    resolution: int,
    seed: int,
    epochs: int = 30,
    batch_size: int = 64,
    lr: float = 0.003,
    weight_decay: float = 0.01,
) -> Any:
    """Train the probe: cross-entropy to Gaussian heatmaps, by AdamW with a cosine schedule.

    Args:
        maps: Features of (images, channels, rows, columns).
        points: As (x, y) in pixels, of (images, keypoints, 2).
        visible: Which of them to learn, of (images, keypoints).
        resolution: Side of the images in pixels.
        seed: Of the order of the images.
        epochs: How often each image is seen.
        batch_size: Images in a batch.
        lr: The learning rate of the first step.
        weight_decay: Of AdamW.

    Returns:
        A function from feature maps to keypoints in pixels.
    """
    mean = maps.mean(dim=(0, 2, 3), keepdim=True)
    std = maps.std(dim=(0, 2, 3), keepdim=True).clamp_min(1e-6)
    probe = Heatmaps(maps.shape[1], points.shape[1], maps.shape[-1])
    cells = maps.shape[-1] * probe.factor
    targets = heatmap_targets(points, cells=cells, resolution=resolution)
    optimizer = torch.optim.AdamW(probe.parameters(), lr, weight_decay=weight_decay)
    steps = epochs * -(-len(maps) // batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    order = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for rows in torch.randperm(len(maps), generator=order).split(batch_size):
            logits = probe((maps[rows] - mean) / std).flatten(-2)
            losses = -(targets[rows] * logits.log_softmax(dim=-1)).sum(dim=-1)
            loss = losses[visible[rows]].mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()

    def predict(more: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            parts = [probe((part - mean) / std) for part in more.split(batch_size)]
            return torch.cat([locate(part, resolution=resolution) for part in parts])

    return predict
