"""The server of `hub` does what the real clients expect of the Hub, and the faults that are
ordered.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import datasets
import huggingface_hub
import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.utils import (
    EntryNotFoundError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from support.hub import Fault, Hub, connect

ID = "me/toy"


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Iterator[Hub]:
    """A Hub without repositories, whose pages and parts of uploads are small."""
    with Hub(tmp_path / "kept", part_size=3000, page_size=2) as hub:
        connect(hub, monkeypatch, tmp_path / "home")
        huggingface_hub.utils.disable_progress_bars()
        yield hub


@pytest.fixture
def toy() -> datasets.Dataset:
    """A thousand rows."""
    return datasets.Dataset.from_dict(
        {"number": list(range(1000)), "text": [f"row {n}" for n in range(1000)]}
    )


def commit(*operations: object, **options: object):
    """One commit to the repository, which is made where it is not there."""
    HfApi().create_repo(ID, repo_type="dataset", exist_ok=True)
    return HfApi().create_commit(
        ID, list(operations), repo_type="dataset", commit_message="a change", **options
    )


def test_datasets_pushes_and_loads_back_streaming_and_not(hub, toy):
    toy.push_to_hub(ID, num_shards=3)
    assert len(hub.uploads) == 3
    assert set(hub.files(ID)) == {
        ".gitattributes",
        "README.md",
        *(f"data/train-0000{n}-of-00003.parquet" for n in range(3)),
    }
    for streaming in (False, True):
        assert list(datasets.load_dataset(ID, split="train", streaming=streaming)) == list(toy)


@pytest.mark.slow
def test_another_process_is_connected_by_its_environment(hub, toy, tmp_path):
    toy.push_to_hub(ID)
    code = f"import datasets; print(datasets.load_dataset({ID!r}, split='train')[999])"
    environment = {**hub.environment, "HF_HOME": str(tmp_path / "other"), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.stdout == "{'number': 999, 'text': 'row 999'}\n", done.stderr


def test_what_is_not_there_is_named_as_the_hub_names_it(hub):
    with pytest.raises(RepositoryNotFoundError):
        HfApi().dataset_info(ID)
    commit(CommitOperationAdd("a.txt", b"a"))
    with pytest.raises(RevisionNotFoundError):
        HfApi().dataset_info(ID, revision="nowhere")
    with pytest.raises(EntryNotFoundError):
        HfApi().hf_hub_download(ID, "b.txt", repo_type="dataset")
    with pytest.raises(HfHubHTTPError, match="409"):
        HfApi().create_repo(ID, repo_type="dataset")
    with pytest.raises(HfHubHTTPError, match="403"):
        HfApi().create_repo("you/toy", repo_type="dataset")
    with pytest.raises(HfHubHTTPError, match="401"):
        HfApi(token="hf_wrong").create_repo("me/other", repo_type="dataset")


def test_private_repositories_are_for_their_owner(hub):
    HfApi().create_repo(ID, repo_type="dataset", private=True)
    assert HfApi().dataset_info(ID).private
    with pytest.raises(RepositoryNotFoundError):
        HfApi(token=False).dataset_info(ID)


def test_a_commit_adds_replaces_and_deletes_and_trees_come_in_pages(hub):
    first = commit(
        *(CommitOperationAdd(f"in/{n}.txt", b"1") for n in range(3)),
        CommitOperationAdd("x.parquet", b"large"),
    )
    commit(CommitOperationAdd("in/0.txt", b"2"), CommitOperationDelete("in/1.txt"))
    found = {
        file.path: file for file in HfApi().list_repo_tree(ID, recursive=True, repo_type="dataset")
    }
    assert sorted(found) == [".gitattributes", "in", "in/0.txt", "in/2.txt", "x.parquet"]
    assert (found["x.parquet"].lfs.size, found["x.parquet"].lfs.sha256) == (5, hub.uploads[0])
    assert len(hub.asked("GET .*/tree/main$")) == 3
    assert hub.files(ID)["in/0.txt"] == b"2"
    assert hub.files(ID, first.oid)["in/0.txt"] == b"1"
    assert hub.log(ID) == ["initial commit", "a change", "a change"]
    (info,) = HfApi().get_paths_info(ID, ["x.parquet", "y.parquet"], repo_type="dataset")
    assert info.lfs.sha256 == hub.uploads[0]


def test_a_large_file_is_sent_once_whatever_its_name(hub):
    commit(CommitOperationAdd("x.parquet", b"large"))
    commit(CommitOperationAdd("y.parquet", b"large"))
    assert len(hub.asked("PUT")) == len(hub.uploads) == 1
    assert hub.files(ID)["y.parquet"] == b"large"


def test_a_commit_on_top_of_another_than_said_is_refused(hub):
    first = commit(CommitOperationAdd("a.txt", b"1"))
    commit(CommitOperationAdd("a.txt", b"2"), parent_commit=first.oid)
    with pytest.raises(HfHubHTTPError, match="412"):
        commit(CommitOperationAdd("a.txt", b"3"), parent_commit=first.oid)
    assert hub.files(ID)["a.txt"] == b"2"


def test_a_pull_request_leaves_the_branch_as_it_was(hub):
    pull = commit(CommitOperationAdd("a.txt", b"1"), create_pr=True)
    assert pull.pr_revision == "refs/pr/1"
    assert set(hub.files(ID, "refs/pr/1")) == {".gitattributes", "a.txt"}
    assert set(hub.files(ID)) == {".gitattributes"}
    HfApi().create_branch(ID, branch="mine", repo_type="dataset")
    refs = HfApi().list_repo_refs(ID, repo_type="dataset", include_pull_requests=True)
    assert [ref.name for ref in refs.branches] == ["main", "mine"]
    assert [ref.ref for ref in refs.pull_requests] == ["refs/pr/1"]


def test_files_are_given_in_ranges(hub, tmp_path):
    data = bytes(range(256)) * 40
    commit(CommitOperationAdd("x.parquet", data))
    with huggingface_hub.HfFileSystem(endpoint=hub.host).open(
        f"datasets/{ID}/x.parquet", "rb", block_size=100
    ) as file:
        file.seek(5000)
        assert file.read(16) == data[5000:5016]
    (asked,) = hub.asked("GET /cdn")
    assert (asked.status, asked.sent < len(data)) == (206, True)


@pytest.mark.slow
def test_faults_are_obeyed_and_the_clients_own_retries_get_over_them(hub, monkeypatch):
    hub.part_size = None
    hub.faults += [
        Fault("PUT", status=500),
        Fault("PUT", status=503, headers=(("Retry-After", "0"),)),
    ]
    commit(CommitOperationAdd("x.parquet", b"large"))
    assert [request.status for request in hub.asked("PUT")] == [500, 503, 200]
    hub.faults += [Fault("POST .*commit", cut=10)]
    with pytest.raises(Exception, match="(?i)disconnect|aborted|reset"):
        commit(CommitOperationAdd("a.txt", b"1"))
    assert "a.txt" not in hub.files(ID)
    hub.faults += [Fault("POST .*commit", lose=True)]
    with pytest.raises(Exception, match="(?i)disconnect|aborted|reset"):
        commit(CommitOperationAdd("a.txt", b"1"))
    assert hub.files(ID)["a.txt"] == b"1"
    hub.faults += [Fault("POST .*commit", status=429)]
    with pytest.raises(HfHubHTTPError, match="429"):
        commit(CommitOperationAdd("a.txt", b"2"))
