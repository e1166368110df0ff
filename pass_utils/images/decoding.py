"""Decoding with Pillow, of raster formats only: the one way in which we open image files.

Pillow also opens formats that are programs, such as EPS, for which it runs Ghostscript, and others
that hardly anybody needs. A file from a stranger chooses its format by its first bytes, whatever
its name is.
"""

from __future__ import annotations

import io
from functools import cache

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from ..errors import ImageError

RASTER_FORMATS = (
    *("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF", "ICO"),
)


@cache
def _formats() -> tuple[str, ...]:
    """Those of the formats that this Pillow knows."""
    Image.init()
    return tuple(name for name in RASTER_FORMATS if name in Image.OPEN)


def open_image(data: bytes | bytearray | memoryview) -> Image.Image:
    """Open an image file of a raster format without decoding it.

    Args:
        data: All bytes of the file.

    Returns:
        The image, as `PIL.Image.open` gives it.

    Raises:
        Exception: what Pillow raises of files that are broken, or of another format.
    """
    return Image.open(io.BytesIO(data), formats=_formats())


def decode_image(
    data: bytes | bytearray | memoryview, *, min_side: int | None = None
) -> Image.Image:
    """Decode an image file of a raster format, upright, as `datasets.Image` does.

    Args:
        data: All bytes of the file.
        min_side: Pixels of the shorter side that are enough: a large JPEG is decoded at a half, a
            quarter or an eighth of its resolution, with no fewer pixels, in a fraction of the time.

    Raises:
        ImageError: it is no image of these formats, or a broken one.
    """
    try:
        image = open_image(data)
        if min_side is not None and min_side < min(image.size):
            scale = min_side / min(image.size)
            image.draft(None, (round(image.width * scale), round(image.height * scale)))
        image.load()
        if image.getexif().get(ExifTags.Base.Orientation) is not None:
            image = ImageOps.exif_transpose(image)
    except Exception as err:  # Pillow lets out whatever a broken file runs into
        raise not_an_image(data, err) from err
    return image


def not_an_image(data: bytes | bytearray | memoryview, err: Exception) -> ImageError:
    """The error of a file that Pillow does not open or decode."""
    reason = "" if isinstance(err, UnidentifiedImageError) else f" ({err})"
    return ImageError(
        f"expected an image file, found {len(data):,} bytes that begin with {bytes(data[:8])!r}"
        f"{reason}. Leave it out."
    )
