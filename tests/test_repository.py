"""What the repository says of itself is so: the README's commands, the map of the house, the
directions of imports.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

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
    """The module as the rest of the package calls it: `rows`, `export.parquet`."""
    return ".".join(module.relative_to(PACKAGE).with_suffix("").parts)


def house() -> list[str]:
    """The modules in the order of CONTRIBUTING's map, the lowest first."""
    rows = re.findall(
        r"^\| \d \| `(?:pass_utils/)?([\w/]+)\.py` \|",
        (ROOT / "CONTRIBUTING.md").read_text(),
        re.MULTILINE,
    )
    return [row.replace("/", ".") for row in rows]


def imports(module: Path) -> set[str]:
    """The modules of ours that a module imports, as `name` calls them."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if not isinstance(node, ast.ImportFrom):
            continue
        package = ["pass_utils", *module.relative_to(PACKAGE).parent.parts][
            : None if node.level == 1 else 1
        ]
        source = ".".join(
            [*package, *filter(None, [node.module])] if node.level else [node.module or ""]
        )
        if source.split(".")[0] == "pass_utils":
            found |= (
                {f"{source}.{alias.name}" for alias in node.names}
                if _is_package(source)
                else {source}
            )
    return {source.partition(".")[2] for source in found} - {"__version__"}


def _is_package(source: str) -> bool:
    return (ROOT / source.replace(".", "/") / "__init__.py").is_file()


def test_every_module_is_on_the_map():
    assert sorted(house()) == sorted([*map(name, MODULES), "pass"])


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_imports_go_to_lower_modules_only(module):
    assert imports(module) <= set(house()[: house().index(name(module))])


def test_the_version_is_said_alike():
    import pass_utils

    assert (
        re.search(r"^version = (.*)$", (ROOT / "setup.cfg").read_text(), re.MULTILINE)[1]
        == pass_utils.__version__
    )


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
