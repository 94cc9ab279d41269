"""A pod's worker in the kubelet, the long way: several containers, each with its state, restarts and probes.

Init containers run one after the other; a sidecar (an init container that is always restarted) only has to
start before the next; then the others start in order. Each has its own probes: startup holds the other two
back, a liveness that fails kills, and what ends is restarted after its back-off, as the policy says.
Stopping, sidecars are the last to go.
"""

from collections.abc import Generator
from functools import partial
from typing import Any

from engine.core.causes import Cause
from engine.core.effects import Resource
from simulator.attribution import Link, extend, root
from simulator.cluster.backoff import FORGOTTEN_AFTER_NS, crash_backoff_ns
from simulator.cluster.behaviour import Life
from simulator.cluster.container import INIT, MAIN, SIDECAR, Container, containers_of, first_main
from simulator.cluster.containerlife import Lives, Signal
from simulator.cluster.node_services import NodeServices
from simulator.cluster.objects import has_ended, key_of
from simulator.cluster.podstatus import KILLED, full_status
from simulator.cluster.podworker import PodWorker
from simulator.cluster.reporter import BACK_OFF, CREATED, KILLING, PULLED, STARTED
from simulator.cluster.stopping import GRACE_NS, pod_stops_ns, stops_ns
from simulator.tasks import Story, Task, Waitable


def _nothing() -> None:
    """The application is up already."""


