"""A dataset repository of the Hub: its files, uploads and commits.

No commit is made twice: a second one on the same parent is refused, and a pull request whose answer
was lost is looked for before it is opened again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import huggingface_hub
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined,unused-ignore]

from .._util.text import plain_line
from .._version import __version__
from ..errors import RemoteError
from ..export.splits import CARD_FILE
from ..net.hub_errors import client_errors, describe, status_of
from ..net.session import offline_variable
from .retrying import Attempts, HubCalls

# digests by path: SHA-256 of what is kept as a large file, the git blob's SHA-1 of the others
Files = Mapping[str, str]

_ANOTHER_PARENT = 412
_SMALL_FILE_BYTES = 10_000_000  # the Hub keeps larger ones as large files


class Head(NamedTuple):
    """The last commit of a branch.

    Attributes:
        commit: Its id.
        files: The files of its tree.
    """

    commit: str
    files: Files


class Upload(NamedTuple):
    """A file that is uploaded, and in no tree before a commit.

    Attributes:
        addition: The operation that commits it.
        sha256: Its digest as a large file, in hex.
        blob: Its digest as a small file, empty for a large one.
    """

    addition: CommitOperationAdd
    sha256: str
    blob: str = ""

    @classmethod
    def small(cls, path: str, data: bytes) -> Upload:
        """A small file, which is sent with its commit.

        Args:
            path: In the repository.
            data: Its bytes.
        """
        return cls(
            CommitOperationAdd(path, data), hashlib.sha256(data).hexdigest(), _git_blob(data)
        )


def git_blob(file: Path) -> str:
    """The SHA-1 that git has of a small file, in hex; empty for one that is larger than 10 MB.

    Args:
        file: Any.
    """
    return _git_blob(file.read_bytes()) if file.stat().st_size <= _SMALL_FILE_BYTES else ""


def _git_blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Repository:
    """A dataset repository at a branch.

    Args:
        repo_id: `user/name`, or `name` for one's own.
        token: As in `huggingface_hub`.
        revision: The branch; None for the main one.
        create_pr: Whether commits become pull requests.

    Raises:
        RemoteError: the name cannot be one. All methods raise it when the Hub refuses, cannot be
            reached or fails for long.
    """

    def __init__(
        self,
        repo_id: str,
        *,
        token: str | None = None,
        revision: str | None = None,
        create_pr: bool = False,
    ) -> None:
        try:
            validate_repo_id(repo_id)
        except ValueError as err:
            raise RemoteError(
                f"repo_id: expected a name such as me/pass, found {plain_line(str(repo_id))!r} "
                f"({describe(err)})."
            ) from err
        self.repo_id, self.revision, self.create_pr = repo_id, revision, create_pr
        self._api = HfApi(token=token, library_name="pass-utils", library_version=__version__)
        self._where: dict[str, Any] = {"repo_id": repo_id, "repo_type": "dataset"}
        self._calls = HubCalls(self.url)

    @property
    def url(self) -> str:
        """The address of its page."""
        return f"{self._api.endpoint}/datasets/{self.repo_id}"

    def open(self, *, private: bool) -> None:
        """Create the repository and the branch where they do not exist.

        Args:
            private: Whether a new repository is private.

        Raises:
            RemoteError: as all methods, or an environment variable forbids the network.
        """
        variable = offline_variable()
        if variable is None and huggingface_hub.constants.HF_HUB_OFFLINE:
            variable = "HF_HUB_OFFLINE"
        if variable is not None:
            raise RemoteError(
                f"{self.url}: expected to reach the Hub, found {variable} set. Unset it.",
                url=self.url,
            )
        made = self._calls.call(
            lambda: self._api.create_repo(**self._where, private=private, exist_ok=True)
        )
        if "/" not in self.repo_id:  # the Hub adds whose token it is
            self.repo_id = self._where["repo_id"] = made.repo_id
            self._calls.url = self.url
        branch = self.revision
        if branch is not None and not self.create_pr and not branch.startswith("refs/"):
            self._calls.call(
                lambda: self._api.create_branch(**self._where, branch=branch, exist_ok=True)
            )

    def head(self, revision: str | None = None) -> Head:
        """The last commit of a branch.

        Args:
            revision: Its name, None for that of the repository.
        """
        commit = str(
            self._calls.call(
                lambda: self._api.repo_info(**self._where, revision=revision or self.revision)
            ).sha
        )
        tree = self._calls.call(
            lambda: list(self._api.list_repo_tree(**self._where, revision=commit, recursive=True))
        )
        files = [file for file in tree if isinstance(file, RepoFile)]
        return Head(
            commit, {file.path: file.lfs.sha256 if file.lfs else file.blob_id for file in files}
        )

    def card(self, head: Head, folder: Path) -> bytes:
        """The README.md of a commit; empty where there is none.

        Args:
            head: The commit.
            folder: Where it is downloaded to.
        """
        return (
            self.download(head, CARD_FILE, folder).read_bytes() if CARD_FILE in head.files else b""
        )

    def download(self, head: Head, path: str, folder: Path) -> Path:
        """Download a file of a commit.

        Args:
            head: The commit, which has the file.
            path: In the repository.
            folder: Where it is downloaded to.
        """
        return Path(
            self._calls.call(
                lambda: self._api.hf_hub_download(
                    **self._where,
                    filename=path,
                    revision=head.commit,
                    local_dir=folder / head.commit,
                )
            )
        )

    def upload(self, path: str, file: Path, sha256: str) -> Upload:
        """Upload a file, which may be deleted then; what the Hub has is not sent again.

        Args:
            path: In the repository; it can be changed before the commit.
            file: The file.
            sha256: Of its bytes, in hex.
        """
        addition = CommitOperationAdd(path, str(file))
        self._calls.call(
            lambda: self._api.preupload_lfs_files(
                **self._where,
                additions=[addition],
                revision=self.revision,
                create_pr=self.create_pr,
            )
        )
        if addition.path_or_fileobj:  # the Hub wants it as a small file
            return Upload.small(path, file.read_bytes())
        return Upload(addition, sha256)

    def commit(
        self, head: Head, uploads: list[Upload], deletions: list[str], *, message: str
    ) -> str | None:
        """Make one commit, once.

        Args:
            head: Its parent.
            uploads: The files that it adds or replaces.
            deletions: The paths of those that it deletes.
            message: Its title.

        Returns:
            The page of the repository, or of the pull request; None where `head` is no longer the
            last commit, which may be because this one was made and the answer lost.
        """
        operations: list[CommitOperationAdd | CommitOperationDelete] = [
            upload.addition for upload in uploads
        ]
        operations += map(CommitOperationDelete, deletions)
        before = set(self._pull_requests()) if self.create_pr else set()
        attempts = Attempts(self._calls)
        while True:
            try:
                made = self._api.create_commit(
                    **self._where,
                    operations=operations,
                    commit_message=message,
                    revision=self.revision,
                    create_pr=self.create_pr,
                    parent_commit=head.commit,
                )
                return str(made.pr_url or self.url)
            except client_errors() as err:
                if status_of(err) == _ANOTHER_PARENT:
                    return None
                attempts.wait(err)
            opened = set(self._pull_requests()) - before if self.create_pr else ()
            for ref in opened:  # of this commit, whose answer was lost?
                if is_committed(self.head(ref).files, uploads, deletions):
                    return f"{self.url}/discussions/{ref.rpartition('/')[2]}"

    def _pull_requests(self) -> list[str]:
        refs = self._calls.call(
            lambda: self._api.list_repo_refs(**self._where, include_pull_requests=True)
        )
        return [ref.ref for ref in refs.pull_requests or ()]


def is_committed(files: Files, uploads: list[Upload], deletions: list[str]) -> bool:
    """Whether a tree is as a commit leaves it.

    Args:
        files: The files of the tree.
        uploads: What the commit adds or replaces.
        deletions: What it deletes.
    """
    there = all(
        files.get(upload.addition.path_in_repo) in (upload.sha256, upload.blob)
        for upload in uploads
    )
    return there and not set(files) & set(deletions)
