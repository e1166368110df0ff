"""Scores over seeds: means with intervals, differences from a random network, table and plot."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from scipy.stats import t as student_t


class Interval(NamedTuple):
    """A mean and its 95% confidence interval, None where one value gives none."""

    mean: float
    low: float | None
    high: float | None

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.mean:.1f}"
        return f"{self.mean:.1f} [{self.low:.1f}, {self.high:.1f}]"


class Score(NamedTuple):
    """What a network scored, seed by seed.

    Attributes:
        name: Of the weights, for people.
        network: The name of the network in timm.
        sha256: Of the file; None for a random network.
        protocol: Of the probe.
        values: By metric, one for each seed.
        baseline: The name of the random network that it is compared with; None for that itself.
    """

    name: str
    network: str
    sha256: str | None
    protocol: dict[str, Any]
    values: dict[str, list[float]]
    baseline: str | None


def interval(values: Sequence[float]) -> Interval:
    """Return the mean of values and its interval by Student's t, at 95%.

    It covers what the seeds change, and not which test images there are.
    """
    mean = statistics.fmean(values)
    if len(values) < 2:
        return Interval(mean, None, None)
    spread = statistics.stdev(values) / math.sqrt(len(values))
    half = float(student_t.ppf(0.975, len(values) - 1)) * spread
    return Interval(mean, mean - half, mean + half)


def difference(score: Score, scores: Sequence[Score], metric: str) -> Interval | None:
    """Return by how much a score exceeds that of its random network, seed by seed."""
    for other in scores:
        if other.name == score.baseline:
            pairs = zip(score.values[metric], other.values[metric], strict=True)
            return interval([mine - theirs for mine, theirs in pairs])
    return None


def to_json(scores: Sequence[Score], **facts: Any) -> dict[str, Any]:
    """Return everything as plain values.

    Args:
        scores: Of all networks.
        facts: What they share, such as the task, the data and the seeds.
    """
    return {
        **facts,
        "results": [
            {
                **score._asdict(),
                "metrics": {
                    metric: {
                        **interval(values)._asdict(),
                        "above_random": gain._asdict()
                        if (gain := difference(score, scores, metric))
                        else None,
                    }
                    for metric, values in score.values.items()
                },
            }
            for score in scores
        ],
    }


def table(scores: Sequence[Score]) -> str:
    """Return the scores as a Markdown table."""
    metrics = list(scores[0].values)
    lines = [["weights", "network"]]
    for metric in metrics:
        lines[0] += [f"{metric} (%)", "above random"]
    for score in scores:
        line = [score.name, score.network]
        for metric in metrics:
            gain = difference(score, scores, metric)
            line += [str(interval(score.values[metric])), "" if gain is None else str(gain)]
        lines.append(line)
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |"
        for line in lines
    )


def plot(scores: Sequence[Score], file: Path, *, title: str) -> None:
    """Draw the scores: a dot for each mean with its interval, and a faint one for each seed.

    Args:
        scores: Of all networks.
        file: PNG, SVG or PDF, by its suffix.
        title: What was measured.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    metrics = list(scores[0].values)
    figure, axes = plt.subplots(
        1,
        len(metrics),
        figsize=(4.2 * len(metrics) + 1.5, 1.3 + 0.5 * len(scores)),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    rows = range(len(scores))[::-1]
    for axis, metric in zip(axes[0], metrics, strict=True):
        for row, score in zip(rows, scores, strict=True):
            color = "0.45" if score.baseline is None else "tab:blue"
            values, found = score.values[metric], interval(score.values[metric])
            axis.plot(values, [row - 0.22] * len(values), "o", color=color, alpha=0.3, ms=4, mew=0)
            if found.low is not None and found.high is not None:
                axis.plot([found.low, found.high], [row, row], color=color, lw=2)
            axis.plot(found.mean, row, "o", color=color, ms=7)
            where = (found.mean, row)
            axis.annotate(
                f"{found.mean:.1f}", where, (0, 7), textcoords="offset points", ha="center"
            )
        axis.set_xlabel(f"{metric} (%)")
        axis.grid(axis="x", color="0.9")
        axis.set_axisbelow(True)
        axis.margins(x=0.12)
        axis.set_ylim(-0.6, len(scores) - 0.4)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0][0].set_yticks(list(rows), [score.name for score in scores])
    figure.suptitle(title, fontsize=11)
    figure.savefig(file, dpi=150)
    plt.close(figure)
