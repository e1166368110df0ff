"""Scores over seeds, and the command: several weights and a random network side by side."""

from __future__ import annotations

import json

import evaluate
import pytest
import torch
from labelled import DataError, open_labelled
from PIL import Image
from scores import Score, difference, interval, table
from test_weights import own

COLORS = ("red", "lime", "blue", "white", "black", "yellow")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs of a tiny network."""
    import timm

    folder = tmp_path_factory.mktemp("runs")
    for seed, name in enumerate(("first", "second")):
        torch.manual_seed(seed)
        made = timm.create_model("test_resnet", num_classes=0)
        (folder / name).mkdir()
        torch.save(own(made, "test_resnet", method="moco"), folder / name / "checkpoint.pt")
    return folder


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """An ImageFolder of six colours."""
    folder = tmp_path_factory.mktemp("tree")
    for part, count in (("train", 4), ("val", 2)):
        for color in COLORS:
            (folder / part / color).mkdir(parents=True)
            for index in range(count):
                image = Image.new("RGB", (40 + index, 36), color)
                image.save(folder / part / color / f"{index}.png")
    return folder


def test_an_interval_is_that_of_student_s_t():
    found = interval([1.0, 2.0, 3.0, 4.0, 5.0])
    half = 2.7764 * (2.5**0.5) / 5**0.5
    assert found == pytest.approx((3.0, 3.0 - half, 3.0 + half), abs=1e-3)
    assert interval([7.0]) == (7.0, None, None)
    assert (str(interval([7.0])), str(found)) == ("7.0", "3.0 [1.0, 5.0]")


def test_a_difference_is_taken_seed_by_seed():
    random = Score("random x", "x", None, {}, {"m": [1.0, 5.0, 9.0]}, None)
    mine = Score("mine", "x", "0", {}, {"m": [2.0, 6.0, 10.0]}, "random x")
    scores = [mine, random]
    assert difference(mine, scores, "m") == (1.0, 1.0, 1.0)
    assert difference(random, scores, "m") is None
    assert table(scores).splitlines() == [
        "| weights  | network | m (%)            | above random   |",
        "| -------- | ------- | ---------------- | -------------- |",
        "| mine     | x       | 6.0 [-3.9, 15.9] | 1.0 [1.0, 1.0] |",
        "| random x | x       | 5.0 [-4.9, 14.9] |                |",
    ]


def run(capsys, *arguments: object) -> str:
    assert evaluate.main([str(each) for each in arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("task", "more"),
    [
        ("knn", ["--k", 3]),
        ("linear", []),
        ("linear", ["--protocol", "official", "--epochs", 2]),
    ],
    ids=["knn", "light", "official"],
)
def test_weights_and_a_random_network_are_scored_side_by_side(
    task, more, runs, tree, tmp_path, capsys
):
    weights = [runs / "first", runs / "second"]
    options = ["--seeds", 2, "--resolution", 32, "--json", tmp_path / "scores.json", *more]
    printed = run(capsys, task, "--weights", *weights, "--data", tree, *options)
    names = ["first", "second", "random test_resnet"]
    rows = [line.split("|")[1].strip() for line in printed.splitlines() if line.startswith("|")]
    assert rows[2:] == names
    document = json.loads((tmp_path / "scores.json").read_text())
    assert [each["name"] for each in document["results"]] == names
    for each in document["results"]:
        assert each["values"].keys() == {"top-1", "top-5"}
        assert [len(values) for values in each["values"].values()] == [2, 2]
        assert (each["sha256"] is None) == each["name"].startswith("random")
        if more[:1] != ["--protocol"]:  # six colours are easy, also for a random network
            assert each["metrics"]["top-1"]["mean"] > 60
    assert document["results"][0]["metrics"]["top-1"]["above_random"] is not None
    if task == "knn":
        assert document["results"][0]["protocol"]["k"] == 3


def test_keypoints_of_figures_are_scored_and_plotted(runs, tmp_path, capsys):
    options = ["--seeds", 2, "--resolution", 32, "--train-images", 40, "--test-images", 10]
    options += ["--epochs", 2, "--plot", tmp_path / "plot.png", "--json", tmp_path / "scores.json"]
    printed = run(capsys, "keypoints", "--weights", runs / "first", "--data", "figures", *options)
    assert "Drawn figures: no comparison with the pose results of the paper." in printed
    assert Image.open(tmp_path / "plot.png").size[0] > 1000
    first, random = json.loads((tmp_path / "scores.json").read_text())["results"]
    assert first["values"].keys() == random["values"].keys() == {"PCK@0.1", "PCK@0.2"}
    assert first["values"] != random["values"]
    for low, high in zip(*first["values"].values(), strict=True):
        assert 0 <= low <= high <= 100
    again = run(capsys, "keypoints", "--weights", runs / "first", "--data", "figures", *options)
    assert again == printed


def test_the_training_images_of_a_seed_are_the_same_and_others_of_another():
    assert evaluate.choose(100, 5, 1) == evaluate.choose(100, 5, 1) != evaluate.choose(100, 5, 2)
    assert evaluate.choose(4, 9, 0) == evaluate.choose(4, None, 0) == [0, 1, 2, 3]


def test_data_that_cannot_be_probed_is_refused(tree, tmp_path, capsys):
    with pytest.raises(DataError, match="expected the folders train and one of val"):
        open_labelled(str(tree / "train"))
    for part in ("train", "val"):
        (tmp_path / part / part).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / part / part / "a.png")
    with pytest.raises(DataError, match="expected the same classes in train and val, found train"):
        open_labelled(str(tmp_path))
    assert evaluate.main(["knn", "--weights", "nowhere", "--data", str(tree)]) == 1
    assert capsys.readouterr().err.startswith("error: nowhere: expected a file, or a name of")


def test_a_dataset_of_the_hub_with_labels_is_opened(tmp_path, monkeypatch):
    import datasets

    features = datasets.Features(
        {"img": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])}
    )
    rows = {"img": [Image.new("RGB", (8, 8), "red")] * 2, "label": [1, 0]}
    part = datasets.Dataset.from_dict(rows, features=features)
    parts = datasets.DatasetDict({"train": part, "test": part.select([0])})
    monkeypatch.setattr(datasets, "load_dataset", lambda name, config: parts)
    found = open_labelled("me/animals")
    assert (len(found.train), len(found.test), found.classes) == (2, 1, ("cat", "dog"))
    assert (found.train[0][0].size, found.train[0][1]) == ((8, 8), 1)
    with pytest.raises(DataError, match="expected a column of images and one of class labels"):
        parts = datasets.DatasetDict({"train": part.remove_columns("label"), "test": part})
        open_labelled("me/animals")
