"""The docstrings say what a user needs, run where they show something, and make a page without a
warning.
"""

from __future__ import annotations

import ast
import builtins
import doctest
import importlib
import importlib.util
import inspect
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import pass_utils
from pass_utils import errors

ROOT = Path(__file__).parent.parent
MODULES = sorted(path for path in (ROOT / "pass_utils").rglob("*.py") if path.stem != "__init__")
PUBLIC = {name: getattr(pass_utils, name) for name in pass_utils.__all__}
ERRORS = {
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.PassError)
}


def dotted(module: Path) -> str:
    """`pass_utils.export.parquet`."""
    return ".".join(module.relative_to(ROOT).with_suffix("").parts)


def test_the_examples_in_docstrings_give_what_they_show():
    found = {
        dotted(path): doctest.testmod(importlib.import_module(dotted(path))) for path in MODULES
    }
    shown = {dotted(path) for path in MODULES if ">>> " in path.read_text()}
    assert {name for name, result in found.items() if result.attempted} == shown
    assert [name for name, result in found.items() if result.failed] == []


class Sections(HTMLParser):
    """Collects the text of a page by the section that it is in, and the ids."""

    def __init__(self) -> None:
        super().__init__()
        self.text: dict[str, str] = {}
        self._id = ""

    def handle_starttag(self, tag, attrs):
        if tag == "section":
            self._id = dict(attrs).get("id") or "front"

    def handle_data(self, data):
        self.text[self._id] = self.text.get(self._id, "") + data


@pytest.fixture(scope="module")
def page() -> dict[str, str]:
    """The text of each section of the reference; a warning of pdoc is an error."""
    pytest.importorskip("pdoc", reason="pip install 'pass-utils[docs]'")
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "reference.py")
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    sections = Sections()
    sections.feed(reference.reference())
    return {name: " ".join(text.split()) for name, text in sections.text.items()}


def test_every_public_name_is_on_the_page_with_what_it_does(page):
    assert set(page) - {"", "front"} == set(PUBLIC)
    for name, value in PUBLIC.items():
        first = (
            (inspect.getdoc(value) or "").partition("\n\n")[0] if name != "RELEASES" else "RELEASES"
        )
        assert re.sub(r"\W+", "", first) in re.sub(r"\W+", "", page[name]), name


def test_functions_are_on_the_page_with_their_types(page):
    for name, value in PUBLIC.items():
        if inspect.isfunction(value):
            for parameter in inspect.signature(value).parameters:
                assert f"{parameter}:" in page[name], (name, parameter)
            assert "->" in page[name]


def test_the_front_of_the_page_speaks_of_every_function_and_of_releases(page):
    wanted = {name for name, value in PUBLIC.items() if inspect.isfunction(value)} | {
        "RELEASES",
        "Release",
        "PassError",
    }
    assert wanted <= set(re.findall(r"\w+", page["front"]))


def test_every_parameter_and_field_is_spoken_of():
    silent = []
    for name, value in PUBLIC.items():
        if callable(value) and (name not in ERRORS or "__init__" in vars(value)):
            doc = inspect.getdoc(value) or ""
            listed = re.findall(r"^    (\*{0,2}\w+(?:, \w+)*):", doc, re.MULTILINE)
            spoken = " ".join([*re.findall(r"`[^`]+`", doc), *listed])
            wanted = set(inspect.signature(value).parameters) - {"message", "args", "kwargs"}
            silent += [
                f"{name}: {parameter}"
                for parameter in wanted
                if not re.search(rf"\b{parameter}\b", spoken)
            ]
    assert sorted(silent) == []


def test_every_error_that_a_function_raises_is_in_its_docstring():
    """Of functions that others call: those whose name has no underscore, in any module."""
    silent = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                calls = [
                    each.exc
                    for each in ast.walk(node)
                    if isinstance(each, ast.Raise) and isinstance(each.exc, ast.Call)
                ]
                raised = {
                    call.func.id for call in calls if isinstance(call.func, ast.Name)
                } & ERRORS
                named = set(re.findall(r"^    (\w+):", ast.get_docstring(node) or "", re.MULTILINE))
                silent += [
                    f"{dotted(path)}.{node.name}: {error}"
                    for error in sorted(raised - named)
                    if "PassError" not in named
                ]
    assert silent == []


def test_docstrings_name_errors_that_there_are():
    private = {
        node.name
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and node.name.endswith("Error")
    }
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                raises = (ast.get_docstring(node) or "").partition("Raises:")[2]
                named = re.findall(r"^    (\w*Error):", raises, re.MULTILINE)
                assert [
                    name for name in named if name not in private and not hasattr(builtins, name)
                ] == []


def test_completion_of_the_package_shows_the_public_names_only():
    names = dir(pass_utils)
    assert names == sorted([*pass_utils.__all__, "__version__"])


def test_the_public_names_are_sorted():
    kinds = [(not name.isupper(), not name[0].isupper(), name) for name in pass_utils.__all__]
    assert kinds == sorted(kinds)
    assert set(pass_utils._MODULE_OF) | ERRORS == set(pass_utils.__all__)
    assert list(pass_utils._MODULE_OF) == [
        name for name in pass_utils.__all__ if name in pass_utils._MODULE_OF
    ]
