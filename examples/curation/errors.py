"""The error that curation raises on purpose."""

from __future__ import annotations

from pass_utils import PassError


class CurationError(PassError):
    """The configuration, or an input that it names, is not as expected."""
