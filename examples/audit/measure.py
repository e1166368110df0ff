"""Measures a detector on images that you labelled: recall, precision and false positives.

    python examples/audit/measure.py LABELLED --detector faces

LABELLED has two folders of images, `person` and `no_person`. An image counts as marked when its
highest score reaches the threshold. Behind each figure stands its 95% interval (Wilson 1927), which
is wide as long as the images are few.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from detectors import AuditError, Detect, load_detector

from pass_utils.errors import ImageError, PassError

FOLDERS = ("person", "no_person")
THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_Z = 1.959964  # of the normal distribution, for 95%


class Share(NamedTuple):
    """A share of images: so many of so many.

    >>> str(Share(8, 10))
    '0.80 (0.49-0.94)'
    """

    part: int
    total: int

    def interval(self) -> tuple[float, float]:
        """The Wilson score interval of 95%; 0 to 1 of no image.

        Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference,
        JASA 22 (1927).
        """
        if not self.total:
            return 0.0, 1.0
        share, weight = self.part / self.total, _Z**2 / self.total
        centre = (share + weight / 2) / (1 + weight)
        half = math.sqrt(weight * (share * (1 - share) + weight / 4)) / (1 + weight)
        return max(0.0, centre - half), min(1.0, centre + half)

    def __str__(self) -> str:
        if not self.total:
            return "-"
        low, high = self.interval()
        return f"{self.part / self.total:.2f} ({low:.2f}-{high:.2f})"


class Measured(NamedTuple):
    """A detector at a threshold.

    Attributes:
        threshold: The score from which an image is marked.
        recall: Marked images among those with a person.
        precision: Images with a person among the marked; depends on how many of each kind the
            folder has.
        false_positives: Marked images among those without a person.
    """

    threshold: float
    recall: Share
    precision: Share
    false_positives: Share


def score_images(folder: Path, detect: Detect) -> tuple[list[float], list[Path]]:
    """The highest score of each image in a folder, 0 where nothing was found; and the files that
    cannot be decoded, which have none.
    """
    scores, undecodable = [], []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            try:
                found = detect(path.read_bytes())
                scores.append(max((each.score for each in found), default=0.0))
            except ImageError:
                undecodable.append(path)
    return scores, undecodable


def measure(
    people: Sequence[float], others: Sequence[float], thresholds: Sequence[float]
) -> list[Measured]:
    """Compares scores with labels.

    Args:
        people: The scores of images with a person.
        others: The scores of images without one.
        thresholds: From which scores an image is marked.
    """
    results = []
    for threshold in thresholds:
        hits = sum(score >= threshold for score in people)
        alarms = sum(score >= threshold for score in others)
        results.append(
            Measured(
                threshold,
                Share(hits, len(people)),
                Share(hits, hits + alarms),
                Share(alarms, len(others)),
            )
        )
    return results


def main(arguments: list[str] | None = None) -> None:
    """Measure a detector from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("labelled", type=Path, help="folder with the folders person and no_person")
    parser.add_argument("--detector", default="faces", help="as of audit.py; default: %(default)s")
    parser.add_argument("--person-class", type=int, help="class of people in an ONNX model")
    parser.add_argument("--threshold", type=float, action="append", help="may be repeated")
    options = parser.parse_args(arguments)
    sys.path.insert(0, str(Path.cwd()))  # for module:function
    try:
        report(options)
    except PassError as err:
        sys.exit(f"error: {err}")


def report(options: argparse.Namespace) -> None:
    """Prints how the detector does at each threshold."""
    folders = [options.labelled / name for name in FOLDERS]
    detector = load_detector(options.detector, person_class=options.person_class)
    scored = [score_images(folder, detector.detect) for folder in folders]
    people, others = (scores for scores, _ in scored)
    if not people or not others:
        found = ", ".join(
            f"{len(scores)} in {folder.name}"
            for folder, (scores, _) in zip(folders, scored, strict=True)
        )
        raise AuditError(
            f"{options.labelled}: expected images in both of its folders {FOLDERS[0]} and "
            f"{FOLDERS[1]}, found {found}."
        )
    print(f"{detector.name}: {len(people)} images with a person, {len(others)} without")
    print(f"{'threshold':<11}{'recall':<20}{'precision':<20}false positives")
    for row in measure(people, others, options.threshold or THRESHOLDS):
        print(f"{row.threshold:<11.2f}{row.recall!s:<20}{row.precision!s:<20}{row.false_positives}")
    for _, undecodable in scored:
        for path in undecodable:
            print(f"not measured, since it cannot be decoded: {path}")
    print("This holds for images like these; it says nothing of PASS if these are not from PASS.")


if __name__ == "__main__":
    main()
