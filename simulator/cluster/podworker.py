"""A pod's worker in the kubelet, the short way: one container, no probe but of readiness.

Start: image pull (if the node lacks it) -> volumes -> one of the node's start seats (sandbox, network,
create, start) -> the next PLEG relist sees it running -> status write -> the workload starts up -> the
first probe after that sees it ready -> status write. `simulator.cluster.containers` goes the long way.
"""

from collections.abc import Generator
from functools import partial
from typing import Any

from engine.core.causes import Cause
from engine.core.effects import Resource
from simulator.attribution import Link, extend
from simulator.cluster.backoff import crash_backoff_ns, mount_backoff_ns, pull_backoff_ns
from simulator.cluster.behaviour import Life
from simulator.cluster.node_services import NodeServices
from simulator.cluster.objects import has_ended, is_ready, key_of
from simulator.cluster.podstatus import (
    KILLED,
    crashed_status,
    ended_status,
    evicted_status,
    running_status,
    waiting_status,
)
from simulator.cluster.reporter import (
    BACK_OFF,
    CREATED,
    CREATING,
    FAILED,
    KILLING,
    OVER,
    PULLED,
    READY,
    RUNNING,
    STARTED,
    STOPPED,
    TOKEN,
    nothing,
)
from simulator.cluster.stopping import GRACE_NS_MIN
from simulator.streams import entity
from simulator.tasks import Story, Task, Waitable

_TOKEN_OF = ("create", "ServiceAccount")  # its subresource token
LONG_AGO_NS = -(1 << 62)


