"""HTTP transport with a deadline: reading an answer ends in time, however slowly it is sent.

The read timeout of `requests` counts anew from every byte, so that headers that trickle in, or
`100 Continue` without end, would keep a request alive for ever.
"""

from __future__ import annotations

import http.client
import io
import socket
import threading
import time
from typing import Any

import requests
import requests.adapters

from .._util import retry


class Deadline:
    """The moment up to which the connections of one adapter may be read."""

    def __init__(self) -> None:
        self._at = 0.0

    def start(self, seconds: float) -> None:
        """Lets reading go on for so many seconds from now."""
        self._at = time.monotonic() + seconds

    @property
    def seconds(self) -> float:
        """Seconds that are left."""
        return self._at - time.monotonic()


class ThreadDeadline(threading.local, Deadline):
    """A deadline that each thread starts for itself."""


class DeadlineAdapter(requests.adapters.HTTPAdapter):
    """An adapter whose connections, those through proxies included, keep to its `deadline`."""

    def __init__(self) -> None:
        self.deadline = Deadline()
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """As in the parent."""
        super().init_poolmanager(*args, **kwargs)
        set_deadline(self.poolmanager, self.deadline)

    def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> Any:
        """As in the parent."""
        known = proxy in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not known:
            set_deadline(manager, self.deadline)
        return manager


def set_deadline(manager: Any, deadline: Deadline) -> None:
    """Has a pool manager of `urllib3` make connections that keep to a deadline."""

    def limited(pool: Any) -> Any:
        class Connection(pool.ConnectionCls):
            def response_class(self, sock: Any, *args: Any, **kwargs: Any) -> Any:
                return http.client.HTTPResponse(_Socket(sock, deadline), *args, **kwargs)  # type: ignore[arg-type]

        return type(pool.__name__, (pool,), {"ConnectionCls": Connection})

    classes = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {scheme: limited(pool) for scheme, pool in classes.items()}


def read_some(response: Any, size: int) -> bytes:
    """Returns up to `size` of the next bytes of the body of a `urllib3` response, as soon as there
    are any; none at its end.
    """
    # urllib3 1 has only `read`, which waits for all of them
    read = getattr(response, "read1", response.read)
    data: bytes = read(size, decode_content=False)
    return data


class _Socket:
    """A socket as `http.client` reads it: only `makefile` is asked of it."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock, self._deadline = sock, deadline

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_File(self._sock, self._deadline))


class _File(io.RawIOBase):
    """What a socket receives up to the deadline."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock, self._deadline = sock, deadline
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        seconds = self._deadline.seconds
        if seconds <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(min(seconds, retry.RETRY.read_timeout))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
