"""image_size: the answer of Pillow for every kind of file, from the leading bytes of a JPEG, and
clear errors for the rest.
"""

from __future__ import annotations

import io
import random
import struct
import tarfile
import warnings
from pathlib import Path

import datasets
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin, features
from support.jpegs import KINDS, SOI, exif, insert, make_jpegs, picture, save, segment, xmp

from pass_utils import ImageError, PassError, TruncatedImageError, image_size
from pass_utils.images.decoding import decode_image
from pass_utils.images.header import FIRST_BYTES, header_resolution, read_resolution

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of broken EXIF data

JPEGS = make_jpegs(2000)


def by_pillow(data: bytes) -> tuple[tuple[int, int] | None, bool]:
    """The upright size as Pillow sees it without decoding, None when it refuses; and whether it
    found a scan.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data))
            width, height = image.size
            turned = image.getexif().get(0x0112) in (5, 6, 7, 8)
    except Exception:
        return None, False
    return (height, width) if turned else (width, height), bool(image.tile)


def decoded(data: bytes) -> tuple[int, int]:
    """The size of what `datasets` delivers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return datasets.Image().decode_example({"path": None, "bytes": data}).size


def test_every_picture_of_the_bundled_releases_has_the_size_that_datasets_delivers(bundled):
    _, folder = bundled
    seen = set()
    for path in sorted(folder.glob("PASS.*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                if member.isfile() and not Path(member.name).name.startswith("."):
                    data = tar.extractfile(member).read()
                    assert image_size(data) == decoded(data)
                    assert header_resolution(memoryview(data)) == image_size(data)
                    seen.add(image_size(data))
    assert {(500, 375), (375, 500), (160, 120)} <= seen


@pytest.mark.parametrize("kind", KINDS)
def test_generated_jpegs_have_the_size_that_datasets_delivers(kind):
    jpegs = [data for name, data in JPEGS if name == kind]
    assert len(jpegs) >= 90
    for data in jpegs:
        if (
            kind == "arithmetic tables"
        ):  # libjpeg refuses these, when it is built without arithmetic coding
            assert image_size(data) == by_pillow(data)[0]
        elif kind == "12 bits":
            with pytest.raises(ImageError, match="expected an image file, found"):
                image_size(data)
        else:
            assert image_size(data) == decoded(data)


def test_well_formed_jpegs_are_read_without_pillow(monkeypatch):
    monkeypatch.setattr("pass_utils.images.header._pillow_resolution", None)
    odd = {
        "junk between segments",
        "xmp",
        "exif and xmp",
        "exif twice",
        "exif of other types",
        "exif with a count",
    }
    odd |= {"12 bits", "exif with two orientations", "thumbnail"}
    for kind, data in JPEGS:
        if kind not in odd:
            assert all(side > 0 for side in image_size(data))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", "<>")
def test_the_orientation_is_applied(orientation, order):
    data = insert(save(Image.new("L", (31, 7))), exif(orientation, order=order))
    assert image_size(data) == ((7, 31) if orientation > 4 else (31, 7)) == decoded(data)


def test_an_orientation_in_xmp_counts_where_exif_has_none():
    plain = save(Image.new("L", (31, 7)))
    for extra in (xmp(6), xmp(6) + exif(1), exif(8) + xmp(1)):
        assert image_size(insert(plain, extra)) == decoded(insert(plain, extra))


@pytest.mark.slow
def test_a_prefix_asks_for_more_until_it_reaches_the_scan():
    for _, data in JPEGS[: 4 * len(KINDS)]:
        if header_resolution(memoryview(data)) is None:
            continue
        end = asked = 0
        while True:
            try:
                size = image_size(data[:end])
                break
            except TruncatedImageError as err:
                assert err.found == end < err.needed  # noqa: PT017
                end, asked = err.needed, asked + 1
        assert size == image_size(data)
        assert data[end - 4 : end - 2] == b"\xff\xda"
        assert asked > 4
        for shorter in (*range(0, min(end, 300)), *range(max(end - 20, 0), end)):
            with pytest.raises(TruncatedImageError):
                image_size(data[:shorter])


def test_bytes_bytearrays_and_memoryviews_are_alike():
    data = save(Image.new("L", (5, 4)))
    assert (
        image_size(data)
        == image_size(bytearray(data))
        == image_size(memoryview(b"x" + data)[1:])
        == (5, 4)
    )


@pytest.mark.parametrize(
    "data",
    [
        b"no picture at all",
        b"GIF89a",
        SOI + segment(0xC0, b"\x08\0\0\0\5\1\1\x11\0") + segment(0xDA, b""),  # no lines
        SOI + segment(0xC0, b"\x08\0\5\0\0\1\1\x11\0") + segment(0xDA, b""),  # no columns
        SOI + segment(0xC0, b"\x08\0") + segment(0xDA, b""),  # a frame header that is too short
        SOI + segment(0xDA, b""),  # a scan without a frame
        SOI + b"\xff\x02" + bytes(20),  # no marker
        SOI + b"\xff\xe0\0\1" + bytes(20),  # a length below its own two bytes
        SOI
        + segment(0xC0, b"\x08\0\5\0\5\7\1\x11\0")
        + segment(0xC0, b"\x08\0\5\0\5\7\1\x11\0")
        + segment(0xDA, b""),
    ],
)
def test_what_is_no_image_is_an_error_that_shows_how_it_begins(data):
    with pytest.raises(
        ImageError, match=f"expected an image file, found {len(data):,} bytes that begin with"
    ) as caught:
        image_size(data)
    assert isinstance(caught.value, PassError)
    assert not isinstance(caught.value, TruncatedImageError)


def test_other_formats_have_the_size_that_datasets_delivers():
    image, turned = Image.new("RGB", (31, 7)), Image.Exif()
    turned[0x0112] = 6
    profile = PngImagePlugin.PngInfo()
    profile.add_itxt("XML:com.adobe.xmp", 'tiff:Orientation="6"')
    files = [save(image, kind) for kind in ("PNG", "GIF", "BMP", "PPM", "TIFF")]
    files += [
        save(image, "PNG", exif=turned),
        save(image, "PNG", pnginfo=profile),
        save(image, "TIFF", exif=turned),
    ]
    if features.check("webp"):
        files += [save(image, "WEBP"), save(image, "WEBP", exif=turned)]
    sizes = [image_size(data) for data in files]
    assert sizes == [decoded(data) for data in files]
    assert set(sizes) == {(31, 7), (7, 31)}
    plain = save(image, "PNG")
    text = save(image, "PNG", exif=turned)
    at = text.index(b"eXIf") - 4
    length = 12 + int.from_bytes(text[at : at + 4], "big")
    late = plain[:-12] + text[at : at + length] + plain[-12:]  # behind the pixels
    assert image_size(late) == decoded(late) == (7, 31)


def test_a_plain_png_is_not_decoded(monkeypatch):
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", None)
    assert image_size(save(Image.new("L", (300, 200)), "PNG")) == (300, 200)


def counted(data: bytes) -> tuple[tuple[int, int], list[int]]:
    counts: list[int] = []

    def read(count: int) -> bytes:
        counts.append(count)
        return data[:count]

    return read_resolution(read, len(data)), counts


def test_a_file_is_read_no_further_than_its_headers():
    plain = save(Image.effect_noise((400, 300), 80).convert("RGB"), quality=95)
    assert len(plain) > 2 * FIRST_BYTES
    assert counted(plain) == ((400, 300), [FIRST_BYTES])
    thumbnail = insert(plain, exif(6, more=bytes(20_000)))
    assert counted(thumbnail) == (
        (300, 400),
        [FIRST_BYTES, thumbnail.index(b"JFIF") - 4 + FIRST_BYTES],
    )
    assert counted(save(Image.new("L", (9, 8)), "PNG"))[0] == (9, 8)
    odd = insert(plain, segment(0xFE, b"a comment") + b"junk")
    assert counted(odd) == ((400, 300), [FIRST_BYTES, len(odd)])


def test_a_file_that_ends_in_its_headers_is_an_error():
    data = save(Image.new("L", (9, 8)))
    with pytest.raises(
        TruncatedImageError, match="expected a JPEG with its headers, found 100 bytes of it"
    ):
        counted(data[:100])


def is_decoded(data: bytes) -> bool:
    """Whether Pillow decodes it."""
    try:
        decoded(data)
    except Exception:
        return False
    return True


def frame_of(data: bytes, marker: int, bits: int = 8, components: int | None = None) -> bytes:
    """A baseline JPEG with another marker, precision and number of components in its frame."""
    at = data.index(b"\xff\xc0")
    found = components if components is not None else data[at + 9]
    return b"".join(
        (
            data[: at + 1],
            bytes([marker]),
            struct.pack(">H", 8 + 3 * found),
            bytes([bits]),
            data[at + 5 : at + 9],
            bytes([found]),
            (data[at + 10 : at + 19] * 2)[: 3 * found],
            data[at + 4 + data[at + 3] - 2 :],
        )
    )


COLOUR = save(Image.new("RGB", (31, 7), (200, 30, 40)))


@pytest.mark.parametrize(
    ("marker", "bits", "components"),
    [
        (0xC3, 8, 3),  # lossless
        (0xC5, 8, 3),  # hierarchical
        (0xC7, 8, 3),
        (0xCB, 8, 3),  # lossless, arithmetic coding
        (0xC0, 12, 3),
        (0xC1, 12, 3),
        (0xC1, 16, 3),
        (0xC0, 8, 2),
        (0xC0, 8, 5),
        (0xC0, 8, 0),
    ],
)
def test_jpegs_that_no_decoder_opens_have_no_size(marker, bits, components):
    odd = frame_of(COLOUR, marker, bits, components)
    assert header_resolution(memoryview(odd)) is None
    assert not is_decoded(odd)
    with pytest.raises(ImageError, match="expected an image file, found"):
        image_size(odd)
    with pytest.raises(ImageError, match="expected an image file, found"):
        read_resolution(lambda count: odd[:count], len(odd))


def test_frames_that_every_decoder_knows_are_read_without_pillow(monkeypatch):
    monkeypatch.setattr("pass_utils.images.header._pillow_resolution", None)
    for marker in (0xC0, 0xC1):
        assert image_size(frame_of(COLOUR, marker)) == (31, 7)
    assert image_size(save(Image.new("RGB", (31, 7)), progressive=True)) == (31, 7)


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 31 7\n%%EndComments\nshowpage\n%%EOF\n"


def test_formats_that_are_programs_are_never_opened(monkeypatch):
    opened = []
    monkeypatch.setattr("PIL.EpsImagePlugin.EpsImageFile._open", lambda file: opened.append(file))
    monkeypatch.setattr("subprocess.Popen", lambda *arguments, **options: opened.append(arguments))
    for data in (EPS, EPS + exif(6), b"%PDF-1.4\n" + bytes(100), b"<svg xmlns='x' width='9'/>"):
        with pytest.raises(ImageError, match="expected an image file, found"):
            image_size(data)
        with pytest.raises(ImageError, match="expected an image file, found"):
            decode_image(data)
    assert opened == []


def agrees_with_pillow(data: bytes) -> None:
    """The one property: an error that is ours, or the size that Pillow gives, where it
    gives one.
    """
    size, scan = by_pillow(data)
    try:
        ours = image_size(data)
    except TruncatedImageError as err:
        assert (err.needed > len(data) == err.found, size is None or not scan) == (True, True)  # noqa: PT017
    except ImageError:
        assert size is None or not is_decoded(data)
    else:
        assert size in (None, ours)


BYTES = st.one_of(
    st.sampled_from([0x00, 0xC0, 0xC2, 0xC4, 0xD8, 0xD9, 0xDA, 0xDC, 0xDE, 0xE1, 0xFF]),
    st.integers(0, 255),
)
EDIT = st.tuples(st.sampled_from(["set", "insert", "delete", "cut"]), st.integers(2, 900), BYTES)
SMALL = [data for _, data in JPEGS if len(data) < 4000]


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(st.sampled_from(SMALL), st.lists(EDIT, min_size=1, max_size=6))
def test_mutated_jpegs_never_get_another_answer_than_pillow_gives(data, edits):
    mutated = bytearray(data)
    for edit, place, byte in edits:
        if edit == "set" and place < len(mutated):
            mutated[place] = byte
        elif edit == "insert":
            mutated.insert(place, byte)
        elif edit == "delete":
            del mutated[place : place + byte % 9]
        elif edit == "cut":
            del mutated[place + byte :]
    agrees_with_pillow(bytes(mutated))


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.lists(st.binary(max_size=30)).map(lambda parts: SOI + b"\xff".join(parts)),
    )
)
def test_any_bytes_get_an_answer_or_an_error_of_ours(data):
    agrees_with_pillow(data)


@pytest.mark.slow
def test_mutated_orientations_never_get_another_answer_than_pillow_gives():
    rng = random.Random(0)
    for _ in range(4000):
        data = bytearray(
            insert(
                save(picture(rng, "L")),
                exif(rng.randrange(1, 9), order=rng.choice("<>"), more=b"\0\1\2"),
            )
        )
        for _ in range(rng.randrange(1, 4)):
            data[rng.randrange(6, 60)] = rng.choice(
                [0, 1, 2, 3, 4, 6, 8, 0x12, 0x4D, 0x49, rng.randrange(256)]
            )
        agrees_with_pillow(bytes(data))
