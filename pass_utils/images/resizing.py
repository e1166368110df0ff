"""Resize image files to a size for training: a JPEG with a shorter side of so many pixels."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from ..errors import ExportError
from .decoding import decode_image, not_an_image
from .files import ByteCounts

QUALITY = 90
# A JPEG is decoded at a fraction of its resolution with at least so many times the side that is
# wanted: against decoding all of it, the result differs by 47 dB or more; with once the side, 39.
_DRAFT = 2
_ASPECT = 4 / 3  # longer by shorter side, of most photographs
_BYTES_A_PIXEL = 0.12  # of photographs at quality 50
_WITH_ALPHA = ("RGBA", "RGBa", "LA", "La", "PA")


@dataclass(frozen=True)
class Resize:
    """How images are resized.

    Attributes:
        side: Pixels of the shorter side, at most; a smaller image is not enlarged.
        quality: Of the JPEG, 1 to 100 as libjpeg has it.
        on_error: What to do about an image that cannot be decoded: raise, or leave its row out.

    Raises:
        ExportError: one of them makes no sense.
    """

    side: int
    quality: int = QUALITY
    on_error: Literal["raise", "skip"] = "raise"

    def __post_init__(self) -> None:
        if isinstance(self.side, bool) or not isinstance(self.side, int) or self.side < 1:
            raise ExportError(
                f"resize: expected pixels of the shorter side, such as 256, found {self.side!r}."
            )
        if (
            isinstance(self.quality, bool)
            or not isinstance(self.quality, int)
            or not 1 <= self.quality <= 100
        ):
            raise ExportError(
                f"quality: expected that of a JPEG, 1 to 100, found {self.quality!r}."
            )
        if self.on_error not in ("raise", "skip"):
            raise ExportError(f'on_error: expected "raise" or "skip", found {self.on_error!r}.')

    @property
    def changes(self) -> str:
        """What is done to the images, for their credits."""
        return (
            f"resized to a shorter side of at most {self.side} pixels, re-encoded as JPEG at "
            f"quality {self.quality}"
        )

    def estimate(self, sizes: ByteCounts) -> ByteCounts:
        """About how many bytes images will have, without reading one.

        No more than they have, and than photographs of this width and height have at this quality,
        whose bytes grow with the square root of what the quality makes of libjpeg's table of
        quantization: 24 kB at 256 pixels and quality 90.

        Args:
            sizes: The bytes of the files.
        """
        quality = self.quality
        scale = 50 / quality if quality < 50 else max(2 - quality / 50, 0.02)
        pixels = self.side * self.side * _ASPECT
        most = int(pixels * _BYTES_A_PIXEL / scale**0.5)
        estimates: ByteCounts = np.minimum(sizes, most)
        return estimates

    def jpeg(self, data: bytes | bytearray | memoryview) -> bytes:
        """Resize an image file.

        The image is turned upright as its EXIF says, made RGB (grey of 16 bits keeps the upper 8;
        what is transparent lies on white), and resized with Lanczos. Metadata, among them EXIF,
        XMP, comments and colour profiles, are left out; the values of the pixels are not converted
        by a profile.

        Args:
            data: All bytes of the file.

        Returns:
            The bytes of the JPEG.

        Raises:
            ImageError: it is no image of the raster formats, or a broken one.
        """
        image = decode_image(data, min_side=_DRAFT * self.side)
        try:
            image = _to_rgb(image)
            scale = self.side / min(image.size)
            if scale < 1:
                width, height = (max(self.side, round(side * scale)) for side in image.size)
                image = image.resize((width, height), Image.Resampling.LANCZOS)
            image.info.clear()  # Pillow writes a comment that it finds there
            buffer = io.BytesIO()
            image.save(buffer, "JPEG", quality=self.quality)
        except Exception as err:  # Pillow lets out whatever a rare format runs into
            raise not_an_image(data, err) from err
        return buffer.getvalue()


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise ValueError("8 or 16 bits a channel are known, not floats")
    if image.mode.startswith("I"):
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise ValueError("8 or 16 bits a channel are known, not 32")
        image = Image.fromarray((values >> 8).astype(np.uint8))
    if image.mode in _WITH_ALPHA or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image)
        image = white
    return image.convert("RGB")
