"""The face detector of the audit example as a step: drawn faces are left out, and nothing else."""

from __future__ import annotations

import importlib.util
import io

import numpy as np
from conftest import EXAMPLE
from PIL import Image, ImageFilter
from pipeline import curate
from settings import read_config

from pass_utils.attribution.yfcc import hash_of_url

AUDIT = EXAMPLE.parent / "audit"
CONFIG = """
metadata = ["yfcc.tsv"]
images = "{h}.jpg"
output = "set"
steps = [
    {name = "photos"},
    {name = "detector", call = "FACES:detect_faces", min_score = 0.5, what = "face"},
]
"""


def drawn_faces():
    """The module of the audit's tests that draws faces; its name would clash with none of ours."""
    spec = importlib.util.spec_from_file_location("drawn", AUDIT / "tests/drawn.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_images_with_planted_faces_are_left_out_and_no_others(tmp_path):
    rng, drawn = np.random.default_rng(3), drawn_faces()
    lines, faces, others = [], set(), set()
    for number in range(16):
        url = f"http://farm1.staticflickr.com/1/{number}_a.jpg"
        pixels = rng.integers(60, 200, (12, 16, 3), np.uint8)
        image = Image.fromarray(pixels).resize((400, 300), Image.Resampling.BICUBIC)
        file = io.BytesIO()
        image.filter(ImageFilter.GaussianBlur(2)).save(file, "JPEG", quality=90)
        data = file.getvalue()
        if number % 4 == 1:
            data = drawn.plant(data, (140 + number, 80, 90))
        (faces if number % 4 == 1 else others).add(hash_of_url(url))
        (tmp_path / f"{hash_of_url(url)}.jpg").write_bytes(data)
        values = [str(number), "1@N00", "name", *[""] * 20]
        values[14], values[15], values[22] = url, "Attribution License", "0"
        lines.append("\t".join(values))
    (tmp_path / "yfcc.tsv").write_text("\n".join(lines) + "\n")
    (tmp_path / "set.toml").write_text(CONFIG.replace("FACES", str(AUDIT / "faces.py")))
    counts = curate(read_config(tmp_path / "set.toml"))
    assert counts[1].reasons == {"face": 4}
    csv = (tmp_path / "set/pass_metadata.csv").read_text()
    assert all(hash in csv for hash in others)
    assert not any(hash in csv for hash in faces)
