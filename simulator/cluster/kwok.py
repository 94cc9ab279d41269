"""KWOK's simulated kubelets: a pod goes through stages, each after a delay, played by a few workers.

A stage is matched when the watch brings a change of the pod; its delay runs from there, then one of the
workers of all nodes together renders its template and makes its request (kubernetes-sigs/kwok
pkg/kwok/controllers/pod_controller.go). The stages: a bound pod is created, a created one is ready, a
deleted one is removed, whatever its grace period. There are no images, probes, volumes or events.
"""

from collections import deque
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

from engine.core.causes import Cause
from engine.core.effects import Ref, Resource
from simulator.agenda import Agenda
from simulator.attribution import Link, extend
from simulator.cluster.access import Access
from simulator.cluster.apiserver import Call
from simulator.cluster.hosted import Host, HostedClient
from simulator.cluster.kubelet import Kubelet
from simulator.cluster.node_services import NodeServices
from simulator.cluster.objects import has_ended, is_ready, key_of
from simulator.cluster.podstatus import running_status, waiting_status
from simulator.cluster.podworker import PodWorker
from simulator.cluster.reporter import CREATING, READY, REMOVE
from simulator.cluster.store import Key
from simulator.stations import Meter
from simulator.streams import Sampler, Stream, entity
from simulator.tasks import Occasion, Story, Task, Waitable

_CREATED, _READY, _GONE = range(3)
"""Ordinals of the stages' draws."""


class Stages:
    """What the simulated kubelets of all nodes share: delays and workers."""

    def __init__(
        self,
        agenda: Agenda,
        delays: tuple[Sampler, Sampler, Sampler],
        latency_ns: int,
        workers: int,
        stream: Stream,
        host: Host | None,
    ) -> None:
        """`delays` are those of created, ready and gone; each stage takes `latency_ns` besides."""
        self._latency_ns = latency_ns
        self.agenda = agenda
        self.meter = Meter("kwok.stages", workers)
        self._delays = delays
        self._stream = stream
        self._host = host
        self._idle = workers
        self._queue: deque[Occasion] = deque()

    def delay_ns(self, stage: int, pod: Resource) -> int:
        """Draw a stage's delay for this very pod."""
        return self._latency_ns + self._delays[stage](
            self._stream.uniform(entity(pod["metadata"]["uid"]), stage)
        )

    def turn(self) -> Occasion | None:
        """Ask for a worker; None: there is one."""
        now = self.agenda.now
        self.meter.arrive(now)
        if self._idle:
            self._idle -= 1
            self.meter.begin(now)
            return None
        turn = Occasion()
        self._queue.append(turn)
        return turn

    def release(self) -> None:
        """Give the worker to the next who waits."""
        now = self.agenda.now
        self.meter.end(now)
        if self._queue:
            self.meter.begin(now)
            turn = self._queue.popleft()
            self.agenda.after(0, turn.come)
        else:
            self._idle += 1

    def leave(self, turn: Occasion) -> None:
        """Wait no more, or give back what was waited for."""
        if turn in self._queue:
            self._queue.remove(turn)
            self.meter.begin(self.agenda.now)
            self.meter.end(self.agenda.now)
        else:
            self.release()

    def render(self) -> Occasion | None:
        """Do the work of a stage, where it is worth something."""
        if self._host is None:
            return None
        worked = Occasion()
        self._host.cpu.run("kubelets", self._host.work.number("kwok.stage"), worked.come)
        return worked


def stages_of(access: Access) -> Stages | None:
    """Return what simulated kubelets share, if the kubelets are simulated."""
    if not access.parameters["kwok.nodes"]:
        return None
    created, ready, gone = (access.sampler(f"kwok.stage.{name}") for name in ("created", "ready", "gone"))
    workers = int(access.number("kwok.stage_workers"))
    stages = Stages(
        access.agenda,
        (created, ready, gone),
        access.constant_ns("kwok.stage.latency"),
        workers,
        access.streams.stream("kwok.stage"),
        access.host,
    )
    access.stations.append(stages.meter)
    return stages


