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
    from pass_utils.cli import cli

    commands = set(re.findall(r"^pass-utils (\w+)", readme, re.MULTILINE))
    assert commands == set(cli.commands)
    targets = set(re.findall(r"\bmake (\w+)\b(?=`|\s+#)", readme))
    assert targets <= set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "test"} <= targets


def house() -> list[str]:
    """The modules in the order of CONTRIBUTING's map, the lowest first."""
    return re.findall(r"^\| \d \| `(?:pass_utils/)?(\w+)\.py` \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)


def imports(module: Path) -> set[str]:
    tree = ast.parse(module.read_text())
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    absolute = {str(node.module).partition(".")[2] for node in nodes if str(node.module).startswith("pass_utils.")}
    relative = {node.module or alias.name for node in nodes if node.level == 1 for alias in node.names}
    return absolute | relative - {"__version__"}


def test_every_module_is_on_the_map():
    assert set(house()) == {path.stem for path in (ROOT / "pass_utils").glob("*.py")} - {"__init__"} | {"pass"}


@pytest.mark.parametrize("module", sorted((ROOT / "pass_utils").glob("[!_]*.py")), ids=lambda path: path.stem)
def test_imports_go_to_lower_modules_only(module):
    assert imports(module) <= set(house()[: house().index(module.stem)])


def test_the_loading_script_imports_nothing_of_ours():
    tree = ast.parse((ROOT / "pass.py").read_text())
    names = {alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names == {"bisect", "dataclasses", "datasets", "json", "os", "pyarrow", "re", "typing"}