class PodWorker:
    """What a kubelet knows and does of one pod."""

    __slots__ = ("_exits_at", "_services", "begun", "lost", "restarts", "started", "stopping", "task", "uid")

    def __init__(self, services: NodeServices, uid: str) -> None:
        """Know nothing yet of the pod but its uid."""
        self._services = services
        self.uid = uid
        self.task: Task | None = None
        self.started = False  # its container runs
        self.begun = LONG_AGO_NS  # since when
        self.restarts = 0
        self.stopping = False
        self.lost = False  # its container went down with its node
        self._exits_at = -1

    def adopt(self, pod: Resource) -> None:
        """Take over a pod that runs since before time 0."""
        self.started = True
        statuses = (pod.get("status") or {}).get("containerStatuses") or ()
        self.restarts = statuses[0].get("restartCount", 0) if statuses else 0

    def begin(self, pod: Resource, link: Link) -> None:
        """Start the pod's container."""
        agenda = self._services.agenda
        Task(agenda, self._report_creating(pod, link))
        self.task = Task(agenda, self._start(pod, link))

    def stop(self, pod: Resource, link: Link) -> None:
        """Stop the pod's container, then remove the pod."""
        self.stopping = True
        if self.task is not None:
            self.task.cancel()
        self.task = Task(self._services.agenda, self._terminate(pod, link))

    def evict(self, pod: Resource, link: Link, message: str) -> None:
        """Kill the pod's container at once for want of a resource, and let it fail."""
        services = self._services
        self.freeze()
        self.started = False
        reporter = services.reporter
        status = partial(evicted_status, now=reporter.timestamp(), message=message)
        key = reporter.client.repeated(f"evicted/{'/'.join(key_of(pod))}")
        self.task = Task(services.agenda, reporter.write_status(pod, status, key, link))

    def freeze(self) -> None:
        """Nobody looks after the pod any more; its container goes on by itself."""
        if self.task is not None:
            self.task.cancel()
            self.task = None

    def drop(self) -> None:
        """Forget the pod: it is gone from the API, and its container with it."""
        self.freeze()

    def lose(self) -> None:
        """Let the container go down with its node."""
        self.freeze()
        if self.started:
            self.started, self.lost = False, True
            self.restarts += 1

    def resume(self, pod: Resource, link: Link) -> None:
        """Look after the pod again, as it is found now."""
        agenda = self._services.agenda
        if self.stopping or "deletionTimestamp" in pod["metadata"]:
            self.stop(pod, link)
        elif has_ended(pod):
            return
        elif self.started:
            self.task = Task(agenda, self._go_on(pod, link))
        elif self.lost:
            self.lost = False
            self.task = Task(agenda, self._start_anew(pod, link))
        else:
            self.begin(pod, link)

    def look_again(self, pod: Resource, link: Link) -> None:
        """Take up the pod's running container anew: what it will do is another thing now."""
        if self.started and not self.stopping:
            self.freeze()
            if self.begun == LONG_AGO_NS:
                self.begun = self._services.agenda.now
            self.resume(pod, link)

    def _go_on(self, pod: Resource, link: Link) -> Story:
        """Take up a container that ran on by itself."""
        life = self._services.behaviours.life(pod)
        if self.begun == LONG_AGO_NS:
            yield from self._live(pod, life, link)
        else:
            yield from self._run(pod, life, entity("/".join(key_of(pod))), link, running=True)

    def _start_anew(self, pod: Resource, link: Link) -> Story:
        """Report what went down with the node, and start it again if its policy says so."""
        services = self._services
        reporter = services.reporter
        key = reporter.client.repeated(f"lost/{'/'.join(key_of(pod))}")
        if pod["spec"].get("restartPolicy") == "Never":
            status = partial(ended_status, now=reporter.timestamp(), phase="Failed", code=KILLED)
            yield from reporter.write_status(pod, status, key, link)
            return
        if is_ready(pod):
            status = partial(
                running_status, now=reporter.timestamp(), ready=False, restarts=max(0, self.restarts - 1)
            )
            call = yield from reporter.write_status(pod, status, key, link)
            link = call.link
        yield from self._start(pod, link)

    def _start(self, pod: Resource, link: Link) -> Story:
        services = self._services
        agenda = services.agenda
        name = entity("/".join(key_of(pod)))
        life = services.behaviours.life(pod)
        if services.images.failing is not None:
            link = yield from self._fail_to_pull(pod, link)
        pulled = services.images.pull(pod, life.image_mb, link)
        if pulled:
            if isinstance(pulled, int):
                link = extend(link, Cause.IMAGE_PULL, agenda.now + pulled)
                yield pulled
            else:
                yield pulled
                link = pulled.link
        mount = services.mount(pod)
        if mount is not None:
            yield mount
            link = mount.link
        link = yield from self._set_up_volumes(pod, name, link)
        yield from self._run(pod, life, name, link)

    def _fail_to_pull(self, pod: Resource, link: Link) -> Generator["int | Waitable", Any, Link]:
        """Ask for the image again and again until the registry gives it: at once, then after a back-off."""
        services = self._services
        agenda, images = services.agenda, services.images
        failures = 0
        while images.failing is not None and images.failing(pod):
            yield images.refuse(pod, failures)
            link = extend(link, Cause.IMAGE_PULL, agenda.now)
            failures += 1
            Task(agenda, self._report_waiting(pod, "ErrImagePull", link))
            wait = pull_backoff_ns(failures)
            services.reporter.tell_of(pod, BACK_OFF)
            link = extend(link, Cause.IMAGE_PULL, agenda.now + wait)
            yield wait
        return link

    def _report_creating(self, pod: Resource, link: Link) -> Story:
        """Say what the kubelet makes of the pod before it does anything about it."""
        yield self._services.settings.sync_ns
        if self.task is None or self.stopping:
            return
        reporter = self._services.reporter
        status = partial(waiting_status, now=reporter.timestamp(), reason="ContainerCreating", admitted=pod)
        yield from reporter.write_status(pod, status, reporter.key(CREATING, pod), link)

    def _report_waiting(self, pod: Resource, reason: str, link: Link) -> Story:
        reporter = self._services.reporter
        key = reporter.client.repeated(f"waiting/{'/'.join(key_of(pod))}")
        status = partial(waiting_status, now=reporter.timestamp(), reason=reason, admitted=pod)
        yield from reporter.write_status(pod, status, key, link)

    def _run(self, pod: Resource, life: Life, name: int, link: Link, *, running: bool = False) -> Story:
        """Start the container, and again each time it crashes."""
        services = self._services
        agenda = services.agenda
        while True:
            if not running:
                link = yield from self._start_container(pod, name, link)
            running = False
            crashed = life.crashes_after(name, self.restarts)
            if crashed is None:
                yield from self._live(pod, life, link)
                return
            yield max(0, self.begun + crashed - agenda.now)
            self.started = False
            if pod["spec"].get("restartPolicy") == "Never":
                yield from self._fail(pod, link)
                return
            link = extend(link, Cause.READINESS, agenda.now)  # it was awaited, and crashed instead
            Task(agenda, self._report_crash(pod, link))
            backoff = crash_backoff_ns(self.restarts)
            if backoff:
                services.reporter.tell_of(pod, BACK_OFF)
                link = extend(link, Cause.CRASH_BACKOFF, agenda.now + backoff)
                yield backoff
            self.restarts += 1

    def _start_container(
        self, pod: Resource, name: int, link: Link
    ) -> Generator["int | Waitable", Any, Link]:
        services = self._services
        reporter, settings = services.reporter, services.settings
        now = services.agenda.now
        reporter.tell_of(pod, PULLED)
        service = settings.container_start(settings.stream.uniform(name, self.restarts))
        if settings.slower_per_pod:
            service = round(service * (1 + settings.slower_per_pod * services.pods_count))
        yield services.starts.reserve(now, service) + service - now
        self.started = True
        self.begun = services.agenda.now
        reporter.tell_of(pod, CREATED)
        reporter.tell_of(pod, STARTED)
        return extend(link, Cause.CONTAINER_START, self.begun)

    def _report_crash(self, pod: Resource, link: Link) -> Story:
        """Say at the next relist that the container waits to be started again, if it does by then."""
        services = self._services
        reporter, restarts = services.reporter, self.restarts
        yield reporter.next_relist(services.agenda.now) - services.agenda.now
        if self.started or self.stopping or self.task is None or self.restarts != restarts:
            return
        key = reporter.client.repeated(f"crashed/{'/'.join(key_of(pod))}")
        status = partial(crashed_status, now=reporter.timestamp(), restarts=restarts)
        yield from reporter.write_status(pod, status, key, link)

    def _set_up_volumes(self, pod: Resource, name: int, link: Link) -> Generator["int | Waitable", Any, Link]:
        """Mount the volumes, the token of the pod's service account among them: each pod gets its own."""
        services = self._services
        agenda, settings = services.agenda, services.settings
        setup = settings.volume_setup(settings.stream.uniform(name))
        mounted = agenda.now + setup
        if pod["spec"].get("automountServiceAccountToken", True):
            reporter = services.reporter
            call = reporter.client.write(nothing, reporter.key(TOKEN, pod), link, _TOKEN_OF)
            yield call
            failures = 0
            while call.error is not None:  # the volumes are mounted without it never
                wait = mount_backoff_ns(failures)
                failures += 1
                link = extend(call.link, Cause.CONTAINER_START, agenda.now + wait)
                yield wait
                call = reporter.client.write(nothing, reporter.key(TOKEN, pod), link, _TOKEN_OF)
                yield call
            if agenda.now >= mounted:  # else the volumes were what took so long
                return call.link
        yield mounted - agenda.now
        return link

    def _live(self, pod: Resource, life: Life, link: Link) -> Generator["int | Waitable", Any, None]:
        """From the container's start to the pod's readiness, or to the end of a job's pod."""
        agenda, reporter = self._services.agenda, self._services.reporter
        started, restarts = self.begun, self.restarts
        seen = reporter.next_relist(agenda.now)
        yield seen - agenda.now
        # A kubelet that comes back probes at once; only then may the start-up be over by the first relist.
        ready = life.probe is None or life.run_ns is not None or started == LONG_AGO_NS
        status = partial(running_status, now=reporter.timestamp(), ready=ready, restarts=restarts)
        running = extend(link, Cause.CONTAINER_START, seen)
        call = yield from reporter.write_status(pod, status, reporter.key(RUNNING, pod), running)
        if life.run_ns is not None:
            yield from self._run_out(pod, life, call.link)
        elif life.probe is not None and not ready:
            probed = life.probe.first_success(started, life.startup_ns, seen)
            # What the probe waited for last: the write of the status, the relist, or the application itself.
            if probed <= agenda.now:
                probed, link = agenda.now, call.link
            elif seen > started + max(life.startup_ns, life.probe.initial_delay_ns):
                link = running
            link = extend(link, Cause.READINESS, probed)
            for failed in life.probe.failures(started, life.startup_ns, seen):
                if failed > agenda.now:
                    yield failed - agenda.now
                reporter.tell_again(pod, "unhealthy")
            if probed > agenda.now:
                yield probed - agenda.now
            status = partial(running_status, now=reporter.timestamp(), ready=True, restarts=restarts)
            yield from reporter.write_status(pod, status, reporter.key(READY, pod), link)

    def _run_out(self, pod: Resource, life: Life, link: Link) -> Generator["int | Waitable", Any, None]:
        """Let a job's container do its work, and report its end at the next relist."""
        agenda, reporter = self._services.agenda, self._services.reporter
        over = max(self.begun + (life.run_ns or 0), agenda.now)
        seen = reporter.next_relist(over)
        link = extend(link, Cause.JOB_RUN, over)
        yield seen - agenda.now
        self.started = False
        link = extend(link, Cause.CONTAINER_START, seen)
        if self._services.settings.teardown is not None:
            link = yield from self._tear_down(pod, link)
        phase = "Failed" if life.exit_code else "Succeeded"
        status = partial(
            ended_status, now=reporter.timestamp(), phase=phase, code=life.exit_code, message=life.message
        )
        yield from reporter.write_status(pod, status, reporter.key(OVER, pod), link)

    def _fail(self, pod: Resource, link: Link) -> Generator["int | Waitable", Any, None]:
        """Report at the next relist that a pod whose containers are not restarted has crashed."""
        agenda, reporter = self._services.agenda, self._services.reporter
        link = extend(link, Cause.JOB_RUN, agenda.now)
        seen = reporter.next_relist(agenda.now)
        link = extend(link, Cause.CONTAINER_START, seen)
        yield seen - agenda.now
        if self._services.settings.teardown is not None:
            link = yield from self._tear_down(pod, link)
        status = partial(ended_status, now=reporter.timestamp(), phase="Failed", code=1)
        yield from reporter.write_status(pod, status, reporter.key(FAILED, pod), link)

    def _terminate(self, pod: Resource, link: Link) -> Story:
        services = self._services
        agenda, reporter = services.agenda, services.reporter
        runs = self.started and not has_ended(pod)
        if runs:
            if self._exits_at < 0:
                grace_ns = pod["metadata"].get("deletionGracePeriodSeconds", 30) * 1_000_000_000
                self._exits_at = agenda.now + min(
                    services.behaviours.exit_ns(pod), max(grace_ns, GRACE_NS_MIN)
                )
            reporter.tell_of(pod, KILLING)
            exit_ns = self._exits_at - agenda.now
            if exit_ns > 0:
                link = extend(link, Cause.TERMINATION_GRACE, self._exits_at)
                yield exit_ns
        yield from self._take_leave(pod, link, torn_down=runs)

    def _take_leave(self, pod: Resource, link: Link, *, torn_down: bool) -> Story:
        """Report that the pod's containers have ended, and remove it."""
        reporter = self._services.reporter
        if torn_down and self._services.settings.teardown is not None:
            link = yield from self._tear_down(pod, link)
        phase = "Succeeded" if life_is_over(pod) else "Failed"
        status = partial(ended_status, now=reporter.timestamp(), phase=phase)
        call = yield from reporter.write_status(pod, status, reporter.key(STOPPED, pod), link)
        yield from reporter.removed(pod, call.link)

    def _tear_down(self, pod: Resource, link: Link) -> Generator["int | Waitable", Any, Link]:
        """Take down the sandbox, which needs the seat that starts need; only then is the pod over."""
        services = self._services
        settings, now = services.settings, services.agenda.now
        assert settings.teardown is not None
        service = settings.teardown(settings.stream.uniform(services.reporter.key(STOPPED, pod)))
        end = services.starts.reserve(now, service) + service
        yield end - now
        return extend(link, Cause.TERMINATION_GRACE, end)


def life_is_over(pod: Resource) -> bool:
    """Say whether the pod's containers had ended before it was asked to go."""
    return (pod.get("status") or {}).get("phase") == "Succeeded"
