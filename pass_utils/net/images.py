"""Concurrent download of many single images by URL, with retries and adaptive concurrency; memory
does not depend on their number.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping

from ..errors import ReleaseError
from .scheduler import Fetched, Scheduler
from .template import check_template, image_url

__all__ = ["Fetched", "fetch_images", "image_url"]


def fetch_images(
    hashes: Iterable[str],
    *,
    url_template: str | None = None,
    connections: int = 16,
    stopped: threading.Event | None = None,
    expected: Mapping[str, str] | None = None,
    progress: Callable[[int], object] | None = None,
) -> Iterator[Fetched]:
    """Fetches single images, and yields what came of each as soon as it is known.

    Failures that may pass are retried with exponential backoff; what is not to be had is yielded
    with the reason. An image has bytes only when it is complete: all of Content-Length, a JPEG up
    to its end, and the checksum that is known, be it by `expected` or by an ETag that is an MD5. No
    more images are in memory, or have been asked for and not yet yielded, than there are
    connections: so many requests at most are lost in a crash. Closing the iterator ends the
    threads.

    Args:
        hashes: the images, taken as they are needed; one that comes twice is fetched twice.
        url_template: as `template` in `image_url`.
        connections: connections at the same time at most, kept alive; fewer are used while the
            server answers 429 or 503.
        stopped: cancels the run when set.
        expected: the SHA-256 of images whose is known, in hex, by hash.
        progress: called with the number of bytes of each piece that arrives, and with a negative
            number where pieces were of no use; in several threads.

    Returns:
        An iterator over one item for each of `hashes`, in the order in which they are done.

    Raises:
        RemoteError: the template is none; or, while iterating, the environment forbids the network,
            the server cannot be reached or gives nothing any more, or its first answers are no
            images at all.
        ReleaseError: `connections` is less than 1, or one of the hashes is none.
        Stopped: `stopped` was set.
    """
    template = check_template(url_template)
    if connections < 1:
        raise ReleaseError(f"connections: expected 1 or more, found {connections}.")
    scheduler = Scheduler(
        template,
        connections,
        stopped=stopped or threading.Event(),
        expected=expected or {},
        count=progress or (lambda size: None),
    )
    return scheduler.run(iter(hashes))
