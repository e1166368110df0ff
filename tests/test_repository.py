"""What the repository says of itself is so: the README's commands, the map of the house, the
directions of imports.
"""

from __future__ import annotations

import ast
import configparser
import re
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent


def test_the_commands_of_the_manual_are_there():
    readme = (ROOT / "README.md").read_text()
    from pass_utils.cli.main import cli

    commands = set(
        re.findall(
            r"^pass-utils (\w+)", (ROOT / "docs" / "command-line.md").read_text(), re.MULTILINE
        )
    )
    assert commands == set(cli.commands)
    targets = set(re.findall(r"\bmake (\w+)\b(?=`|\s+#)", readme))
    assert targets <= set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "test"} <= targets


PACKAGE = ROOT / "pass_utils"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.stem != "__init__")


def name(module: Path) -> str:
    """The module as the rest of the package calls it: `errors`, `export.parquet`."""
    return ".".join(module.relative_to(PACKAGE).with_suffix("").parts)


def ladder() -> list[str]:
    """The packages and top-level modules in the order of CONTRIBUTING's table, the lowest first."""
    return re.findall(
        r"^\| `(?:pass_utils/)?(\w+)(?:\.py|/)` \|",
        (ROOT / "CONTRIBUTING.md").read_text(),
        re.MULTILINE,
    )


def imports(module: Path) -> set[str]:
    """The modules of ours that a module imports, as `name` calls them."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if not isinstance(node, ast.ImportFrom):
            continue
        here = ["pass_utils", *module.relative_to(PACKAGE).parent.parts]
        package = here[: len(here) + 1 - node.level] if node.level else []
        source = ".".join([*package, *filter(None, [node.module])])
        if source.split(".")[0] == "pass_utils":
            modules = {f"{source}.{alias.name}" for alias in node.names}
            found |= {each for each in modules if _is_module(each)} or {source}
    return {source.partition(".")[2] for source in found}


def _is_module(source: str) -> bool:
    return (ROOT / source.replace(".", "/")).with_suffix(".py").is_file()


def test_every_module_is_in_the_table():
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert {"pass", *packages, *modules} == set(ladder())


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_imports_go_down_the_table_only(module):
    own = name(module).split(".")[0]
    below = {"pass", *ladder()[: ladder().index(own)], own}
    assert {source.split(".")[0] for source in imports(module)} <= below


def test_imports_have_no_circle():
    graph = {name(module): imports(module) for module in MODULES}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_the_version_stands_in_one_place_and_in_the_citation():
    from pass_utils import __version__

    assert f'__version__ = "{__version__}"' in (PACKAGE / "_version.py").read_text()
    assert "attr: pass_utils._version.__version__" in (ROOT / "setup.cfg").read_text()
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == __version__


def test_every_dependency_has_a_lower_bound_and_every_imported_package_is_a_dependency():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    requirements = config["options"]["install_requires"].split()
    bounds = {re.split("[>=<!]", line)[0]: line for line in requirements}
    assert [
        line for line in requirements if not re.fullmatch(r"\w+>=[\d.]+(,!=[\d.*]+)?", line)
    ] == []
    trees = [ast.parse(module.read_text()) for module in [*MODULES, ROOT / "pass.py"]]
    imported = {
        (alias.name if isinstance(node, ast.Import) else str(node.module)).split(".")[0]
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and not node.level)
        for alias in node.names
    }
    known = {"PIL": "pillow", "yaml": "pyyaml", "markupsafe": "jinja2", "urllib3": "requests"}
    others = {known.get(each, each) for each in imported} - sys.stdlib_module_names
    assert others - {"pass_utils", "distributed", "matplotlib"} == set(bounds)  # the extras


def test_ci_runs_the_one_command_on_the_first_and_the_last_python_of_the_classifiers():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    job = workflow["jobs"]["test"]
    versions = re.findall(r"Python :: (3\.\d+)", (ROOT / "setup.cfg").read_text())
    assert job["strategy"]["matrix"]["python"] == [versions[0], versions[-1]] == ["3.10", "3.13"]
    assert job["steps"][-1] == {"run": ".ci/run"}


def test_the_loading_script_imports_nothing_of_ours():
    tree = ast.parse((ROOT / "pass.py").read_text())
    names = {
        alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    names |= {
        str(node.module).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
    }
    assert names == {"bisect", "dataclasses", "datasets", "json", "os", "pyarrow", "re", "typing"}


def test_every_package_is_installed():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    packages = {f"pass_utils.{path.parent.name}" for path in PACKAGE.glob("*/__init__.py")}
    listed = set(config["options"]["packages"].split())
    assert listed == {"pass_utils", "pass_utils.dummy", *packages}
