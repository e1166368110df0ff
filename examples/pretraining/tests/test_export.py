"""Exports open in timm and torchvision with equal features; their card, and the push."""

from __future__ import annotations

import json

import export
import huggingface_hub
import pytest
import support.hub
import timm
import torch
import yaml
from support.hub import Hub, connect
from test_weights import CASES, IMAGES, network, own
from weights import WeightsError, make_torchvision_network, read_weights


@pytest.mark.parametrize("case", ["MoCo-v2 of ResNet-18", "DINO"])
def test_an_export_opens_in_timm_and_torchvision_with_equal_features(case, tmp_path):
    name, save = CASES[case]
    made = network(name)
    torch.save(save(made), tmp_path / "checkpoint.pth.tar")
    out = tmp_path / "out"
    assert export.main([str(tmp_path / "checkpoint.pth.tar"), str(out)]) == 0
    opened = timm.create_model(f"local-dir:{out}", pretrained=True).eval()
    assert tuple(opened.pretrained_cfg["mean"]) == (0.485, 0.456, 0.406)
    assert opened.pretrained_cfg["interpolation"] == ("bicubic" if case == "DINO" else "bilinear")
    with torch.no_grad():
        wanted = made(IMAGES)
        assert torch.equal(opened(IMAGES), wanted)
        again = read_weights(out)
        assert torch.allclose(make_torchvision_network(again)(IMAGES), wanted, rtol=1e-4, atol=1e-4)
    assert {path.name for path in out.iterdir()} == {
        "model.safetensors",
        "config.json",
        "README.md",
    }
    assert list(tmp_path.glob("*.part")) == []


def tiny(folder, **changes):
    torch.manual_seed(0)
    checkpoint = own(timm.create_model("test_resnet", num_classes=0), "test_resnet", "moco")
    checkpoint["selection"] = json.dumps({"selection": {"release": "v3"}, "images": 23})
    torch.save(checkpoint | changes, folder / "checkpoint.pt")
    return folder / "checkpoint.pt"


def test_the_card_has_recipe_deviations_credit_licences_and_scores(tmp_path):
    file = tiny(tmp_path, deviations=["epochs: 200 -> 2 (a `*trick*`)"])
    weights = read_weights(file)
    metrics = {"mean": 41.0, "low": 40.0, "high": 42.0, "above_random": None}
    metrics["above_random"] = {"mean": 1.5, "low": -1.0, "high": 4.0}
    result = {"sha256": weights.sha256, "protocol": {"k": 20}, "metrics": {"top-1": metrics}}
    other = {**result, "sha256": "0", "metrics": {"top-1": {**metrics, "mean": 99.0}}}
    scores = {"task": "knn", "data": "a/b", "seeds": 5, "results": [other, result]}
    (tmp_path / "scores.json").write_text(json.dumps(scores))
    arguments = [str(file), str(tmp_path / "out"), "--license", "apache-2.0"]
    assert export.main([*arguments, "--scores", str(tmp_path / "scores.json")]) == 0
    _, front, text = (tmp_path / "out" / "README.md").read_text().split("---\n", 2)
    assert yaml.safe_load(front) == {
        "library_name": "timm",
        "pipeline_tag": "image-feature-extraction",
        "datasets": ["yukimasano/pass"],
        "tags": ["self-supervised", "pretraining", "pass"],
        "license": "apache-2.0",
    }
    assert "`test_resnet` of timm, pretrained by MoCo-v2 (https://arxiv.org/abs/2003.04297)" in text
    assert "- epochs: 200 -\\> 2 (a \\`\\*trick\\*\\`)" in text
    assert '     "release": "v3"' in text
    assert "release v3 (2022-04-07)" in text
    assert "licensed by its photographer under CC BY 2.0" in text
    assert "- Weights: apache-2.0" in text
    wanted = "- knn on a/b: top-1 41.0 [40.0, 42.0] %, mean and 95% interval over 5 seeds; above"
    assert f"{wanted} a random network: 1.5 [-1.0, 4.0] (k 20)" in text
    assert "99.0" not in text


def test_an_export_keeps_what_is_known_of_the_training(tmp_path):
    weights = read_weights(tiny(tmp_path))
    export.export(weights, tmp_path / "out")
    again = read_weights(tmp_path / "out")
    assert (again.layout, again.sha256 != weights.sha256) == ("export.py", True)
    assert again[3:5] == weights[3:5]
    assert again[6:] == weights[6:]


def test_an_export_into_a_folder_that_exists_or_a_push_without_licence_is_refused(tmp_path, capsys):
    file = tiny(tmp_path)
    (tmp_path / "out").mkdir()
    assert export.main([str(file), str(tmp_path / "out")]) == 1
    assert "expected no such folder, found one" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        export.main([str(file), str(tmp_path / "new"), "--push", "me/model"])
    assert not (tmp_path / "new").exists()


def test_a_push_makes_one_commit_with_all_files(tmp_path, monkeypatch):
    routes = [
        (method, path.replace("/api/datasets/", "/api/models/").replace("/datasets/", "/"), answer)
        for method, path, answer in support.hub.ROUTES
    ]
    monkeypatch.setattr(support.hub, "ROUTES", routes)
    file = tiny(tmp_path)
    with Hub(tmp_path / "hub") as hub:
        connect(hub, monkeypatch, tmp_path / "cache")
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        arguments = [str(file), str(tmp_path / "out"), "--license", "apache-2.0"]
        assert export.main([*arguments, "--push", "me/model"]) == 0
        files = hub.files("me/model")
        log = hub.log("me/model")
        with pytest.raises(WeightsError, match="expected to push"):
            export.push(tmp_path / "out", "somebody/model")
    assert log == ["initial commit", "Upload weights pretrained on PASS"]
    for name in ("model.safetensors", "config.json", "README.md"):
        assert files[name] == (tmp_path / "out" / name).read_bytes()
    assert b"# model\n" in files["README.md"]
    assert b"hf-hub:me/model" in files["README.md"]
