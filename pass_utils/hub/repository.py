"""A dataset repository of the Hub in, its tree, uploads and commits out, asked for until the answer
comes.

`huggingface_hub` speaks with the Hub. What it does not try again itself is tried again here: an
answer that asks to come back, a server in trouble, a line that dropped. No commit is made twice: a
second one on the same parent is refused, and a pull request whose answer was lost is looked for.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import huggingface_hub
import requests
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined,unused-ignore]

from .._util import retry as retries
from .._version import __version__
from ..errors import RemoteError
from ..export.splits import CARD_FILE

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")
# digests by path: SHA-256 of what is kept as a large file, the git blob's SHA-1 of the others
Files = Mapping[str, str]

_ANOTHER_PARENT = 412


class Head(NamedTuple):
    """A commit, and the files of its tree."""

    commit: str
    files: Files


class Upload(NamedTuple):
    """A file that is up and waits for a commit: how to commit it, and its digest as a large and as
    a small file.
    """

    addition: CommitOperationAdd
    sha256: str
    blob: str = ""

    @classmethod
    def of(cls, path: str, data: bytes) -> Upload:
        """A small file, which goes up with its commit."""
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data)  # as git has it
        return cls(
            CommitOperationAdd(path, data), hashlib.sha256(data).hexdigest(), blob.hexdigest()
        )


class Repository:
    """A dataset repository, `user/name` or one's own `name`, at a branch; with `create_pr`, commits
    become pull requests.

    Raises (all its methods do):
        RemoteError: the Hub refuses, or stays silent for long.
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
                f"repo_id: expected a name such as me/pass, found {repo_id!r} ({_say(err)})."
            ) from err
        self.repo_id, self.revision, self.create_pr = repo_id, revision, create_pr
        self._api = HfApi(token=token, library_name="pass-utils", library_version=__version__)
        self._where: dict[str, Any] = {"repo_id": repo_id, "repo_type": "dataset"}

    @property
    def url(self) -> str:
        """Its page."""
        return f"{self._api.endpoint}/datasets/{self.repo_id}"

    def open(self, *, private: bool) -> None:
        """Make the repository and the branch, if they are not there.

        Raises:
            RemoteError: the Hub refuses, stays silent, or may not be asked.
        """
        if huggingface_hub.constants.HF_HUB_OFFLINE:
            raise RemoteError(
                f"{self.url}: expected to reach the Hub, found HF_HUB_OFFLINE set. Unset it.",
                url=self.url,
            )
        made = self._ask(
            lambda: self._api.create_repo(**self._where, private=private, exist_ok=True)
        )
        if "/" not in self.repo_id:  # the Hub adds whose token it is
            self.repo_id = self._where["repo_id"] = made.repo_id
        branch = self.revision
        if branch is not None and not self.create_pr and not branch.startswith("refs/"):
            self._ask(lambda: self._api.create_branch(**self._where, branch=branch, exist_ok=True))

    def head(self, revision: str | None = None) -> Head:
        """The last commit of the branch, or of another one."""
        commit = str(
            self._ask(
                lambda: self._api.repo_info(**self._where, revision=revision or self.revision)
            ).sha
        )
        tree = self._ask(
            lambda: list(self._api.list_repo_tree(**self._where, revision=commit, recursive=True))
        )
        files = [file for file in tree if isinstance(file, RepoFile)]
        return Head(
            commit, {file.path: file.lfs.sha256 if file.lfs else file.blob_id for file in files}
        )

    def card(self, head: Head, folder: Path) -> str:
        """The text of a commit's README.md, which passes through a folder; empty where there is
        none.
        """
        if CARD_FILE not in head.files:
            return ""
        path = self._ask(
            lambda: self._api.hf_hub_download(
                **self._where,
                filename=CARD_FILE,
                revision=head.commit,
                local_dir=folder / head.commit,
            )
        )
        return Path(path).read_text(encoding="utf-8")

    def upload(self, path: str, file: Path, sha256: str) -> Upload:
        """Bring a file there, which may be deleted then; it is in no tree before a commit."""
        addition = CommitOperationAdd(path, str(file))
        self._ask(
            lambda: self._api.preupload_lfs_files(
                **self._where,
                additions=[addition],
                revision=self.revision,
                create_pr=self.create_pr,
            )
        )
        if addition.path_or_fileobj:  # the Hub wants it as a small file
            return Upload.of(path, file.read_bytes())
        return Upload(addition, sha256)

    def commit(
        self, head: Head, uploads: list[Upload], deletions: list[str], *, message: str
    ) -> str | None:
        """Make one commit on top of `head`, and return the page to look at; None when `head` is no
        longer the last one.
        """
        operations: list[CommitOperationAdd | CommitOperationDelete] = [
            upload.addition for upload in uploads
        ]
        operations += map(CommitOperationDelete, deletions)
        pulls = set(self._pulls()) if self.create_pr else set()
        patience = _Patience(self.url)
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
            except _caught() as err:
                if _status(err) == _ANOTHER_PARENT:
                    return None
                patience.wait(err)
            for ref in [ref for ref in self._pulls() if ref not in pulls] if self.create_pr else ():
                if holds(
                    self.head(ref).files, uploads, deletions
                ):  # it was made, and the answer lost
                    return f"{self.url}/discussions/{ref.rpartition('/')[2]}"

    def _pulls(self) -> list[str]:
        refs = self._ask(
            lambda: self._api.list_repo_refs(**self._where, include_pull_requests=True)
        )
        return [ref.ref for ref in refs.pull_requests or ()]

    def _ask(self, call: Callable[[], Answer]) -> Answer:
        patience = _Patience(self.url)
        while True:
            try:
                return call()
            except _caught() as err:
                patience.wait(err)


