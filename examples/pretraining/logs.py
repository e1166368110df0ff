"""Logs of a run: a line on the terminal now and then, a CSV and TensorBoard for each step."""

from __future__ import annotations

import csv
import sys
import time
from pathlib import Path
from typing import Any

from schedules import Moment

COLUMNS = (
    *("step", "epoch", "loss", "lr", "weight_decay", "momentum", "temperature"),
    "images_per_second",
)


class Logs:
    """Writes the logs of a run into a folder; only the first process has any.

    Args:
        folder: For `log.csv` and the files of TensorBoard.
        begin: The step to begin with; what was logged of it and later ones is dropped.
        total: Steps of the run.
        every: Seconds between two lines on the terminal.
    """

    def __init__(self, folder: Path, begin: int, total: int, *, every: float) -> None:
        self.total, self.every, self.begin = total, every, begin
        self.started = self.printed = self.before = time.perf_counter()
        file = folder / "log.csv"
        rows = _rows(file, begin)
        self.file = file.open("w", newline="")
        self.csv = csv.writer(self.file)
        self.csv.writerows([COLUMNS, *rows])
        self.board = _tensorboard(folder, begin)

    def step(self, moment: Moment, loss: float) -> None:
        """Logs a step that was taken."""
        now = time.perf_counter()
        rate = moment.batch_size / (now - self.before)
        self.before = now
        values = {
            "epoch": moment.epoch,
            "loss": loss,
            "lr": moment.lr,
            "weight_decay": moment.weight_decay,
            "momentum": moment.momentum,
            "temperature": moment.temperature,
        }
        self.csv.writerow([moment.step, *values.values(), f"{rate:.1f}"])
        if self.board is not None:
            for name, value in {**values, "images_per_second": rate}.items():
                self.board.add_scalar(name, value, moment.step)
        done = moment.step + 1
        if now - self.printed >= self.every or done in (self.begin + 1, self.total):
            self.printed = now
            self._print(moment, loss, now)

    def _print(self, moment: Moment, loss: float, now: float) -> None:
        done = moment.step + 1
        per_step = (now - self.started) / (done - self.begin)
        left = time.strftime("%H:%M:%S", time.gmtime((self.total - done) * per_step % 86400))
        days = int((self.total - done) * per_step // 86400)
        print(
            f"step {done}/{self.total}  epoch {moment.epoch:.2f}  loss {loss:.4f}  "
            f"lr {moment.lr:.6f}  {moment.batch_size / per_step:.1f} images/s  "
            f"ETA {f'{days}d ' if days else ''}{left}",
            flush=True,
        )

    def flush(self) -> None:
        """Puts what was logged onto the disk, before a checkpoint relies on it."""
        self.file.flush()
        if self.board is not None:
            self.board.flush()

    def close(self) -> None:
        """Ends the logs."""
        self.file.close()
        if self.board is not None:
            self.board.close()


def _rows(file: Path, step: int) -> list[list[str]]:
    """The rows of an earlier log that lie before a step."""
    if not file.exists():
        return []
    with file.open(newline="") as source:
        return [row for row in list(csv.reader(source))[1:] if int(row[0]) < step]


def _tensorboard(folder: Path, step: int) -> Any:
    """The writer of TensorBoard; None where that is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        print("no TensorBoard: pip install tensorboard", file=sys.stderr)
        return None
    return SummaryWriter(str(folder), purge_step=step)
