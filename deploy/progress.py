"""Progress of long work on standard error: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

PLAIN_EVERY_S = 3.0


class Reporter:
    """Shows steps, and how far the current one is; use as a context manager.

    Examples
    --------
    >>> with Reporter(quiet=True) as report:
    ...     report.step("downloading")
    ...     report.fraction(0.5)
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._console = Console(stderr=True)
        self._bar: Progress | None = None
        self._text = ""
        self._said_at = 0.0

    def __enter__(self) -> Self:
        if self._console.is_terminal and not self._quiet:
            self._bar = Progress(
                TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(),
                console=self._console, transient=True,
            )  # fmt: skip
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def step(self, text: str) -> None:
        """Begin a step; the one before is done."""
        self._text = text
        self._said_at = time.monotonic()
        if self._bar is not None:
            for task in self._bar.task_ids:
                self._bar.remove_task(task)
            self._bar.add_task(text, total=None)
        elif not self._quiet:
            print(text, file=sys.stderr, flush=True)  # noqa: T201

    def fraction(self, done: float) -> None:
        """Say how far the current step is, from 0 to 1."""
        if self._bar is not None and self._bar.task_ids:
            self._bar.update(self._bar.task_ids[-1], total=1.0, completed=done)
        elif not self._quiet and time.monotonic() - self._said_at >= PLAIN_EVERY_S:
            self._said_at = time.monotonic()
            print(f"{self._text}: {done:.0%}", file=sys.stderr, flush=True)  # noqa: T201
