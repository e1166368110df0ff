"""A loopback server that behaves like Zenodo, with faults to order.

It says `Accept-Ranges: none` yet serves ranges, gives each file the ETag `"md5:<hex>"`, and
redirects `/record/` to `/records/`. `server.faults` is a list; each request for a file takes the
first fault that wants it, and obeys.
"""

from __future__ import annotations

import hashlib
import re
import socket
import tarfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from pass_utils import File, Release
from support.loopback import Loopback

CHUNK = 1 << 16


@dataclass
class Request:
    """What was asked, and what was given; noted before the client can have it."""

    path: str  # a whole URL when the client takes the server for its proxy
    range: str | None
    headers: dict[str, str]
    status: int
    sent: int  # bytes of the body
    length: int = 0  # bytes of the body that were promised

    @property
    def broken(self) -> bool:
        """Whether the client got less than promised."""
        return self.sent < self.length


class Fault(NamedTuple):
    """What to do instead of answering well. Offsets are bytes of the body."""

    status: int | None = None  # answer with this and no file
    headers: tuple[tuple[str, str], ...] = ()  # beside the usual ones, or in place of them
    silence: float = 0  # seconds before the answer
    cut: int | None = None  # close the connection after so many bytes
    stall: tuple[int, float] | None = (
        None  # after so many bytes, be silent for so many seconds, then close
    )
    ignore_range: bool = False  # 200 and the whole file
    shift: int = 0  # serve a range so many bytes later than asked
    etag: str | None = None
    corrupt: int | None = None  # flip this byte of the file
    extend: int = 0  # say that the file is so many bytes longer
    surplus: int = 0  # send a body that is so many bytes longer, or shorter, than its Content-Range
    content_range: str | None = None  # say this; nothing when empty
    framed: bool = True  # else no Content-Length: the body ends with the connection
    name: str = ""  # only for paths that end so


