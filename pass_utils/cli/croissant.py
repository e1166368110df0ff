"""A release in, its description for machines out: `pass-utils croissant`."""

from __future__ import annotations

from ._framework import command
from ._options import DEFAULT_RELEASE, base_url, release_of, shards
from ._output import print_json


@command("pass-utils croissant --release v3 > pass.croissant.json")
@release_of(DEFAULT_RELEASE)
@shards
@base_url
def croissant(release: str | None, shards: list[int] | None, base_url: str | None) -> None:
    """Print a release's Croissant description."""
    from ..croissant import croissant_jsonld

    print_json(croissant_jsonld(release or DEFAULT_RELEASE, shards=shards, base_url=base_url))
