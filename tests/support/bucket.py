"""A bucket of single images on this machine, and faults to order.

It serves `/<h[:3]>/<h[3:6]>/<h>.jpg` with Content-Length and an ETag that is the MD5, as Amazon S3
does. `bucket.faults[hash]` is a list: each request for that image takes its first fault and obeys;
`bucket.always` decides for all others.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from typing import NamedTuple
from urllib.parse import urlsplit

from support.loopback import Loopback


class Fault(NamedTuple):
    """What to do instead of answering well."""

    status: int | None = None  # answer with this and a page
    headers: tuple[tuple[str, str], ...] = ()  # beside the usual ones, or in place of them
    body: bytes | None = None  # send this, and describe it rightly
    silence: float = 0  # seconds before the answer
    cut: int | None = None  # close the connection after so many bytes
    stall: tuple[int, float] | None = None  # after so many bytes, silence of so many seconds
    trickle: float = 0  # seconds between two bytes of the body
    trickle_headers: float = 0  # seconds between two lines of the headers, which never end
    length: int | None = None  # say that the body is so long
    framed: bool = True  # else no Content-Length: the body ends with the connection
    endless: bool = False  # a body without length or end
    etag: str | None = None
    hang_up: bool = False  # close the connection without an answer


class Bucket(Loopback):
    """Serves images by hash; a context manager.

    Args:
        images: The bytes of each image by its hash.
        latency: Seconds before each answer.
    """

    def __init__(self, images: Mapping[str, bytes], *, latency: float = 0.0) -> None:
        super().__init__(_Handler)
        self.images, self.latency = images, latency
        self.faults: dict[str, list[Fault]] = {}
        self.always: Callable[[str], Fault | None] = lambda hash: None
        self.requests: Counter[str] = Counter()  # by hash
        self.headers: list[dict[str, str]] = []  # of each request, names in lower case
        self.connections = 0  # that were opened
        self.at_once = self.most_at_once = 0  # requests that are being answered
        self.lock = threading.Lock()

    @property
    def template(self) -> str:
        return f"{self.host}/{{h[:3]}}/{{h[3:6]}}/{{h}}.jpg"

    def take_fault(self, hash: str) -> Fault:
        with self.lock:
            faults = self.faults.get(hash)
            if faults:
                return faults.pop(0)
        return self.always(hash) or Fault()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each small body waits 40 ms
    server: Bucket

    def log_message(self, format: str, *args: object) -> None:
        pass

    def setup(self) -> None:
        super().setup()
        with self.server.lock:
            self.server.connections += 1

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.at_once += 1
            self.server.most_at_once = max(self.server.most_at_once, self.server.at_once)
        try:
            self.serve()
        finally:
            with self.server.lock:
                self.server.at_once -= 1

    def serve(self) -> None:
        path = urlsplit(self.path).path  # a proxy is asked for a whole URL
        hash = path.rpartition("/")[2].removesuffix(".jpg")
        with self.server.lock:
            self.server.requests[hash] += 1
            self.server.headers.append(
                {name.lower(): value for name, value in self.headers.items()}
            )
        fault = self.server.take_fault(hash)
        time.sleep(self.server.latency + fault.silence)
        if fault.hang_up:
            self.close_connection = True
            return
        image = self.server.images.get(hash) if path == self.path_of(hash) else None
        status = fault.status or (200 if image is not None or fault.body is not None else 404)
        body = fault.body if fault.body is not None else image if status == 200 else b"<Error/>"
        assert body is not None
        headers = {
            "Content-Type": "image/jpeg" if status == 200 else "application/xml",
            **dict(fault.headers),
        }
        if status == 200:
            headers.setdefault("ETag", fault.etag or f'"{hashlib.md5(body).hexdigest()}"')
        if fault.framed and not fault.endless:
            headers["Content-Length"] = str(len(body) if fault.length is None else fault.length)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        while fault.trickle_headers:
            self.flush_headers()
            time.sleep(fault.trickle_headers)
            self.send_header("X-More", "to come")
        self.end_headers()
        self.send(body, fault)
        self.close_connection |= not fault.framed or fault.endless

    @staticmethod
    def path_of(hash: str) -> str:
        return f"/{hash[:3]}/{hash[3:6]}/{hash}.jpg"

    def send(self, body: bytes, fault: Fault) -> None:
        while fault.endless:
            self.wfile.write(body)
        if fault.trickle:
            for byte in body:
                self.wfile.write(bytes([byte]))
                time.sleep(fault.trickle)
        stop = fault.stall[0] if fault.stall else fault.cut
        if stop is not None:
            self.wfile.write(body[:stop])
            self.close_connection = True
            if fault.stall:
                time.sleep(fault.stall[1])
        elif fault.length is not None:
            self.wfile.write(body[: fault.length])
            self.close_connection |= fault.length > len(body)
        else:
            self.wfile.write(body)
