"""Marks images of PASS in which detectors see people, and writes pages on which people decide.

    python examples/audit/audit.py ~/pass -o audit/
    python examples/audit/audit.py ~/pass -o audit/ --detector faces --detector persons.onnx

An interrupted audit resumes: run the same command again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import datasets
from detectors import AuditError, Detector, load_detector
from filelock import FileLock, Timeout
from findings import Counts, open_marked, write_marked
from review import Facts, write_pages
from scanning import Plan, scan
from tqdm import tqdm

import pass_utils
from pass_utils.errors import PassError
from pass_utils.releases import release_of

RECORD = "audit.json"


def read_options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", help="folder of PASS, or of a subset of it")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the results")
    parser.add_argument("--release", help="release of PASS; default: the folder's")
    parser.add_argument(
        "--detector",
        action="append",
        metavar="NAME",
        help="faces, a model that ends in .onnx, or module:function; may be repeated; default: "
        "faces",
    )
    parser.add_argument("--person-class", type=int, help="class of people in an ONNX model")
    parser.add_argument(
        "--threshold", type=float, default=0.5, help="score that marks; default: %(default)s"
    )
    parser.add_argument("--include", action="append", metavar="FILE", help="these images only")
    parser.add_argument("--exclude", action="append", metavar="FILE", help="not these images")
    parser.add_argument("--sample", type=int, metavar="N", help="N images, chosen at random")
    parser.add_argument("--seed", type=int, help="of the sample; default: 0")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--part", type=int, default=256, help="images between two savings")
    parser.add_argument(
        "--thumbnail", type=int, default=384, help="longer side in pixels; default: %(default)s"
    )
    parser.add_argument(
        "--per-page", type=int, default=200, help="images on a page; default: %(default)s"
    )
    parser.add_argument("--yfcc", type=Path, help="YFCC100M's metadata, for links to Flickr")
    options = parser.parse_args(arguments)
    for name in ("workers", "part", "thumbnail", "per_page"):
        if getattr(options, name) < 1:
            parser.error(f"--{name.replace('_', '-')}: expected at least 1")
    if not 0 < options.threshold <= 1:
        parser.error("--threshold: expected a score above 0 and up to 1")
    return options


def audit(options: argparse.Namespace) -> Counts:
    """Runs an audit, or what is left of it, and writes its results."""
    sources = options.detector or ["faces"]
    detectors = [load_detector(each, person_class=options.person_class) for each in sources]
    if len({detector.name for detector in detectors}) < len(detectors):
        names = ", ".join(detector.name for detector in detectors)
        raise AuditError(f"--detector: expected different names, found {names}. Rename a model.")
    dataset = open_images(options)
    out = options.output
    (out / "parts").mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(out / ".lock", timeout=0):
            check_record(out, record_of(dataset, detectors, options))
            plan = Plan(
                dataset,
                sources,
                options.person_class,
                options.threshold,
                options.thumbnail,
                out / "parts",
                options.part,
            )
            left = sum(map(plan.rows, plan.left()))
            size = len(dataset)
            # on terminals only
            with tqdm(total=size, initial=size - left, unit=" images", disable=None) as bar:
                for rows in scan(plan, options.workers):
                    bar.update(rows)
            return write_results(plan, detectors, options)
    except Timeout as err:
        raise AuditError(
            f"{out}: expected no other audit there, found one that runs. Wait for it, or choose "
            "another folder."
        ) from err


def open_images(options: argparse.Namespace) -> datasets.Dataset:
    """The images to check, in place, as the bytes of their files."""
    chosen = {name: getattr(options, name) for name in ("include", "exclude", "sample", "seed")}
    dataset = datasets.load_dataset(
        "pass",
        options.release,
        data_dir=str(Path(options.folder).expanduser()),
        split="train",
        **{name: value for name, value in chosen.items() if value is not None},
    )
    return dataset.cast_column("image", datasets.Image(decode=False))


def record_of(
    dataset: datasets.Dataset, detectors: list[Detector], options: argparse.Namespace
) -> dict[str, Any]:
    """What the parts of an audit have in common."""
    hashes = hashlib.sha256("\n".join(dataset["hash"][:]).encode()).hexdigest()
    return {
        "images": len(dataset),
        "sha256 of hashes": hashes,
        "detectors": {detector.name: detector.version for detector in detectors},
        **{name: getattr(options, name) for name in ("threshold", "thumbnail", "part")},
    }


def check_record(out: Path, record: dict[str, Any]) -> None:
    """Refuses to resume another audit than the one of which there are parts."""
    path = out / RECORD
    if path.exists():
        earlier = json.loads(path.read_text(encoding="utf-8"))
        other = [name for name in record if record[name] != earlier.get(name)]
        if other:
            raise AuditError(
                f"{out}: expected an audit with the same {', '.join(other)}, found "
                f"{', '.join(str(earlier.get(name)) for name in other)}. Choose another folder, or "
                "run it with the same images and options as before."
            )
        return
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)


def write_results(plan: Plan, detectors: list[Detector], options: argparse.Namespace) -> Counts:
    """Writes the marked images, the pages and the list of images that cannot be decoded."""
    out = options.output
    counts = write_marked(plan.paths(), out / "marked.parquet")
    lines = ["hash", *counts.undecodable]
    (out / "undecodable.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    release = release_of(plan.dataset)
    facts = Facts(
        release.name if release else "PASS",
        counts.images,
        len(counts.undecodable),
        {detector.name: detector.version for detector in detectors},
        options.threshold,
    )
    with open_marked(out / "marked.parquet") as marked:
        pages = write_pages(marked, out, facts, per_page=options.per_page, yfcc=options.yfcc)
    size = sum(page.stat().st_size for page in pages) / 1e6
    print(
        f"{counts.images:,} images of {facts.release} checked, {counts.marked:,} marked, "
        f"{len(counts.undecodable):,} undecodable"
    )
    print(f"{out / 'marked.parquet'}: {counts.marked:,} images")
    print(f"{pages[0]}: {len(pages):,} page(s), {size:.1f} MB; open it in a browser")
    print("What no detector marked is unchecked, not clean: every detector misses people.")
    return counts


def speeds(counts: Counts) -> list[str]:
    """How fast each detector was, and what all of PASS would take."""
    release = pass_utils.RELEASES["v3"]
    lines = []
    for name, seconds in counts.seconds.items():
        rate = counts.images / seconds if seconds else float("inf")
        hours = release.images / rate / 3600
        lines.append(
            f"{name}: {rate:.1f} images a second and core; all {release.images:,} images of "
            f"{release.name} take {hours:.1f} core-hours"
        )
    return lines


def main() -> None:
    """Run an audit from the command line."""
    options = read_options()
    datasets.disable_progress_bars()
    sys.path.insert(0, str(Path.cwd()))  # for module:function
    try:
        counts = audit(options)
    except PassError as err:
        sys.exit(f"error: {err}")
    except KeyboardInterrupt:
        print("interrupted; run the same command again, and it resumes", file=sys.stderr)
        sys.exit(130)
    print("\n".join(speeds(counts)))


if __name__ == "__main__":
    main()
