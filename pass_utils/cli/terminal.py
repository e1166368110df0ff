"""Plans, figures and rows in, lines on a terminal out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ..fetch import Plan
    from ..summary import Quartiles, Summary


def span(names: list[str]) -> str:
    """The first and the last of some names."""
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


def print_plan(made: Plan, base_url: str | None) -> None:
    """What would be fetched, a line for each file, and how much together."""
    from ..releases import file_url

    for task in made.tasks:
        sizes = f"{human_bytes(task.to_go):>9} of {human_bytes(task.file.size):>9}"
        url = file_url(made.release, task.file, base_url) if task.to_go else "-"
        click.echo(f"{task.state.value:<10} {sizes}  {task.file.name:<18} {url}")
    click.echo(f"{made.to_go:,} bytes to fetch")


def print_summary(summary: Summary) -> None:
    """The figures of a dataset, a line for each."""

    def share(count: int) -> str:
        return f"{count:,} ({count / max(summary.images, 1):.0%})"

    def spread(values: Quartiles | None, unit: str = "") -> str:
        if values is None:
            return "-"
        if values.min == values.max:
            return f"{values.min}{unit}"
        return f"{values.min} to {values.max}{unit}, half of them {values.lower} to {values.upper}, median {values.median}"

    shapes = {"landscape": summary.landscape, "portrait": summary.portrait, "square": summary.square}
    for name, value in (
        ("images", f"{summary.images:,}"),
        ("size", human_bytes(summary.image_bytes)),
        ("width", spread(summary.width, " pixels")),
        ("height", spread(summary.height, " pixels")),
        ("shape", ", ".join(f"{shape} {share(count)}" for shape, count in shapes.items())),
        ("creators", f"{summary.creators:,}"),
        ("taken", spread(summary.year)),
        ("with date", share(summary.with_date)),
        ("with place", share(summary.with_place)),
        ("licences", "CC BY 4.0 (the dataset), CC BY 2.0 (each photo)"),
    ):
        click.echo(f"  {name:<11} {value}")


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
