"""Commands, options and examples are as the manual and the help pages say: each is explained, and
each example runs.
"""

from __future__ import annotations

import json
import re
import runpy
import shlex
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from conftest import jpeg
from support.bucket import Bucket
from support.hub import Hub, connect
from support.zenodo import Zenodo, describe

from pass_utils.cli.main import COMMANDS
from pass_utils.releases import RELEASES

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "command-line.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CLUSTER = "tcp://scheduler:8786"


def examples() -> list[str]:
    """The lines that begin with `pass-utils`, of all pages and all help pages, without their
    comments.
    """
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    blocks = [block for page in pages for block in BLOCK.findall(page.read_text(encoding="utf-8"))]
    lines = [
        line for block in blocks for line in block.splitlines() if line.startswith("pass-utils ")
    ]
    lines += [example for command in COMMANDS for example in command.examples]
    return list(dict.fromkeys(shlex.join(shlex.split(line, comments=True)) for line in lines))


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A home with a miniature of v2 in `pass`, where the command runs; the releases, Zenodo and the
    Hub are miniatures too.
    """
    home = tmp_path / "home"
    for name in ("dummy/1.0.0", "dummy/2.0.0"):
        shutil.copytree(ROOT / name, home / name)
        (home / name / ".pass-utils.json").unlink(missing_ok=True)
    for name in ("pass", "shared/pass"):
        shutil.copytree(home / "dummy" / "1.0.0", home / name)
    for name, folder in (("v2", "1.0.0"), ("v3", "2.0.0")):
        small = describe(home / "dummy" / folder)
        monkeypatch.setitem(
            RELEASES, name, RELEASES[name]._replace(files=small.files, images=small.images)
        )
    monkeypatch.chdir(home)
    return home


@pytest.fixture
def hub(home, monkeypatch) -> Iterator[Hub]:
    with Hub(home / "hub") as hub:
        connect(hub, monkeypatch, home / "hf")
        yield hub


@pytest.fixture
def cluster() -> Iterator[str]:
    distributed = pytest.importorskip("distributed", reason="pip install 'pass-utils[dask]'")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        yield cluster.scheduler_address


def read_images(folder: Path, other: bytes) -> dict[str, bytes]:
    """The image of each row of a folder's CSV; another one where no shard has it."""
    lines = (folder / "pass_metadata.csv").read_text(encoding="utf-8").splitlines()
    images = {line.split(",")[4]: other for line in lines[1:]}
    for path in folder.glob("PASS.*.tar"):
        with tarfile.open(path) as tar:
            for member in tar.getmembers():
                if member.isfile():
                    images[Path(member.name).stem] = tar.extractfile(member).read()
    return images


@pytest.mark.parametrize("example", examples())
def test_each_example_runs(example, run, home, hub, monkeypatch, request):
    if "--release v3" in example:
        shutil.rmtree(home / "pass")
        shutil.copytree(home / "dummy" / "2.0.0", home / "pass")
    _, command, *words = shlex.split(
        example.replace(CLUSTER, request.getfixturevalue("cluster") if CLUSTER in example else "")
    )
    if command == "report":
        pytest.importorskip("matplotlib", reason="pip install 'pass-utils[report]'")
    words = [re.sub("^(~|(?=/shared/))", str(home), word) for word in words]
    if ">" in words:
        words = words[: words.index(">")]
    release = RELEASES["v3" if "--release v3" in example else "v2"]
    served = home / "dummy" / release.version
    if command == "download":
        shutil.rmtree(home / "pass")
    if "--include large.json" in example:  # the file that the line before it on the page writes
        saving = next(each for each in examples() if "--save-selection large.json" in each)
        assert run(*(re.sub("^~", str(home), word) for word in shlex.split(saving)[1:])).code == 0
    images = read_images(served, jpeg("a photo that no shard has"))
    with Zenodo(served, release.record) as zenodo, Bucket(images) as bucket:
        monkeypatch.setenv("PASS_BASE_URL", zenodo.base_url)
        monkeypatch.setenv("PASS_IMAGE_URL", bucket.template)
        ended = run(command, *words)
    assert (ended.code, bool(ended.out)) == (0, True), ended.err
    if command == "download" and "--sample" in words:
        assert (Path(words[0]) / "PASS.subset.tar").is_file()
    elif command == "download" and "--dry-run" not in words:
        assert (home / "pass" / "PASS.0.tar").read_bytes() == (served / "PASS.0.tar").read_bytes()


def test_every_command_and_option_is_in_the_manual():
    text = PAGE.read_text(encoding="utf-8")
    for command in COMMANDS:
        assert f"\n## {command.name}\n" in text
        assert command.examples
        for option in command.params:
            for name in option.opts if isinstance(option, click.Option) else ():
                assert re.search(rf"^\| `[^`]*{name}\b[^`]*` \| ", text, re.MULTILINE), (
                    f"{command.name} {name}"
                )


def test_the_tables_of_the_manual_are_those_of_the_commands():
    """`.venv/bin/python docs/command_line.py` writes them anew."""
    page = runpy.run_path(str(ROOT / "docs" / "command_line.py"))
    text = PAGE.read_text(encoding="utf-8")
    assert page["write"](text) == text
    for name, table in page["tables"]().items():
        assert not table or f"<!-- options: {name} -->\n{table}<!-- end -->" in text


def documented(command: str, kind: str) -> set[str]:
    """The keys that the manual gives the JSON of a command."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {command}\n")[1].split("\n## ")[0]
    table = section.split(f"| `{kind}` | meaning |\n|---|---|\n")[1].split("\n\n")[0]
    return {
        key for line in table.splitlines() for key in re.findall(r"`(\w+)`", line.split(" | ")[0])
    }


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("download ~/new --dry-run", "--json --dry-run"),
        ("download ~/new", "--json"),
        ("download ~/new --sample 9", "--json --sample"),
        ("download ~/new --sample 9 --dry-run", "--json --sample --dry-run"),
        ("show 17adb3efa1542a240867fa5f8c185db --data-dir ~/pass", "--json"),
        ("verify ~/pass", "--json"),
        ("info ~/pass", "--json"),
        ("report ~/pass", "--json"),
        ("credits ~/pass C.csv", "--json"),
        ("export webdataset ~/pass out --dry-run", "--json"),
        ("export webdataset ~/pass out", "--json"),
        ("push ~/pass me/pass --dry-run", "--json --dry-run"),
        ("push ~/pass me/pass", "--json"),
        ("statement ~/pass", "--json"),
    ],
)
def test_the_manual_names_the_keys_of_json(command, kind, run, home, hub, monkeypatch):
    words = command.replace("~", str(home)).split()
    if words[0] == "report":
        pytest.importorskip("matplotlib", reason="pip install 'pass-utils[report]'")
    served = home / "dummy" / "1.0.0"
    images = read_images(served, jpeg("a photo that no shard has"))
    with Zenodo(served, RELEASES["v2"].record) as zenodo, Bucket(images) as bucket:
        monkeypatch.setenv("PASS_BASE_URL", zenodo.base_url)
        monkeypatch.setenv("PASS_IMAGE_URL", bucket.template)
        ended = run(*words, "--json")
    assert (ended.code, set(json.loads(ended.out))) == (0, documented(words[0], kind)), ended.err


def test_every_command_that_prints_json_is_in_the_test_above():
    taking = {
        command.name
        for command in COMMANDS
        if any(param.name == "as_json" for param in command.params)
    }
    assert taking == {
        *("download", "verify", "show", "info", "report", "credits", "export", "push"),
        "statement",
    }
