"""What a detector is: a callable from the bytes of an image file to boxes with scores."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, TypeAlias

from pass_utils.errors import PassError


class AuditError(PassError):
    """An audit that cannot be run: a model, an output folder or an option that does not fit."""


class Detection(NamedTuple):
    """A box around something that a detector took for a person or a face.

    Attributes:
        left, top, right, bottom: Edges in pixels, from the upper left corner of the upright image
            (EXIF orientation applied).
        score: What the detector makes of it, from 0 to 1; scores of two detectors cannot be
            compared.
    """

    left: float
    top: float
    right: float
    bottom: float
    score: float


Detect: TypeAlias = Callable[[bytes], Iterable[Detection]]


class Detector(NamedTuple):
    """A detector that is ready to run.

    Attributes:
        name: What findings are labelled with.
        version: Changes when the detector does, so that an audit is not resumed with another one.
        detect: Gives the detections in an image file; raises `pass_utils.ImageError` where the
            file cannot be decoded.
    """

    name: str
    version: str
    detect: Detect


def load_detector(source: str, *, person_class: int | None = None) -> Detector:
    """Loads a detector.

    Args:
        source: `faces`; the path of an ONNX model; or `module:function`, a function without
            arguments that gives a callable such as `Detector.detect`.
        person_class: The index of the class of people in an ONNX model that does not name its
            classes; the usual index of its layout by default.

    Raises:
        AuditError: there is no such detector, or the model is not one that can be run.
    """
    if source == "faces":
        from faces import detect_faces, faces_version

        return Detector("faces", faces_version(), detect_faces)
    if source.endswith(".onnx"):
        from onnx_models import OnnxDetector

        path = Path(source).expanduser()
        if not path.is_file():
            raise AuditError(f"{path}: expected a model in ONNX format, found no such file.")
        model = OnnxDetector(path, person_class=person_class)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return Detector(path.stem, f"sha256 {digest}, class {model.person_class}", model)
    module, colon, function = source.partition(":")
    if not colon:
        raise AuditError(
            f"--detector: expected `faces`, the path of a model that ends in .onnx, or "
            f"`module:function`, found {source!r}."
        )
    try:
        make = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as err:
        raise AuditError(
            f"--detector {source}: expected a function {function!r} in a module {module!r} that "
            f"can be imported from here, found: {err}."
        ) from err
    return Detector(function, source, make())
