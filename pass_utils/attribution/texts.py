"""Credit lists for people as text: plain, and in Markdown.

What other people wrote is escaped, so that each of its characters stands for itself.
"""

from __future__ import annotations

from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from .._util.text import sentence
from ..releases import LICENSE, LICENSE_URL
from .credit import dataset_credit
from .options import (
    PHOTOS_LICENSE,
    Batches,
    Format,
    ListOptions,
    headings,
    join,
    joined,
    links,
    shown_creators,
    text_lines,
)

_MARKDOWN = r"([\\`*_\[\]<>&~|!#@:$])"


def write_txt(batches: Batches, options: ListOptions, file: BinaryIO) -> None:
    """A line for each credit, after the name of its file."""
    file.write(f"{dataset_credit(options.release)}\n{PHOTOS_LICENSE}\n\n".encode())
    for batch in batches:
        heading = headings(batch, "\n", shown_creators(batch), "\n")
        file.write(
            joined(
                heading, batch.column("hash"), ".jpg: ", text_lines(batch, options.changes), "\n"
            )
        )


def write_md(batches: Batches, options: ListOptions, file: BinaryIO) -> None:
    """A Markdown list with links."""
    file.write(f"# Credits\n\n{dataset_credit(options.release)}\n\n{PHOTOS_LICENSE}\n\n".encode())
    changes = (
        markdown(pa.array([sentence(options.changes)], pa.string()))[0].as_py()
        if options.changes
        else None
    )
    end = (
        f", licensed under [{LICENSE}]({LICENSE_URL})."
        + (f" Changes: {changes}" if changes else "")
        + "\n"
    )
    for batch in batches:
        creator = markdown(shown_creators(batch))
        what = pc.fill_null(join('"', markdown(batch.column("title")), '"'), "Photo")
        heading = headings(batch, "\n## ", creator, "\n\n")
        file.write(
            joined(
                heading,
                "- `",
                batch.column("hash"),
                ".jpg`: [",
                what,
                "](<",
                links(batch),
                ">) by ",
                creator,
                end,
            )
        )


def markdown(texts: pa.StringArray) -> pa.StringArray:
    """Texts whose every sign stands for itself, in CommonMark and on GitHub, within a line."""
    escaped = pc.replace_substring_regex(texts, _MARKDOWN, r"\\\1")
    # or GitHub makes a link of it
    return pc.replace_substring_regex(escaped, r"(?i)(www)\.", r"\1\\.")


FORMATS = (
    Format("txt", ".txt", write_txt, "people: a slide, a caption"),
    Format("md", ".md", write_md, "people: a repository"),
)
