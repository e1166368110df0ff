"""Images resized to a size for training: pixels, modes, and what is left of the file."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from pass_utils import ExportError, ImageError
from pass_utils.images.resizing import Resize

GPS = {0x8825: {1: "N", 2: (51.0, 30.0, 0.0), 3: "W", 4: (0.0, 7.0, 0.0)}}


def pattern(width=500, height=375, mode="RGB"):
    """An image of smooth colours, all of whose corners differ: what JPEG keeps."""
    y, x = np.mgrid[:height, :width]
    red, green = x * 255 / width, y * 255 / height
    blue = 127 + 100 * np.sin(x / 40) * np.cos(y / 30)
    return Image.fromarray(np.stack([red, green, blue], axis=2).astype(np.uint8)).convert(mode)


def encoded(image, kind="JPEG", **options):
    """The bytes of an image file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **({"quality": 95} if kind == "JPEG" else {}), **options)
    return buffer.getvalue()


def decoded(data):
    """A JPEG that was made, checked for what all of them are."""
    image = Image.open(io.BytesIO(data))
    assert (image.format, image.mode) == ("JPEG", "RGB")
    return image


def difference(one, other):
    """The root of the mean square of the differences of two images, in steps of 255."""
    assert one.size == other.size
    pixels = [np.asarray(image.convert("RGB"), np.float64) for image in (one, other)]
    return float(np.sqrt(np.mean((pixels[0] - pixels[1]) ** 2)))


def segments(data):
    """The markers of a JPEG up to its first scan, in hex."""
    found, at = [], 2
    while data[at + 1] != 0xDA:
        found.append(f"{data[at + 1]:x}")
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return found


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((500, 375), (341, 256)),
        ((375, 500), (256, 341)),
        ((256, 256), (256, 256)),
        ((255, 400), (255, 400)),
        ((200, 100), (200, 100)),
        ((1, 900), (1, 900)),
        ((3000, 257), (2988, 256)),
        ((1100, 1024), (275, 256)),
    ],
)
def test_the_shorter_side_has_so_many_pixels_at_most_and_no_image_is_enlarged(size, expected):
    assert decoded(Resize(256).jpeg(encoded(pattern(*size)))).size == expected


@pytest.mark.parametrize("size", [(500, 375), (1030, 1025), (1600, 1200)])
def test_pixels_are_those_of_lanczos_on_all_of_the_image(size):
    """Also where the JPEG was decoded at a fraction of its resolution."""
    data = encoded(pattern(*size))
    made = decoded(Resize(256, 100).jpeg(data))
    whole = Image.open(io.BytesIO(data)).resize(made.size, Image.Resampling.LANCZOS)
    assert difference(made, whole) < 2.5