def clear_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxies, no token, no mirror, and not offline."""
    proxies = [f"{scheme}_proxy" for scheme in ("http", "https", "all", "no")]
    for variable in [
        *proxies,
        "ZENODO_TOKEN",
        "PASS_BASE_URL",
        "HF_HUB_OFFLINE",
        "HF_DATASETS_OFFLINE",
    ]:
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.upper(), raising=False)


def describe(folder: Path, record: int = 1) -> Release:
    """The files of a folder as a release of its own, with their sizes and checksums."""
    paths = sorted(path for path in folder.iterdir() if path.suffix in (".csv", ".tar"))
    files = tuple(
        File(path.name, path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in paths
    )
    images = sum(map(_count_images, paths))
    return Release("test", "1.0.0", record, "2026-11-01", images, 0, files)


def _count_images(path: Path) -> int:
    """The files in a tar; none in anything else."""
    try:
        with tarfile.open(path, "r:") as tar:
            names = [member.name.rpartition("/")[2] for member in tar]
    except tarfile.TarError:
        return 0
    return sum(name.endswith(".jpg") and not name.startswith(".") for name in names)


class Zenodo(Loopback):
    """Serves `<folder>/<name>` as `/records/<record>/files/<name>`; a context manager."""

    def __init__(self, folder: Path, record: int = 1) -> None:
        super().__init__(_Handler)
        self.socket.setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDBUF, CHUNK
        )  # what is sent and what is on its way stay close
        self.folder, self.record = folder, record
        self.faults: list[Fault] = []
        self.always: Callable[[str, int], Fault | None] = lambda path, start: None
        self.requests: list[Request] = []
        self.lock = threading.Lock()
        self._etags: dict[tuple[str, int], str] = {}

    @property
    def base_url(self) -> str:
        return f"{self.host}/records"

    def url(self, name: str) -> str:
        return f"{self.base_url}/{self.record}/files/{name}"

    @property
    def sent(self) -> int:
        """Bytes of all bodies."""
        return sum(request.sent for request in self.requests)

    def etag(self, path: Path) -> str:
        key = (str(path), path.stat().st_mtime_ns)
        if key not in self._etags:
            self._etags[key] = f'"md5:{hashlib.md5(path.read_bytes()).hexdigest()}"'
        return self._etags[key]

    def take_fault(self, path: str, start: int, length: int, size: int) -> Fault:
        with self.lock:
            for index, fault in enumerate(self.faults):
                breaks_at = max(fault.cut or 0, fault.stall[0] if fault.stall else 0)
                if path.endswith(fault.name) and breaks_at < (
                    size if fault.ignore_range else length
                ):
                    del self.faults[index]
                    return fault
        return self.always(path, start) or Fault()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each small body waits 40 ms
    server: Zenodo

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        match = re.fullmatch(r"/(records?)/(\d+)/files/([^/?]+)", urlsplit(self.path).path)
        path = (
            self.server.folder / match[3] if match and int(match[2]) == self.server.record else None
        )
        if match and match[1] == "record":
            self.answer(301, (("Location", self.path.replace("/record/", "/records/")),))
        elif path is None or not path.is_file():
            self.answer(404)
        else:
            self.serve(path)

    def answer(self, status: int, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self.note(status)
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name == "Content-Length" for name, _ in headers):
            self.send_header("Content-Length", "0")
        self.end_headers()

    def note(self, status: int, length: int = 0) -> Request:
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.path, self.headers.get("Range"), headers, status, 0, length)
        with self.server.lock:
            self.server.requests.append(request)
        return request

    def serve(self, path: Path) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        size = path.stat().st_size
        start = int(asked[1]) if asked else 0
        end = min(int(asked[2]) + 1, size) if asked and asked[2] else size
        fault = self.server.take_fault(self.path, start, end - start, size)
        time.sleep(fault.silence)
        if fault.status is not None:
            self.answer(fault.status, fault.headers)
            return
        etag = fault.etag or self.server.etag(path)
        condition = self.headers.get("If-Range")
        whole = asked is None or fault.ignore_range or (condition is not None and condition != etag)
        start, end = (
            (0, size) if whole else (max(0, start + fault.shift), min(end + fault.shift, size))
        )
        total = size + fault.extend
        if start >= size:
            self.answer(416, (("Content-Range", f"bytes */{total}"),))
            return
        length = end - start + fault.surplus + (fault.extend if whole else 0)
        content_range = (
            f"bytes {start}-{end - 1}/{total}"
            if fault.content_range is None
            else fault.content_range
        )
        request = self.note(200 if whole else 206, length)
        self.send_response(request.status)
        for name, value in {"ETag": etag, "Accept-Ranges": "none", **dict(fault.headers)}.items():
            self.send_header(name, value)
        if fault.framed:
            self.send_header("Content-Length", str(length))
        if not whole and content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        self.send(path, start, start + length, fault, request)
        self.close_connection |= not fault.framed

    def send(self, path: Path, start: int, end: int, fault: Fault, request: Request) -> None:
        stop = min(
            limit
            for limit in (
                end,
                *(
                    start + at
                    for at in (fault.cut, fault.stall and fault.stall[0])
                    if at is not None
                ),
            )
        )
        position = start
        with path.open("rb") as file:
            file.seek(start)
            while position < stop:
                wanted = min(CHUNK, stop - position)
                data = file.read(wanted).ljust(wanted if fault.surplus else 0, b"\0")
                if not data:
                    break
                if fault.corrupt is not None and position <= fault.corrupt < position + len(data):
                    at = fault.corrupt - position
                    data = data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
                request.sent += len(data)
                position += len(data)
                try:
                    self.wfile.write(data)
                except OSError:  # the client has hung up
                    request.sent -= len(data)
                    break
        if position < end:
            if fault.stall:
                self.wfile.flush()
                time.sleep(fault.stall[1])
            self.close_connection = True
