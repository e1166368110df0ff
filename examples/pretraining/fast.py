"""The fast augmentation: one decode by simplejpeg, crops as tensors, the rest in batches.

A deviation from the official recipes, by name: it draws the same crops, colours and blurs, and
computes them in another way, in float32 instead of 8 bits a step, after a decoding that rounds
more. Workers decode and crop; colour,
blur and flip of a whole batch are computed where the network is.
"""

from __future__ import annotations

import official
import simplejpeg
import torch
from draws import Draw
from recipes import View
from torchvision.transforms import functional

COLORSPACES = ("YCbCr", "Gray", "RGB")  # of JPEGs that simplejpeg turns into RGB
EXIF_WITHIN = 1 << 16  # bytes of a file; a segment of a JPEG has no more
GREY = (0.299, 0.587, 0.114)  # luma of RGB, as Pillow has it
RADIUS = 6  # pixels of the blur's kernel to each side: three of its largest sigma


def decode(data: bytes) -> torch.Tensor:
    """Decodes an image file, upright and in RGB, to uint8 of (3, height, width).

    Pillow decodes what is no plain JPEG, and what has EXIF, which may say that it lies on its side.
    """
    try:
        plain = simplejpeg.decode_jpeg_header(data)[2] in COLORSPACES
    except ValueError:
        plain = False
    if not plain or b"Exif\0" in data[:EXIF_WITHIN]:
        return functional.pil_to_tensor(official.decode(data))
    pixels = simplejpeg.decode_jpeg(data, "RGB", fastdct=True)
    return torch.from_numpy(pixels).permute(2, 0, 1)


def crop(image: torch.Tensor, view: View, drawn: Draw) -> torch.Tensor:
    """Returns the crop of a view, uint8 of (3, size, size)."""
    left, top, right, bottom = drawn.box
    part = image[None, :, top:bottom, left:right]
    size, mode = (view.size, view.size), view.interpolation
    return torch.nn.functional.interpolate(part, size, mode=mode, antialias=True)[0]


def pack(draws: list[Draw]) -> torch.Tensor:
    """Returns what `finish` needs of the draws, float32 of (images, 12): a row has the order of the
    four changes of colour or -1, their factors, grey, blur, solarize and flip.
    """
    rows = [
        (*(each.order or (-1,) * 4), *each.factors, each.grey, each.blur, each.solarize, each.flip)
        for each in draws
    ]
    return torch.tensor(rows, dtype=torch.float32)


def finish(
    views: torch.Tensor, packed: torch.Tensor, mean: list[float], std: list[float]
) -> torch.Tensor:
    """Does the rest of what was drawn, and normalises.

    Args:
        views: Crops, uint8 of (images, 3, size, size).
        packed: What `pack` gave, on the same device.
        mean: Of the channels.
        std: Of the channels.

    Returns:
        float32 of the same shape.
    """
    x = views.float().div_(255)
    order, factors = packed[:, :4], packed[:, 4:8]
    grey, blur, solarize, flip = packed[:, 8:].unbind(1)
    for turn in range(4):
        for index, change in enumerate((_brighten, _contrast, _saturate, _shift_hue)):
            rows = torch.nonzero(order[:, turn] == index).flatten()
            if len(rows):
                x[rows] = change(x[rows], factors[rows, index].view(-1, 1, 1, 1))
    rows = torch.nonzero(grey).flatten()
    if len(rows):
        x[rows] = _luma(x[rows]).expand(-1, 3, -1, -1)
    rows = torch.nonzero(blur).flatten()
    if len(rows):
        x[rows] = _blur(x[rows], blur[rows])
    x = torch.where((solarize.view(-1, 1, 1, 1) > 0) & (x >= 128 / 255), 1 - x, x)
    x = torch.where(flip.view(-1, 1, 1, 1) > 0, x.flip(3), x)
    shape = (1, 3, 1, 1)
    return x.sub_(x.new_tensor(mean).view(shape)).div_(x.new_tensor(std).view(shape))


def _luma(x: torch.Tensor) -> torch.Tensor:
    red, green, blue = GREY
    return x[:, 0:1] * red + x[:, 1:2] * green + x[:, 2:3] * blue


def _brighten(x: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    return (x * factor).clamp_(0, 1)


def _contrast(x: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    return torch.lerp(_luma(x).mean((1, 2, 3), keepdim=True), x, factor).clamp_(0, 1)


def _saturate(x: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    return torch.lerp(_luma(x), x, factor).clamp_(0, 1)


def _shift_hue(x: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """Turns the hue in HSV, which leaves the largest and the smallest channel as they are."""
    high, low = x.amax(1, keepdim=True), x.amin(1, keepdim=True)
    spread = high - low
    red, green, blue = x.split(1, dim=1)
    scale = torch.where(spread > 0, spread, torch.ones_like(spread))
    hue = torch.where(
        high == red,
        (green - blue) / scale,
        torch.where(high == green, 2 + (blue - red) / scale, 4 + (red - green) / scale),
    )
    hue = hue + 6 * shift
    corners = torch.tensor([5.0, 3.0, 1.0], device=x.device).view(1, 3, 1, 1)
    distance = (corners + hue).remainder_(6)
    return high - spread * torch.minimum(distance, 4 - distance).clamp_(0, 1)


def _blur(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """A Gaussian blur with a sigma of each image, along rows and then along columns."""
    count, channels, height, width = x.shape
    steps = torch.arange(-RADIUS, RADIUS + 1, device=x.device)
    kernels = torch.exp(-0.5 * (steps / sigma.view(-1, 1)) ** 2)
    kernels = (kernels / kernels.sum(1, keepdim=True)).repeat_interleave(channels, 0)
    flat = x.reshape(1, count * channels, height, width)
    for shape, padding in (((1, -1), (RADIUS, RADIUS, 0, 0)), ((-1, 1), (0, 0, RADIUS, RADIUS))):
        weights = kernels.view(count * channels, 1, *shape)
        padded = torch.nn.functional.pad(flat, padding, mode="replicate")
        flat = torch.nn.functional.conv2d(padded, weights, groups=count * channels)
    return flat.view(x.shape)
