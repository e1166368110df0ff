"""What commands print on standard output, for people or as JSON."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ..export.planning import ExportPlan
    from ..export.resume import Written
    from ..releases import Release
    from ..statistics import Quartiles, Statistics
    from ..transfer.planning import Plan

GO_ON = "Run the same command again to go on where this one stopped."


def print_json(document: Mapping[str, Any]) -> None:
    """One document in ASCII, which any terminal and any program takes."""
    click.echo(json.dumps(document, indent=2))


def span(names: Sequence[str]) -> str:
    """The first and the last of some names."""
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


def print_files(
    out: str, rows: int, written: Sequence[Written], facts: Mapping[str, Any] | None
) -> None:
    """What was exported to `out`, of so many rows: in a line, or as JSON that begins with the
    facts.
    """
    size = sum(file.size for file in written)
    skipped = sum(len(file.skipped) for file in written)
    rows -= skipped
    if facts is not None:
        files = [file._asdict() for file in written]
        left = {"skipped": skipped} if skipped else {}
        print_json({**facts, "rows": rows, **left, "bytes": size, "files": files})
        return
    also = f", {skipped:,} left out" if skipped else ""
    names = span([file.name for file in written])
    click.echo(f"{out}: {rows:,} rows{also}, {human_bytes(size)}, as {names}")


def print_planned_files(
    out: str,
    plans: Collection[ExportPlan],
    facts: Mapping[str, Any] | None,
    folders: Sequence[str] = (),
) -> None:
    """What would be written to `out`, and from which folders besides shards: in lines, or as JSON
    that begins with the facts; sizes are about right.
    """
    rows, size = sum(plan.rows for plan in plans), sum(plan.bytes for plan in plans)
    files = [
        {"name": name, "size": plan.size(index)}
        for plan in plans
        for index, name in enumerate(plan.names)
    ]
    if facts is not None:
        found = {"folders": list(folders)} if folders else {}
        print_json({**facts, "rows": rows, "bytes": size, "files": files, **found})
        return
    names = span([str(file["name"]) for file in files])
    click.echo(f"{out}: {rows:,} rows, about {human_bytes(size)}, as {names}")
    for folder in folders:
        click.echo(f"with files of {folder}")


def print_plan(made: Plan, base_url: str | None) -> None:
    """What would be fetched, a line for each file, and how much together from where."""
    from ..net.urls import without_secrets
    from ..releases import file_url

    for task in made.tasks:
        of = (
            f"  {human_bytes(task.bytes_to_fetch)} of it to fetch"
            if 0 < task.bytes_to_fetch < task.file.size
            else ""
        )
        click.echo(f"{task.state.value:<10} {human_bytes(task.file.size):>9}  {task.file.name}{of}")
    source = file_url(made.release, made.release.metadata, base_url).removesuffix(
        made.release.metadata.name
    )
    click.echo(
        f"\n{human_bytes(made.bytes_to_fetch)} ({made.bytes_to_fetch:,} bytes) to fetch from "
        f"{without_secrets(source)}"
    )


def print_statistics(statistics: Statistics, release: Release | None = None) -> None:
    """Print the statistics of a dataset, a line for each figure, and how many images its release
    has in all.
    """
    from ..releases import DATASET_LICENSE, LICENSE

    of = statistics.resolutions
    counts = {
        "landscape": of.landscape,
        "portrait": of.portrait,
        "square": of.square,
        "with date": statistics.with_date,
        "located": statistics.with_location,
    }
    if statistics.broken:
        counts["broken"] = statistics.broken
    width = len(f"{statistics.images:,}")
    total = f" of the {release.images:,} of release {release.name}" if release else ""
    lines = {
        "images": f"{statistics.images:,}{total}",
        **{
            name: f"{count:>{width},} {count / max(statistics.images, 1):>5.0%}"
            for name, count in counts.items()
        },
        "creators": f"{statistics.creators:>{width},}",
        "width": _spread(of.width, " pixels"),
        "height": _spread(of.height, " pixels"),
        "taken": _spread(statistics.year),
        "size": human_bytes(statistics.image_bytes),
        "licences": f"{DATASET_LICENSE} (the dataset), {LICENSE} (each photo)",
    }
    for name, value in lines.items():
        click.echo(f"  {name:<11} {value}")


def _spread(values: Quartiles | None, unit: str = "") -> str:
    if values is None:
        return "-"
    if values.min == values.max:
        return f"{values.min}{unit}"
    return (
        f"{values.min} to {values.max}{unit}, median {values.median}, half {values.lower} to "
        f"{values.upper}"
    )


def human_bytes(count: int) -> str:
    """A number of bytes as people say it.

    >>> human_bytes(384_101)
    '384.1 kB'
    """
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.95:  # or it would read 1000.0
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def print_heading(text: str) -> None:
    """A line in bold, after an empty one."""
    click.echo()
    click.secho(text, bold=True)


def print_code(text: str) -> None:
    """A line of code."""
    click.secho(f"  {text}", fg="cyan")


def print_row(row: dict[str, Any]) -> None:
    """A row in the form of the dataset card."""
    lines = [f"  {name!r}: {value!r}," for name, value in row.items()]
    click.echo("\n".join(["{", *lines, "}"]))
