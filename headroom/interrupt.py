"""Ctrl-C and SIGTERM as a flag that is looked at between runs, so that what is done is kept."""

import signal
from types import FrameType, TracebackType
from typing import Self


class Interrupt:
    """While entered, the first signal sets `seen`; a second one ends the process at once."""

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        """Nothing has been seen."""
        self.seen = False
        self._before: dict[signal.Signals, signal._HANDLER] = {}

    def __enter__(self) -> Self:
        """Take the signals."""
        for number in self.SIGNALS:
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.seen = True
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_DFL)
