"""Makes the example's modules importable, and the helpers of the project's own tests."""

import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[1]
sys.path[:0] = [str(EXAMPLE), str(EXAMPLE.parents[1] / "tests")]
