"""A server on this machine that speaks the part of the Hub's HTTP API that pushing and loading a
dataset need, with faults.

Repositories of datasets with branches, pull requests, commits and large files, as `huggingface_hub`
0.30 to 2.x and `datasets` 2.21 to 5.x ask for them; no Xet. Large files come by LFS (in parts when
longer than `part_size`) and go out by a redirect, with ranges. `hub.faults` is a list; each request
takes the first fault that wants it, and obeys. Bytes of files are kept in a folder. `connect`
points the libraries of this process to the server, `hub.environment` those of another.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from support.loopback import Loopback

TOKEN = "hf_" + "x" * 34
USER = "me"
CHUNK = 1 << 16
LARGE = (
    ".parquet",
    ".tar",
    ".arrow",
    ".zip",
    ".jpg",
)  # by LFS, as the .gitattributes of a new repository say


class File(NamedTuple):
    """A file of a commit: its bytes are `size` long and kept under `oid`; `lfs` when they came as a
    large file.
    """

    oid: str  # SHA-256
    size: int
    lfs: bool
    blob: str  # git's name for it, or for the pointer to a large file


@dataclass
class Commit:
    """A tree, and how it came to be."""

    title: str
    parent: str | None
    files: dict[str, File]
    date: datetime

    @property
    def oid(self) -> str:
        return hashlib.sha1(
            repr((self.title, self.parent, sorted(self.files.items()))).encode()
        ).hexdigest()


@dataclass
class Repository:
    """Branches and pull requests by name (`main`, `refs/pr/1`), and the commits that they and their
    history are.
    """

    private: bool
    refs: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)

    def find(self, revision: str) -> str | None:
        """The commit that a branch, a pull request or a commit's own name means."""
        name = revision.removeprefix("refs/heads/")
        return self.refs.get(name) or (name if name in self.commits else None)

    def log(self, revision: str = "main") -> list[Commit]:
        """The commits from the first one on."""
        oid, log = self.find(revision), []
        while oid:
            log.append(self.commits[oid])
            oid = log[-1].parent
        return log[::-1]

    def add(self, ref: str, title: str, parent: str | None, files: dict[str, File]) -> str:
        date = datetime(2026, 11, 1, tzinfo=timezone.utc) + timedelta(seconds=len(self.commits))
        commit = Commit(title, parent, files, date)
        self.commits[commit.oid] = commit
        self.refs[ref] = commit.oid
        return commit.oid


