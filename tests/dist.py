"""Build the sdist and the wheel into dist/, check both, and open the bundled miniature from the
wheel in an empty environment: `make dist`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
OPEN = """
import importlib.util
from pathlib import Path
from datasets import load_dataset
import pass_utils
assert Path(pass_utils.__file__).is_relative_to({environment!r}), pass_utils.__file__
for release, rows in (("v2", 24), ("v3", 23)):
    folder = pass_utils.dummy_folder(release)
    ds = load_dataset("pass", release, data_dir=str(folder), split="train")
    assert (len(ds), max(ds[0]["image"].size)) == (rows, 500), (release, len(ds), ds[0])
assert importlib.util.find_spec("pass") is not None
print(pass_utils.__version__, "opens its miniatures")
"""
WANTED = {"pass.py", "pass_utils/py.typed", "pass_utils/pages/templates/style.css"}


def build() -> tuple[Path, Path]:
    """The sdist and the wheel, which is built from the sdist."""
    for leftover in (
        DIST,
        ROOT / "build",
    ):  # what setuptools finds in build/ it puts into the wheel
        shutil.rmtree(leftover, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "build", "--outdir", str(DIST), str(ROOT)], check=True)
    subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *map(str, DIST.iterdir())], check=True
    )
    return next(DIST.glob("*.tar.gz")), next(DIST.glob("*.whl"))


def check_contents(sdist: Path, wheel: Path) -> None:
    """Raise when a file that users need is missing from either."""
    with tarfile.open(sdist) as tar, zipfile.ZipFile(wheel) as archive:
        in_sdist = {name.partition("/")[2] for name in tar.getnames()}
        in_wheel = set(archive.namelist())
    missing = sorted(WANTED - in_wheel) + sorted(WANTED - in_sdist)
    missing += sorted({"LICENSE", "README.md", "setup.cfg"} - in_sdist)
    if missing:
        raise SystemExit(f"expected these in the packages, missing: {', '.join(missing)}")


def open_miniature(wheel: Path) -> None:
    """Install the wheel into an empty environment, open the miniatures, run the command."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", f"{folder}/venv"], check=True)
        own = f"{folder}/venv/bin/python"
        pip = [own, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, str(wheel)], check=True)
        environment = {"HF_HOME": f"{folder}/hf", "PATH": "/usr/bin:/bin", "HOME": folder}
        code = OPEN.format(environment=str(Path(folder).resolve()))
        subprocess.run([own, "-c", code], check=True, cwd=folder, env=environment)
        command = [f"{folder}/venv/bin/pass-utils", "--version"]
        subprocess.run(command, check=True, cwd=folder, env=environment)


def main() -> None:
    """Build, check, open."""
    sdist, wheel = build()
    check_contents(sdist, wheel)
    open_miniature(wheel)
    for package in (sdist, wheel):
        print(f"{package.relative_to(ROOT)}  {package.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
