"""Errors of the command line: one line on standard error, and an exit code."""

from __future__ import annotations

import errno
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from conftest import read_terminal
from datasets.exceptions import DatasetGenerationError

from pass_utils import AttributionError
from pass_utils.cli import _selection as opening
from pass_utils.cli._errors import explain
from pass_utils.cli.main import COMMANDS
from pass_utils.releases import dummy_folder

FOLDER = dummy_folder("v2")


def caused(err: Exception, cause: Exception) -> Exception:
    err.__cause__ = cause
    return err


@pytest.mark.parametrize(
    ("err", "said"),
    [
        (AttributionError("a list: expected\nthis."), "a list: expected this."),
        (
            PermissionError(errno.EACCES, "Permission denied", "/a/b"),
            "/a/b: expected to read or write it, found: Permission denied. ",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "expected free disk space, found none. Free some, and run the ",
        ),
        (
            OSError(errno.EDQUOT, "Disk quota exceeded", b"/a"),
            "/a: expected free disk space, found none. ",
        ),
        (TimeoutError("timed out"), "expected to read or write, found: timed out. Fix that, "),
        (
            caused(DatasetGenerationError("An error"), OSError(errno.ENOSPC, "No space left")),
            "expected free disk space, found ",
        ),
        (caused(DatasetGenerationError("An error"), AttributionError("Do that.")), "Do that."),
        (
            MemoryError(),
            "expected free memory, found none. End other programs, or select fewer `--shards`.",
        ),
        (
            KeyError("x"),
            "expected to carry this out, found KeyError: 'x'. This is a bug in pass-utils: run "
            "the same command ",
        ),
    ],
)
def test_explain_gives_one_line_that_says_what_to_do(err, said):
    assert explain(err).startswith(said)
    assert "\n" not in explain(err)


@pytest.fixture
def fail(monkeypatch):
    """Has opening a folder raise something."""

    def fail(err: BaseException) -> None:
        def load(*_: object, **__: object) -> None:
            raise err

        monkeypatch.setattr(sys.modules[f"{opening.__package__}.info"], "load", load)

    return fail


def test_a_traceback_is_printed_with_v_only_and_only_of_unexpected_errors(run, fail):
    fail(ZeroDivisionError("division by zero"))
    line = (
        "pass-utils: expected to carry this out, found ZeroDivisionError: division by zero. This "
        "is a bug in pass-utils: "
    )
    ended = run("info", FOLDER)
    assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1)
    assert ended.err.startswith(line)
    for arguments in (
        ("-v", "info", FOLDER),
        ("info", FOLDER, "-v"),
        ("info", "--verbose", FOLDER),
    ):
        ended = run(*arguments)
        assert ended.code == 1
        assert ended.err.startswith("Traceback (most recent call last):")
        assert line in ended.err
    fail(AttributionError("Do that."))
    assert run("info", FOLDER, "-v") == (1, "", "pass-utils: Do that.\n")


def test_ctrl_c_ends_each_command_with_130_and_its_advice(run, monkeypatch):
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for each in COMMANDS:
        monkeypatch.setattr(each, "callback", interrupt)
        given = {"kind": "parquet", "out": "out.csv"}
        arguments = [
            given.get(str(p.name), "folder") for p in each.params if isinstance(p, click.Argument)
        ]
        assert run(each.name, *arguments) == (
            130,
            "",
            f"pass-utils: interrupted. {each.interrupted}\n",
        )
        assert each.interrupted.startswith("Run the same command again")


SIGNALLED = """
import os, signal, sys, time
from pass_utils.cli import main, verify

def terminate_itself(**_):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)

def terminate_a_child(**_):
    ready, started = os.pipe()
    child = os.fork()
    if not child:
        os.write(started, b"!")
        time.sleep(60)
    os.read(ready, 1)
    os.kill(child, signal.SIGTERM)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

verify.verify.callback = {callback}
sys.argv = ["pass-utils", "verify", "folder"]
main.main()
"""


