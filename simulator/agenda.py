"""The one agenda of virtual time: everything that happens later is an entry here.

Tie rule: entries of the same instant run in the order in which they were made. SimPy cannot take an entry
back, so whoever makes one that may become void must check when it runs.
"""

from collections.abc import Callable
from typing import Any

import simpy
from simpy.events import Timeout


class Agenda(simpy.Environment):
    """A SimPy environment in integer nanoseconds, with "call this then" as its common case."""

    def __init__(self) -> None:
        """Start at time 0."""
        super().__init__(0)
        self.entries_count = 0

    @property
    def now(self) -> int:
        """The present instant in ns."""
        return self._now  # type: ignore[return-value] # starts at an int, and only ints are added

    def after(self, delay_ns: int, callback: Callable[[Any], None]) -> None:
        """Call `callback` with its entry when `delay_ns` have passed, after everything already due then."""
        self.entries_count += 1
        Timeout(self, delay_ns).callbacks.append(callback)
