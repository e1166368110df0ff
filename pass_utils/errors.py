"""The errors that the library raises on purpose.

    PassError
    ├── ReleaseError      an unknown release, shard number or option; missing files
    ├── ShardError        a tar that is missing, damaged, cut short, changed, or not one of PASS
    ├── MetadataError     a CSV that is missing or damaged, or lacks an image's row
    ├── ImageError        an image file whose width and height cannot be read
    │   └── TruncatedImageError   too few leading bytes of one
    ├── DatasetError      no dataset of `datasets`, one without splits or images, or an unfit stream
    ├── ResolutionError   bounds that make no sense, or columns of sizes that are there already
    ├── SelectionError    a list of hashes that cannot be read, options that choose no rows
    ├── RemoteError       a URL that gives nothing, something else, or nothing more
    ├── DownloadError     a folder in use, full, or of another release; a file that came wrong twice
    ├── AttributionError  rows without hash or creator, or a credit list that cannot be written
    ├── ExportError       a dataset without images, an unreadable image, or another export's folder
    └── ReportError       a dataset without what a report needs, or a missing extra

None of them is an OSError: `datasets` hides those behind "Cannot find data file". Each message
says what was expected, what was found and what to do; the facts are attributes as well.
"""

from __future__ import annotations

from collections.abc import Sequence


class PassError(Exception):
    """Root of every error that pass_utils raises on purpose."""


class ReleaseError(PassError):
    """What was asked for is not in the release, or not in the folder."""


class ShardError(PassError):
    """A tar that cannot be read as a shard of PASS.

    `shard` is its path or URL, `offset` the byte where the damage begins (None when it is the
    whole file).
    """

    def __init__(self, message: str, *, shard: str = "", offset: int | None = None) -> None:
        super().__init__(message)
        self.shard = shard
        self.offset = offset


class MetadataError(PassError):
    """A metadata CSV that cannot be joined with the shards. `path` is the CSV's, `hash` the row's
    where one is to blame.
    """

    def __init__(self, message: str, *, path: str = "", hash: str | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.hash = hash


class ImageError(PassError):
    """A file that is missing, is no image, or is a broken one. `hashes` are those of the rows to
    blame, where these have any.
    """

    def __init__(self, message: str, *, hashes: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.hashes = tuple(hashes)


class TruncatedImageError(ImageError):
    """The beginning of an image file, too short: `found` bytes, of which at least `needed` are
    wanted.
    """

    def __init__(self, message: str, *, needed: int = 0, found: int = 0) -> None:
        super().__init__(message)
        self.needed = needed
        self.found = found


class DatasetError(PassError):
    """What was passed is no dataset, has no splits, one whose name cannot be, no column of images,
    or is a stream where none can be.
    """


class ResolutionError(PassError):
    """Bounds on the resolution of images that make no sense, or a dataset that has columns `width`
    or `height` already.
    """


class SelectionError(PassError):
    """A list of hashes that cannot be read, or options that cannot choose rows. `path` is the
    list's, where one is to blame.
    """

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class RemoteError(PassError):
    """A server that does not give what it should, at `url`. `status` is the HTTP status where that
    is the problem.
    """

    def __init__(self, message: str, *, url: str = "", status: int | None = None) -> None:
        super().__init__(message)
        self.url = url
        self.status = status


class DownloadError(PassError):
    """A release that cannot be brought into a folder."""


class AttributionError(PassError):
    """Images that cannot be credited, or a credit list that cannot be written."""


class ExportError(PassError):
    """A dataset that cannot be written to a folder. `path` is the file, folder or image to blame,
    where there is one.
    """

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class ReportError(PassError):
    """A dataset that a report cannot be made of, or a report that cannot be written."""
