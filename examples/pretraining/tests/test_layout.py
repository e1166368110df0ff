"""The files of the folder are there, and name what they need."""

from __future__ import annotations

import re

from conftest import FOLDER


def test_the_pinned_pair_is_within_the_requirements():
    required = dict(
        re.findall(r"^(\w+)>=([\d.]+)", (FOLDER / "requirements.txt").read_text(), re.M)
    )
    pinned = dict(re.findall(r"^(\w+)==([\d.]+)", (FOLDER / "constraints.txt").read_text(), re.M))
    assert pinned.keys() == {"torch", "torchvision"}
    for name, version in pinned.items():
        low, given = ([int(part) for part in text.split(".")] for text in (required[name], version))
        assert low <= given
