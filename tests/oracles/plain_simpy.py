"""SimPy as it comes, behind the agenda's `after`, and the agenda stepped by SimPy's own `run`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import simpy

from simulator.agenda import Agenda


class PlainSimPy(simpy.Environment):
    """A SimPy environment of which nothing is overridden; entries are its timeouts."""

    if TYPE_CHECKING:
        now: int  # it starts at an int, and only ints are added

    def after(self, delay_ns: int, callback: Callable[[Any], None]) -> None:
        timeout = self.timeout(delay_ns)
        assert timeout.callbacks is not None
        timeout.callbacks.append(callback)


class SteppedAgenda(Agenda):
    """The agenda with its own entries, one step at a time under `simpy.Environment.run`."""

    run = simpy.Environment.run
