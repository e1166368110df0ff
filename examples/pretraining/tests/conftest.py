"""What the tests of the folder share."""

from __future__ import annotations

import sys
from pathlib import Path

FOLDER = Path(__file__).parent.parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent.parent / "tests")]
