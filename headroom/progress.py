"""What is told while runs are under way, on stderr: a bar on a terminal, lines elsewhere."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINE_EVERY_S = 5.0


class Teller:
    """Speaks to the person at the terminal."""

    def __init__(self, *, quiet: bool = False) -> None:
        """Write to stderr, or not at all."""
        self.quiet = quiet
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """Print a line of progress."""
        if not self.quiet:
            self.console.print(text, markup=False)

    def count(self, title: str, total: int) -> "Counter":
        """Begin to count something up to `total`; a context manager."""
        if self.quiet or total == 0:
            return Counter()
        return Bar(self.console, title, total) if self.console.is_terminal else Lines(title, total)


class Counter:
    """Counts silently."""

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""

    def advance(self, count: int) -> None:
        """Say that `count` more are done."""


class Bar(Counter):
    """Counts with a bar, the rate and the time left."""

    def __init__(self, console: Console, title: str, total: int) -> None:
        """Lay the bar out."""
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=console,
            transient=True,
        )
        self.task = self.progress.add_task(title, total=total, rate="")
        self.done, self.began = 0, time.monotonic()

    def __enter__(self) -> Self:
        """Show it."""
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take it away."""
        self.progress.stop()

    def advance(self, count: int) -> None:
        """Move it."""
        self.done += count
        rate = self.done / max(1e-9, time.monotonic() - self.began)
        self.progress.update(self.task, advance=count, rate=f"{rate:.1f}/s")


class Lines(Counter):
    """Counts with a line every few seconds."""

    def __init__(self, title: str, total: int) -> None:
        """Begin at zero."""
        self.title, self.total, self.done = title, total, 0
        self.began = self.told = time.monotonic()

    def advance(self, count: int) -> None:
        """Print a line if the last is old enough, and at the end."""
        self.done += count
        now = time.monotonic()
        if self.done < self.total and now - self.told < LINE_EVERY_S:
            return
        self.told = now
        rate = self.done / max(1e-9, now - self.began)
        left = (self.total - self.done) / rate
        sys.stderr.write(f"{self.title}: {self.done}/{self.total}, {rate:.1f}/s, {left:.0f} s left\n")
