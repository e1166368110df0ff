"""Where the bytes of images come from: a folder, tars, or one URL for each image."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from errors import CurationError
from settings import Config

from pass_utils.net.images import fetch_images
from pass_utils.net.template import expand
from pass_utils.shards.images import ShardImage, list_images
from pass_utils.shards.source import ShardFile
from pass_utils.transfer.journal import Journal


class Image(NamedTuple):
    """The bytes of an image, or the reason why there are none."""

    hash: str
    data: bytes | None
    reason: str = ""


class Source(Protocol):
    """Reads images by hash, in processes that it is sent to."""

    def read(self, hashes: Sequence[str]) -> Iterator[Image]:
        """Yields each image, in any order."""


class FolderSource:
    """Files of a folder.

    Args:
        template: A path in which `{h}` is the hash, and `{h[:3]}` a part of it.
    """

    def __init__(self, template: str) -> None:
        self._template = template

    def read(self, hashes: Sequence[str]) -> Iterator[Image]:
        """Yields each image."""
        for hash in hashes:
            try:
                yield Image(hash, Path(expand(self._template, hash)).read_bytes())
            except FileNotFoundError:
                yield Image(hash, None, "no such file")


class TarSource:
    """Members `<hash>.jpg` of tars, such as the shards of PASS.

    Args:
        paths: The tars; each is walked once.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._places: dict[str, tuple[str, ShardImage]] = {}
        for path in paths:
            with ShardFile(str(path)) as shard:
                self._places.update(
                    (image.hash, (str(path), image)) for image in list_images(shard)
                )

    def read(self, hashes: Sequence[str]) -> Iterator[Image]:
        """Yields each image, tar by tar in their order."""
        places = self._places
        present = [hash for hash in hashes if hash in places]
        present.sort(key=lambda hash: (places[hash][0], places[hash][1].offset))
        for path, group in itertools.groupby(present, key=lambda hash: places[hash][0]):
            with Path(path).open("rb") as tar:
                for hash in group:
                    image = places[hash][1]
                    tar.seek(image.offset)
                    yield Image(hash, tar.read(image.size))
        for hash in hashes:
            if hash not in places:
                yield Image(hash, None, "in none of the tars")


class FetchedSource:
    """Images by URL, kept in a journal of the output folder as they arrive: a run that was killed
    asks for none of them again.

    Args:
        template: A URL in which `{h}` is the hash.
        connections: Requests at the same time.
        journal: Where images are kept.
    """

    def __init__(self, template: str, connections: int, journal: Journal) -> None:
        self._template, self._connections, self._journal = template, connections, journal

    def read(self, hashes: Sequence[str]) -> Iterator[Image]:
        """Yields each image: first those that have arrived before.

        Raises:
            CurationError: images failed in ways that may pass; another run asks for them again.
        """
        journal = self._journal
        known = [hash for hash in hashes if hash in journal.arrived or hash in journal.missing]
        for hash in known:
            if hash in journal.arrived:
                yield Image(hash, journal.read(hash))
            else:
                yield Image(hash, None, journal.missing[hash])
        failed = []
        asked = sorted(set(hashes).difference(known))
        for image in fetch_images(
            asked, url_template=self._template, connections=self._connections
        ):
            if image.data is not None and image.sha256 is not None:
                journal.add(image.hash, image.data, image.sha256)
                yield Image(image.hash, image.data)
            elif image.transient:
                failed.append(f"{image.hash}: {image.reason}")
            else:
                journal.give_up(image.hash, str(image.reason))
                yield Image(image.hash, None, str(image.reason))
        if failed:
            raise CurationError(
                f"{self._template}: expected each image, or an answer that there is none, found "
                f"{len(failed):,} failures that may pass, such as {failed[0]}. Run the same again: "
                "it resumes."
            )


def open_source(config: Config, journal: Journal) -> Source:
    """Returns the source that a configuration names."""
    if not isinstance(config.images, str):
        return TarSource(config.images)
    if config.images.startswith(("http://", "https://")):
        return FetchedSource(config.images, config.connections, journal)
    return FolderSource(config.images)
