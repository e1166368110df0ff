"""Made-up checkpoints in the published layouts load strictly and give the network's own outputs."""

from __future__ import annotations

import argparse
import functools
import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import files
import pytest
import timm
import torch
from files import RELEASED, WeightsError, find_file
from weights import (
    FORMAT,
    make_network,
    make_torchvision_network,
    random_network,
    read_weights,
)

IMAGES = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(1))


@functools.cache
def network(name: str) -> torch.nn.Module:
    """A network as if trained: its statistics of BatchNorm and its embeddings are not as new."""
    torch.manual_seed(0)
    made = timm.create_model(name, num_classes=0)
    with torch.no_grad():
        for key, tensor in made.state_dict().items():
            if tensor.is_floating_point():
                noise = torch.randn_like(tensor) * 0.02
                tensor.add_(noise.abs() if "running_var" in key else noise)
    return made.eval()


def moco(made: torch.nn.Module, **heads: torch.Tensor) -> dict[str, object]:
    heads = heads or {"fc.0.weight": torch.randn(8, 8), "fc.2.bias": torch.randn(8)}
    state = {}
    for encoder, factor in (("encoder_q", 1.0), ("encoder_k", 0.5)):
        for key, tensor in [*made.state_dict().items(), *heads.items()]:
            state[f"module.{encoder}.{key}"] = (tensor * factor).to(tensor.dtype)
    state |= {"module.queue": torch.randn(8, 16), "module.queue_ptr": torch.zeros(1).long()}
    return {"epoch": 200, "arch": "resnet50", "state_dict": state, "optimizer": {"state": {}}}


def swav(made: torch.nn.Module) -> dict[str, object]:
    heads = {"projection_head.0.weight": torch.randn(8, 8), "prototypes.weight": torch.randn(8, 8)}
    state = {
        f"module.{key}": tensor for key, tensor in [*made.state_dict().items(), *heads.items()]
    }
    return {"epoch": 200, "state_dict": state, "optimizer": {}}


def dino(made: torch.nn.Module) -> dict[str, object]:
    teacher = {f"backbone.{key}": tensor for key, tensor in made.state_dict().items()}
    student = {f"module.{key}": torch.zeros_like(tensor) for key, tensor in teacher.items()}
    heads = {"head.mlp.0.weight": torch.randn(8, 8), "head.last_layer.weight_g": torch.ones(8, 1)}
    options = argparse.Namespace(arch="vit_small", patch_size=16)
    return {"student": student, "teacher": teacher | heads, "epoch": 300, "args": options}


def own(made: torch.nn.Module, name: str, method: str = "moco-v2") -> dict[str, object]:
    teacher = {key: torch.zeros_like(tensor) for key, tensor in made.state_dict().items()}
    backbones = {"backbone": made.state_dict(), "teacher_backbone": teacher}
    if method == "dino":
        backbones = {"backbone": teacher, "teacher_backbone": made.state_dict()}
    recipe, selection = {"name": "a recipe", "method": method}, '{"release": "v3", "seed": 0}'
    return {"format": FORMAT, "recipe": recipe, "network": name, "step": 7, **backbones} | {
        "selection": selection,
        "network_options": {},
        "deviations": ["batch 8 instead of 256"],
    }


CASES = {
    "MoCo-v2": ("resnet50", moco),
    "MoCo-v2 of ResNet-18": ("resnet18", moco),
    "SwAV": ("resnet50", swav),
    "DINO": ("vit_small_patch16_224", dino),
    "pretrain.py": ("resnet18", partial(own, name="resnet18")),
    "pretrain.py, the teacher of DINO": ("resnet18", partial(own, name="resnet18", method="dino")),
}


@pytest.mark.parametrize(("name", "save"), CASES.values(), ids=CASES)
def test_a_checkpoint_gives_the_outputs_of_its_network_in_timm_and_torchvision(
    name, save, tmp_path
):
    made = network(name)
    torch.save(save(made), tmp_path / "checkpoint.pth.tar")
    weights = read_weights(tmp_path / "checkpoint.pth.tar")
    assert (weights.network, list(weights.state)) == (name, list(made.state_dict()))
    with torch.no_grad():
        wanted = made(IMAGES)
        assert torch.equal(make_network(weights)(IMAGES), wanted)
        found = make_torchvision_network(weights)(IMAGES)
        assert torch.allclose(found, wanted, rtol=1e-4, atol=1e-4)
        assert not torch.allclose(random_network(weights, seed=0)(IMAGES), wanted, atol=0.1)


def test_the_checksum_recipe_and_selection_of_a_checkpoint_are_read(tmp_path):
    torch.save(own(network("resnet18"), "resnet18"), file := tmp_path / "checkpoint.pt")
    weights = read_weights(tmp_path)  # the folder of a run
    assert weights.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert weights.recipe == {"name": "a recipe", "method": "moco-v2"}
    assert weights.selection == {"release": "v3", "seed": 0}
    assert (weights.deviations, weights.step) == (("batch 8 instead of 256",), 7)