class FullWorker(PodWorker):
    """What a kubelet knows and does of one pod with anything but one plain container."""

    __slots__ = (
        "_containers", "_dirty", "_initialized", "_life", "_link", "_lives", "_over", "_pod", "_stories",
        "_writing",
    )  # fmt: skip

    def __init__(self, services: NodeServices, uid: str) -> None:
        """Know nothing yet of the pod but its uid."""
        super().__init__(services, uid)
        self._containers: list[Container] = []
        self._initialized = self._over = self._dirty = self._writing = False
        self._lives: Lives
        self._stories: list[Task] = []  # of containers that end and start again
        self._life: Life
        self._link: Link
        self._pod: Resource

    # -- what the kubelet asks

    def adopt(self, pod: Resource) -> None:
        """Take over a pod that runs since before time 0: all its containers are up."""
        if has_ended(pod):
            return
        super().adopt(pod)
        self._read(pod)
        now = self._services.agenda.now
        told = {one["name"]: one for one in (pod.get("status") or {}).get("containerStatuses") or ()}
        for one in self._containers:
            if one.kind == INIT:
                one.ended, one.reason = True, "Completed"
                continue
            one.running = one.started = one.ready = True
            one.up_at = one.begun = now
            one.restarts = told.get(one.name, {}).get("restartCount", 0)
            one.since = ((told.get(one.name, {}).get("state") or {}).get("running") or {}).get(
                "startedAt", ""
            )
        self._initialized = True
        self._services.behaviours.begun[self.uid] = now
        first = first_main(self._containers)
        first.link = self._link = root(now)
        if first.failing:
            self._lives.begin_probes(first)
        killed = self._services.behaviours.out_of_memory_after(pod)
        if killed is not None:
            story = self._lives.await_end(first, now + killed, KILLED, "OOMKilled")
            first.tasks.append(Task(self._services.agenda, story))
        if self._services.cpu is not None:
            self._services.cpu.begin(pod, 0, _nothing)

    def evict(self, pod: Resource, link: Link, message: str) -> None:
        """Kill the pod's containers at once for want of a resource, and let it fail."""
        if self._services.cpu is not None:
            self._services.cpu.end(pod)
        for one in self._containers:
            one.running = one.ready = False
        self._over = True
        super().evict(pod, link, message)

    def stop(self, pod: Resource, link: Link) -> None:
        """Stop the pod's containers, then remove the pod."""
        self._cancel_stories()
        super().stop(pod, link)

    def _cancel_stories(self) -> None:
        for one in self._containers:
            one.cancel()
        stories, self._stories = self._stories, []
        for story in stories:
            story.cancel()

    def spawn(self, story: Story) -> None:
        """Run a story of this pod's, until it ends or nobody looks after the pod any more."""
        self._stories = [one for one in self._stories if one.alive]
        self._stories.append(Task(self._services.agenda, story))

    def freeze(self) -> None:
        """Nobody looks after the pod any more; its containers go on by themselves."""
        super().freeze()
        self._cancel_stories()
        self._writing = False

    def drop(self) -> None:
        """Forget the pod: it is gone from the API, and its containers with it."""
        self.freeze()
        self._services.behaviours.begun.pop(self.uid, None)
        if self._services.cpu is not None and self._containers:
            self._services.cpu.end(self._pod)

    def lose(self) -> None:
        """Let the containers go down with their node."""
        self.freeze()
        self.lost = any(one.running for one in self._containers)
        if self.lost and self._services.cpu is not None:
            self._services.cpu.end(self._pod)
        for one in self._containers:
            if one.running:
                one.restarts += 1
                one.code = KILLED
            one.running = one.ready = one.started = one.ended = False
            one.reason = "ContainerCreating"
        self.started = self._initialized = False

    def _go_on(self, pod: Resource, link: Link) -> Story:
        """Take up containers that ran on by themselves."""
        self._read(pod)
        self._link = link
        for one in self._containers:
            if one.running:
                self._lives.look_after(one, extend(link, Cause.CONTAINER_START, self._services.agenda.now))
        self.changed(link)
        yield from self._start_rest(link)

    def _start_anew(self, pod: Resource, link: Link) -> Story:
        """Report what went down with the node, and start it again if its policy says so."""
        self.started = False
        if pod["spec"].get("restartPolicy") == "Never":
            for one in self._containers:
                one.ended, one.code, one.reason = True, KILLED, "ContainerStatusUnknown"
            self._over = True
            self.changed(link)
            return
        self.changed(link)
        yield from self._start(pod, link)

    # -- starting

    def _read(self, pod: Resource) -> None:
        behaviours = self._services.behaviours
        self._pod = pod
        self._life = behaviours.life(pod)
        if not self._containers:
            self._containers = containers_of(pod, behaviours.failing_probes(pod))
        self._lives = Lives(self._services, pod, self._life, self)

    def _run(self, pod: Resource, _life: Life, _name: int, link: Link, *, running: bool = False) -> Story:
        """Start all containers in order that do not run yet."""
        del running
        self._read(pod)
        self._link = link
        yield from self._start_rest(link)

    def _start_rest(self, link: Link) -> Generator["int | Waitable", Any, None]:
        sandbox = not any(one.running or one.ended for one in self._containers)
        for one in self._containers:
            if one.kind == INIT and not one.ended:
                link = yield from self._run_init(one, link, sandbox=sandbox)
                if self._over:
                    return
            elif one.kind == SIDECAR and not one.running:
                link = yield from self._start_one(one, link, sandbox=sandbox)
                signal = self._lives.awaited[one.name] = Signal()
                self._lives.look_after(one, link)
                if not one.started:
                    yield signal
                    link = signal.link
            sandbox = False
        self._initialized = True
        first = not any(one.running or one.ended for one in self._containers if one.kind == MAIN)
        alone = first and not any(one.kind != MAIN for one in self._containers)
        for one in self._containers:
            if one.kind == MAIN and not one.running and not one.ended:
                link = yield from self._start_one(one, link, sandbox=alone)
                self._lives.look_after(one, link)
                alone = False

    def _start_one(
        self, one: Container, link: Link, *, sandbox: bool
    ) -> Generator["int | Waitable", Any, Link]:
        """Take a start seat; the pod's first container takes the sandbox with it."""
        services = self._services
        settings, agenda, reporter = services.settings, services.agenda, services.reporter
        sampler = settings.container_start if sandbox else settings.container_extra
        reporter.tell_of(self._pod, PULLED)
        service = sampler(settings.stream.uniform(one.key, one.restarts))
        if settings.slower_per_pod:
            service = round(service * (1 + settings.slower_per_pod * services.pods_count))
        now = agenda.now
        yield services.starts.reserve(now, service) + service - now
        self.started = one.running = True
        one.begun = self.begun = agenda.now
        one.since = reporter.timestamp()
        one.ended = one.started = one.ready = False
        reporter.tell_of(self._pod, CREATED)
        reporter.tell_of(self._pod, STARTED)
        if one.kind == MAIN and one is first_main(self._containers):
            services.behaviours.begun[self.uid] = agenda.now
        self._begin_application(one)
        return extend(link, Cause.CONTAINER_START, agenda.now)

    def _begin_application(self, one: Container) -> None:
        """Let the application start up: at its own pace, or as the node's CPU allows."""
        startup_ns = self._life.startup_ns if one is first_main(self._containers) else 0
        one.up_at = one.begun + startup_ns
        cpu = self._services.cpu
        if cpu is not None and one is first_main(self._containers):
            one.up_at = None
            cpu.begin(self._pod, startup_ns, partial(self._came_up, one))

    def _came_up(self, one: Container) -> None:
        one.up_at = self._services.agenda.now

    def _run_init(
        self, one: Container, link: Link, *, sandbox: bool
    ) -> Generator["int | Waitable", Any, Link]:
        """Run an init container until it succeeds; if it fails, again after its back-off, or not at all."""
        services = self._services
        agenda, reporter = services.agenda, services.reporter
        while True:
            if not one.running:
                link = yield from self._start_one(one, link, sandbox=sandbox)
            sandbox = False
            works_ns, code = services.behaviours.init_work(self._pod, one.key, one.restarts)
            yield max(0, one.begun + works_ns - agenda.now)
            over = agenda.now
            yield reporter.next_relist(over) - over
            one.running, one.code = False, code
            one.since, one.reason = reporter.timestamp(), "Error" if code else "Completed"
            link = extend(extend(link, Cause.INIT_CONTAINER, over), Cause.CONTAINER_START, agenda.now)
            if not code:
                one.ended = one.ready = True
                self.changed(link)
                return link
            if self._pod["spec"].get("restartPolicy") == "Never":
                one.ended = self._over = True
                self.changed(link)
                return link
            link = yield from self._back_off(one, link)
            one.restarts += 1

    def _back_off(self, one: Container, link: Link) -> Generator["int | Waitable", Any, Link]:
        """Wait until a container that has ended may be started again."""
        agenda = self._services.agenda
        if agenda.now - one.begun >= FORGOTTEN_AFTER_NS:
            one.backed_off = 0
        wait = crash_backoff_ns(one.backed_off)
        one.backed_off += 1
        if wait:
            one.reason = "CrashLoopBackOff"
            self._services.reporter.tell_of(self._pod, BACK_OFF)
            self.changed(link)
            link = extend(link, Cause.CRASH_BACKOFF, agenda.now + wait)
            yield wait
        return link

    # -- living

    def ended(self, one: Container, code: int, reason: str) -> Generator["int | Waitable", Any, None]:
        """See at the next relist that a container has ended; start it again, or leave it."""
        services = self._services
        agenda, reporter = services.agenda, services.reporter
        if services.cpu is not None and one is first_main(self._containers):
            services.cpu.end(self._pod)
        ended_at = agenda.now
        one.running = one.ready = one.started = False
        one.code, one.reason, one.since = code, reason, reporter.timestamp()
        if code == self._life.exit_code:
            one.message = self._life.message
        policy = "Always" if one.kind == SIDECAR else self._pod["spec"].get("restartPolicy", "Always")
        again = policy == "Always" or (policy == "OnFailure" and code != 0)
        one.ended = not again
        link = one.link
        if again:
            self.spawn(self._see(one, link))
            link = yield from self._back_off(one, link)
            one.restarts += 1
            link = yield from self._start_one(one, link, sandbox=False)
            self._lives.look_after(one, link)
            return
        yield reporter.next_relist(ended_at) - agenda.now
        link = extend(link, Cause.CONTAINER_START, agenda.now)
        if all(other.ended for other in self._containers if other.kind == MAIN):
            yield from self._finish(link)
        else:
            self.changed(link)

    def _see(self, one: Container, link: Link) -> Story:
        agenda, restarts = self._services.agenda, one.restarts
        yield self._services.reporter.next_relist(agenda.now) - agenda.now
        if not one.running and one.restarts == restarts and not self.stopping:
            self.changed(extend(link, Cause.CONTAINER_START, agenda.now))

    def _finish(self, link: Link) -> Generator["int | Waitable", Any, None]:
        """All containers have ended for good: sidecars go, then the pod is over."""
        agenda = self._services.agenda
        for one in reversed(self._containers):
            if one.kind == SIDECAR and one.running:
                one.cancel()
                yield stops_ns(self._services.behaviours, self._pod, one, GRACE_NS)
                one.running, one.ended, one.code, one.reason = False, True, 0, "Completed"
        link = extend(link, Cause.TERMINATION_GRACE, agenda.now)
        if self._services.settings.teardown is not None:
            link = yield from self._tear_down(self._pod, link)
        self.started, self._over = False, True
        self.changed(link)

    # -- stopping

    def _terminate(self, pod: Resource, link: Link) -> Story:
        services = self._services
        agenda, reporter = services.agenda, services.reporter
        if services.cpu is not None:
            services.cpu.end(pod)
        running = [one for one in self._containers if one.running and not has_ended(pod)]
        if running:
            if self._exits_at < 0:
                grace_ns = pod["metadata"].get("deletionGracePeriodSeconds", 30) * 1_000_000_000
                self._exits_at = agenda.now + pod_stops_ns(services.behaviours, pod, running, grace_ns)
            reporter.tell_of(pod, KILLING)
            if self._exits_at > agenda.now:
                link = extend(link, Cause.TERMINATION_GRACE, self._exits_at)
                yield self._exits_at - agenda.now
            for one in running:
                one.running, one.ready = False, False
        services.behaviours.begun.pop(self.uid, None)
        yield from self._take_leave(pod, link, torn_down=bool(running))

    # -- reporting

    def changed(self, link: Link) -> None:
        """Push the pod's status; what changes while it is written goes into the next write."""
        self._dirty, self._link = True, link
        if not self._writing:
            self._writing = True
            Task(self._services.agenda, self._write())

    def _write(self) -> Story:
        reporter = self._services.reporter
        while self._dirty and not self.stopping:
            self._dirty = False
            key = reporter.client.repeated(f"status/{'/'.join(key_of(self._pod))}")
            status = partial(
                full_status,
                containers=tuple(self._containers),
                now=reporter.timestamp(),
                initialized=self._initialized,
                over=self._over,
            )
            yield from reporter.write_status(self._pod, status, key, self._link)
        self._writing = False