def holds(files: Files, uploads: list[Upload], deletions: list[str]) -> bool:
    """Whether a tree is as a commit of these should leave it."""
    there = all(
        files.get(upload.addition.path_in_repo) in (upload.sha256, upload.blob)
        for upload in uploads
    )
    return there and not set(files) & set(deletions)


class _Patience:
    """How often one thing was asked for in vain."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._failures = 0

    def wait(self, err: BaseException) -> None:
        """Sleep before the next attempt.

        Raises:
            RemoteError: another one would not help, or there were enough.
        """
        self._failures += 1
        cause = next((each for each in _chain(err) if _is_transient(each)), None)
        retry = retries.RETRY
        seconds = retries.retry_after_seconds(_header(cause, "Retry-After"))
        if cause is None or _status(err) not in (None, *retries.TRANSIENT):
            raise self._refused(err) from err
        if self._failures >= retry.attempts or seconds > retry.longest_retry_after:
            raise RemoteError(
                f"{self._url}: expected an answer, found none in {self._failures} attempts; the "
                f"last: {_say(cause)}. Run the "
                "same again later: what is up stays there.",
                url=self._url,
                status=_status(cause),
            ) from err
        seconds = seconds or retry.backoff(self._failures)
        logger.warning("%s: %s; going on in %.1f s", self._url, _say(cause), seconds)
        time.sleep(seconds)

    def _refused(self, err: BaseException) -> RemoteError:
        status = _status(err)
        advice = {
            401: "Run `hf auth login`, or set HF_TOKEN to a token that may write there.",
            403: "Use a token that may write there, or the name of a repository of your own.",
            404: "Check the name, the revision and the token.",
        }.get(status or 0, "Mend that, and run the same again: what is up stays there.")
        return RemoteError(
            f"{self._url}: expected the Hub to take what is pushed, found: {_say(err)}. {advice}",
            url=self._url,
            status=status,
        )


def _caught() -> tuple[type[Exception], ...]:
    """What `huggingface_hub` raises when the Hub does not do what it is asked; each of its versions
    has an HTTP library.
    """
    networks = [sys.modules[name].HTTPError for name in ("httpx", "httpx2") if name in sys.modules]
    return (OSError, RuntimeError, ValueError, *networks)


def _chain(err: BaseException | None) -> Iterator[BaseException]:
    while err is not None:
        yield err
        err = err.__cause__ or err.__context__


def _is_transient(err: BaseException) -> bool:
    """Whether it may go better next time; a page where JSON was expected comes from a gateway in
    trouble.
    """
    lines = [
        sys.modules[name].TransportError for name in ("httpx", "httpx2") if name in sys.modules
    ]
    breaks = (
        ConnectionError,
        TimeoutError,
        requests.ConnectionError,
        requests.Timeout,
        *lines,
        json.JSONDecodeError,
    )
    status = getattr(getattr(err, "response", None), "status_code", None)
    return isinstance(err, breaks) if status is None else status in retries.TRANSIENT


def _status(err: BaseException | None) -> int | None:
    """The HTTP status of what went wrong, or of what was behind it."""
    codes = (getattr(getattr(each, "response", None), "status_code", None) for each in _chain(err))
    return next((int(code) for code in codes if code is not None), None)


def _header(err: BaseException | None, name: str) -> str:
    response = getattr(err, "response", None)
    return str(response.headers.get(name, "")) if response is not None else ""


def _say(err: BaseException) -> str:
    """The first line of what an error says, without the signatures that URLs may carry behind their
    `?`.
    """
    line = next(
        (line.strip(" .") for line in str(err).splitlines() if line.strip()), type(err).__name__
    )
    return re.sub(r"(://[^\s?'\"]*)\?[^\s'\"]*", r"\1", line)