def test_the_heads_of_cld_are_dropped(tmp_path):
    made = network("resnet18")
    heads = {
        "fc.0.bias": torch.ones(8),
        "instDis.weight": torch.ones(8),
        "groupDis.weight": torch.ones(8),
    }
    torch.save(moco(made, **heads), tmp_path / "checkpoint.pth.tar")
    assert list(read_weights(tmp_path / "checkpoint.pth.tar").state) == list(made.state_dict())


def changed(**changes: object) -> dict[str, object]:
    """A checkpoint of MoCo-v2 with other tensors; None leaves one out."""
    checkpoint = moco(network("resnet18"))
    for name, value in changes.items():
        key = "module.encoder_q." + name.replace("__", ".")
        checkpoint["state_dict"][key] = value
        if value is None:
            del checkpoint["state_dict"][key]
    return checkpoint


REFUSED = {
    "a tensor is missing": (
        lambda: changed(layer4__1__conv2__weight=None),
        "expected the 120 tensors of resnet18, found 119; missing: layer4.1.conv2.weight.",
    ),
    "a tensor is too many": (
        lambda: changed(layer5__weight=torch.ones(1)),
        "found 121; not expected: layer5.weight.",
    ),
    "a tensor has another shape": (
        lambda: changed(bn1__bias=torch.ones(32)),
        "of another shape: bn1.bias (32,) instead of (64,).",
    ),
    "a number is not finite": (
        lambda: changed(bn1__bias=torch.full((64,), torch.nan)),
        "expected finite numbers, found others in bn1.bias.",
    ),
    "no name begins as known": (
        lambda: {"state_dict": {"model.conv1.weight": torch.ones(1)}},
        "found state_dict with model.conv1.weight.",
    ),
    "a name beside the known ones": (
        lambda: {"teacher": {"backbone.cls_token": torch.ones(1), "neck.bias": torch.ones(1)}},
        "expected DINO's names, found also neck.bias.",
    ),
    "another format of pretrain.py": (
        lambda: {"format": "pass-utils-pretraining/9", "backbone": {}},
        "or of pretrain.py, found format, backbone with nothing.",
    ),
    "no network of timm": (
        lambda: {"format": FORMAT, "recipe": {}, "network": "resnet51", "backbone": {}},
        "expected recipe, backbone and a network of timm, found format",
    ),
    "no dict": (lambda: [1, 2], "expected a dict, found list."),
}


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED)
def test_a_checkpoint_is_refused_where(make, message, tmp_path):
    torch.save(make(), tmp_path / "checkpoint.pth.tar")
    with pytest.raises(WeightsError) as caught:
        read_weights(tmp_path / "checkpoint.pth.tar")
    assert message in str(caught.value)


class Harmful:
    def __reduce__(self):
        return (exec, ("raise SystemExit",))


def test_a_checkpoint_with_code_is_refused_and_the_code_is_not_run(tmp_path):
    torch.save({"state_dict": Harmful()}, tmp_path / "checkpoint.pth.tar")
    with pytest.raises(WeightsError, match="found something that may run code"):
        read_weights(tmp_path / "checkpoint.pth.tar")


def test_a_file_cut_short_is_refused(tmp_path):
    torch.save(changed(), file := tmp_path / "checkpoint.pth.tar")
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(WeightsError, match="expected a checkpoint of PyTorch"):
        read_weights(file)


def test_a_checksum_in_the_name_of_a_file_is_held(tmp_path):
    torch.save(changed(), file := tmp_path / "a.pth")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert read_weights(file.rename(tmp_path / f"moco-{digest[:8]}.pth.tar")).sha256 == digest
    wrong = (tmp_path / f"moco-{digest[:8]}.pth.tar").rename(tmp_path / "moco-01234567.pth.tar")
    with pytest.raises(WeightsError, match="expected SHA-256 01234567..., as its name says"):
        read_weights(wrong)


def test_a_name_that_is_neither_file_nor_released_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="moco_resnet50, .*found neither"):
        find_file("resnet50")
    with pytest.raises(WeightsError, match=r"expected model.safetensors or checkpoint.pt in it"):
        find_file(tmp_path)


def test_released_weights_are_downloaded_once_by_their_name(tmp_path, monkeypatch):
    torch.save(changed(), tmp_path / RELEASED["moco_resnet50_200ep"])
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(files, "RELEASED_URL", f"http://127.0.0.1:{server.server_port}/")
        monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
        file = find_file("moco_resnet50_200ep")
        with pytest.raises(WeightsError, match="expected the weights dino_vits16, found: HTTP"):
            find_file("dino_vits16")
        server.shutdown()
    assert file == tmp_path / "hub" / "checkpoints" / RELEASED["moco_resnet50_200ep"]
    assert find_file("moco_resnet50_200ep") == file  # the server is gone
    assert read_weights("moco_resnet50_200ep").layout == "MoCo-v2"
