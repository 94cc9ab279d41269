"""The one agenda of virtual time: everything that happens later is an entry here.

Tie rule: entries of the same instant run in the order in which they were made. SimPy cannot take an entry back, so whoever
makes one that may become void must check when it runs.
"""

from collections.abc import Callable
from typing import Any

import simpy


class Agenda:
    """A SimPy environment seen as "call this then", in integer nanoseconds."""

    __slots__ = ("env",)

    def __init__(self, env: simpy.Environment) -> None:
        """Use `env`, whose time must be integer nanoseconds."""
        self.env = env

    @property
    def now(self) -> int:
        """The present instant in ns."""
        return int(self.env.now)

    def after(self, delay_ns: int, callback: Callable[[], None]) -> None:
        """Call `callback` when `delay_ns` have passed, after everything already due then."""

        def run(_event: Any) -> None:
            callback()

        entry = simpy.Timeout(self.env, delay_ns)
        entry.callbacks.append(run)
