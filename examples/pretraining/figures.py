"""Images with keypoints: drawn stick figures, and people of a dataset in COCO's format."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from labelled import DataError
from PIL import Image, ImageDraw

JOINTS = (
    *("head", "left shoulder", "right shoulder", "left elbow", "right elbow"),
    *("left wrist", "right wrist", "left hip", "right hip", "left knee", "right knee"),
    *("left ankle", "right ankle"),
)
BONES = ((1, 2), (1, 3), (3, 5), (2, 4), (4, 6), (1, 7), (2, 8), (7, 8), (7, 9), (9, 11), (8, 10))
MARGIN = 1.25  # of the crop around a person, as is common for pose networks
SUPERSAMPLING = 2  # for smooth lines


class Example(NamedTuple):
    """A square image with one figure.

    Attributes:
        image: A PIL image.
        points: Keypoints as (x, y) in pixels of the image, float32 of (keypoints, 2).
        visible: Which of them are labelled and within the image.
        length: What errors are compared with, in pixels: the longer side of the figure's box.
    """

    image: Any
    points: Any
    visible: Any
    length: float


class Figures:
    """Stick figures before clutter; the same seed and index give the same image.

    Args:
        count: How many there are.
        seed: Of all of them.
        resolution: Width and height in pixels.
    """

    keypoints = JOINTS

    def __init__(self, count: int, *, seed: int, resolution: int) -> None:
        self.count, self.seed, self.resolution = count, seed, resolution

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Example:
        rng = np.random.default_rng([self.seed, index])
        points = _pose(rng) * self.resolution
        side = self.resolution * SUPERSAMPLING
        image = draw_scene(rng, side)
        _draw_figure(ImageDraw.Draw(image), rng, points * SUPERSAMPLING, side)
        image = image.resize((self.resolution, self.resolution), Image.Resampling.BOX)
        visible = ((points >= 0) & (points < self.resolution)).all(axis=1)
        length = float((points.max(axis=0) - points.min(axis=0)).max())
        return Example(image, points.astype(np.float32), visible, length)


def draw_scene(rng: np.random.Generator, side: int) -> Image.Image:
    """Draw a scene without people: a gradient, shapes and lines.

    Args:
        rng: Which decides all of it.
        side: Width and height in pixels.
    """
    ends = rng.integers(0, 256, (2, 3))
    angle = rng.uniform(0, 2 * math.pi)
    y, x = np.mgrid[0:1:64j, 0:1:64j]
    share = (x * math.cos(angle) + y * math.sin(angle) + 1.5) / 3
    gradient = ends[0] + share[..., None] * (ends[1] - ends[0])
    gradient = gradient + rng.normal(0, 8, gradient.shape)
    image = Image.fromarray(gradient.clip(0, 255).astype(np.uint8)).resize((side, side))
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(4, 12)):
        color = tuple(int(value) for value in rng.integers(0, 256, 3))
        (left, top), (width, height) = rng.uniform(-0.1, 1, 2), rng.uniform(0.05, 0.4, 2)
        box = [left * side, top * side, (left + width) * side, (top + height) * side]
        kind = rng.integers(4)
        if kind == 0:
            draw.ellipse(box, fill=color)
        elif kind == 1:
            draw.rectangle(box, fill=color)
        elif kind == 2:
            draw.polygon([(float(a), float(b)) for a, b in rng.uniform(0, side, (3, 2))], color)
        else:
            draw.line(box, fill=color, width=int(side * rng.uniform(0.01, 0.04)) + 1)
    return image


def _pose(rng: np.random.Generator) -> Any:
    """Keypoints of a figure that faces us, in shares of the image: its left is on our right."""
    scale, lean = rng.uniform(0.75, 1.0), rng.normal(0, 0.15)
    center = np.array([0.5, 0.48]) + rng.uniform(-0.06, 0.06, 2)

    def step(angle: float, length: float) -> Any:  # from straight down, towards our right
        return scale * length * np.array([math.sin(angle + lean), math.cos(angle + lean)])

    points = np.zeros((len(JOINTS), 2))
    neck, hips = center - step(0, 0.14), center + step(0, 0.14)
    points[0] = neck + step(math.pi + rng.normal(0, 0.2), 0.13)
    for side, sign in ((0, 1), (1, -1)):
        points[1 + side] = neck + step(sign * math.pi / 2, 0.09)
        points[7 + side] = hips + step(sign * math.pi / 2, 0.06)
        upper = rng.uniform(0.1, 2.6)
        points[3 + side] = points[1 + side] + step(sign * upper, 0.14)
        points[5 + side] = points[3 + side] + step(sign * (upper + rng.uniform(-0.4, 1.6)), 0.13)
        thigh = rng.uniform(-0.1, 0.8)
        points[9 + side] = points[7 + side] + step(sign * thigh, 0.17)
        points[11 + side] = points[9 + side] + step(sign * (thigh - rng.uniform(0, 0.8)), 0.17)
    return points


def _draw_figure(draw: Any, rng: np.random.Generator, points: Any, side: int) -> None:
    color = tuple(int(value) for value in rng.integers(0, 256, 3))
    width = int(side * rng.uniform(0.018, 0.035)) + 1
    joints = [tuple(map(float, point)) for point in points]
    for first, second in (*BONES, (10, 12)):
        draw.line([joints[first], joints[second]], fill=color, width=width)
    neck = tuple(map(float, points[1:3].mean(axis=0)))
    draw.line([joints[0], neck], fill=color, width=width)
    for (x, y), radius in [(joints[0], 1.8 * width), *((joint, width / 2) for joint in joints[1:])]:
        draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=color)


class People:
    """People of a dataset in COCO's format, each cropped to a square of their own.

    The crop is centred on the person's box and a quarter larger than its longer side; what lies
    outside of the image is black. Crowds and people without keypoints are left out.

    Args:
        annotations: A file such as annotations/person_keypoints_val2017.json.
        images: The folder of its images.
        resolution: Width and height of the crops in pixels.

    Raises:
        DataError: the file is not of this format, or nobody in it has keypoints.
    """

    def __init__(self, annotations: Path, images: Path, *, resolution: int) -> None:
        self.images, self.resolution = images, resolution
        try:
            document = json.loads(annotations.read_text())
            names = [each["keypoints"] for each in document["categories"] if "keypoints" in each]
            self.keypoints: tuple[str, ...] = tuple(names[0])
            self.files = {each["id"]: each["file_name"] for each in document["images"]}
            self.people = [
                (each["image_id"], each["bbox"], each["keypoints"])
                for each in document["annotations"]
                if each.get("num_keypoints") and not each.get("iscrowd")
            ]
        except (OSError, ValueError, KeyError, IndexError, TypeError) as err:
            raise DataError(
                f"{annotations}: expected COCO's format with keypoints, found: {err!r}"
            ) from err
        if not self.people:
            raise DataError(f"{annotations}: expected people with keypoints, found none.")

    def __len__(self) -> int:
        return len(self.people)

    def __getitem__(self, index: int) -> Example:
        image_id, (left, top, width, height), numbers = self.people[index]
        longer = max(width, height)
        side = MARGIN * longer
        corner = np.array([left + width / 2, top + height / 2]) - side / 2
        scale = self.resolution / side
        image = Image.open(self.images / self.files[image_id]).convert("RGB")
        box = tuple(float(value) for value in (*corner, *(corner + side)))
        crop = image.transform(
            (self.resolution, self.resolution),
            Image.Transform.EXTENT,
            box,
            Image.Resampling.BICUBIC,
        )
        labelled = np.array(numbers, dtype=np.float32).reshape(-1, 3)
        points = ((labelled[:, :2] - corner) * scale).astype(np.float32)
        within = ((points >= 0) & (points < self.resolution)).all(axis=1)
        return Example(crop, points, (labelled[:, 2] > 0) & within, float(longer * scale))


def open_people(folder: Path, *, resolution: int) -> tuple[People, People]:
    """Open the people of COCO as it is distributed: annotations/, train2017/, val2017/.

    Args:
        folder: Which has person_keypoints_train*.json and person_keypoints_val*.json in
            annotations/, and a folder of images for each, named as what follows the second `_`.
        resolution: Width and height of the crops in pixels.

    Raises:
        DataError: a file or folder is missing.
    """
    parts = []
    for part in ("train", "val"):
        files = sorted((folder / "annotations").glob(f"person_keypoints_{part}*.json"))
        images = folder / files[0].stem.removeprefix("person_keypoints_") if files else folder
        if not files or not images.is_dir():
            raise DataError(
                f"{folder}: expected annotations/person_keypoints_{part}*.json and the folder of "
                f"its images, found {files[0].name if files else 'no such file'}."
            )
        parts.append(People(files[0], images, resolution=resolution))
    return parts[0], parts[1]
