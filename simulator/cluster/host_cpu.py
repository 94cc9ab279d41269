"""A machine whose cores are shared by named components: clients, API server, etcd, controllers and the rest.

Linux shares the cores among runnable *threads*, and a process shares its threads among its own jobs. A
component with `threads` threads and n jobs has min(threads, n) of them runnable; each runnable thread of the
machine runs at the same speed, at most that of one core; the jobs of a component share its threads evenly
(processor sharing in two stages). So a small component beside a busy one is not starved by the other's
queue, and an interpreter with a global lock (one thread) cannot use a second core.
"""

from collections.abc import Callable, Mapping
from heapq import heappop, heappush
from math import ceil
from typing import Any

from simulator.agenda import Agenda
from simulator.stations import Meter

Done = Callable[[Any], None]


class _Component:
    """The jobs of one component, by the work after which each is done."""

    __slots__ = ("done_work", "jobs", "rate", "threads")

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.jobs: list[tuple[float, int, Done]] = []
        self.done_work = 0.0  # of every job that has been here all the time, in ns
        self.rate = 0.0  # of one job: ns of work in a ns


class CpuMeter(Meter):
    """The totals of the machine: how many cores work, and how many jobs have none."""

    __slots__ = ()

    def hold(self, now: int, serving: int, waiting: int) -> None:
        """Count so many from now on."""
        if now != self._at:
            self._advance(now)
        self._stamps_ns += (self._waiting - waiting) * now
        self._serving = serving
        self._waiting = waiting
        self.queue_length_max = max(self.queue_length_max, waiting)


class HostCpu:
    """The station of the cores."""

    def __init__(self, agenda: Agenda, cores: int, threads: Mapping[str, int], waking_ns: int = 0) -> None:
        """Give components their `threads`; one that is not named has as many as there are cores.

        `waking_ns` is what a component does besides, when a job finds it idle.
        """
        self._waking_ns = waking_ns
        self.meter = CpuMeter("host.cpu", cores)
        self._agenda = agenda
        self._cores = cores
        self._threads = threads
        self._components: dict[str, _Component] = {}
        self._number = 0
        self._at = 0
        self._due = -1  # of the entry that is the next to count; a later one was overtaken

    def run(self, component: str, work_ns: int, done: Done) -> None:
        """Do `work_ns` of work in a component, then call `done`."""
        if work_ns <= 0:
            self._agenda.after(0, done)
            return
        found = self._components.get(component)
        if found is None:
            found = self._components[component] = _Component(self._threads.get(component, self._cores))
        self._advance()
        if not found.jobs and found.threads > 1:
            work_ns += self._waking_ns
        self._number += 1
        self.meter.arrivals_count += 1
        heappush(found.jobs, (found.done_work + work_ns, self._number, done))
        self._share()

    def _advance(self) -> None:
        """Bring the work done up to now."""
        now = self._agenda.now
        elapsed = now - self._at
        if elapsed:
            for component in self._components.values():
                if component.jobs:
                    component.done_work += elapsed * component.rate
            self._at = now

    def _share(self) -> None:
        """Share the cores anew, and look again when the next job is done."""
        busy = [component for component in self._components.values() if component.jobs]
        runnable = jobs = 0
        for component in busy:
            jobs += len(component.jobs)
            runnable += min(component.threads, len(component.jobs))
        now, cores = self._agenda.now, self._cores
        self.meter.hold(now, min(runnable, cores), jobs - min(runnable, cores))
        if not busy:
            self._due = -1
            return
        speed = 1.0 if runnable <= cores else cores / runnable
        left = float("inf")
        for component in busy:
            count = len(component.jobs)
            component.rate = speed * min(component.threads, count) / count
            left = min(left, (component.jobs[0][0] - component.done_work) / component.rate)
        due = now + max(0, ceil(left))
        if due != self._due:
            self._due = due
            self._agenda.after(due - now, self._look)

    def _look(self, _entry: Any) -> None:
        """Let go of the jobs that are done."""
        now = self._agenda.now
        if now != self._due:
            return  # overtaken by a later arrival or departure
        self._due = -1
        self._advance()
        over: list[tuple[int, Done]] = []
        for component in self._components.values():
            jobs = component.jobs
            while jobs and jobs[0][0] <= component.done_work + 0.5:  # half a nanosecond: rounding
                _, number, done = heappop(jobs)
                over.append((number, done))
            if not jobs:
                component.done_work = 0.0
        self._share()
        for _, done in sorted(over, key=lambda one: one[0]):
            done(None)
