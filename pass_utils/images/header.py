"""Width and height from the header of an image file, as `datasets.Image` would decode it; nothing
is decoded.

A JPEG is a row of segments: a marker of two bytes, a length, so many bytes. One of them, the frame
header, holds height and width; another may hold the EXIF orientation, by which the image is turned
upright; the first scan ends them. Read here are well-formed JPEGs of the frames that every decoder
knows: baseline, extended and progressive ones of 8 bits with 1, 3 or 4 components. Whatever else
there is goes to Pillow, so that no answer differs from what `datasets` will deliver.

Format: ITU-T T.81 (JPEG), annex B; CIPA DC-008 (EXIF), 4.5 and 4.6; Adobe XMP specification, part
3.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from struct import Struct, iter_unpack, unpack_from
from typing import TypeAlias

from PIL import ExifTags

from ..errors import TruncatedImageError
from .decoding import not_an_image, open_image

Data: TypeAlias = "bytes | bytearray | memoryview"
Resolution: TypeAlias = "tuple[int, int]"  # width, height in pixels

# of an image file that are read at first: enough for nearly all JPEGs without a thumbnail
FIRST_BYTES = 4096

_JPEG = b"\xff\xd8\xff"
_FILL, _SCAN, _APP1 = 0xFFFF, 0xFFDA, 0xFFE1
_FRAMES = frozenset({*range(0xFFC0, 0xFFD0)} - {0xFFC4, 0xFFC8, 0xFFCC})  # SOF0 to SOF15
# tables, APPn, COM
_OTHERS = frozenset(
    {0xFFC4, 0xFFCC, 0xFFDB, 0xFFDC, 0xFFDD, 0xFFFE, *range(0xFFE0, 0xFFF0)} - {_APP1}
)
_segment = Struct(">HH").unpack_from  # marker, length
_frame = Struct(">BHHB").unpack_from  # bits of a sample, height, width, components
_DECODED_FRAMES = (0xFFC0, 0xFFC1, 0xFFC2)  # baseline, extended, progressive

_EXIF = b"Exif\0\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_ORIENTATION, _SHORT = 0x0112, 3  # tag and type
# bytes of a value of each type
_TYPE_SIZES = dict(enumerate((1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4), start=1))
_SIDEWAYS = (5, 6, 7, 8)  # orientations that swap width and height

# formats that cannot be turned without a word of EXIF or XMP
_PLAIN = ("PNG", "WEBP", "GIF", "BMP", "PPM")
_TURNING = re.compile(rb"exif|xmp", re.IGNORECASE)


def image_size(data: Data) -> Resolution:
    """Width and height of an image file, upright as `datasets.Image` delivers it (EXIF orientation
    applied).

    Args:
        data: The leading bytes of a JPEG, up to its first scan, which begins within the first
            kilobytes as a rule. Of any other raster format that Pillow reads, and of a malformed
            or unusual JPEG, all bytes are needed.

    Returns:
        Width and height in pixels.

    >>> image_size(bytes.fromhex("ffd8 ffc0 000b 08 0002 0003 01 011100 ffda 0000"))
    (3, 2)

    Raises:
        TruncatedImageError: the data end before the scan of a JPEG; its `needed` says how many
        bytes to come back with.
        ImageError: it is no image, or a broken one.
    """
    view = memoryview(data)
    view = view if view.format == "B" else view.cast("B")
    return header_resolution(view) or _pillow_resolution(view)


def read_resolution(read: Callable[[int], Data], length: int) -> Resolution:
    """The `image_size` of a file, of which no more is read than that takes.

    Args:
        read: Gives the first bytes of the file, as many as it is asked for.
        length: Size of the file in bytes.

    Raises:
        ImageError: it is no image, a broken one, or one that ends too soon.
    """
    count = min(FIRST_BYTES, length)
    while True:
        view = memoryview(read(count)).cast("B")
        try:
            size = header_resolution(view)
        except TruncatedImageError as err:
            if count >= length:
                raise
            count = min(max(err.needed + FIRST_BYTES, 2 * count), length)
            continue
        if size is not None or count >= length:
            return size or _pillow_resolution(view)
        count = length


def header_resolution(view: memoryview) -> Resolution | None:
    """The resolution of a well-formed JPEG from its leading bytes; None when Pillow has to open the
    whole file.

    Raises:
        TruncatedImageError: the bytes end before the scan.
    """
    if view[:3] != _JPEG:
        if _JPEG.startswith(view[:3]):
            raise _truncated(view, 4)
        return None
    position = 2
    frame = orientation = None
    turned_by_xmp = False
    while True:
        try:
            marker, length = _segment(view, position)
        except struct.error:
            raise _truncated(view, position + 4) from None
        after = position + 2 + length
        if marker in _OTHERS:
            pass
        elif marker in _FRAMES:
            if frame is not None or marker not in _DECODED_FRAMES or length < 8:
                return None
            if position + 10 > len(view):
                raise _truncated(view, position + 10)
            bits, height, width, components = _frame(view, position + 4)
            if bits != 8 or components not in (1, 3, 4) or length != 8 + 3 * components:
                return None
            frame = width, height
        elif marker == _SCAN:
            break
        elif marker == _APP1:
            if after > len(view):
                raise _truncated(view, after)
            segment = view[position + 4 : after]
            if segment[: len(_EXIF)] == _EXIF:
                orientation = _orientation(segment[len(_EXIF) :]) if orientation is None else None
                if orientation is None:
                    return None
            elif segment[: len(_XMP)] == _XMP:
                turned_by_xmp |= b"tiff:Orientation" in bytes(segment)
        elif marker == _FILL:
            position += 1
            continue
        else:
            return None
        if length < 2:
            return None
        position = after
    if frame is None or 0 in frame or (turned_by_xmp and not orientation):
        return None
    return _upright(*frame, orientation)


def _upright(width: int, height: int, orientation: object) -> Resolution:
    return (height, width) if orientation in _SIDEWAYS else (width, height)


def _orientation(tiff: memoryview) -> int | None:
    """The orientation in EXIF data, 0 where there is none, None where the data are not as they
    should be.
    """
    order = _BYTE_ORDERS.get(bytes(tiff[:4]))
    if order is None or len(tiff) < 8:
        return None
    (start,) = unpack_from(f"{order}I", tiff, 4)
    if start + 2 > len(tiff):
        return None
    (count,) = unpack_from(f"{order}H", tiff, start)
    fields = tiff[start + 2 : start + 2 + 12 * count]
    if len(fields) < 12 * count:
        return None
    orientation = None
    for index, (tag, kind, values) in enumerate(iter_unpack(f"{order}HHI4x", fields)):
        if tag == _ORIENTATION:
            if orientation is not None or (kind, values) != (_SHORT, 1):
                return None
            (orientation,) = unpack_from(f"{order}H", fields, 12 * index + 8)
        elif orientation is None:  # Pillow gives up at a value that lies outside
            size = values * _TYPE_SIZES.get(kind, len(tiff))
            if size > 4 and size + unpack_from(f"{order}I", fields, 12 * index + 8)[0] > len(tiff):
                return None
    return orientation or 0


def _truncated(view: memoryview, needed: int) -> TruncatedImageError:
    return TruncatedImageError(
        f"expected a JPEG with its headers, found {len(view):,} bytes of it. Give at least "
        f"{needed:,}.",
        needed=needed,
        found=len(view),
    )


def _pillow_resolution(view: memoryview) -> Resolution:
    """The resolution that Pillow finds; it decodes the image only where that alone shows how it is
    turned, or whether it can be decoded at all.
    """
    orientation = None
    try:
        with open_image(view) as image:
            turning = image.format not in _PLAIN or _TURNING.search(view)
            # a TIFF turns itself when it is loaded, a PNG's EXIF may stand at its end
            if turning and (image.format not in ("JPEG", "MPO") or not _is_decoded_jpeg(view)):
                image.load()
            if turning:
                orientation = image.getexif().get(ExifTags.Base.Orientation)
            width, height = image.size
    except Exception as err:  # Pillow lets out whatever a broken file runs into
        raise not_an_image(view, err) from err
    return _upright(width, height, orientation)


def _is_decoded_jpeg(view: memoryview) -> bool:
    """Whether the segments of a JPEG lead to a frame of a kind that every decoder knows."""
    position = 2
    while position + 4 <= len(view):
        marker, length = _segment(view, position)
        if marker in _FRAMES:
            return marker in _DECODED_FRAMES
        if marker < 0xFFC0:
            return False
        position += 1 if marker == _FILL else 2 + length
    return False
