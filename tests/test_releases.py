"""The facts of PASS, which release a folder is of, and the one line that sets the default."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import datasets
import numpy as np
import pytest

from pass_utils import DownloadError, ReleaseError, download, verify, write_attribution
from pass_utils import releases as facts
from pass_utils.cli import _options
from pass_utils.releases import METADATA_FILE, RELEASES, dummy_folder, find_release, script
from pass_utils.transfer.folder import release_in
from pass_utils.transfer.planning import plan_download
from pass_utils.transfer.state import STATE_FILE, read_state

ROOT = Path(__file__).parent.parent
OTHER = r"expected a folder for record 5570664 \(v2\), found files of record 6615455"


def test_find_release_takes_a_name_a_record_or_nothing():
    assert find_release("v3") is RELEASES["v3"]
    assert find_release(RELEASES["v3"]) is RELEASES["v3"]
    assert find_release() is RELEASES["v2"]
    with pytest.raises(ReleaseError, match=r"expected one of v2, v3, found 'v9'"):
        find_release("v9")


def test_licences_authors_and_title_are_those_of_the_loading_script():
    assert script.LICENSE == (
        "Creative Commons Attribution 4.0 International (dataset); Creative Commons Attribution "
        "2.0 (each photo)"
    )
    for licence, url, spdx, version in (
        (facts.LICENSE, facts.LICENSE_URL, facts.SPDX, "2.0"),
        (facts.DATASET_LICENSE, facts.DATASET_LICENSE_URL, facts.DATASET_SPDX, "4.0"),
    ):
        assert (licence, spdx) == (f"CC BY {version}", f"CC-BY-{version}")
        assert url == f"https://creativecommons.org/licenses/by/{version}/"
    assert f'author = "{" and ".join(facts.DATASET_AUTHORS)}"' in script.CITATION
    assert script.DESCRIPTION.startswith(facts.DATASET_TITLE)


def test_the_licences_stand_in_one_module():
    """In code; docstrings may show them."""
    names = {facts.LICENSE, facts.SPDX, facts.DATASET_LICENSE, facts.DATASET_SPDX}
    found = set()
    for path in (ROOT / "pass_utils").rglob("*.py"):
        tree = ast.parse(path.read_text())
        shown = {
            ast.get_docstring(node, clean=False) for node in ast.walk(tree) if is_documented(node)
        }
        texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)} - shown
        if any(name in text for text in texts if isinstance(text, str) for name in names):
            found.add(path.name)
    assert found == {"releases.py"}


def is_documented(node: ast.AST) -> bool:
    return isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))


def test_the_command_line_offers_the_releases_of_the_loading_script():
    assert tuple(RELEASES) == _options.RELEASES
    assert facts.DEFAULT_RELEASE == _options.DEFAULT_RELEASE == script.PASS.DEFAULT_CONFIG_NAME


@pytest.mark.slow
def test_one_line_sets_the_default_release_of_every_function_and_command(tmp_path):
    text, count = re.subn(
        'DEFAULT_CONFIG_NAME = "v2"', 'DEFAULT_CONFIG_NAME = "v3"', (ROOT / "pass.py").read_text()
    )
    assert count == 1
    (tmp_path / "pass.py").write_text(text)
    program = """
import io, json, sys
from contextlib import redirect_stdout
import datasets, pass_utils
from pass_utils.cli.main import main
from pass_utils.transfer.planning import plan_download
datasets.disable_progress_bars()
folder = str(pass_utils.dummy_folder())
ds = datasets.load_dataset("pass", data_dir=folder, split="train")
stream = datasets.load_dataset("pass", data_dir=folder, split="train", streaming=True)
pass_utils.write_attribution(folder, "credits.txt")
pass_utils.write_report(ds, "report.html")
found = {
    "folder": folder[-5:],
    "rows": len(ds),
    "config": [ds.info.config_name, stream.info.config_name],
    "credit": [pass_utils.dataset_credit(), open("credits.txt").readline()],
    "plan": plan_download("empty").release.name,
    "verify": str(pass_utils.verify(folder, shards=[0])[0].problem),
}
def run(*arguments):
    sys.argv = ["pass-utils", *arguments]
    out = io.StringIO()
    with redirect_stdout(out):
        try:
            main()
        except SystemExit:
            pass
    return out.getvalue()
