"""The changelog of a card: a line for each push, the newest first."""

from __future__ import annotations

import re
from datetime import date

_LINE = re.compile(r"^- (\d{4}-\d\d-\d\d): (.*)$", re.MULTILINE)
HEADING = "## Changelog"


def grow_changelog(block: str, entry: str, day: date) -> list[str]:
    """The lines of a changelog with a new entry; the same ones where it is what the newest says.

    Args:
        block: What was there of the card, with an older changelog or none.
        entry: What was pushed, as a part of a line of Markdown.
        day: When.
    """
    lines = _LINE.findall(block.partition(f"\n{HEADING}\n")[2].partition("\n## ")[0])
    if not lines or lines[0][1] != entry:
        lines.insert(0, (day.isoformat(), entry))
    return [f"- {when}: {what}" for when, what in lines]
