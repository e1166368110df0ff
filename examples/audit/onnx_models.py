"""People by a model in ONNX format, for the two layouts whose outputs say what they are.

- YOLO as exported since YOLOv8, without non-maximum suppression: one output of shape
  (1, 4 + classes, anchors), in each column centre x, centre y, width, height in pixels of the
  input, then a score from 0 to 1 for each class.
- Detections as torchvision's models give them: outputs named `boxes` (n, 4), `scores` (n) and
  `labels` (n), where a box is left, top, right, bottom in pixels of the input.

Both take RGB from 0 to 1, channels first. Any other model is refused, since a wrong guess would
find nobody and look like a clean dataset.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnxruntime
from detectors import AuditError, Detection
from PIL import Image

from pass_utils.images.decoding import decode_image

Floats = npt.NDArray[np.float32]

_SIDE = 640  # pixels of the input of a YOLO that takes any
_GREY = 114  # which YOLO is trained to see around an image
_LEAST_SCORE = 0.05
_OVERLAP = 0.7  # intersection over union from which two boxes are one
_PERSON = ("person", "people", "human")
_COCO, _COCO_PERSON, _TORCHVISION_PERSON = 80, 0, 1


class OnnxDetector:
    """A detector of people: a callable from the bytes of an image file to detections.

    Args:
        path: The model.
        person_class: The index of the class of people; by default what the model's metadata
            `names` say, else 0 of one class or of COCO's 80, 1 of torchvision's labels.

    Raises:
        AuditError: the model cannot be run, or has another layout.
    """

    def __init__(self, path: Path, *, person_class: int | None = None) -> None:
        self._path = path
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # a process for each core
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as err:  # a class of its own for each cause, none public
            found = " ".join(str(err).split())[:300]
            raise AuditError(f"{path}: expected a model in ONNX format, found: {found}.") from err
        self._input, self._shape = self._read_input()
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._is_yolo, classes = self._read_layout()
        self.person_class = self._read_class(classes) if person_class is None else person_class
        if classes is not None and not 0 <= self.person_class < classes:
            raise AuditError(
                f"{path}: expected --person-class from 0 to {classes - 1}, found "
                f"{self.person_class}."
            )

    def __call__(self, data: bytes) -> list[Detection]:
        """Detects people in an image file.

        Args:
            data: The bytes of the file.

        Returns:
            The people, from the highest score down.

        Raises:
            ImageError: the file cannot be decoded.
            AuditError: the model gives scores that are not from 0 to 1.
        """
        image = decode_image(data).convert("RGB")
        view = _letterbox(image, self._size(image))
        batch = view.pixels if len(self._shape) == 3 else view.pixels[None]
        outputs = self._session.run(self._outputs, {self._input: batch})
        boxes, scores = self._yolo(outputs[0]) if self._is_yolo else self._detections(outputs)
        if len(scores) and not (scores.min() >= 0 and scores.max() <= 1):
            raise AuditError(
                f"{self._path}: expected scores from 0 to 1, found {scores.min():.3g} to "
                f"{scores.max():.3g}. Export the model with its last activation."
            )
        likely = scores >= _LEAST_SCORE
        boxes, scores = boxes[likely], scores[likely]
        kept = _suppress(boxes, scores)
        edges = (boxes[kept] - np.tile(view.offset, 2)) / view.scale
        edges = np.clip(edges, 0, np.tile(image.size, 2))
        return [
            Detection(left, top, right, bottom, score)
            for (left, top, right, bottom), score in zip(
                edges.tolist(), scores[kept].tolist(), strict=True
            )
        ]

    def _read_input(self) -> tuple[str, list[Any]]:
        inputs = self._session.get_inputs()
        found = ", ".join(f"{each.name} {each.type} {each.shape}" for each in inputs)
        shape = inputs[0].shape
        batch = shape[:-3] if len(shape) in (3, 4) else None
        if (
            len(inputs) != 1
            or inputs[0].type != "tensor(float)"
            or batch is None
            or shape[-3] != 3
            or any(isinstance(size, int) and size != 1 for size in batch)
        ):
            raise AuditError(
                f"{self._path}: expected one input of 32-bit floats of shape (1, 3, height, "
                f"width) or (3, height, width), found {found}. Export the model so."
            )
        return inputs[0].name, shape

    def _read_layout(self) -> tuple[bool, int | None]:
        """Whether it is YOLO, else detections; and the number of classes, if that is known."""
        outputs = {output.name: output.shape for output in self._session.get_outputs()}
        shapes = [*outputs.values()]
        if len(shapes) == 1 and len(shapes[0]) == 3:
            _, channels, anchors = shapes[0]
            known = isinstance(channels, int) and channels > 4
            if known and not (isinstance(anchors, int) and anchors <= channels):
                return True, channels - 4
        if {*outputs} == {"boxes", "scores", "labels"} and len(outputs["boxes"]) == 2:
            return False, None
        found = "; ".join(f"{name} {tuple(shape)}" for name, shape in outputs.items())
        raise AuditError(
            f"{self._path}: expected one output of shape (1, 4 + classes, anchors), as YOLO has "
            "since version 8, or outputs boxes (n, 4), scores (n) and labels (n), as torchvision's "
            f"models give; found {found}. Export the model so, or write an adapter of some lines: "
            "README.md shows one."
        )

    def _read_class(self, classes: int | None) -> int:
        text = self._session.get_modelmeta().custom_metadata_map.get("names")
        if text is not None:
            try:
                names = {int(index): str(name) for index, name in ast.literal_eval(text).items()}
            except (ValueError, SyntaxError, TypeError, AttributeError, RecursionError):
                names = {}
            people = [index for index, name in names.items() if name.lower() in _PERSON]
            if len(people) == 1 and classes in (None, len(names)):
                return people[0]
            raise AuditError(
                f"{self._path}: expected a class {_PERSON[0]!r} among the names of its "
                f"{classes} classes, found {text[:200]}. Choose one with --person-class."
            )
        if classes in (1, _COCO):
            return _COCO_PERSON
        if classes is None:
            return _TORCHVISION_PERSON
        raise AuditError(
            f"{self._path}: expected one class, COCO's {_COCO}, or metadata `names`, found "
            f"{classes} classes without names. Say which are people with --person-class."
        )

    def _size(self, image: Image.Image) -> tuple[int, int]:
        """Width and height of the input."""
        free = (_SIDE, _SIDE) if self._is_yolo else image.size
        height, width = self._shape[-2:]
        return (
            width if isinstance(width, int) else free[0],
            height if isinstance(height, int) else free[1],
        )

    def _yolo(self, output: Floats) -> tuple[Floats, Floats]:
        centre, extent = output[0, :2].T, output[0, 2:4].T
        edges = np.concatenate([centre - extent / 2, centre + extent / 2], axis=1)
        return edges, output[0, 4 + self.person_class]

    def _detections(self, outputs: list[Any]) -> tuple[Floats, Floats]:
        named = dict(zip(self._outputs, outputs, strict=True))
        people = named["labels"] == self.person_class
        return named["boxes"][people], named["scores"][people]


class _View(NamedTuple):
    """An image as a model takes it: shape (3, height, width), its scale and its corner in there."""

    pixels: Floats
    scale: float
    offset: tuple[int, int]


def _letterbox(image: Image.Image, size: tuple[int, int]) -> _View:
    """The image scaled into a grey frame of this width and height, without distortion."""
    scale = min(size[0] / image.width, size[1] / image.height)
    width, height = (max(1, round(side * scale)) for side in image.size)
    offset = (size[0] - width) // 2, (size[1] - height) // 2
    frame = Image.new("RGB", size, (_GREY,) * 3)
    small = image if scale == 1 else image.resize((width, height), Image.Resampling.BILINEAR)
    frame.paste(small, offset)
    pixels = np.asarray(frame, np.float32).transpose(2, 0, 1) / 255
    return _View(np.ascontiguousarray(pixels), scale, offset)


def _suppress(boxes: Floats, scores: Floats) -> list[int]:
    """Non-maximum suppression: the rows to keep, from the highest score down."""
    kept: list[int] = []
    left = np.argsort(-scores, kind="stable")
    area = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    while len(left):
        best, left = int(left[0]), left[1:]
        kept.append(best)
        shared = np.minimum(boxes[best, 2:], boxes[left, 2:]) - np.maximum(
            boxes[best, :2], boxes[left, :2]
        )
        common = np.prod(np.maximum(shared, 0), axis=1)
        left = left[common <= _OVERLAP * (area[best] + area[left] - common)]
    return kept