found["commands"] = [
    json.loads(run("download", "empty", "--dry-run", "--json"))["release"],
    json.loads(run("verify", folder, "--json"))["release"],
    json.loads(run("croissant"))["version"],
    json.loads(run("info", folder, "--json"))["images"],
]
found["help"] = [run(name, "--help") for name in ("download", "verify", "info", "croissant")]
print(json.dumps(found))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
            "HF_HOME": str(tmp_path / "home"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["folder"] == "2.0.0"
    assert found["rows"] == 23
    assert found["config"] == ["v3", "v3"]
    assert all("release v3 (2022-04-07)" in line for line in found["credit"])
    assert found["plan"] == "v3"
    assert found["verify"].startswith(f"expected {RELEASES['v3'].shards[0].size:,} bytes")
    assert found["commands"] == ["v3", "v3", "3.0.0", 23]
    assert all("v3]" in re.sub(r"\s+", " ", page) for page in found["help"])


# --- which release a folder is of


@pytest.fixture
def folder_of_v3(folder) -> Path:
    """A folder with two small shards that `download` is remembered to have made of v3."""
    made = folder()
    (made / STATE_FILE).write_text(json.dumps({"record": RELEASES["v3"].record}))
    return made


def test_release_in_is_what_the_folder_holds_else_the_default(folder_of_v3, tmp_path):
    assert release_in(folder_of_v3).name == "v3"
    assert release_in(folder_of_v3, "v3").name == "v3"
    assert release_in(folder_of_v3 / METADATA_FILE).name == "v3"
    assert release_in(tmp_path / "none").name == "v2"
    assert release_in(tmp_path / "none", "v3").name == "v3"
    with pytest.raises(DownloadError, match=OTHER):
        release_in(folder_of_v3, "v2")
    with pytest.raises(ReleaseError, match="expected one of v2, v3, found 'v1'"):
        release_in(folder_of_v3, "v1")


def test_release_in_knows_a_release_by_the_sizes_of_its_files(folder, tmp_path):
    made = folder()
    assert release_in(made).name == "v2"
    os.truncate(made / "PASS.1.tar", RELEASES["v3"].shards[1].size)
    assert release_in(made).name == "v3"
    with pytest.raises(DownloadError, match=OTHER):
        release_in(made, "v2")
    os.truncate(made / "PASS.0.tar", RELEASES["v2"].shards[0].size)
    for asked in (None, "v2", "v3"):
        with pytest.raises(
            DownloadError,
            match=r"files of several releases: PASS\.0\.tar of v2, PASS\.1\.tar of v3\. Choose",
        ):
            release_in(made, asked)
    csv = tmp_path / "other.csv"
    csv.touch()
    os.truncate(csv, RELEASES["v3"].metadata.size)
    assert release_in(csv).name == "v3"


def test_release_in_refuses_a_record_that_nobody_knows(folder):
    made = folder()
    (made / STATE_FILE).write_text('{"record": 7}')
    for asked in (None, "v2", "v3"):
        with pytest.raises(DownloadError, match=r"found files of record 7\. Choose another"):
            release_in(made, asked)


def test_verify_compares_with_the_release_that_the_folder_holds(folder_of_v3):
    findings = verify(folder_of_v3)
    assert [finding.name for finding in findings] == ["PASS.0.tar", "PASS.1.tar", METADATA_FILE]
    size = RELEASES["v3"].shards[0].size
    assert findings[0].problem.startswith(f"expected {size:,} bytes, found ")


def remember(folder: Path) -> bytes:
    """As `verify` leaves it behind for a whole folder of v3."""
    verified = {file.name: [1, 2, 3, file.sha256] for file in RELEASES["v3"].files}
    state = {"record": RELEASES["v3"].record, "holder": "process 1", "verified": verified}
    (folder / STATE_FILE).write_text(json.dumps(state))
    return (folder / STATE_FILE).read_bytes()


def test_verify_of_another_release_is_refused_before_verification_is_forgotten(folder_of_v3, run):
    before = remember(folder_of_v3)
    with pytest.raises(DownloadError, match=OTHER):
        verify(folder_of_v3, "v2")
    done = run("verify", folder_of_v3, "--release", "v2")
    assert done.code == 1
    assert re.search(OTHER, done.err)
    assert "pass-utils download" not in done.err
    assert (folder_of_v3 / STATE_FILE).read_bytes() == before
    assert set(read_state(folder_of_v3)["verified"]) == {file.name for file in RELEASES["v3"].files}


def test_download_resumes_the_release_that_the_folder_holds(folder_of_v3, run):
    assert plan_download(folder_of_v3).release.name == "v3"
    with pytest.raises(DownloadError, match=OTHER):
        download(folder_of_v3, "v2", quiet=True)
    done = run("download", folder_of_v3, "--dry-run", "--json")
    assert json.loads(done.out)["release"] == "v3"


def test_a_folder_is_credited_as_the_release_that_it_is_opened_as(folder, tmp_path):
    made = folder()  # its CSV has the size of none
    os.truncate(made / "PASS.1.tar", RELEASES["v3"].shards[1].size)
    for target in (made, made / METADATA_FILE):
        write_attribution(target, tmp_path / "C.txt")
        assert ", release v3 (" in (tmp_path / "C.txt").read_text().splitlines()[0]
        with pytest.raises(DownloadError, match=OTHER):
            write_attribution(target, tmp_path / "C.txt", release="v2")
    builder = datasets.load_dataset_builder("pass", data_dir=str(made), shards=[0, 1])
    assert builder.config.name == "v3"


def test_the_repr_of_a_release_is_short_and_its_html_has_a_link():
    doi = "10.5281/zenodo.6615455"
    assert repr(RELEASES["v3"]) == (
        f"<Release v3 of 2022-04-07: 1,439,588 images, 179.6 GB, doi {doi}>"
    )
    assert RELEASES["v3"]._repr_html_() == (
        "<b>PASS v3</b> of 2022-04-07: 1,439,588 images, 179.6 GB, "
        f'<a href="https://doi.org/{doi}">doi {doi}</a>'
    )


def test_the_miniature_is_found_from_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in RELEASES:
        assert (dummy_folder(name) / METADATA_FILE).is_file()


@pytest.mark.parametrize("copied", [False, True])
def test_a_bundled_miniature_is_known_wherever_it_was_copied_to(bundled, tmp_path, run, copied):
    name, folder = bundled
    other = {"v2": "v3", "v3": "v2"}[name]
    if copied:
        folder = shutil.copytree(folder, tmp_path / "copy")
    assert release_in(folder).name == name
    with pytest.raises(DownloadError, match=f"found files of record {RELEASES[name].record}"):
        datasets.load_dataset("pass", other, data_dir=str(folder))
    assert "bundled miniature" in run("verify", folder).err


@pytest.mark.parametrize(
    "url", ["zenodo", "file:///etc", "/records", "https:///records", "ftp://a"]
)
def test_a_mirror_that_is_no_url_of_http_is_refused(tmp_path, monkeypatch, url):
    with pytest.raises(ReleaseError, match="base_url: expected the URL of a mirror"):
        download(tmp_path / "a", base_url=url, shards=[9])
    with pytest.raises(ReleaseError, match="base_url: expected the URL of a mirror"):
        datasets.load_dataset("pass", base_url=url, streaming=True)
    monkeypatch.setenv("PASS_BASE_URL", url)
    with pytest.raises(ReleaseError, match="PASS_BASE_URL"):
        facts.file_url(RELEASES["v3"], RELEASES["v3"].metadata)


@pytest.mark.parametrize(
    "shards", [0, 1.5, True, [1.0], [True], ["0"], "0", [], [10], [0, 0], [None], [-1]]
)
def test_shards_that_are_no_list_of_numbers_are_refused(shards):
    with pytest.raises(ReleaseError, match="shards: expected different numbers from 0 to 9, as in"):
        facts.choose_shards(RELEASES["v2"], shards)
    with pytest.raises(ReleaseError, match="shards: expected different numbers from 0 to 9, as in"):
        datasets.load_dataset("pass", shards=shards, streaming=True)


def test_shards_may_be_numbers_of_numpy():
    chosen = facts.choose_shards(RELEASES["v2"], np.array([3, 0]))
    assert list(chosen) == [3, 0]
    assert {type(number) for number in chosen} == {int}
