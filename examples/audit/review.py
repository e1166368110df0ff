"""Pages on which people decide: is there a person in a marked image, or not?

A page is a file without requests: thumbnails and script are in it. Decisions are kept by the
browser until they are saved as a list of removals, which `pass-utils` takes as `--exclude`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import jinja2
import numpy as np
from markupsafe import Markup

import pass_utils

_HERE = Path(__file__).parent
_AUTHORS = "https://github.com/yukimasano/PASS"
_HOMEPAGE = "https://www.robots.ox.ac.uk/~vgg/research/pass/"


class Facts(NamedTuple):
    """What pages say of the audit.

    Attributes:
        release: The name of the release, such as `v3`.
        images: Images that were checked.
        undecodable: Images that could not be decoded.
        detectors: Names and versions.
        threshold: The score from which an image was marked.
    """

    release: str
    images: int
    undecodable: int
    detectors: Mapping[str, str]
    threshold: float


class _Page(NamedTuple):
    number: int
    name: str
    images: int
    most: float
    least: float


def write_pages(
    marked: datasets.Dataset,
    folder: Path,
    facts: Facts,
    *,
    per_page: int = 200,
    yfcc: Path | None = None,
) -> list[Path]:
    """Writes the marked images into pages for review, from the highest score down.

    Args:
        marked: The images, their thumbnails not decoded.
        folder: Takes `review.html`, `review-2.html`, ...; pages of an earlier time are replaced.
        facts: What the pages say of the audit.
        per_page: Images on a page.
        yfcc: A file of YFCC100M's metadata, for links to the Flickr pages of the images.

    Returns:
        The pages.
    """
    names = marked.select_columns(["hash", "creator_username"])
    credits = {each.hash: each for each in pass_utils.credits(names, yfcc=yfcc)}
    order = np.lexsort((marked["hash"][:], -np.array(marked["score"][:], np.float64)))
    cut = [order[begin : begin + per_page] for begin in range(0, max(1, len(order)), per_page)]
    scores = marked["score"][:]
    pages = [
        _Page(
            number,
            "review.html" if number == 1 else f"review-{number}.html",
            len(rows),
            scores[rows[0]] if len(rows) else 1,
            scores[rows[-1]] if len(rows) else 0,
        )
        for number, rows in enumerate(cut, 1)
    ]
    shared = {
        **facts._asdict(),
        "pages": pages,
        "marked": len(marked),
        "audit": _identity(marked, facts),
        "authors": _AUTHORS,
        "homepage": _HOMEPAGE,
    }
    for old in folder.glob("review-*.html"):
        old.unlink()
    for page, rows in zip(pages, cut, strict=True):
        cards = [_card(marked[int(row)], credits) for row in rows]
        _write(folder / page.name, page=page, cards=cards, **shared)
    return [folder / page.name for page in pages]


def _identity(marked: datasets.Dataset, facts: Facts) -> str:
    """Under which browsers keep decisions: the same for the same findings."""
    seen = json.dumps([marked["hash"][:], dict(facts.detectors), facts.threshold])
    return hashlib.sha256(seen.encode()).hexdigest()[:16]


def _card(row: Mapping[str, Any], credits: Mapping[str, Any]) -> dict[str, Any]:
    best: dict[str, float] = {}
    for name, score in zip(row["detectors"], row["scores"], strict=True):
        best[name] = max(score, best.get(name, 0.0))
    return {
        **row,
        "found": ", ".join(f"{name} {score:.2f}" for name, score in sorted(best.items())),
        "boxes": _boxes(row["boxes"], row["scores"], row["detectors"]),
        "thumbnail": base64.b64encode(row["thumbnail"]["bytes"]).decode(),
        "credit": credits[row["hash"]],
    }


def _boxes(
    boxes: Sequence[Sequence[float]], scores: Sequence[float], names: Sequence[str]
) -> list[dict[str, Any]]:
    return [
        {"x": left, "y": top, "width": right - left, "height": bottom - top, "of": name, "score": s}
        for (left, top, right, bottom), s, name in zip(boxes, scores, names, strict=True)
    ]


def _write(path: Path, **values: Any) -> None:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    script = (_HERE / "review.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    megabytes = sum(len(card["thumbnail"]) for card in values["cards"]) / 1e6
    html = environment.get_template("review.html.j2").render(
        **values,
        script=Markup(script),
        script_digest=digest,
        megabytes=megabytes,
    )
    temporary = path.with_suffix(".part")
    temporary.write_text(html, encoding="utf-8")
    temporary.replace(path)
