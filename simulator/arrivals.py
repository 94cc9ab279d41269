"""How executions arrive: a burst, users who wait for their own, a Poisson stream, or as was recorded."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from engine.core.facts import ExecutionFacts
from scenarios.runspec import LoadSpec
from simulator.agenda import Agenda
from simulator.streams import Stream

SECOND_NS = 1_000_000_000


class Arrivals:
    """Submits executions by index, from 0, and knows when no more will come."""

    def __init__(self, agenda: Agenda, load: LoadSpec, stream: Stream, submit: Callable[[int], None]) -> None:
        """Call `submit` with the index of each execution as it arrives."""
        self._agenda = agenda
        self._load = load
        self._stream = stream
        self._submit = submit
        self._next = 0
        self._users: dict[int, int] = {}
        self._thoughts: dict[int, int] = {}
        self._thinking = 0
        self._gaps = iter([int(word) for word in load.gaps.split()])
        self.over = False

    def start(self) -> None:
        """Begin at time 0."""
        load = self._load
        if load.kind == "open":
            self._schedule_next()
            return
        if load.kind == "trace":
            self._schedule_recorded()
            return
        count = load.count if load.kind == "burst" else load.users
        self.over = load.kind == "burst"
        for user in range(count):
            self._arrive(user)

    def ended(self, facts: ExecutionFacts) -> None:
        """Let the user whose execution has ended think, then submit the next."""
        if self._load.kind != "closed":
            return
        user = self._users.pop(facts.index)
        think = 0
        if self._load.think_ns:
            thought = self._thoughts[user] = self._thoughts.get(user, 0) + 1
            think = round(-self._load.think_ns * math.log(self._stream.uniform(user, thought)))
        if self._agenda.now + think < self._load.for_ns:
            self._thinking += 1
            self._agenda.after(think, partial(self._thought, user))
        self.over = not self._thinking and self._agenda.now + think >= self._load.for_ns and not self._users

    def _thought(self, user: int, _event: Any) -> None:
        self._thinking -= 1
        self._arrive(user)

    def _arrive(self, user: int) -> None:
        index = self._next
        self._next += 1
        if self._load.kind == "closed":
            self._users[index] = user
        self._submit(index)

    def _schedule_next(self) -> None:
        gap = -math.log(self._stream.uniform(self._next)) / self._load.rate_per_s
        at = self._agenda.now + round(gap * SECOND_NS)
        if at >= self._load.for_ns:
            self.over = True
            return
        self._agenda.after(at - self._agenda.now, self._poisson)

    def _poisson(self, _event: Any) -> None:
        self._arrive(0)
        self._schedule_next()

    def _schedule_recorded(self) -> None:
        gap = next(self._gaps, None)
        if gap is None:
            self.over = True
            return
        self._agenda.after(gap, self._recorded)

    def _recorded(self, _event: Any) -> None:
        self._arrive(0)
        self._schedule_recorded()