def test_large_jpegs_are_decoded_at_twice_the_side_at_least(monkeypatch):
    drafts = []
    real = Image.Image.resize
    monkeypatch.setattr(
        Image.Image, "resize", lambda self, *a, **k: drafts.append(self.size) or real(self, *a, **k)
    )
    for size in [(500, 375), (1023, 1023), (1024, 1024), (2400, 1800), (4200, 2100)]:
        Resize(256).jpeg(encoded(Image.new("RGB", size)))
    assert drafts == [(500, 375), (1023, 1023), (512, 512), (1200, 900), (1050, 525)]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_upright_and_lose_their_exif(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif._ifds = {}
    data = encoded(pattern(), exif=exif)
    made = Resize(200).jpeg(data)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert decoded(made).size == ((267, 200) if orientation < 5 else (200, 267))
    assert difference(decoded(made), upright.resize(decoded(made).size)) < 3
    assert not decoded(made).getexif()


@pytest.mark.parametrize("side", [100, 1000])
def test_no_metadata_is_left_whether_the_image_is_resized_or_not(side):
    exif = Image.Exif()
    exif.update({0x010E: "my garden", **GPS})
    data = encoded(
        pattern(), exif=exif, comment=b"at home", icc_profile=b"profile" * 20, xmp=b"<x:gps/>"
    )
    assert {"e1", "e2", "fe"} <= set(segments(data))
    made = Resize(side).jpeg(data)
    assert set(segments(made)) == {"e0", "db", "c0", "c4"}
    assert not {"my garden", "at home"} & set(map(str, decoded(made).info.values()))


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "YCbCr", "RGBA", "LA"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_every_mode_becomes_rgb_as_pillow_has_it(mode, kind):
    image = pattern(mode=mode) if mode != "P" else pattern(mode="L").convert("P")
    try:
        data = encoded(image, kind)
        Image.open(
            io.BytesIO(data)
        ).load()  # old versions of Pillow do not read all that they write
    except (OSError, KeyError):
        pytest.skip(f"no {kind} of {mode}")
    made = decoded(Resize(1000, 100).jpeg(data))
    assert difference(made, Image.open(io.BytesIO(data)).convert("RGB")) < 4


def test_what_is_transparent_lies_on_white():
    for mode, colour in (("RGBA", (255, 0, 0, 0)), ("LA", (0, 0))):
        image = Image.new(mode, (300, 300), colour)
        assert decoded(Resize(200).jpeg(encoded(image, "PNG"))).getpixel((9, 9)) == (255, 255, 255)
    half = Image.new("RGBA", (300, 300), (255, 0, 0, 128))
    red, green, blue = decoded(Resize(200, 100).jpeg(encoded(half, "PNG"))).getpixel((9, 9))
    assert red >= 250
    assert abs(green - 127) < 5
    assert abs(blue - 127) < 5
    grey = Image.new("L", (300, 300), 7)
    data = encoded(grey, "PNG", transparency=7)
    assert decoded(Resize(200).jpeg(data)).getpixel((9, 9)) == (255, 255, 255)
    palette = Image.new("P", (300, 300), 1)
    palette.putpalette([0, 0, 0, 9, 9, 9])
    data = encoded(palette, "PNG", transparency=1)
    assert decoded(Resize(200).jpeg(data)).getpixel((9, 9)) == (255, 255, 255)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_grey_of_16_bits_keeps_its_upper_eight(kind):
    values = np.linspace(0, 65535, 300 * 300).astype(np.uint16).reshape(300, 300)
    made = decoded(Resize(1000, 100).jpeg(encoded(Image.fromarray(values), kind)))
    assert difference(made, Image.fromarray((values >> 8).astype(np.uint8))) < 2


@pytest.mark.parametrize("values", [np.full((9, 9), 0.5, np.float32), np.full((9, 9), 1 << 20)])
def test_values_without_a_known_range_are_refused(values):
    data = encoded(Image.fromarray(values.astype(values.dtype.str.replace("i8", "i4"))), "TIFF")
    with pytest.raises(ImageError, match="8 or 16 bits a channel are known"):
        Resize(256).jpeg(data)


@pytest.mark.parametrize(
    "data", [b"", b"no image", encoded(pattern())[:5000], b"%!PS-Adobe-3.0 EPSF-3.0\n"]
)
def test_what_cannot_be_decoded_is_an_error_of_ours(data):
    with pytest.raises(ImageError, match=f"expected an image file, found {len(data):,} bytes"):
        Resize(256).jpeg(data)


def test_the_first_image_of_an_animation_is_taken():
    frames = [pattern(), Image.new("RGB", (500, 375))]
    data = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert difference(decoded(Resize(1000, 100).jpeg(data)), pattern()) < 4


def test_what_is_done_is_described_with_its_numbers():
    assert Resize(256).changes == (
        "resized to a shorter side of at most 256 pixels, re-encoded as JPEG at quality 90"
    )
    assert Resize(64, 75).changes == (
        "resized to a shorter side of at most 64 pixels, re-encoded as JPEG at quality 75"
    )


def test_estimates_grow_with_side_and_quality_and_are_never_more_than_there_is():
    sizes = np.array([0, 1000, 124_000, 5_000_000])
    assert Resize(256).estimate(sizes).tolist() == [0, 1000, 23446, 23446]
    assert Resize(512).estimate(sizes).tolist() == [0, 1000, 93787, 93787]
    by_quality = [int(Resize(256, quality).estimate(sizes)[3]) for quality in range(1, 101)]
    assert by_quality == sorted(by_quality)


def test_the_quality_is_that_of_the_jpeg():
    data = encoded(pattern())
    sizes = [len(Resize(256, quality).jpeg(data)) for quality in (10, 50, 90, 100)]
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((0,), "resize: expected pixels of the shorter side, such as 256, found 0"),
        ((2.5,), "resize: expected pixels of the shorter side, such as 256, found 2.5"),
        ((True,), "resize: expected pixels"),
        ((256, 0), "quality: expected that of a JPEG, 1 to 100, found 0"),
        ((256, 101), "quality: expected that of a JPEG, 1 to 100, found 101"),
        ((256, 90, "ignore"), 'on_error: expected "raise" or "skip", found \'ignore\''),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ExportError, match=message):
        Resize(*options)
