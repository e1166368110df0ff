"""Curates a dataset like PASS from YFCC100M: `python curate.py CONFIG.toml`; see README.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from pipeline import Count, curate
from settings import read_config

from pass_utils import PassError


def table(counts: Sequence[Count]) -> str:
    """Returns the counts of the steps as text, a line for each step and each reason."""
    lines = [("step", "rows", "kept", "left out")]
    for count in counts:
        lines.append(
            (count.step, f"{count.rows:,}", f"{count.kept:,}", f"{count.rows - count.kept:,}")
        )
        lines += [(f"  {why}", "", "", f"{number:,}") for why, number in count.reasons.items()]
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *(line[i].rjust(widths[i]) for i in (1, 2, 3))])
        for line in lines
    )


@click.command()
@click.argument("config", type=click.Path(dir_okay=False, exists=True, path_type=Path))
def main(config: Path) -> None:
    """Make the dataset that CONFIG, a TOML file, describes. Run it again to resume."""
    try:
        settings = read_config(config)
        counts = curate(settings)
    except PassError as err:
        raise click.ClickException(str(err)) from err
    click.echo(table(counts))
    click.echo(f'\nOpen it with load_dataset("pass", data_dir="{settings.output}").')


if __name__ == "__main__":
    main()
