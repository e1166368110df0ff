"""What the repository says of itself is so: the README's snippets, the map of the house, the directions of imports."""

from __future__ import annotations

import ast
import contextlib
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_snippets_of_the_readme_give_what_it_shows(monkeypatch):
    """Every ```python block runs, in order; a ```text block right after one is what it prints."""
    monkeypatch.chdir(ROOT)
    blocks = BLOCK.findall((ROOT / "README.md").read_text())
    namespace: dict[str, object] = {}
    ran = compared = 0
    for (kind, text), (next_kind, shown) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        if kind != "python":
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(text, "README.md", "exec"), namespace)  # noqa: S102
        ran += 1
        if next_kind == "text" and printed.getvalue():
            compared += 1
            assert re.sub(r"0x[0-9A-F]+", "0x", printed.getvalue()) == re.sub(r"0x[0-9A-F]+", "0x", shown)
    assert (ran, compared) >= (2, 1)


def test_the_commands_of_the_readme_are_there():
    readme = (ROOT / "README.md").read_text()
    from pass_utils.cli.main import cli

    commands = set(re.findall(r"^pass-utils (\w+)", readme, re.MULTILINE))
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
    rows = re.findall(r"^\| \d \| `(?:pass_utils/)?([\w/]+)\.py` \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    return [row.replace("/", ".") for row in rows]


def imports(module: Path) -> set[str]:
    """The modules of ours that a module imports, as `name` calls them."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if not isinstance(node, ast.ImportFrom):
            continue
        package = ["pass_utils", *module.relative_to(PACKAGE).parent.parts][: None if node.level == 1 else 1]
        source = ".".join([*package, *filter(None, [node.module])] if node.level else [node.module or ""])
        if source.split(".")[0] == "pass_utils":
            found |= {f"{source}.{alias.name}" for alias in node.names} if _is_package(source) else {source}
    return {source.partition(".")[2] for source in found} - {"__version__"}


def _is_package(source: str) -> bool:
    return (ROOT / source.replace(".", "/") / "__init__.py").is_file()


def test_every_module_is_on_the_map():
    assert sorted(house()) == sorted([*map(name, MODULES), "pass"])


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_imports_go_to_lower_modules_only(module):
    assert imports(module) <= set(house()[: house().index(name(module))])


def test_the_loading_script_imports_nothing_of_ours():
    tree = ast.parse((ROOT / "pass.py").read_text())
    names = {alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names == {"bisect", "dataclasses", "datasets", "json", "os", "pyarrow", "re", "typing"}
