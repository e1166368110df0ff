"""Run tests against every supported line of `datasets`, and against the lowest version of every
dependency, each in an environment of its own: `python tests/compat.py [NAME ...]`.

The environments stay in .compat/ and are used again. The package goes in as a user gets it, built
into a wheel. An environment whose Python is not on this machine is skipped with the reason;
skipping all of them is a failure.
"""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
LOADING_AND_EXPORT = tuple(
    f"test_{name}.py"
    for name in (
        *("compose", "script", "datasets", "hashes", "resume", "statistics"),
        *("loading_builder", "metadata", "loading_registry", "loading_rows"),
        *(
            "shards_places",
            "selection_bounds",
            "selection_lists",
            "selection_membership",
            "selection_resolution",
            "transfer_subset",
            "transfer_older_shards",
            "transfer_withdrawn",
            "loading_lookup",
        ),
        *("images_files", "images_header", "images_resolutions"),
        *("attribution_writing", "attribution_yfcc"),
        *("export_groups", "export_imagefolder", "export_outputs", "export_parquet"),
        *("export_planning", "export_streams", "export_webdataset", "export_workers"),
        *("export_rewriting", "export_writing", "hub_push", "hub_server"),
        *("images_resizing", "selection_creators"),
    )
)
TOOLS = ("pytest", "pytest-xdist", "hypothesis")


class Environment(NamedTuple):
    """A Python (None for the one that runs this), what pip installs in it, and what pytest runs:
    files of tests (none: all of them), those that `marker` selects.
    """

    name: str
    python: str | None
    requirements: tuple[str, ...]
    tests: tuple[str, ...] = LOADING_AND_EXPORT
    marker: str = ""


def lowest_requirements() -> tuple[str, ...]:
    """The lower bound of each dependency in setup.cfg, as `NAME==VERSION`."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config["options"]["install_requires"].split()
    return tuple(line.partition(",")[0].replace(">=", "==") for line in lines)


ENVIRONMENTS = (
    Environment("datasets-2.21.0", "3.10", ("datasets==2.21.0", "huggingface_hub<1")),
    Environment("datasets-3.6.0", None, ("datasets==3.6.0", "huggingface_hub<1")),
    Environment("datasets-4.0.0", None, ("datasets==4.0.0", "huggingface_hub<1")),
    Environment("datasets-4", None, ("datasets>=4,<5",)),
    Environment("datasets-newest", None, ("datasets",)),
    Environment("datasets-newest-python-3.13", "3.13", ("datasets",)),
    Environment("lowest", "3.10", lowest_requirements(), (), "not slow"),
)


def find_python(version: str | None) -> str | None:
    """An interpreter of that version that runs: from the PATH, or one of pyenv's."""
    if version is None:
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for candidate in (
        shutil.which(f"python{version}"),
        *sorted(pyenv.glob(f"{version}.*/bin/python")),
    ):
        if candidate and subprocess.run([candidate, "-c", ""], capture_output=True).returncode == 0:
            return str(candidate)
    return None


def build_wheel(folder: Path) -> Path:
    """The package as pip would install it."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(ROOT / "build", ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", "--wheel-dir", str(folder), str(ROOT)], check=True)
    return next(folder.glob("*.whl"))


def run(environment: Environment, python: str, wheel: Path) -> bool:
    """Install what is missing, run the tests, and say whether they passed."""
    folder = ROOT / ".compat" / environment.name
    own = folder / "bin" / "python"
    if not own.exists():
        subprocess.run([python, "-m", "venv", "--clear", str(folder)], check=True)
    pip = [str(own), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--upgrade", *environment.requirements, *TOOLS, str(wheel)], check=True)
    subprocess.run([*pip, "--no-deps", "--force-reinstall", str(wheel)], check=True)
    pytest = [str(own), "-m", "pytest", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadfile"]
    tests = [str(ROOT / "tests" / name) for name in environment.tests or ("",)]
    command = [*pytest, "-m", environment.marker, *tests]
    return subprocess.run(command, cwd=folder).returncode == 0


def main(names: list[str]) -> int:
    """These environments, or all of them, in turn; 0 when at least one ran and all that ran
    passed.
    """
    known = [environment.name for environment in ENVIRONMENTS]
    if unknown := sorted(set(names) - set(known)):
        print(f"expected names among {', '.join(known)}, found {', '.join(unknown)}")
        return 2
    wheel = build_wheel(ROOT / ".compat" / "wheel")
    outcomes: dict[str, str] = {}
    for environment in ENVIRONMENTS:
        if names and environment.name not in names:
            continue
        python = find_python(environment.python)
        print(f"== {environment.name}", flush=True)
        if python is None:
            outcomes[environment.name] = f"skipped: no Python {environment.python} on this machine"
            continue
        begin = time.monotonic()
        passed = run(environment, python, wheel)
        outcomes[environment.name] = (
            f"{'passed' if passed else 'FAILED'} in {time.monotonic() - begin:.0f} s"
        )
    print("\n".join(f"{name:<30} {outcome}" for name, outcome in outcomes.items()))
    ran = [outcome for outcome in outcomes.values() if not outcome.startswith("skipped")]
    return 0 if ran and not any(outcome.startswith("FAILED") for outcome in ran) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
