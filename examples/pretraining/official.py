"""The official augmentation: each view by Pillow, as the three recipes were published."""

from __future__ import annotations

import io

import torch
from draws import Draw
from PIL import Image, ImageFilter, ImageOps
from recipes import View
from torchvision.transforms import functional

RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
JITTER = (
    functional.adjust_brightness,
    functional.adjust_contrast,
    functional.adjust_saturation,
    functional.adjust_hue,
)


def decode(data: bytes) -> Image.Image:
    """Decodes an image file, upright and in RGB."""
    return ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")


def apply(image: Image.Image, view: View, drawn: Draw) -> torch.Tensor:
    """Does to an image what was drawn.

    Args:
        image: In RGB.
        view: For its size and interpolation.
        drawn: What is done.

    Returns:
        uint8 of (3, size, size).
    """
    size = (view.size, view.size)
    image = image.crop(drawn.box).resize(size, RESAMPLING[view.interpolation])
    for index in drawn.order:
        image = JITTER[index](image, drawn.factors[index])
    if drawn.grey:
        image = image.convert("L").convert("RGB")
    if drawn.blur:
        image = image.filter(ImageFilter.GaussianBlur(drawn.blur))
    if drawn.solarize:
        image = ImageOps.solarize(image, 128)
    if drawn.flip:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return functional.pil_to_tensor(image)


def normalise(views: torch.Tensor, mean: list[float], std: list[float]) -> torch.Tensor:
    """Returns uint8 of (images, 3, size, size) as float32, less the mean, by the deviation."""
    scaled = views.float().div_(255)
    shape = (1, 3, 1, 1)
    return scaled.sub_(scaled.new_tensor(mean).view(shape)).div_(scaled.new_tensor(std).view(shape))
