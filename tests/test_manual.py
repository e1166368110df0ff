"""The manual, which is the README and the pages in docs/, is so: snippets, links, names, and what
it says of errors.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import io
import itertools
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import datasets
import pytest

import pass_utils
from pass_utils import errors
from pass_utils.loading.builder import PassConfig

markdown_it = pytest.importorskip("markdown_it")

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ADDRESS = re.compile(r"0x[0-9A-F]+")  # of an object in memory


def page_id(page: Path) -> str:
    """What a test of a page is called."""
    return page.relative_to(ROOT).as_posix()


VERSION = tuple(map(int, datasets.__version__.split(".")[:2]))
EXTRAS = ("torch", "torchdata", "torchvision", "matplotlib")


@contextlib.contextmanager
def skip_without(*packages: str) -> Iterator[None]:
    """Skips a test whose code imports one of these packages where it is not installed."""
    try:
        yield
    except ModuleNotFoundError as err:
        if err.name not in packages:
            raise
        pytest.skip(f"pip install {err.name}")


pages = pytest.mark.parametrize("page", PAGES, ids=page_id)


@pages
def test_the_snippets_of_a_page_give_what_it_shows(page, tmp_path, monkeypatch):
    """Every ```python block runs, in order; a ```text block right after one is what it prints."""
    if VERSION < (4, 6):
        pytest.skip("the manual shows what the newest datasets does")
    (tmp_path / "dummy").symlink_to(ROOT / "dummy")
    monkeypatch.chdir(tmp_path)
    blocks = BLOCK.findall(page.read_text())
    namespace: dict[str, object] = {}
    for (kind, text), (next_kind, shown) in itertools.pairwise([*blocks, ("", "")]):
        if kind == "python":
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed), skip_without(*EXTRAS):
                exec(compile(text, page.name, "exec"), namespace)
            assert ADDRESS.sub("0x", printed.getvalue()) == (
                ADDRESS.sub("0x", shown) if next_kind == "text" else ""
            )


def test_the_first_screen_of_the_readme_has_a_snippet_and_what_it_prints():
    manual = (ROOT / "README.md").read_text().partition("\n# ")[2]
    first = "\n".join(manual.splitlines()[:25])
    assert [kind for kind, _ in BLOCK.findall(first)] == ["python", "text"]


def code(page: Path) -> Iterator[ast.AST]:
    """The nodes of the Python of a page, run or not."""
    for kind, text in BLOCK.findall(page.read_text()):
        if kind in ("py", "python"):
            yield from ast.walk(ast.parse(textwrap.dedent(text)))


@pages
def test_the_names_and_keywords_of_a_page_are_those_of_the_library(page):
    """Also of the ```py blocks, which are not run."""
    for node in code(page):
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "pass_utils":
            module = importlib.import_module(str(node.module))
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "pass_utils"
        ):
            assert node.attr in pass_utils.__all__
        if isinstance(node, ast.Call):
            name = (
                node.func.attr
                if isinstance(node.func, ast.Attribute)
                else getattr(node.func, "id", "")
            )
            if name in pass_utils.__all__ and callable(getattr(pass_utils, name)):
                keywords = {str(keyword.arg): None for keyword in node.keywords}
                inspect.signature(getattr(pass_utils, name)).bind(*node.args, **keywords)


@pages
def test_the_options_of_load_dataset_on_a_page_are_there(page):
    ours = set(PassConfig.__dataclass_fields__) - {"name", "version", "description", "data_files"}
    theirs = {"split", "streaming", "trust_remote_code"}
    for node in code(page):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "load_dataset"
        ):
            assert {str(keyword.arg) for keyword in node.keywords} <= ours | theirs


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub and the Hub give to the headings of a page."""
    tokens = markdown_it.MarkdownIt().parse(_body(page))
    titles = [
        after.content
        for before, after in zip(tokens, tokens[1:], strict=False)
        if before.type == "heading_open"
    ]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def _body(page: Path) -> str:
    return re.sub(r"\A---\n.*?\n---\n", "", page.read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=page_id)
def test_the_links_of_a_page_lead_somewhere(page):
    inline = [
        child
        for token in markdown_it.MarkdownIt().enable("table").parse(_body(page))
        for child in token.children or []
    ]
    targets = [
        str(child.attrs.get("href") or child.attrs.get("src"))
        for child in inline
        if child.type in ("link_open", "image")
    ]
    for target in targets:
        if not target.startswith(("https://", "http://")):
            path, _, anchor = target.partition("#")
            found = (page.parent / path).resolve() if path else page
            assert found.is_file(), target
            assert not anchor or anchor in anchors(found), target


def test_the_readme_links_the_index_and_the_index_links_every_page():
    assert "](docs/index.md" in (ROOT / "README.md").read_text()
    index = (ROOT / "docs" / "index.md").read_text()
    assert [p.name for p in PAGES[1:] if p.stem != "index" and f"]({p.name}" not in index] == []


def test_the_readme_is_short_before_the_dataset_card():
    manual = (
        (ROOT / "README.md").read_text().partition("\n# PASS")[2].partition("\n# Dataset card")[0]
    )
    assert len(manual.splitlines()) <= 210


TROUBLE = ROOT / "docs" / "troubleshooting.md"


def strings(module: Path) -> Iterator[str]:
    """The strings in a module; what is filled in is a space."""
    tree = ast.parse(module.read_text())
    parts = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in ast.walk(node)
        if part is not node
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else " " for part in node.values
            )
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts
        ):
            yield node.value


def test_the_errors_are_on_the_page_of_troubles():
    raised = {
        name
        for name, error in vars(errors).items()
        if isinstance(error, type) and error.__module__ == errors.__name__
    }
    headings = set(
        re.findall(
            r"`(\w+Error)`", " ".join(re.findall(r"^## .*", TROUBLE.read_text(), re.MULTILINE))
        )
    )
    assert headings == raised - {"PassError"}


@pytest.mark.parametrize(
    ("quoted", "code"),
    [
        (r"`([^`]* [^`]*)`", Path(pass_utils.__file__).parent),
        pytest.param(
            r'"([^"]* [^"]*)"',
            Path(datasets.__file__).parent,
            marks=pytest.mark.skipif(VERSION < (4, 6), reason="messages of the newest datasets"),
        ),
    ],
    ids=["ours", "of datasets"],
)
def test_the_messages_on_the_page_of_troubles_are_in_the_code(quoted, code):
    """Those in the first column: `...` stands for what is filled in."""
    first_columns = re.findall(r"^\| (.*?) \| ", TROUBLE.read_text(), re.MULTILINE)
    quotes = [quote for column in first_columns for quote in re.findall(quoted, column)]
    known = [text for module in code.rglob("*.py") for text in strings(module)]
    wanted = {
        quote: re.compile(".*".join(map(re.escape, quote.split("..."))), re.DOTALL)
        for quote in quotes
    }
    assert wanted
    assert [quote for quote, pattern in wanted.items() if not any(map(pattern.search, known))] == []


def test_the_picture_says_in_words_what_it_shows():
    svg = ElementTree.parse(ROOT / "docs" / "how-it-works.svg").getroot()
    space = {"svg": "http://www.w3.org/2000/svg"}
    assert svg.findtext("svg:title", namespaces=space)
    words = svg.findtext("svg:desc", "", namespaces=space)
    assert {"Dataset", "IterableDataset", "Zenodo", "credited", "exported", "pushed"} <= set(
        re.findall(r"\w+", words)
    )


def test_the_page_of_design_lists_every_file_that_stays_on_disk():
    """Those of which a module has the name, but data and card of an export."""
    names = set()
    for path in (ROOT / "pass_utils").rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                constant = node.targets[0].id
                if re.fullmatch("_?([A-Z]+_)*(FILE|TAR)", constant):
                    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                    names.add(getattr(importlib.import_module(module), constant))
    names -= {"README.md", "metadata.jsonl", ".metadata.jsonl", "CREDITS.parquet", "lock"}
    names -= {"selection.json", "croissant.json"}  # of repositories of the Hub
    assert {".pass-utils.json", "PASS.subset.journal"} < names
    table = (ROOT / "docs" / "design.md").read_text().partition("## Files left on disk")[2]
    assert {name for name in names if f"`{name}`" not in table} == set()
