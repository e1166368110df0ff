"""Completion in the shell: commands, options and choices."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.fixture
def path(tmp_path) -> str:
    """A path on which `pass-utils` is found."""
    script = tmp_path / "bin" / "pass-utils"
    script.parent.mkdir()
    script.write_text(f"#!{sys.executable}\nfrom pass_utils.cli.main import main\n\nmain()\n")
    script.chmod(0o755)
    return f"{script.parent}:{os.environ['PATH']}"


def complete(shell: str, line: str, path: str) -> list[str]:
    """What `pass-utils` tells a shell when the cursor is at the end of a line."""
    words = line.split(" ")
    told = {"COMP_WORDS": line, "COMP_CWORD": words[-1] if shell == "fish" else str(len(words) - 1)}
    environment = {**os.environ, **told, "PATH": path, "_PASS_UTILS_COMPLETE": f"{shell}_complete"}
    done = subprocess.run(
        ["pass-utils"], capture_output=True, text=True, check=True, env=environment
    )
    return done.stdout.split()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("pass-utils e", ["export"]),
        (
            "pass-utils info --ma",
            [f"--max-{what}" for what in ("date", "side", "width", "height", "pixels", "aspect")],
        ),
        ("pass-utils info --release ", ["v2", "v3"]),
        ("pass-utils export ", ["parquet", "webdataset", "imagefolder"]),
        ("pass-utils info --shards ", []),
    ],
)
def test_commands_options_and_choices_are_completed(line, words, path):
    assert complete("bash", line, path) == [f"plain,{word}" for word in words]
    assert [word for word in complete("zsh", line, path) if word in words] == words
    assert [word for word in complete("fish", line, path) if word.startswith("plain,")] == [
        f"plain,{word}" for word in words
    ]


def test_folders_are_completed_by_the_shell(path):
    assert complete("bash", "pass-utils info ", path) == ["dir,"]
    assert complete("bash", "pass-utils info ~/pass --", path)[:1] == ["plain,--release"]


def test_bash_completes_once_it_was_told(path):
    """As docs/command-line.md says."""
    script = (
        'eval "$(_PASS_UTILS_COMPLETE=bash_source pass-utils)"\n'
        "COMP_WORDS=(pass-utils info --release '') COMP_CWORD=3 && _pass_utils_completion "
        "pass-utils && echo ${COMPREPLY[@]}"
    )
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout == "v2 v3\n"


def test_completion_asks_for_nothing_heavy():
    code = (
        "import sys; from pass_utils.cli.main import main; sys.argv = ['pass-utils']\n"
        "try: main()\nexcept SystemExit: print(*sys.modules)"
    )
    told = {
        "COMP_WORDS": "pass-utils info --release ",
        "COMP_CWORD": "3",
        "_PASS_UTILS_COMPLETE": "bash_complete",
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **told},
    )
    assert done.stdout.startswith("plain,v2\nplain,v3\n")
    assert not {"datasets", "pyarrow", "requests"} & set(done.stdout.split())
