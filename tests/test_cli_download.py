"""`pass-utils download` and `pass-utils verify`: what they print, what they leave, and how they
end.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import read_terminal
from support.zenodo import Fault, Zenodo, describe

from pass_utils import releases
from pass_utils._util import files, progress
from pass_utils._util import retry as retries

pytestmark = pytest.mark.usefixtures("server")
CSV, ZERO, ONE, TWO = "pass_metadata.csv", "PASS.0.tar", "PASS.1.tar", "PASS.2.tar"


@pytest.fixture
def served(folder) -> Path:
    """Three small shards and their CSV."""
    return folder([range(0, 5), range(5, 8), range(8, 40)], name="served")


@pytest.fixture
def server(served, monkeypatch) -> Iterator[Zenodo]:
    """A server of the release `v2`, which is those shards."""
    monkeypatch.setattr(
        retries, "RETRY", retries.RETRY._replace(attempts=4, first_wait=0.001, read_timeout=0.3)
    )
    monkeypatch.setitem(releases.RELEASES, "v2", describe(served)._replace(name="v2"))
    with Zenodo(served) as server:
        monkeypatch.setenv("PASS_BASE_URL", server.base_url)
        yield server


@pytest.fixture
def mine(tmp_path) -> Path:
    """The folder to fetch into, which is not there yet."""
    return tmp_path / "mine"


@pytest.fixture
def start(server, served) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the command in a process of its own."""
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, "
        f"{str(Path(__file__).parent)!r})\n"
        "from support.zenodo import describe; from pass_utils import releases; from "
        "pass_utils._util import retry as retries; from pass_utils.cli.main import main\n"
        "releases.RELEASES['v2'] = "
        f"describe(Path({str(served)!r}))._replace(name='v2')\n"
        "retries.RETRY = retries.RETRY._replace(first_wait=0.001)\n"
        "main()\n"
    )
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object, **options) -> subprocess.Popen[str]:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        started.append(
            subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], text=True, **pipes)
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def contents(folder: Path) -> dict[str, bytes]:
    """What the files of a folder hold, without what is only for pass_utils."""
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if not path.name.startswith(".pass-utils")
    }


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    """All that is in a folder, and when each file was changed."""
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def flip(data: bytes, at: int) -> bytes:
    """The same bytes, but one."""
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def until(condition: Callable[[], bool]) -> None:
    """Wait for it."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# --- download


def test_download_fetches_and_verify_agrees(run, served, mine):
    assert run("download", mine) == (
        0,
        f"{mine} holds the chosen files of release v2, verified.\n",
        "",
    )
    assert contents(mine) == contents(served)
    assert run("verify", mine) == (0, f"{mine}: what is there is intact.\n", "")


def test_programs_are_told_what_there_is_now_and_what_is_wrong(run, served, mine):
    files = [file._asdict() for file in releases.RELEASES["v2"].files]
    facts = {"folder": str(mine), "release": "v2"}
    ended = run("download", mine, "--json", "-q")
    assert (ended.code, ended.err) == (0, "")
    told = json.loads(ended.out)
    assert sorted(told.pop("files"), key=str) == sorted(files, key=str)
    assert told == {**facts, "record": 1}
    assert json.loads(run("verify", mine, "--json").out) == {
        **facts,
        "intact": True,
        "findings": [],
    }
    (mine / ONE).write_bytes(b"cut")
    ended = run("verify", mine, "--json")
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    trouble = f"expected {(served / ONE).stat().st_size:,} bytes, found 3"
    assert json.loads(ended.out) == {
        **facts,
        "intact": False,
        "findings": [{"name": ONE, "problem": trouble}],
    }


def test_options_choose_shards_mirror_and_connections(run, server, served, mine, monkeypatch):
    monkeypatch.setenv("PASS_BASE_URL", "http://127.0.0.1:9/nobody")
    assert (
        run(
            "download", mine, "--shards", "0,2", "--base-url", server.base_url, "--connections", 1
        ).code
        == 0
    )
    assert [request.path.rpartition("/")[2] for request in server.requests] == [CSV, ZERO, TWO]
    assert sorted(contents(mine)) == [ZERO, TWO, CSV]


@pytest.mark.parametrize(
    "options",
    [
        ["--shards", "x"],
        ["--connections", 0],
        ["--connections", 65],
        ["--sample", 0],
        ["--min-date", "2010"],
        ["--release", "v9"],
        ["--no-such-option"],
        [],
    ],
)
def test_what_cannot_be_understood_is_a_matter_of_usage(run, server, mine, options):
    ended = run("download", *[mine][: len(options)], *options)
    assert ended.code == 2
    assert "Usage" in ended.err
    assert server.requests == []


@pytest.mark.parametrize(
    ("options", "fault", "match"),
    [
        (["--shards", "0,7"], None, r"from 0 to 2, .* found \[0, 7\]"),
        ([], Fault(status=404, name=ONE), f"{ONE}: expected 206 or 200, found 404"),
        ([], Fault(status=403, name=ONE), f"{ONE}: expected 206 or 200, found 403"),
    ],
)
def test_an_error_is_one_line_and_exit_code_1(run, server, mine, options, fault, match):
    server.faults = [fault] if fault else []
    ended = run("download", mine, *options)
    assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1)
    assert re.search(match, ended.err)


def test_a_dry_run_says_what_would_be_fetched_and_touches_nothing(run, server, served, mine):
    size = {path.name: path.stat().st_size for path in served.iterdir()}
    short = {name: f"{count / 1000:.1f} kB" for name, count in size.items()}
    ended = run("download", mine, "--dry-run")
    assert ended.out.splitlines() == [
        *(f"missing    {short[name]:>9}  {name}" for name in (CSV, ZERO, ONE, TWO)),
        "",
        f"{sum(size.values()) / 1000:.1f} kB ({sum(size.values()):,} bytes) to fetch from "
        f"{server.base_url}/1/files/",
    ]
    assert (ended.code, ended.err) == (0, "")
    assert not mine.exists()

    run("download", mine, "--shards", "0")
    (mine / ONE).write_bytes((served / ONE).read_bytes())
    (mine / f"{TWO}.part").write_bytes((served / TWO).read_bytes()[:10_000])
    (mine / CSV).write_bytes(b"something else")
    before = snapshot(mine)
    server.requests.clear()
    ended = run("download", mine, "--dry-run", "--base-url", "http://mirror.example/records/")
    left = size[CSV] + size[TWO] - 10_000
    assert ended.out.splitlines() == [
        f"wrong      {short[CSV]:>9}  {CSV}",
        f"complete   {short[ZERO]:>9}  {ZERO}",
        f"unverified {short[ONE]:>9}  {ONE}",
        f"partial    {short[TWO]:>9}  {TWO}  {(size[TWO] - 10_000) / 1000:.1f} kB of it to fetch",
        "",
        f"{left / 1000:.1f} kB ({left:,} bytes) to fetch from "
        "http://mirror.example/records/1/files/",
    ]
    told = json.loads(run("download", mine, "--dry-run", "--json").out)
    assert told == {
        "folder": str(mine),
        "release": "v2",
        "record": 1,
        "bytes_to_fetch": left,
        "files": [
            {
                "name": name,
                "size": size[name],
                "state": state,
                "bytes_to_fetch": to_fetch,
                "url": server.url(name),
            }
            for name, state, to_fetch in (
                (CSV, "wrong", size[CSV]),
                (ZERO, "complete", 0),
                (ONE, "unverified", 0),
                (TWO, "partial", size[TWO] - 10_000),
            )
        ],
    }
    assert snapshot(mine) == before
    assert server.requests == []


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_dry_run_shows_no_password(run, server, served, mine, options):
    mirror = "https://me:SECRET@mirror.example/records"
    ended = run("download", mine, "--dry-run", "--base-url", mirror, *options)
    assert ended.code == 0
    assert "SECRET" not in ended.out + ended.err
    assert "https://mirror.example/records/1/files/" in ended.out


def test_a_dry_run_knows_the_real_release(run, mine, monkeypatch):
    monkeypatch.delenv("PASS_BASE_URL")
    ended = run("download", mine, "--dry-run", "--release", "v3", "--shards", "9")
    assert ended.out.splitlines() == [
        "missing     152.6 MB  pass_metadata.csv",
        "missing      11.2 GB  PASS.9.tar",
        "",
        "11.3 GB (11,304,892,251 bytes) to fetch from https://zenodo.org/records/6615455/files/",
    ]
    assert not mine.exists()


def test_a_dry_run_fails_where_download_would(run, mine):
    run("download", mine)
    for option in ((), ("--dry-run",)):
        ended = run("download", mine, "--release", "v3", *option)
        assert (ended.code, ended.out) == (1, "")
        assert "found files of record 1" in ended.err


def test_progress_is_a_line_now_and_then_and_nothing_with_q(run, mine, monkeypatch):
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0.0)
    ended = run("download", mine, "--shards", "0")
    assert ended.code == 0
    assert all(
        re.fullmatch(r"PASS v2: .*%\|.*\[\d\d:\d\d<.*B/s\]", line)
        for line in ended.err.splitlines()
    )
    assert re.match("PASS v2: 100%", ended.err.splitlines()[-1])
    assert run("download", mine, "--shards", "1", "-q") == (
        0,
        f"{mine} holds the chosen files of release v2, verified.\n",
        "",
    )
    assert re.match("verify: 100%", run("verify", mine, "--force").err.splitlines()[-1])
    assert run("verify", mine, "--force", "-q") == (0, f"{mine}: what is there is intact.\n", "")


@pytest.mark.slow
@pytest.mark.parametrize("quiet", [False, True])
def test_on_a_terminal_there_are_bars_unless_quiet(start, server, mine, quiet):
    """What is logged stands on a line of its own, not in the middle of a bar."""
    server.faults = [] if quiet else [Fault(cut=5_000, name=TWO)]
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 100, 0, 0))
    process = start("download", mine, *["-q"][: int(quiet)], stderr=theirs)
    os.close(theirs)
    shown = read_terminal(ours)
    assert process.wait() == 0
    bars = {
        name: len(re.findall(rf"{re.escape(name)}: +\d+%\|".encode(), shown)) > 0
        for name in ("PASS v2", ZERO, ONE, TWO)
    }
    assert set(bars.values()) == {not quiet}
    assert (shown == b"") == quiet
    assert (
        re.search(rb"\r(\x1b\[A)*http://[^\r\n]*resuming at byte 5,000", shown) is None
    ) == quiet


@pytest.mark.slow
def test_ctrl_c_ends_with_130_and_one_line_and_the_same_command_goes_on(
    interruptible, start, run, server, served, mine
):
    server.always = lambda path, at: Fault(stall=(5_000, 0.2)) if path.endswith(TWO) else None
    process = start("download", mine, "-q")
    part = mine / f"{TWO}.part"
    until(
        lambda: (
            all((mine / name).exists() for name in (CSV, ZERO, ONE))
            and part.exists()
            and part.stat().st_size >= 5_000
        )
    )
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert time.monotonic() - begin < 5
    assert (process.returncode, out) == (130, "")
    *warnings, last = err.splitlines()
    assert (
        last
        == "pass-utils: interrupted. Run the same command again to go on where this one stopped."
    )
    assert all("resuming at byte" in line for line in warnings)
    kept = part.stat().st_size
    assert part.read_bytes() == (served / TWO).read_bytes()[:kept]
    assert not (mine / TWO).exists()
    server.requests.clear()
    server.always = lambda path, at: None
    assert run("download", mine).code == 0
    assert contents(mine) == contents(served)
    assert [request.range for request in server.requests] == [
        f"bytes={kept}-{(served / TWO).stat().st_size - 1}"
    ]


@pytest.mark.slow
def test_a_second_process_is_told_which_one_holds_the_folder(start, run, server, mine):
    server.always = lambda path, at: Fault(stall=(5_000, 0.2))
    process = start("download", mine, "-q")
    until(lambda: (mine / f"{TWO}.part").exists())
    ended = run("download", mine)
    assert (ended.code, ended.out) == (1, "")
    assert (
        f"found process {process.pid} on {socket.gethostname()} doing so. Wait until it has ended."
        in ended.err
    )
    process.kill()
    process.wait()
    server.always = lambda path, at: None
    assert run("download", mine).code == 0


# --- verify


def test_verify_prints_each_finding_and_how_to_fix_it(run, served, mine):
    run("download", mine)
    size = (served / ONE).stat().st_size
    (mine / ZERO).write_bytes(flip((mine / ZERO).read_bytes(), 600))
    (mine / ONE).write_bytes(b"cut")
    (mine / CSV).unlink()
    ended = run("verify", mine)
    assert ended.code == 1
    assert [line[:40] for line in ended.out.splitlines()] == [
        f"{ZERO}: expected sha256 {releases.RELEASES['v2'].shards[0].sha256}"[:40],
        f"{ONE}: expected {size:,} bytes, found 3"[:40],
    ]
    assert ended.err == f"pass-utils: run `pass-utils download {mine} --release v2` to fix it.\n"
    (mine / TWO).rename(mine / "elsewhere")  # nobody who has not fetched it wants it now
    ended = run("verify", mine)
    assert (
        ended.err
        == f"pass-utils: run `pass-utils download {mine} --release v2 --shards 0,1` to fix it.\n"
    )
    ended = run("verify", mine, "--shards", "0,1")
    assert f"{CSV}: expected here, found none" in ended.out
    assert (
        ended.err
        == f"pass-utils: run `pass-utils download {mine} --release v2 --shards 0,1` to fix it.\n"
    )
    (mine / "elsewhere").rename(mine / TWO)
    assert run("download", mine).code == 0
    assert {
        name: data for name, data in contents(mine).items() if not name.endswith(".bad")
    } == contents(served)
    assert run("verify", mine, "--force").code == 0


def test_verify_of_a_bundled_miniature_advises_no_download_of_180_gigabytes(
    run, tmp_path, monkeypatch
):
    folder = shutil.copytree(releases.dummy_folder("v2"), tmp_path / "dummy")
    monkeypatch.setattr(releases, "dummy_folder", lambda name: folder)
    (tmp_path / "link").symlink_to(folder)
    for path in (folder, tmp_path / "link"):
        ended = run("verify", path, "--quick")
        assert (ended.code, len(ended.out.splitlines())) == (
            1,
            4,
        )  # files of the release that these tests have
        advice = (
            "this is a bundled miniature, drawings laid out as a release is. Nothing of it is "
            "damaged."
        )
        assert ended.err == f"pass-utils: {advice}\n"


def test_verify_reads_again_with_force_and_headers_only_with_quick(run, mine):
    run("download", mine)
    data, status = (mine / ZERO).read_bytes(), (mine / ZERO).stat()
    with (mine / ZERO).open("r+b") as file:
        file.write(flip(data, 600))  # in a picture
    os.utime(mine / ZERO, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert run("verify", mine).code == 0
    assert run("verify", mine, "--quick", "--force").code == 0
    assert run("verify", mine, "--force").code == 1
    assert run("verify", mine, "--quick").code == 0
    assert run("verify", mine).code == 1


def test_verify_of_nothing_is_no_success(run, mine):
    ended = run("verify", mine)
    assert ended.code == 1
    assert ended.out.splitlines() == [
        f"{name}: expected here, found none" for name in (ZERO, ONE, TWO, CSV)
    ]
    assert run("verify", mine, "--release", "v9").code == 2
    assert f"download '{mine} too' --release" in run("verify", f"{mine} too").err


def test_ctrl_c_ends_verify_with_130(run, mine, monkeypatch, interruptible):
    run("download", mine)
    once = iter([True])  # though each thread reads a file

    def interrupt(path: Path) -> Iterator[memoryview]:
        if next(once, False):
            os.kill(os.getpid(), signal.SIGINT)
        for _ in range(200):
            time.sleep(0.02)
            yield memoryview(b"")

    monkeypatch.setattr(files, "read_file", interrupt)
    ended = run("verify", mine, "--force")
    assert (ended.code, ended.out) == (130, "")
    assert ended.err.startswith(
        "pass-utils: interrupted. Run the same command again: files that were read to their end "
    )
    assert ended.err.count("\n") == 1
