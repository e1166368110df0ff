"""A release in which faces were planted, and audits of it."""

from __future__ import annotations

from pathlib import Path

import audit
from findings import Counts

SCRIPT = Path(audit.__file__)
# by hash: the left and top edge and the width of each face
FACES = {
    "e2c384d6765a79836d52cb9693c610b6": [(60, 60, 60)],
    "71e5b6246c7e3ede7237681d6d2870": [(10, 10, 24), (150, 80, 120)],
    "6035c8855f9493178a6a6f1d7ccf6387": [(100, 100, 40)],
    "c0a0d077f2081eb8eeebcca70a4798d": [(20, 10, 90)],
}
BROKEN = "2dd431a71f6c136f48f22f4c7d2d9d99"


def run(folder: Path, out: Path, *more: object) -> Counts:
    """Audits a folder in parts of four images."""
    arguments = [folder, "-o", out, "--workers", 2, "--part", 4, *more]
    return audit.audit(audit.read_options([*map(str, arguments)]))
