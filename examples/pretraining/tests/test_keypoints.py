"""The keypoint probe and PCK by value, drawn figures, and people in COCO's format."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from figures import JOINTS, Figures, People, open_people
from keypoints import heatmap_targets, locate, pck, train_heatmaps
from labelled import DataError
from PIL import Image


def test_pck_counts_errors_up_to_a_share_of_the_length_of_each_figure():
    points = torch.zeros(2, 3, 2)
    found = torch.tensor([[[3.0, 4.0], [0, 5.1], [90, 0]], [[0, 10.0], [-6, -8.0], [0, 10.1]]])
    visible = torch.tensor([[True, True, False], [True, True, True]])
    lengths = torch.tensor([50.0, 100.0])
    # within 5 pixels: 5, 5.1; within 10 pixels: 10, 10, 10.1
    assert pck(found, points, visible, lengths, alpha=0.1) == pytest.approx(100 * 3 / 5)
    assert pck(found, points, visible, lengths, alpha=0.2) == 100
    assert pck(found, points, visible, lengths, alpha=0.01) == 0


def test_pck_is_none_where_nothing_is_visible():
    nothing = torch.zeros(1, 2, dtype=torch.bool)
    assert pck(torch.zeros(1, 2, 2), torch.zeros(1, 2, 2), nothing, torch.ones(1)) is None


def test_a_heatmap_gives_back_its_keypoint():
    points = torch.tensor([[[10.0, 50.0], [33.0, 20.5]]])
    target = heatmap_targets(points, cells=16, resolution=64)
    assert target.sum(dim=-1).tolist() == [[pytest.approx(1.0)] * 2]
    best = target.argmax(dim=-1)[0]
    assert [(int(each) % 16, int(each) // 16) for each in best] == [(2, 12), (8, 5)]
    found = locate(target.log().unflatten(-1, (16, 16)), resolution=64)
    assert torch.allclose(found, points, atol=0.75)  # of cells of 4 pixels


def test_the_probe_finds_a_bright_cell_and_leaves_out_what_is_not_visible():
    draw = torch.Generator().manual_seed(0)
    cells = torch.randint(0, 4, (256, 2), generator=draw)
    maps = torch.zeros(256, 2, 4, 4)
    maps[torch.arange(256), 0, cells[:, 1], cells[:, 0]] = 1.0
    points = (cells[:, None].float() + 0.5) * 16
    visible = torch.ones(256, 1, dtype=torch.bool)
    hidden = torch.arange(256) % 4 > 0
    decoys = torch.randint(0, 4, (256, 2), generator=draw)
    maps[torch.arange(256), 1, decoys[:, 1], decoys[:, 0]] = 1.0
    points[hidden] = (decoys[hidden, None].float() + 0.5) * 16  # what most of them would teach
    visible[hidden] = False
    predict = train_heatmaps(maps, points, visible, resolution=64, seed=0, epochs=40, lr=0.05)
    error = (predict(maps[~hidden]) - points[~hidden]).norm(dim=-1)
    assert float(error.max()) < 6.4


def test_a_figure_is_decided_by_seed_and_index_and_its_joints_are_drawn_where_it_says():
    figures = Figures(3, seed=1, resolution=96)
    first, again = figures[0], Figures(9, seed=1, resolution=96)[0]
    assert first.image.tobytes() == again.image.tobytes()
    assert first.points.tolist() == again.points.tolist()
    assert first.points.tolist() != Figures(3, seed=2, resolution=96)[0].points.tolist()
    assert first.points.shape == (len(JOINTS), 2)
    box = first.points.max(axis=0) - first.points.min(axis=0)
    assert first.length == pytest.approx(float(box.max()), abs=1e-4)
    pixels = np.asarray(first.image).astype(int)
    colors = [pixels[int(y), int(x)] for x, y in first.points[first.visible]]
    assert np.abs(colors - np.median(colors, axis=0)).max() <= 12


def coco(folder, *people, names=("nose", "tail")):
    (folder / "annotations").mkdir(parents=True)
    document = {
        "images": [{"id": 7, "file_name": "a.png"}],
        "categories": [{"id": 1, "name": "person", "keypoints": list(names)}],
        "annotations": [{"image_id": 7, "category_id": 1, **each} for each in people],
    }
    for part in ("train2017", "val2017"):
        (folder / part).mkdir()
        image = Image.new("RGB", (100, 80), "white")
        image.putpixel((50, 40), (255, 0, 0))
        image.save(folder / part / "a.png")
        text = json.dumps(document)
        (folder / "annotations" / f"person_keypoints_{part}.json").write_text(text)


def test_people_of_coco_are_cropped_with_their_keypoints(tmp_path):
    person = {
        "bbox": [30, 20, 20, 40],
        "num_keypoints": 1,
        "keypoints": [40, 50, 2, 0, 0, 0],
    }
    crowd, unlabelled = {**person, "iscrowd": 1}, {**person, "num_keypoints": 0}
    coco(tmp_path, person, crowd, unlabelled)
    train, test = open_people(tmp_path, resolution=100)
    assert (len(train), len(test), train.keypoints) == (1, 1, ("nose", "tail"))
    example = train[0]
    # a square of 1.25 * 40 = 50 pixels around (40, 40), twice as large
    assert example.points.tolist() == [[50.0, 70.0], [-30.0, -30.0]]
    assert (example.visible.tolist(), example.length) == ([True, False], 80.0)
    assert example.image.size == (100, 100)
    assert example.image.getpixel((71, 51))[2] < 128  # the red pixel, at (50, 40) of the image
    wide = People(
        tmp_path / "annotations" / "person_keypoints_val2017.json", tmp_path, resolution=9
    )
    with pytest.raises(FileNotFoundError):
        wide[0]


def test_a_folder_that_is_not_of_coco_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"person_keypoints_train\*.json .*found no such file"):
        open_people(tmp_path, resolution=8)
    coco(tmp_path)
    with pytest.raises(DataError, match="expected people with keypoints, found none"):
        open_people(tmp_path, resolution=8)
    file = tmp_path / "annotations" / "person_keypoints_train2017.json"
    file.write_text('{"images": []}')
    with pytest.raises(DataError, match=r"COCO's format with keypoints, found: KeyError"):
        open_people(tmp_path, resolution=8)