class StagedPod(PodWorker):
    """What KWOK does of one pod."""

    __slots__ = ("_stages",)

    def __init__(self, services: NodeServices, uid: str, stages: Stages) -> None:
        """Know nothing yet of the pod but its uid."""
        super().__init__(services, uid)
        self._stages = stages

    def begin(self, pod: Resource, link: Link) -> None:
        """Play the stages of a new pod."""
        self.task = Task(self._services.agenda, self._come_up(pod, link))

    def stop(self, pod: Resource, link: Link) -> None:
        """Play the stage of a deleted pod."""
        self.stopping = True
        if self.task is not None:
            self.task.cancel()
        self.task = Task(self._services.agenda, self._go(pod, link))

    def resume(self, pod: Resource, link: Link) -> None:
        """Look after the pod again: the stage that it is in begins anew."""
        if self.stopping or "deletionTimestamp" in pod["metadata"]:
            self.stop(pod, link)
        elif not has_ended(pod) and not is_ready(pod):
            self.begin(pod, link)

    def _come_up(self, pod: Resource, link: Link) -> Story:
        reporter = self._services.reporter
        link = yield from self._wait(_CREATED, pod, Cause.CONTAINER_START, link)
        status = partial(waiting_status, now=reporter.timestamp(), reason="ContainerCreating", admitted=pod)
        call = yield from self._play(pod, partial(self._write, pod, status, CREATING), link)
        self.started = True
        link = yield from self._wait(_READY, pod, Cause.READINESS, call.link)
        status = partial(running_status, now=reporter.timestamp(), ready=True, restarts=0)
        yield from self._play(pod, partial(self._write, pod, status, READY), link)

    def _go(self, pod: Resource, link: Link) -> Story:
        link = yield from self._wait(_GONE, pod, Cause.TERMINATION_GRACE, link)
        yield from self._play(pod, partial(self._remove, pod), link)

    def _remove(self, pod: Resource, link: Link) -> Call:
        reporter = self._services.reporter
        if not isinstance(reporter.client, HostedClient):
            return reporter.remove(pod, link)
        ref, uid = Ref("Pod", *reversed(key_of(pod))), pod["metadata"]["uid"]
        mark = partial(reporter.store.expire, ref, uid)
        operation = partial(reporter.store.remove, ref, uid=uid)
        return reporter.client.removal(mark, operation, reporter.key(REMOVE, pod), link)

    def _wait(
        self, stage: int, pod: Resource, cause: Cause, link: Link
    ) -> Generator["int | Waitable", Any, Link]:
        delay = self._stages.delay_ns(stage, pod)
        yield delay
        return extend(link, cause, self._services.agenda.now)

    def _write(self, pod: Resource, status: Any, what: int, link: Link) -> Call:
        reporter = self._services.reporter
        return reporter.patch_status(pod, status, reporter.key(what, pod), link)

    def _play(
        self, _pod: Resource, send: Callable[[Link], Call], link: Link
    ) -> Generator["int | Waitable", Any, Call]:
        stages = self._stages
        turn = stages.turn()
        if turn is not None:
            try:
                yield turn
            except GeneratorExit:
                stages.leave(turn)
                raise
        try:
            rendered = stages.render()
            if rendered is not None:
                yield rendered
            link = extend(link, Cause.CONTAINER_START, self._services.agenda.now)
            call = send(link)
            yield call
        finally:
            stages.release()
        return call


class SimulatedKubelet(Kubelet):
    """One node's agent, as KWOK simulates it."""

    stages: Stages

    def _worker(self, key: Key, pod: Resource) -> PodWorker:
        worker = self._pods[key] = StagedPod(self._services, pod["metadata"]["uid"], self.stages)
        return worker
