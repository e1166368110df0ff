"""Models in ONNX format, made here: two layouts are run, all others are refused."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import onnx
import pytest
from detectors import AuditError, Detection, load_detector
from onnx import TensorProto, helper, numpy_helper
from onnx_models import OnnxDetector
from PIL import Image, ImageDraw

from pass_utils import ImageError

SIDE, CELL = 256, 16
CELLS = (SIDE // CELL) ** 2
EDGES = np.array(
    [(x, y, x + CELL, y + CELL) for y in range(0, SIDE, CELL) for x in range(0, SIDE, CELL)],
    np.float32,
)
OPERATORS = [helper.make_opsetid("", 17)]


def constant(name: str, value: np.ndarray) -> onnx.TensorProto:
    return numpy_helper.from_array(value, name)


def red_cells(gain: float) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """How red each cell of the input `images` is, as `red` (cells)."""
    nodes = [
        helper.make_node("Split", ["images", "ones"], ["r", "g", "b"], axis=1),
        helper.make_node("Sub", ["r", "g"], ["more"]),
        helper.make_node("Relu", ["more"], ["positive"]),
        helper.make_node("Mul", ["positive", "gain"], ["gained"]),
        helper.make_node(
            "AveragePool", ["gained"], ["pooled"], kernel_shape=[CELL] * 2, strides=[CELL] * 2
        ),
        helper.make_node("Reshape", ["pooled", "flat"], ["red"]),
    ]
    return nodes, [
        constant("ones", np.ones(3, np.int64)),
        constant("gain", np.array(gain, np.float32)),
        constant("flat", np.array([CELLS], np.int64)),
    ]


def write(path: Path, nodes, constants, outputs, *, input_shape=(1, 3, SIDE, SIDE), **metadata):
    inputs = [helper.make_tensor_value_info("images", TensorProto.FLOAT, input_shape)]
    graph = helper.make_graph(nodes, "red", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=OPERATORS, ir_version=8)
    helper.set_model_props(model, metadata)
    onnx.save(model, path)
    return path


def yolo(path: Path, *, classes: int = 1, gain: float = 1.0, **metadata: str) -> Path:
    """A YOLO of cells; every class has the same scores but class 0, which has half of them."""
    nodes, constants = red_cells(gain)
    centres = [(EDGES[:, :2] + EDGES[:, 2:]) / 2, EDGES[:, 2:] - EDGES[:, :2]]
    weights = np.ones((1, classes, 1), np.float32)
    weights[:, 0] = 0.5 if classes > 1 else 1
    constants += [
        constant("boxes", np.concatenate(centres, axis=1).T[None].copy()),
        constant("weights", weights),
        constant("row", np.array([1, 1, CELLS], np.int64)),
    ]
    nodes += [
        helper.make_node("Reshape", ["red", "row"], ["reds"]),
        helper.make_node("Mul", ["reds", "weights"], ["scores"]),
        helper.make_node("Concat", ["boxes", "scores"], ["output0"], axis=1),
    ]
    output = helper.make_tensor_value_info("output0", TensorProto.FLOAT, (1, 4 + classes, CELLS))
    return write(path, nodes, constants, [output], **metadata)


def detections(path: Path, label: int = 1) -> Path:
    """The same as torchvision's models give it."""
    nodes, constants = red_cells(1.0)
    constants += [
        constant("edges", EDGES),
        constant("classes", np.full(CELLS, label, np.int64)),
    ]
    nodes += [
        helper.make_node("Identity", ["edges"], ["boxes"]),
        helper.make_node("Identity", ["classes"], ["labels"]),
        helper.make_node("Identity", ["red"], ["scores"]),
    ]
    outputs = [
        helper.make_tensor_value_info("boxes", TensorProto.FLOAT, (CELLS, 4)),
        helper.make_tensor_value_info("labels", TensorProto.INT64, (CELLS,)),
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, (CELLS,)),
    ]
    return write(path, nodes, constants, outputs)


def constants_only(
    path: Path, *, input_shape=(1, 3, SIDE, SIDE), **shapes: tuple[int, ...]
) -> Path:
    """A model that gives zeros of these shapes, whatever the image."""
    zeros = [constant(f"zero {name}", np.zeros(s, np.float32)) for name, s in shapes.items()]
    nodes = [helper.make_node("Identity", [f"zero {name}"], [name]) for name in shapes]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    ]
    return write(path, nodes, zeros, outputs, input_shape=input_shape)


def image() -> bytes:
    """500 x 375 with a red square. In the frame of 256 x 256 the image is 256 x 192 from line 32
    on, and the square is a cell: 64 to 80 both ways.
    """
    drawn = Image.new("RGB", (500, 375), (40, 60, 40))
    ImageDraw.Draw(drawn).rectangle([125, 62, 156, 93], fill=(255, 0, 0))
    buffer = io.BytesIO()
    drawn.save(buffer, "PNG")
    return buffer.getvalue()


def best(found: list[Detection]) -> Detection:
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    return found[0]


