"""Upload session of a push: files that wait for the commit which makes all of them visible."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from fnmatch import fnmatch
from pathlib import Path

from ..errors import RemoteError
from .card import Card, other_patterns, read_card
from .repository import Head, Repository, Upload, git_blob, is_committed

_ATTEMPTS = 5  # commits, on a branch that others move


class UploadSession:
    """Files that are uploaded and not committed yet.

    Args:
        repository: Where to.
        head: The last commit, whose files are not uploaded again.
        work: A folder for downloads.

    Attributes:
        changed_bytes: Of files that the last commit does not have; a client with `hf_xet` sends
            what is new in them.
        unchanged_bytes: Of files that it has.
    """

    def __init__(self, repository: Repository, head: Head, work: Path) -> None:
        self._repository, self._head, self._work = repository, head, work
        self._uploads: list[Upload] = []
        self._unchanged: dict[str, str] = {}
        self.changed_bytes = self.unchanged_bytes = 0

    @property
    def repo_id(self) -> str:
        """The name of the repository."""
        return self._repository.repo_id

    def upload(self, path: str, file: Path, sha256: str) -> None:
        """Upload a file, unless the last commit has it, and delete it here.

        Args:
            path: In the repository.
            file: The file.
            sha256: Of its bytes, in hex.
        """
        known = self._head.files.get(path)
        if known is not None and known in (sha256, git_blob(file)):
            self._unchanged[path] = known
            self.unchanged_bytes += file.stat().st_size
            file.unlink()
        else:
            self.upload_renamed_later(path, file, sha256)

    def upload_renamed_later(self, path: str, file: Path, sha256: str) -> Upload:
        """Upload a file whose path is decided before the commit, and delete it here.

        Args:
            path: In the repository, for now.
            file: The file.
            sha256: Of its bytes, in hex.

        Returns:
            The upload, whose `addition.path_in_repo` can be set.
        """
        upload = self._repository.upload(path, file, sha256)
        self._uploads.append(upload)
        self.changed_bytes += file.stat().st_size
        file.unlink()
        return upload

    def add(self, upload: Upload) -> None:
        """Add a small file to the commit.

        Args:
            upload: The file.
        """
        self._uploads.append(upload)

    def commit(
        self,
        card: Callable[[Card], Upload],
        configs: Collection[str],
        ours: re.Pattern[str],
        *,
        message: str,
    ) -> str:
        """Commit all files together with the card, on top of the last commit.

        Args:
            card: Makes the card, from that of this commit.
            configs: The names of what is pushed, whose files that are no longer there are deleted.
            ours: Matches the paths of its files; those that the card gives to other configs stay.
            message: The title of the commit.

        Returns:
            The page of the repository, or of the pull request.

        Raises:
            RemoteError: others keep committing, or the repository is not as it should be
                afterwards.
        """
        for _ in range(_ATTEMPTS):
            head = self._repository.head()
            before = read_card(self._repository.card(head, self._work))
            others = other_patterns(before, configs)
            uploads = [*self._uploads, card(before)]
            kept = {*self._unchanged, *(upload.addition.path_in_repo for upload in uploads)}
            outdated = [
                path
                for path in head.files
                if ours.fullmatch(path)
                and path not in kept
                and not any(fnmatch(path, pattern) for pattern in others)
            ]
            if is_committed(head.files, uploads, outdated):
                page: str | None = self._repository.url
            else:
                page = self._repository.commit(head, uploads, outdated, message=message)
            if page is not None:
                if not self._repository.create_pr:
                    self._check(page, uploads, outdated)
                return page
        raise RemoteError(
            f"{self._repository.url}: expected to commit, found other commits coming between "
            f"{_ATTEMPTS} times. Run the same again: uploaded files are kept.",
            url=self._repository.url,
        )

    def _check(self, page: str, uploads: list[Upload], outdated: list[str]) -> None:
        files = self._repository.head().files
        lost = [path for path, sha256 in self._unchanged.items() if files.get(path) != sha256]
        if lost or not is_committed(files, uploads, outdated):
            raise RemoteError(
                f"{page}: expected all files that were pushed, found {', '.join(lost) or 'others'} "
                "changed by somebody else. Push again.",
                url=page,
            )
