"""Drawn faces, as large and as many as a test needs, and a release of PASS that holds them."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

import pass_utils

_SMOOTH = 4  # times the size at which a face is drawn
# what is drawn, back to front: the colour, and left, top, right, bottom by width and height
_PARTS = (
    ((50, 35, 25), (0.05, 0.02, 0.95, 0.80)),  # hair
    ((224, 172, 140), (0.12, 0.10, 0.88, 0.95)),  # skin
    *(
        (colour, (centre - half, top, centre + half, bottom))
        for centre in (0.32, 0.68)
        for colour, half, top, bottom in (
            ((60, 40, 30), 0.100, 0.37, 0.41),  # brow
            ((245, 245, 245), 0.085, 0.44, 0.51),  # eye
            ((40, 30, 20), 0.040, 0.44, 0.51),  # iris
        )
    ),
    ((200, 145, 115), (0.43, 0.50, 0.57, 0.66)),  # nose
    ((120, 80, 60), (0.43, 0.63, 0.48, 0.67)),  # nostrils
    ((120, 80, 60), (0.52, 0.63, 0.57, 0.67)),
    ((170, 70, 70), (0.35, 0.74, 0.65, 0.82)),  # mouth
    ((90, 30, 30), (0.36, 0.775, 0.64, 0.785)),
)


def face(width: int) -> Image.Image:
    """A face from the front, so many pixels wide, 1.3 times as high, with transparent corners."""
    size = (_SMOOTH * width, int(_SMOOTH * width * 1.3))
    image = Image.new("RGB", size, (70, 90, 110))
    mask = Image.new("L", size, 0)
    for colour, box in _PARTS:
        edges = [round(part * size[index % 2]) for index, part in enumerate(box)]
        ImageDraw.Draw(image).ellipse(edges, fill=colour)
        ImageDraw.Draw(mask).ellipse(edges, fill=255)
    image.putalpha(mask)
    image = image.filter(ImageFilter.GaussianBlur(size[0] * 0.012))
    return image.resize((width, int(width * 1.3)), Image.Resampling.LANCZOS)


def plant(data: bytes, *faces: tuple[int, int, int]) -> bytes:
    """The image file with faces in it, each by left, top and width in pixels; a JPEG again."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    for left, top, width in faces:
        drawn = face(width)
        image.paste(drawn, (left, top), drawn)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def planted_folder(
    folder: Path, faces: dict[str, list[tuple[int, int, int]]], broken: tuple[str, ...] = ()
) -> Path:
    """The bundled v3 with faces in these images by hash, and others that cannot be decoded."""
    source = pass_utils.dummy_folder("v3")
    folder.mkdir(parents=True)
    for path in sorted(source.iterdir()):
        if path.suffix == ".csv":
            (folder / path.name).write_bytes(path.read_bytes())
        elif path.suffix == ".tar":
            with tarfile.open(path) as old, tarfile.open(folder / path.name, "w") as new:
                for member in old:
                    file = old.extractfile(member)
                    data = file.read() if file else b""
                    hash = Path(member.name).stem
                    if hash in faces:
                        data = plant(data, *faces[hash])
                    if hash in broken:
                        data = data[:200]
                    member.size = len(data)
                    new.addfile(member, io.BytesIO(data) if file else None)
    return folder
