"""The command line: what it prints, and how it ends."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import image_hash, write_tar

from pass_utils import __version__
from pass_utils.cli.main import COMMANDS
from pass_utils.releases import dummy_folder


def pass_utils(*arguments: object, cache) -> subprocess.CompletedProcess[str]:
    """Runs in the folder `work` of the cache."""
    code = "from pass_utils.cli.main import main; main()"
    (cache / "work").mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cache / "work",
        env={"HF_DATASETS_CACHE": str(cache), "PATH": "", "HOME": str(cache)},
    )


def test_demo_prints_rows_statistics_and_where_the_files_are(cache):
    (cache / "work").mkdir()
    (cache / "work" / "CREDITS.html").write_text("mine")
    done = pass_utils("demo", cache=cache)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("'creator_username': 'north+ridge'") == 2
    assert "24 rows in" in done.stdout
    assert f"shards      {dummy_folder('v2')}" in done.stdout
    assert f"cache       {cache}" in done.stdout
    for name in ("CREDITS.html", "CREDITS.csv"):
        assert f"24 credits in {cache / 'work' / 'pass-demo' / name}" in done.stdout
        assert (
            (cache / "work" / "pass-demo" / name)
            .read_text()
            .count("17adb3efa1542a240867fa5f8c185db.jpg")
        )
    assert (cache / "work" / "CREDITS.html").read_text() == "mine"


@pytest.mark.slow
def test_an_error_of_the_library_is_one_line_and_exit_code_1(cache, folder):
    shards = folder()
    write_tar(shards / "PASS.0.tar", {f"{image_hash(9)}.jpg": b""})
    for arguments, match in (
        ((shards,), "missing PASS.2.tar"),
        ((shards, "--shards", "0"), f"expected a row for image {image_hash(9)}"),
        ((shards, "--shards", "0,77"), "found [0, 77]"),
    ):
        done = pass_utils("info", *arguments, cache=cache)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert match in done.stderr


def test_help_is_a_command_too(run):
    assert run("help") == run("--help")
    assert run("help", "info") == run("info", "--help")
    assert "Usage: pass-utils info [OPTIONS] FOLDER" in run("help", "info").out
    ended = run("help", "nonsense")
    assert (ended.code, ended.out) == (2, "")
    assert "No such command 'nonsense'" in ended.err


def test_python_m_pass_utils_is_the_command():
    command = [sys.executable, "-m", "pass_utils", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"pass-utils {__version__}\n"


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from pass_utils.cli.main import COMMANDS, cli\n"
        "for arguments in ([], *([each.name] for each in COMMANDS)): cli([*arguments, '--help'], "
        "standalone_mode=False)\nprint(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *_, last = done.stdout.splitlines()
    for command in COMMANDS:
        assert f"Usage: pass-utils {command.name} " in done.stdout.replace("-c", "pass-utils")
    heavy = "PIL datasets huggingface_hub jinja2 matplotlib numpy pandas pyarrow requests tqdm pass"
    assert not set(heavy.split()) & set(last.split())