@dataclass
class Request:
    """What was asked, and how it was answered; noted before the client can have the answer."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    received: int = 0  # bytes of the body
    status: int | None = None  # None: none was given
    sent: int = 0


class Fault(NamedTuple):
    """What to do instead of answering well."""

    # only for requests whose method and path match this regular expression, as in "PUT /lfs"
    path: str = ""
    status: int | None = None  # answer with this and no more
    headers: tuple[tuple[str, str], ...] = ()
    cut: int | None = (
        None  # close the connection after so many bytes of the body, the client's or our own
    )
    lose: bool = False  # do what was asked, and close the connection without an answer
    silence: float = 0  # seconds before the answer


class Hub(Loopback):
    """The server; a context manager. `folder` keeps the bytes of the files."""

    def __init__(
        self, folder: Path, *, part_size: int | None = None, page_size: int = 1000
    ) -> None:
        super().__init__(_Handler)
        self.folder, self.part_size, self.page_size = folder, part_size, page_size
        folder.mkdir(parents=True, exist_ok=True)
        self.repositories: dict[str, Repository] = {}
        self.faults: list[Fault] = []
        self.always: Callable[[Request], Fault | None] = lambda request: None
        self.requests: list[Request] = []
        self.uploads: list[str] = []  # SHA-256 of each large file that came whole, in order
        self.lock = threading.RLock()

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to take this server for the Hub."""
        return {
            "HF_ENDPOINT": self.host,
            "HF_TOKEN": TOKEN,
            "HF_HUB_DISABLE_XET": "1",
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def kept(self, oid: str) -> Path:
        return self.folder / oid

    def keep(self, data: bytes) -> File:
        oid = hashlib.sha256(data).hexdigest()
        self.kept(oid).write_bytes(data)
        return File(
            oid,
            len(data),
            lfs=False,
            blob=hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest(),
        )

    def files(self, repo_id: str, revision: str = "main") -> dict[str, bytes]:
        """What a repository holds."""
        repository = self.repositories[repo_id]
        oid = repository.find(revision)
        return {
            path: self.kept(file.oid).read_bytes()
            for path, file in repository.commits[oid or ""].files.items()
        }

    def log(self, repo_id: str, revision: str = "main") -> list[str]:
        """The titles of its commits, the first one first."""
        return [commit.title for commit in self.repositories[repo_id].log(revision)]

    def asked(self, pattern: str) -> list[Request]:
        """The requests whose method and path match."""
        return [
            request
            for request in self.requests
            if re.search(pattern, f"{request.method} {request.path}")
        ]

    def take_fault(self, request: Request) -> Fault:
        with self.lock:
            for index, fault in enumerate(self.faults):
                if re.search(fault.path, f"{request.method} {request.path}"):
                    del self.faults[index]
                    return fault
        return self.always(request) or Fault()


def connect(hub: Hub, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """Make `huggingface_hub` and `datasets` of this process take the server for the Hub, with an
    empty cache.
    """
    import datasets
    import huggingface_hub

    for name, value in {**hub.environment, "HF_HOME": str(cache)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    template = hub.host + "/{repo_id}/resolve/{revision}/{filename}"
    for module in (huggingface_hub.constants, huggingface_hub.file_download, datasets.config):
        for name, value in {
            "ENDPOINT": hub.host,
            "HF_ENDPOINT": hub.host,
            "HUGGINGFACE_CO_URL_TEMPLATE": template,
            "HUB_DATASETS_URL": hub.host + "/datasets/{repo_id}/resolve/{revision}/{path}",
            "HF_HUB_DISABLE_XET": True,
            "HF_HUB_CACHE": str(cache / "hub"),
            "USE_PARQUET_EXPORT": False,  # another server of the Hub's, which is not played here
        }.items():
            if hasattr(module, name):
                monkeypatch.setattr(module, name, value)


class _Refused(Exception):  # noqa: N818  (an answer)
    """Answer with this status, and with the code that `huggingface_hub` turns into an error of its
    own.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class _Cut(Exception):  # noqa: N818
    """Close the connection."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each small body waits 40 ms
    server: Hub

    def log_message(self, format: str, *args: object) -> None:
        pass

    def handle_any(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.request_made = Request(
            self.command, unquote(parts.path), parse_qs(parts.query), headers
        )
        self.fault = self.server.take_fault(self.request_made)
        with self.server.lock:
            self.server.requests.append(self.request_made)
        try:
            time.sleep(self.fault.silence)
            if self.fault.status is not None:
                for _ in self.body():
                    pass
                self.answer(self.fault.status, b"", self.fault.headers)
                return
            for method, pattern, answer in ROUTES:
                match = re.fullmatch(pattern, parts.path)
                if match and self.command in method.split("|"):
                    answer(self, *map(unquote, match.groups()))
                    return
            raise _Refused(404, "", f"nothing at {self.path}")
        except _Refused as refused:
            for _ in self.body():
                pass
            self.reply({"error": str(refused)}, refused.status, (("X-Error-Code", refused.code),))
        except (_Cut, OSError):
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815  (the base class's names)

    # --- what comes and goes

    def body(self) -> Iterator[bytes]:
        """The client's bytes as they come, of known length or in chunks; none when they were read
        before.
        """
        length, chunked = (
            int(self.headers.get("Content-Length") or 0),
            "Transfer-Encoding" in self.headers,
        )
        del self.headers["Content-Length"], self.headers["Transfer-Encoding"]
        while chunked and (length := int(self.rfile.readline().split(b";")[0], 16)):
            yield from self.take(length)
            self.rfile.readline()
        if chunked:
            self.rfile.readline()
        else:
            yield from self.take(length)

    def take(self, length: int) -> Iterator[bytes]:
        while length:
            data = self.rfile.read(min(length, CHUNK))
            length -= len(data)
            self.request_made.received += len(data)
            if not data or (
                self.fault.cut is not None and self.request_made.received > self.fault.cut
            ):
                raise _Cut
            yield data

    def json(self) -> Any:
        return json.loads(b"".join(self.body()) or b"{}")

    def reply(
        self, value: object, status: int = 200, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        self.answer(
            status, json.dumps(value).encode(), (("Content-Type", "application/json"), *headers)
        )

    def answer(
        self,
        status: int,
        data: bytes | Path,
        headers: tuple[tuple[str, str], ...] = (),
        start: int = 0,
        end: int = 0,
    ) -> None:
        """Send the bytes, or those in `[start, end)` of a file."""
        if self.fault.lose:
            raise _Cut
        length = len(data) if isinstance(data, bytes) else end - start
        self.request_made.status = status
        self.send_response(status)
        for name, value in (("Content-Length", str(length)), *headers):
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if isinstance(data, bytes):
            self.wfile.write(data)
            self.request_made.sent += len(data)
            return
        with data.open("rb") as file:
            file.seek(start)
            while start < end:
                part = file.read(min(CHUNK, end - start))
                if (
                    self.fault.cut is not None
                    and self.request_made.sent + len(part) > self.fault.cut
                ):
                    self.wfile.write(part[: self.fault.cut - self.request_made.sent])
                    raise _Cut
                self.request_made.sent += len(part)
                start += len(part)
                self.wfile.write(part)

    # --- who and what

    def authorized(self) -> bool:
        return self.request_made.headers.get("authorization") == f"Bearer {TOKEN}"

    def repository(self, repo_id: str, *, write: bool = False) -> Repository:
        repository = self.server.repositories.get(repo_id)
        if repository is None or (repository.private and not self.authorized()):
            raise _Refused(
                404 if self.authorized() else 401, "RepoNotFound", "Repository not found"
            )
        if write and not self.authorized():
            raise _Refused(401, "", "Invalid credentials in Authorization header")
        return repository

    def commit(self, repo_id: str, revision: str) -> tuple[str, Commit]:
        repository = self.repository(repo_id)
        oid = repository.find(revision)
        if oid is None:
            raise _Refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return oid, repository.commits[oid]

    def whoami(self) -> None:
        if not self.authorized():
            raise _Refused(401, "", "Invalid credentials in Authorization header")
        token = {"type": "access_token", "accessToken": {"displayName": "test", "role": "write"}}
        self.reply({"type": "user", "name": USER, "fullname": USER, "orgs": [], "auth": token})

    def create(self) -> None:
        asked = self.json()
        if not self.authorized():
            raise _Refused(401, "", "Invalid credentials in Authorization header")
        repo_id = f"{asked.get('organization') or USER}/{asked['name']}"
        if not repo_id.startswith(f"{USER}/"):
            raise _Refused(
                403,
                "",
                f"You don't have the rights to create a dataset under the namespace of {repo_id}",
            )
        url = f"{self.server.host}/datasets/{repo_id}"
        with self.server.lock:
            if repo_id in self.server.repositories:
                self.reply({"error": "You already created this dataset repo", "url": url}, 409)
                return
            private = asked.get("private") or asked.get("visibility") == "private"
            repository = self.server.repositories[repo_id] = Repository(bool(private))
            attributes = "".join(
                f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LARGE
            )
            repository.add(
                "main",
                "initial commit",
                None,
                {".gitattributes": self.server.keep(attributes.encode())},
            )
        self.reply({"url": url, "name": repo_id})

    def validate(self) -> None:
        assert self.json()["content"].startswith("---\n")
        self.reply({"errors": [], "warnings": []})

    # --- upload

    def preupload(self, repo_id: str, revision: str) -> None:
        self.repository(repo_id, write=True)
        _, commit = self.commit(repo_id, revision)
        files = []
        for asked in self.json()["files"]:
            large = asked["path"].endswith(LARGE) or asked["size"] > 10_000_000
            known = commit.files.get(asked["path"])
            oid = None if known is None else known.oid if known.lfs else known.blob
            mode = "lfs" if large else "regular"
            files.append(
                {"path": asked["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid}
            )
        self.reply({"files": files})

    def batch(self, repo_id: str) -> None:
        self.repository(repo_id, write=True)
        objects = []
        for asked in self.json()["objects"]:
            oid, size, part = asked["oid"], asked["size"], self.server.part_size
            wanted: dict[str, Any] = {"oid": oid, "size": size}
            if not self.server.kept(oid).exists():
                url = f"{self.server.host}/lfs/{oid}"
                upload: dict[str, Any] = {"href": url}
                if part and size > part:
                    numbers = range(1, -(-size // part) + 1)
                    header = {
                        "chunk_size": str(part),
                        **{str(number): f"{url}/{number}" for number in numbers},
                    }
                    upload = {"href": f"{url}/complete", "header": header}
                wanted["actions"] = {"upload": upload, "verify": {"href": f"{url}/verify"}}
            objects.append(wanted)
        self.reply({"transfer": "basic", "objects": objects}, 200)

    def put(self, oid: str, number: str | None = None) -> None:
        part = self.server.folder / f"{oid}.{number or threading.get_ident()}.part"
        digest = hashlib.sha256()
        with part.open("wb") as file:
            for data in self.body():
                digest.update(data)
                file.write(data)
        if number is None:
            self.finish(oid, part, digest.hexdigest())
        self.answer(200, b"", (("ETag", f'"{number or oid}"'),))

    def complete(self, oid: str) -> None:
        asked = self.json()
        assert asked["parts"] == [
            {"partNumber": n + 1, "etag": f'"{n + 1}"'} for n in range(len(asked["parts"]))
        ]
        whole = self.server.folder / f"{oid}.{threading.get_ident()}.part"
        digest = hashlib.sha256()
        with whole.open("wb") as file:
            for part in asked["parts"]:
                path = self.server.folder / f"{oid}.{part['partNumber']}.part"
                digest.update(path.read_bytes())
                file.write(path.read_bytes())
                path.unlink()
        self.finish(oid, whole, digest.hexdigest())
        self.reply({"success": True})

    def finish(self, oid: str, whole: Path, found: str) -> None:
        if found != oid:
            whole.unlink()
            raise _Refused(400, "", "the bytes are not those announced")
        whole.replace(self.server.kept(oid))
        with self.server.lock:
            self.server.uploads.append(oid)

    def verify(self, oid: str) -> None:
        asked = self.json()
        kept = self.server.kept(oid)
        if not kept.exists() or asked != {"oid": oid, "size": kept.stat().st_size}:
            raise _Refused(400, "", f"not kept: {asked}")
        self.reply({})

    def push(self, repo_id: str, revision: str) -> None:
        repository = self.repository(repo_id, write=True)
        lines = [json.loads(line) for line in b"".join(self.body()).splitlines()]
        header = lines[0]["value"]
        with self.server.lock:
            parent, commit = self.commit(repo_id, revision)
            if header.get("parentCommit") not in (None, parent):
                raise _Refused(
                    412, "", "A commit has happened since. Please refresh and try again."
                )
            files = dict(commit.files)
            for line in lines[1:]:
                self.change(files, line["key"], line["value"])
            ref, pull = revision.removeprefix("refs/heads/"), None
            if self.request_made.query.get("create_pr") == ["1"]:
                number = sum(name.startswith("refs/pr/") for name in repository.refs) + 1
                ref, pull = (
                    f"refs/pr/{number}",
                    f"{self.server.host}/datasets/{repo_id}/discussions/{number}",
                )
            elif ref not in repository.refs:
                raise _Refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            oid = repository.add(ref, header["summary"], parent, files)
        url = f"{self.server.host}/datasets/{repo_id}/commit/{oid}"
        self.reply(
            {
                "success": True,
                "commitUrl": url,
                "commitOid": oid,
                "pullRequestUrl": pull,
                "hookOutput": "",
            }
        )

    def change(self, files: dict[str, File], key: str, value: dict[str, Any]) -> None:
        path = value["path"]
        if key == "file":
            files[path] = self.server.keep(base64.b64decode(value["content"]))
        elif key == "lfsFile":
            kept = self.server.kept(value["oid"])
            if not kept.exists():
                raise _Refused(400, "", f"LFS pointer of {path} points to no object")
            blob = hashlib.sha1(f"pointer to {value['oid']}".encode()).hexdigest()
            files[path] = File(value["oid"], kept.stat().st_size, lfs=True, blob=blob)
        elif key == "deletedFile":
            if files.pop(path, None) is None:
                raise _Refused(404, "EntryNotFound", "A file with this name doesn't exist")
        elif key == "deletedFolder":
            for name in [name for name in files if name.startswith(path.rstrip("/") + "/")]:
                del files[name]
        else:
            raise _Refused(400, "", f"no such operation: {key}")

    def branch(self, repo_id: str, name: str) -> None:
        repository = self.repository(repo_id, write=True)
        if self.command == "DELETE":
            del repository.refs[name]
        elif name in repository.refs:
            raise _Refused(409, "", f"Reference refs/heads/{name} already exists")
        else:
            repository.refs[name], _ = self.commit(
                repo_id, self.json().get("startingPoint") or "main"
            )
        self.reply({})

    # --- looking

    def info(self, repo_id: str, revision: str | None = None) -> None:
        oid, commit = self.commit(repo_id, revision or "main")
        self.reply(
            {
                "id": repo_id,
                "sha": oid,
                "private": self.repository(repo_id).private,
                "lastModified": f"{commit.date:%Y-%m-%dT%H:%M:%S.000Z}",
                "tags": [],
                "downloads": 0,
                "siblings": [{"rfilename": path} for path in sorted(commit.files)],
            }
        )

    def refs(self, repo_id: str) -> None:
        refs: dict[str, list[dict[str, str]]] = {
            "branches": [],
            "converts": [],
            "tags": [],
            "pullRequests": [],
        }
        for name, oid in self.repository(repo_id).refs.items():
            kind, ref = (
                ("pullRequests", name)
                if name.startswith("refs/")
                else ("branches", f"refs/heads/{name}")
            )
            refs[kind].append({"name": name, "ref": ref, "targetCommit": oid})
        self.reply(refs)

    def history(self, repo_id: str, revision: str) -> None:
        self.commit(repo_id, revision)
        commits = self.repository(repo_id).log(revision)[::-1]
        authors = [{"user": USER}]
        self.reply(
            [
                {
                    "id": c.oid,
                    "title": c.title,
                    "message": "",
                    "date": f"{c.date:%Y-%m-%dT%H:%M:%S.000Z}",
                    "authors": authors,
                }
                for c in commits
            ]
        )

    def entries(self, commit: Commit) -> dict[str, dict[str, Any]]:
        """Files and folders of a commit by path, as the API shows them."""
        entries: dict[str, dict[str, Any]] = {}
        last = {
            "id": commit.oid,
            "title": commit.title,
            "date": f"{commit.date:%Y-%m-%dT%H:%M:%S.000Z}",
        }
        for path, file in sorted(commit.files.items()):
            for cut in (match.start() for match in re.finditer("/", path)):
                folder = path[:cut]
                entries[folder] = {
                    "type": "directory",
                    "oid": hashlib.sha1(folder.encode()).hexdigest(),
                    "size": 0,
                }
            entries[path] = {"type": "file", "oid": file.blob, "size": file.size}
            if file.lfs:
                entries[path]["lfs"] = {"oid": file.oid, "size": file.size, "pointerSize": 134}
        expand = self.request_made.query.get("expand") in (["true"], ["True"], ["1"])
        return {
            path: {**entry, "path": path, **({"lastCommit": last} if expand else {})}
            for path, entry in entries.items()
        }

    def tree(self, repo_id: str, revision: str, below: str | None = None) -> None:
        _, commit = self.commit(repo_id, revision)
        prefix = f"{below}/" if below else ""
        recursive = self.request_made.query.get("recursive") in (["true"], ["True"], ["1"])
        found = [
            entry
            for path, entry in self.entries(commit).items()
            if path.startswith(prefix) and (recursive or "/" not in path[len(prefix) :])
        ]
        if below and not found:
            raise _Refused(404, "EntryNotFound", f"{below} does not exist on {revision}")
        first = int(self.request_made.query.get("cursor", ["0"])[0])
        links: tuple[tuple[str, str], ...] = ()
        if first + self.server.page_size < len(found):
            query = re.sub(r"&?cursor=\d+", "", urlsplit(self.path).query)
            page = f"{urlsplit(self.path).path}?{query}&cursor={first + self.server.page_size}"
            links = (("Link", f'<{self.server.host}{page}>; rel="next"'),)
        self.reply(found[first : first + self.server.page_size], 200, links)

    def paths(self, repo_id: str, revision: str) -> None:
        _, commit = self.commit(repo_id, revision)
        data = b"".join(self.body()).decode()
        wanted = (
            json.loads(data)["paths"] if data.startswith("{") else parse_qs(data).get("paths", [])
        )
        entries = self.entries(commit)
        self.reply([entries[path] for path in wanted if path in entries])

    def resolve(self, repo_id: str, revision: str, path: str) -> None:
        oid, commit = self.commit(repo_id, revision)
        file = commit.files.get(path)
        headers: tuple[tuple[str, str], ...] = (("X-Repo-Commit", oid), ("Accept-Ranges", "bytes"))
        if file is None:
            self.reply(
                {"error": "Entry not found"}, 404, (("X-Error-Code", "EntryNotFound"), *headers)
            )
        elif file.lfs:
            linked = (("X-Linked-Size", str(file.size)), ("X-Linked-ETag", f'"{file.oid}"'))
            # another host, as the Hub's is
            location = f"http://localhost:{self.server.server_port}/cdn/{file.oid}"
            self.answer(
                302, b"", (("Location", location), ("ETag", f'"{file.blob}"'), *linked, *headers)
            )
        else:
            self.serve(self.server.kept(file.oid), file.blob, headers)

    def download(self, oid: str) -> None:
        self.serve(self.server.kept(oid), oid, (("Accept-Ranges", "bytes"),))

    def serve(self, path: Path, etag: str, headers: tuple[tuple[str, str], ...]) -> None:
        size = path.stat().st_size
        headers = (("ETag", f'"{etag}"'), *headers)
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.request_made.headers.get("range", ""))
        if not asked or asked[0] == "bytes=-":
            self.answer(200, path, headers, 0, size)
            return
        start = int(asked[1]) if asked[1] else max(0, size - int(asked[2]))
        end = min(int(asked[2]) + 1, size) if asked[1] and asked[2] else size
        if start >= size:
            self.answer(416, b"", (("Content-Range", f"bytes */{size}"), *headers))
        else:
            self.answer(
                206,
                path,
                (("Content-Range", f"bytes {start}-{end - 1}/{size}"), *headers),
                start,
                end,
            )


_REPO, _REV = r"([^/]+/[^/]+)", r"([^/]+)"
ROUTES: list[tuple[str, str, Callable[..., None]]] = [
    ("GET", "/api/whoami-v2", _Handler.whoami),
    ("POST", "/api/repos/create", _Handler.create),
    ("POST", "/api/validate-yaml", _Handler.validate),
    ("POST", f"/api/datasets/{_REPO}/preupload/{_REV}", _Handler.preupload),
    ("POST", f"/datasets/{_REPO}.git/info/lfs/objects/batch", _Handler.batch),
    ("PUT", "/lfs/([0-9a-f]{64})", _Handler.put),
    ("PUT", r"/lfs/([0-9a-f]{64})/(\d+)", _Handler.put),
    ("POST", "/lfs/([0-9a-f]{64})/complete", _Handler.complete),
    ("POST", "/lfs/([0-9a-f]{64})/verify", _Handler.verify),
    ("POST", f"/api/datasets/{_REPO}/commit/{_REV}", _Handler.push),
    ("POST|DELETE", f"/api/datasets/{_REPO}/branch/{_REV}", _Handler.branch),
    ("GET", f"/api/datasets/{_REPO}", _Handler.info),
    ("GET", f"/api/datasets/{_REPO}/revision/{_REV}", _Handler.info),
    ("GET", f"/api/datasets/{_REPO}/refs", _Handler.refs),
    ("GET", f"/api/datasets/{_REPO}/commits/{_REV}", _Handler.history),
    ("GET", f"/api/datasets/{_REPO}/tree/{_REV}", _Handler.tree),
    ("GET", f"/api/datasets/{_REPO}/tree/{_REV}/(.+)", _Handler.tree),
    ("POST", f"/api/datasets/{_REPO}/paths-info/{_REV}", _Handler.paths),
    ("GET|HEAD", f"/datasets/{_REPO}/resolve/{_REV}/(.+)", _Handler.resolve),
    ("GET|HEAD", "/cdn/([0-9a-f]{64})", _Handler.download),
]