@pytest.mark.parametrize("make", [yolo, detections])
def test_boxes_are_in_pixels_of_the_image(make, tmp_path):
    found = OnnxDetector(make(tmp_path / "red.onnx"))(image())
    assert best(found)[:4] == pytest.approx((125, 62.5, 156.25, 93.75), abs=0.01)
    assert best(found).score > 0.85
    assert all(each.score < 0.3 for each in found[1:])


def test_other_classes_are_not_people(tmp_path):
    assert OnnxDetector(detections(tmp_path / "cats.onnx", label=17))(image()) == []
    cats = OnnxDetector(detections(tmp_path / "cats.onnx", label=17), person_class=17)
    assert len(cats(image())) >= 1
    coco = OnnxDetector(yolo(tmp_path / "coco.onnx", classes=80))
    assert coco.person_class == 0
    assert 0.42 < best(coco(image())).score < 0.5
    assert best(OnnxDetector(tmp_path / "coco.onnx", person_class=3)(image())).score > 0.85


def test_the_names_of_a_model_say_which_class_is_people(tmp_path):
    names = "{0: 'bicycle', 1: 'Person', 2: 'car'}"
    model = load_detector(str(yolo(tmp_path / "named.onnx", classes=3, names=names)))
    assert model.name == "named"
    assert model.version.startswith("sha256 ")
    assert model.version.endswith("class 1")
    assert best(list(model.detect(image()))).score > 0.85


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            "{0: 'bicycle', 1: 'cat', 2: 'car'}",
            "expected a class 'person' among the names of its 3",
        ),
        ("{0: 'person'}", "classes, found {0: 'person'}. Choose one with --person-class"),
        ("__import__('os').abort()", "expected a class 'person'"),
    ],
)
def test_names_without_people_are_refused(tmp_path, names, message):
    with pytest.raises(AuditError, match=message):
        OnnxDetector(yolo(tmp_path / "red.onnx", classes=3, names=names))


def test_classes_without_names_need_a_choice(tmp_path):
    path = yolo(tmp_path / "red.onnx", classes=3)
    with pytest.raises(AuditError, match="found 3 classes without names"):
        OnnxDetector(path)
    with pytest.raises(AuditError, match="expected --person-class from 0 to 2, found 3"):
        OnnxDetector(path, person_class=3)


@pytest.mark.parametrize(
    "shapes",
    [
        {"output": (1, 25200, 85)},  # YOLO 5
        {"output0": (1, 300, 6)},  # end to end
        {"logits": (1, 100, 92), "pred_boxes": (1, 100, 4)},  # DETR
        {"output0": (1, 116, 8400), "output1": (1, 32, 160, 160)},  # segmentation
        {"boxes": (1, 100, 4), "scores": (1, 100), "labels": (1, 100)},
        {"output": (1, 1000)},
    ],
    ids=lambda shapes: " ".join(map(str, shapes.values())),
)
def test_other_layouts_are_refused_with_what_was_found(tmp_path, shapes):
    path = constants_only(tmp_path / "other.onnx", **shapes)
    with pytest.raises(AuditError) as caught:
        OnnxDetector(path)
    for name, shape in shapes.items():
        assert f"{name} {shape}" in str(caught.value)


def test_other_inputs_are_refused(tmp_path):
    path = constants_only(tmp_path / "last.onnx", input_shape=(1, 64, 64, 3), out=(1, 5, 16))
    with pytest.raises(AuditError, match=r"found images tensor\(float\) \[1, 64, 64, 3\]"):
        OnnxDetector(path)


def test_scores_that_are_no_probabilities_are_refused(tmp_path):
    with pytest.raises(AuditError, match="expected scores from 0 to 1, found 0 to 9"):
        OnnxDetector(yolo(tmp_path / "red.onnx", gain=10))(image())


def test_a_file_that_is_no_model_and_a_file_that_is_no_image_are_reported(tmp_path):
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(AuditError, match=r"text\.onnx: expected a model in ONNX format"):
        OnnxDetector(tmp_path / "text.onnx")
    with pytest.raises(ImageError):
        OnnxDetector(yolo(tmp_path / "red.onnx"))(b"hello")


def test_boxes_that_overlap_are_one(tmp_path):
    """Two cells that are shifted by a pixel, and one apart, all as red as can be."""
    rows = np.array([[32, 33, 8], [32, 32, 8], [16, 16, 8], [16, 16, 8], [0.8, 0.9, 0.7]])
    value = constant("rows", rows[None].astype(np.float32))
    nodes = [helper.make_node("Identity", ["rows"], ["output0"])]
    # more anchors than channels, as YOLO has
    wide = np.zeros((1, 5, 9), np.float32)
    wide[:, :, :3] = rows
    value = constant("rows", wide)
    output = helper.make_tensor_value_info("output0", TensorProto.FLOAT, (1, 5, 9))
    found = OnnxDetector(write(tmp_path / "rows.onnx", nodes, [value], [output]))(image())
    assert [round(each.score, 2) for each in found] == [0.9, 0.7]
