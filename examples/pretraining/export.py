"""Exports weights to a folder that timm opens, with a model card, and pushes it to the Hub.

    python export.py runs/moco out/moco --scores knn.json --license apache-2.0
    python export.py runs/moco out/moco --license apache-2.0 --push me/resnet50-pass

The folder has model.safetensors, config.json and README.md, the card: the recipe and what differs
from the official one, the images, credit and licences, and scores with their protocol, of the files
that `evaluate.py --json` wrote for these weights. `timm.create_model("local-dir:out/moco",
pretrained=True)` opens it, after the push `"hf-hub:me/resnet50-pass"`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
import yaml
from features import RATIO, method_of, preprocessing_of
from files import WeightsError
from scores import Interval
from weights import Weights, make_network, read_weights

import pass_utils

METHODS = {
    "moco": ("MoCo-v2", "https://arxiv.org/abs/2003.04297"),
    "swav": ("SwAV", "https://arxiv.org/abs/2006.09882"),
    "dino": ("DINO", "https://arxiv.org/abs/2104.14294"),
}


def export(
    weights: Weights,
    folder: Path,
    *,
    scores: Sequence[dict[str, Any]] = (),
    license: str | None = None,
    name: str | None = None,
) -> None:
    """Write weights as a folder that timm opens.

    Args:
        weights: As `read_weights` returns them.
        folder: Which must not exist; it appears when it is complete.
        scores: What `evaluate.py --json` wrote; results of other weights are left out.
        license: Of the weights, as the Hub abbreviates it; None leaves it open.
        name: What the card calls the model; by default the name of the folder.

    Raises:
        WeightsError: the folder exists.
    """
    if folder.exists():
        raise WeightsError(f"{folder}: expected no such folder, found one. Give another.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", suffix=".part", dir=folder.parent))
    try:
        state = {key: tensor.contiguous().clone() for key, tensor in weights.state.items()}
        safetensors.torch.save_file(state, part / "model.safetensors", metadata={"format": "pt"})
        (part / "config.json").write_text(json.dumps(timm_config(weights), indent=2) + "\n")
        card = model_card(weights, name or folder.name, scores=scores, license=license)
        (part / "README.md").write_text(card)
        part.chmod(0o755)
        part.replace(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def timm_config(weights: Weights) -> dict[str, Any]:
    """Return the config.json by which timm makes the network, and what `read_weights` reads of it.

    Args:
        weights: To export.
    """
    preprocessing = preprocessing_of(weights)
    return {
        "architecture": weights.network,
        "num_classes": 0,
        "num_features": int(make_network(weights).num_features),
        "model_args": weights.options,
        "pretrained_cfg": {
            "input_size": [3, 224, 224],
            "interpolation": "bicubic" if preprocessing.bicubic else "bilinear",
            "crop_pct": 1 / RATIO,
            "mean": list(preprocessing.mean),
            "std": list(preprocessing.std),
            "num_classes": 0,
            "first_conv": "patch_embed.proj" if "pos_embed" in weights.state else "conv1",
            "classifier": "head" if "pos_embed" in weights.state else "fc",
        },
        "pass_utils": {
            "source_sha256": weights.sha256,
            "layout": weights.layout,
            "recipe": weights.recipe,
            "deviations": list(weights.deviations),
            "selection": weights.selection,
            "step": weights.step,
        },
    }


def model_card(
    weights: Weights,
    name: str,
    *,
    scores: Sequence[dict[str, Any]] = (),
    license: str | None = None,
) -> str:
    """Return the README.md of the weights.

    Args:
        weights: To export.
        name: Of the model.
        scores: As in `export`.
        license: As in `export`.
    """
    method, paper = METHODS.get(method_of(weights), (method_of(weights), ""))
    front: dict[str, Any] = {
        "library_name": "timm",
        "pipeline_tag": "image-feature-extraction",
        "datasets": ["yukimasano/pass"],
        "tags": ["self-supervised", "pretraining", "pass"],
    }
    front |= {"license": license} if license else {}
    release = ((weights.selection or {}).get("selection") or {}).get("release")
    credits = [release] if release else [None]
    lines = [
        f"# {name}",
        "",
        f"`{weights.network}` of timm, pretrained by {method or 'an unknown method'}"
        f"{f' ({paper})' if paper else ''} on PASS, photographs without people and without labels.",
        "",
        "    import timm",
        "    network = timm.create_model('hf-hub:USER/NAME', pretrained=True)  # its features",
        "",
        "## Training",
        "",
        *_training(weights),
        "",
        "## Scores",
        "",
        *(_scores(weights, scores) or ["None were measured."]),
        "",
        "## Credit and licences",
        "",
        *(f"- Dataset: {pass_utils.dataset_credit(each)}" for each in credits),
        "- Photographs: each is licensed by its photographer under CC BY 2.0 "
        "(https://creativecommons.org/licenses/by/2.0/); `pass-utils credits` lists them.",
        f"- Weights: {license or 'their licence is not stated.'}",
        "",
    ]
    if release is None:
        lines[-4] += " Which release these weights were trained on is not recorded."
    return f"---\n{yaml.safe_dump(front, sort_keys=False)}---\n\n" + "\n".join(lines)


def _training(weights: Weights) -> list[str]:
    if weights.recipe is None:
        return [
            f"Read from a checkpoint in {weights.layout}'s layout, SHA-256 `{weights.sha256}`. "
            "How it was trained, and on which release, is not recorded in it; see "
            "https://github.com/yukimasano/PASS for what its authors state."
        ]
    deviations = [f"- {_line(each)}" for each in weights.deviations]
    return [
        f"By `pretrain.py` of pass-utils, {weights.step or 0:,} optimizer steps; "
        f"checkpoint SHA-256 `{weights.sha256}`.",
        "",
        "What differs from the official recipe:",
        "",
        *(deviations or ["- nothing"]),
        "",
        "The recipe:",
        "",
        *_code(weights.recipe),
        "",
        "The images:",
        "",
        *_code(weights.selection),
    ]


def _scores(weights: Weights, documents: Sequence[dict[str, Any]]) -> list[str]:
    lines = []
    for document in documents:
        for result in document["results"]:
            if result["sha256"] != weights.sha256:
                continue
            for metric, found in result["metrics"].items():
                gain = found.pop("above_random", None)
                beside = f"; above a random network: {Interval(**gain)}" if gain else ""
                protocol = ", ".join(f"{key} {value}" for key, value in result["protocol"].items())
                lines.append(
                    f"- {document['task']} on {_line(str(document['data']))}: {metric} "
                    f"{Interval(**found)} %, mean and 95% interval over {document['seeds']} seeds"
                    f"{beside} ({_line(protocol)})"
                )
    return lines


def _line(text: str) -> str:
    """Text on one line, in which Markdown finds nothing."""
    return "".join(
        f"\\{each}" if each in "\\`*_[]<>#|" else each for each in " ".join(text.split())
    )


def _code(value: Any) -> list[str]:
    """JSON as an indented block of code, which no text in it can end."""
    return [f"    {line}" for line in json.dumps(value, indent=1).splitlines()]


def push(folder: Path, repo_id: str, *, private: bool = False) -> str:
    """Push an export to a model repository of the Hub, in one commit.

    Args:
        folder: That `export` wrote.
        repo_id: `user/name`.
        private: Whether a new repository is private.

    Returns:
        The address of the commit.

    Raises:
        WeightsError: the Hub refuses, or cannot be reached.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    card = folder / "README.md"
    card.write_text(card.read_text().replace("hf-hub:USER/NAME", f"hf-hub:{repo_id}"))
    api = HfApi()
    try:
        api.create_repo(repo_id, private=private, exist_ok=True)
        commit = api.upload_folder(
            folder_path=str(folder),
            repo_id=repo_id,
            commit_message="Upload weights pretrained on PASS",
        )
    except (HfHubHTTPError, OSError, ValueError) as err:
        raise WeightsError(
            f"{repo_id}: expected to push {folder}, found: {err}. The folder is complete; "
            "`hf auth login`, and run the command again with another OUT."
        ) from err
    return str(commit.commit_url)


def main(arguments: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit code: 0, or 1 for an error.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", help="a file, a folder of a run, or a name of hubconf")
    parser.add_argument("out", type=Path, help="the folder to write")
    parser.add_argument("--scores", type=Path, nargs="*", default=[], help="of evaluate.py --json")
    parser.add_argument("--license", help="of the weights, such as apache-2.0; needed to push")
    parser.add_argument("--push", metavar="USER/NAME", help="a model repository of the Hub")
    parser.add_argument("--private", action="store_true", help="where the repository is new")
    options = parser.parse_args(arguments)
    if options.push and not options.license:
        parser.error("--push needs --license: nobody may use weights without one")
    try:
        scores = [json.loads(file.read_text()) for file in options.scores]
        weights = read_weights(options.weights)
        name = options.push.rpartition("/")[2] if options.push else None
        export(weights, options.out, scores=scores, license=options.license, name=name)
        print(f"{options.out}: {weights.network}, {len(weights.state)} tensors")
        if options.push:
            print(push(options.out, options.push, private=options.private))
    except (pass_utils.PassError, OSError, ValueError) as err:
        print(f"error: {err}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
