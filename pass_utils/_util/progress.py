"""Progress of transfers: bars on a terminal, a line each half minute elsewhere, and cancelling."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from typing import Any, TextIO

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from .threads import Stopped

_SECONDS_BETWEEN_LINES = 30.0
_SECONDS_BEFORE_BAR = 2


def is_quiet(quiet: bool | None) -> bool:
    """Returns whether to show no progress.

    Args:
        quiet: True for none, False for some, None for what `datasets` does: none after
            `datasets.disable_progress_bars()`.
    """
    import datasets

    return not datasets.utils.logging.is_progress_bar_enabled() if quiet is None else quiet


def count_bar(
    title: str, *, unit: str, total: int | None = None, quiet: bool | None = None
) -> tqdm[Any]:
    """A bar that counts something else than bytes, shown on a terminal when it takes long, and gone
    afterwards; `quiet` as in `is_quiet`.
    """
    return tqdm(
        desc=title,
        total=total,
        unit=f" {unit}",
        unit_scale=True,
        delay=_SECONDS_BEFORE_BAR,
        leave=False,
        disable=True if is_quiet(quiet) else None,
    )


class Progress:
    """Shows how far several files and all of them together have come, with speed and time left; a
    context manager.

    Counts are bytes. Safe to use from several threads. `stopped` is for whoever wants them to end.
    `quiet` is as in `is_quiet`.
    """

    def __init__(
        self, total: int, *, title: str, quiet: bool | None = None, stream: TextIO | None = None
    ) -> None:
        quiet = is_quiet(quiet)
        self.stopped = threading.Event()
        self._stream = stream or sys.stderr
        self._bars = not quiet and self._stream.isatty()
        self._lines = not quiet and not self._bars
        self._lock = threading.RLock()
        self._title = title
        self._files: dict[str, tqdm[Any]] = {}
        self._begin = self._last = time.monotonic()
        self._done, self._total = 0, total
        self._all = self._bar(title, total) if self._bars else None
        self._logs = contextlib.ExitStack()

    def start(self, name: str, size: int) -> None:
        """A file of `size` bytes."""
        with self._lock:
            if self._bars:
                self._files[name] = self._bar(name, size)

    def advance(self, name: str, count: int) -> None:
        """So many more bytes of a file; negative when they had to be set aside.

        Raises:
            Stopped: `stopped` is set; they are not counted.
        """
        if self.stopped.is_set():
            raise Stopped
        with self._lock:
            self._done += count
            if self._all is not None:
                self._all.update(count)
                self._files[name].update(count)
            elif self._lines and time.monotonic() - self._last >= _SECONDS_BETWEEN_LINES:
                self._last = time.monotonic()
                self._stream.write(self._line() + "\n")
                self._stream.flush()

    def finish(self, name: str) -> None:
        """A file is done with."""
        with self._lock:
            bar = self._files.pop(name, None)
            if bar is not None:
                bar.close()

    def _bar(self, name: str, size: int) -> tqdm[Any]:
        return tqdm(
            desc=name, total=size, unit="B", unit_scale=True, leave=False, file=self._stream
        )

    def _line(self) -> str:
        elapsed = time.monotonic() - self._begin
        return str(
            tqdm.format_meter(
                self._done,
                self._total,
                elapsed,
                prefix=self._title,
                unit="B",
                unit_scale=True,
                ncols=79,
            )
        )

    def __enter__(self) -> Progress:
        if self._bars:
            # above the bars, instead of in the middle of one
            self._logs.enter_context(logging_redirect_tqdm())
        return self

    def __exit__(self, *exc_info: object) -> None:
        for name in list(self._files):
            self.finish(name)
        if self._all is not None:
            self._all.close()
        self._logs.close()
