"""A container that runs: seen by PLEG, probed, killed by its liveness, ended by itself."""

from collections.abc import Callable, Generator
from functools import partial
from typing import Any, Protocol

from engine.core.causes import Cause
from engine.core.effects import Resource
from simulator.attribution import Link, extend
from simulator.cluster.behaviour import Life
from simulator.cluster.container import MAIN, Container
from simulator.cluster.node_services import NodeServices
from simulator.cluster.podstatus import KILLED
from simulator.cluster.probe import Probing
from simulator.cluster.reporter import KILLING
from simulator.cluster.stopping import stops_ns
from simulator.tasks import Story, Task, Waitable


class Worker(Protocol):
    """The pod's worker, which is told."""

    def changed(self, link: Link) -> None:
        """Push the pod's status."""

    def spawn(self, story: Story) -> None:
        """Run a story of this pod's."""

    def ended(self, one: Container, code: int, reason: str) -> Generator["int | Waitable", Any, None]:
        """Go on after the end of a container."""


class Signal:
    """Something that a story waits for and another brings about."""

    __slots__ = ("done", "link")

    def __init__(self) -> None:
        """Nobody waits yet."""
        self.done: Callable[[Any], None] = _nobody
        self.link: Link


def _nobody(_signal: Any) -> None:
    """Nobody waits yet."""


class Lives:
    """The lives of one pod's containers."""

    __slots__ = ("_life", "_pod", "_services", "_worker", "awaited")

    def __init__(self, services: NodeServices, pod: Resource, life: Life, worker: Worker) -> None:
        """Follow no container yet."""
        self.awaited: dict[str, Signal] = {}
        """Given when a container has started, by its name."""
        self._services = services
        self._pod = pod
        self._life = life
        self._worker = worker

    def look_after(self, one: Container, link: Link) -> None:
        """Follow a container that runs: see it, probe it, wait for its end."""
        one.link = link
        agenda = self._services.agenda
        one.tasks.append(Task(agenda, self._follow(one)))
        end = self._end_of(one)
        if end is not None:
            one.tasks.append(Task(agenda, self.await_end(one, *end)))

    def _follow(self, one: Container) -> Story:
        """From the next relist on the container is known to run, and probed."""
        agenda, reporter = self._services.agenda, self._services.reporter
        seen = reporter.next_relist(agenda.now)
        yield seen - agenda.now
        one.link = extend(one.link, Cause.CONTAINER_START, seen)
        if one.startup is None:
            self.begin_probes(one)
        else:
            probing = Probing(one.startup, one.begun, self._failing(one, "startup"), one.is_up)
            self._probe(one, probing, partial(self._startup_told, one))
        self._worker.changed(one.link)

    def begin_probes(self, one: Container) -> None:
        """Startup is over, or was never asked for: readiness and liveness begin."""
        one.started = True
        if one.readiness is None:
            one.ready = True
        else:
            probing = Probing(one.readiness, one.begun, self._failing(one, "readiness"), one.is_up)
            self._probe(one, probing, partial(self._readiness_told, one))
        if one.liveness is not None:
            probing = Probing(one.liveness, one.begun, self._failing(one, "liveness"), one.is_up)
            self._probe(one, probing, partial(self._liveness_told, one))
        signal = self.awaited.pop(one.name, None)
        if signal is not None:
            signal.link = one.link
            signal.done(signal)

    def _probe(self, one: Container, probing: Probing, told: Callable[[bool], bool]) -> None:
        agenda, reporter = self._services.agenda, self._services.reporter
        failed = partial(reporter.tell_again, self._pod, "unhealthy")
        one.tasks.append(Task(agenda, probing.story(lambda: agenda.now, told, failed)))

    def _failing(self, one: Container, probe: str) -> list[Any]:
        return [failing for failing in one.failing.get(probe, ()) if failing.concerns(one.restarts)]

    def _startup_told(self, one: Container, succeeds: bool) -> bool:  # noqa: FBT001 - a probe's result
        one.link = extend(one.link, Cause.READINESS, self._services.agenda.now)
        if succeeds:
            self.begin_probes(one)
            self._worker.changed(one.link)
        else:
            self._kill(one)
        return False

    def _readiness_told(self, one: Container, succeeds: bool) -> bool:  # noqa: FBT001 - a probe's result
        if one.ready != succeeds:
            one.ready = succeeds
            one.link = extend(one.link, Cause.READINESS, self._services.agenda.now)
            self._worker.changed(one.link)
        return True

    def _liveness_told(self, one: Container, succeeds: bool) -> bool:  # noqa: FBT001 - a probe's result
        if not succeeds:
            self._kill(one)
        return succeeds

    def _kill(self, one: Container) -> None:
        """Stop a container that its probe has given up, within the pod's grace; its restart follows."""
        grace_ns = self._pod["spec"].get("terminationGracePeriodSeconds", 30) * 1_000_000_000
        stops = stops_ns(self._services.behaviours, self._pod, one, grace_ns)
        self._services.reporter.tell_of(self._pod, KILLING)
        self._worker.spawn(self._killed(one, stops))

    def _killed(self, one: Container, stops: int) -> Story:
        one.cancel()
        yield stops
        one.link = extend(one.link, Cause.TERMINATION_GRACE, self._services.agenda.now)
        yield from self._worker.ended(one, KILLED, "Error")

    def _end_of(self, one: Container) -> tuple[int, int, str] | None:
        """Return when a container ends by itself, with its exit code and why; None if it does not."""
        if one.kind != MAIN:
            return None
        life = self._life
        ends: list[tuple[int, int, str]] = []
        crashed = life.crashes_after(one.key, one.restarts)
        if crashed is not None:
            ends.append((one.begun + crashed, 1, "Error"))
        if one.declared and life.run_ns is not None:
            reason = "Error" if life.exit_code else "Completed"
            ends.append((one.begun + life.run_ns, life.exit_code, reason))
        if one.declared:
            killed = self._services.behaviours.out_of_memory_after(self._pod)
            if killed is not None:
                ends.append((one.begun + killed, KILLED, "OOMKilled"))
        return min(ends) if ends else None

    def await_end(self, one: Container, at: int, code: int, reason: str) -> Story:
        """Wait until a container ends by itself."""
        agenda = self._services.agenda
        yield max(0, at - agenda.now)
        self._worker.spawn(self._ended_by_itself(one, code, reason))  # not one of its own tasks: it ends them

    def _ended_by_itself(self, one: Container, code: int, reason: str) -> Story:
        one.cancel()
        cause = Cause.JOB_RUN if reason == "Completed" else Cause.READINESS
        one.link = extend(one.link, cause, self._services.agenda.now)
        yield from self._worker.ended(one, code, reason)