def run_signalled(callback: str) -> tuple[int, str, str]:
    code = SIGNALLED.format(callback=callback)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50)
    return done.returncode, done.stdout, done.stderr


def test_sigterm_ends_a_command_as_ctrl_c_does():
    (verify,) = (command for command in COMMANDS if command.name == "verify")
    said = f"pass-utils: interrupted. {verify.interrupted}\n"
    assert run_signalled("terminate_itself") == (130, "", said)


def test_sigterm_ends_a_forked_worker_at_once():
    """As `multiprocessing` expects of its workers when it terminates a pool."""
    assert run_signalled("terminate_a_child") == (0, f"{-signal.SIGTERM}\n", "")


def run_in_shell(line: str, tmp_path) -> subprocess.CompletedProcess[str]:
    """A line of bash in which `$UTILS` is the command."""
    utils = f"{sys.executable} -c 'from pass_utils.cli.main import main; main()'"
    environment = {**os.environ, "HF_DATASETS_CACHE": str(tmp_path)}
    line = line.replace("$UTILS", utils)
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=environment)


@pytest.mark.slow
def test_a_broken_pipe_ends_a_command_without_a_message(tmp_path):
    done = run_in_shell(f"$UTILS info {FOLDER} | true; exit ${{PIPESTATUS[0]}}", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


@pytest.mark.slow
@pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="only Linux has a disk that is always full"
)
def test_a_full_disk_under_standard_output_is_reported(tmp_path):
    done = run_in_shell("$UTILS croissant > /dev/full", tmp_path)
    assert done.returncode == 1
    assert (
        done.stderr
        == "pass-utils: expected free disk space, found none. Free some, and run the same command again.\n"  # noqa: E501
    )
    assert run_in_shell("$UTILS croissant >&-", tmp_path).stderr == ""


@pytest.mark.slow
@pytest.mark.parametrize("command", [f"info {FOLDER}", "verify nowhere"])
def test_a_command_runs_with_closed_standard_streams(command, tmp_path):
    whole, closed = (run_in_shell(f"$UTILS {command} {end}", tmp_path) for end in ("", "<&- 2>&-"))
    assert whole.stdout
    assert (closed.returncode, closed.stdout, closed.stderr) == (whole.returncode, whole.stdout, "")


@pytest.mark.slow
def test_a_file_never_gets_the_descriptor_of_a_closed_standard_stream(tmp_path):
    """Or what libraries print would be in it: a file that is opened gets the lowest number that is
    free.
    """
    code = (
        "import os; from pass_utils.cli import main\nmain.cli.main = lambda **_: os.open('file', "
        "os.O_CREAT) <= 2\nmain.main()"
    )
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        line = f'cd {tmp_path} && {sys.executable} -c "{code}" {closed}'
        assert subprocess.run(["bash", "-c", line], capture_output=True).returncode == 0


def test_the_error_of_a_cache_that_cannot_be_created_names_it(run, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "file" / "cache")
    ended = run("info", FOLDER)
    assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1)
    assert f"{tmp_path / 'file'}" in ended.err


@pytest.mark.slow
def test_names_that_the_terminal_cannot_encode_are_printed_escaped(tmp_path):
    done = run_in_shell(
        f"PYTHONIOENCODING=latin-1 $UTILS credits {FOLDER} {tmp_path}/Łask.csv", tmp_path
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        f"{tmp_path}/\\u0141ask.csv: 25 credits, of all images in the CSV.\n",
        "",
    )


@pytest.mark.slow
@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}])
def test_errors_are_coloured_on_terminals_unless_no_color_is_set(variables, tmp_path):
    ours, theirs = pty.openpty()
    code = "from pass_utils.cli.main import main; main()"
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"} | variables
    arguments = [sys.executable, "-c", code, "info", str(tmp_path / "nowhere")]
    process = subprocess.Popen(arguments, stderr=theirs, env=environment)
    os.close(theirs)
    shown = read_terminal(ours)
    assert process.wait() == 1
    assert shown.startswith(b"pass-utils: /" if variables else b"\x1b[31mpass-utils: /")
    assert (b"\x1b" in shown) == (not variables)
