"""The kubelet: from a bound pod to a ready one, and from SIGTERM to gone.

Start: image pull (if the node lacks it) -> volumes -> one of the node's start seats (sandbox, network,
create, start) -> the next PLEG relist sees it running -> status write -> the workload starts up -> the
first probe after that sees it ready -> status write. Stop: SIGTERM to exit, at most the grace period ->
status write -> removal.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from engine.core.causes import Cause
from engine.core.effects import Ref, Resource
from engine.core.errors import ApiError
from simulator.agenda import Agenda
from simulator.attribution import Link, extend
from simulator.cluster.apiserver import Call, Client
from simulator.cluster.behaviour import Behaviours, Life
from simulator.cluster.events import EventRecorder
from simulator.cluster.images import Images
from simulator.cluster.objects import has_ended, is_terminating, key_of
from simulator.cluster.podstatus import ended_status, running_status
from simulator.cluster.store import Key, Store
from simulator.stations import Seats
from simulator.streams import Sampler, Stream, entity
from simulator.tasks import Story, Task, Waitable

# A container that keeps crashing: restarted at once the first time, since only that makes the back-off's
# entry; then 10 s doubling to 300 s (k/k pkg/kubelet/kuberuntime doBackOff, kubelet.go MaxContainerBackOff).
CRASH_BACKOFF_NS = 10_000_000_000
CRASH_BACKOFF_NS_MAX = 300_000_000_000
# What a kubelet asks for about one pod, once each; the get before a status's patch has the number after it.
_TOKEN, _REMOVE, _RUNNING, _READY, _OVER, _FAILED, _STOPPED = 1, 2, 10, 20, 30, 40, 50
# Its cluster events, one a container each: k containers use the numbers from 100 to 100 + 5 k.
_PULLED, _CREATED, _STARTED, _KILLING, _BACK_OFF, _KINDS = 100, 101, 102, 103, 104, 5


@dataclass(frozen=True, slots=True)
class KubeletSettings:
    """The kubelet's own durations, and how many pods it starts at once."""

    pleg_period_ns: int
    volume_setup: Sampler
    container_start: Sampler
    stream: Stream
    start_seats: int


class _Pod:
    """What a kubelet knows of one pod."""

    __slots__ = ("started", "stopping", "task")

    def __init__(self) -> None:
        self.task: Task | None = None
        self.started = False
        self.stopping = False


class Kubelet:
    """One node's agent. Told of its node's pods by `pod_changed`."""

    def __init__(
        self,
        agenda: Agenda,
        node: str,
        store: Store,
        client: Client,
        settings: KubeletSettings,
        behaviours: Behaviours,
        images: Images,
        timestamp: Callable[[], str],
    ) -> None:
        """Start with no pods; those that exist before time 0 are adopted."""
        self.starts = Seats(f"kubelet.{node}", settings.start_seats)
        self.images = images
        self._agenda = agenda
        self._store = store
        self._client = client
        self._settings = settings
        self._behaviours = behaviours
        self._timestamp = timestamp
        self.events: EventRecorder
        self.mount: Callable[[Resource], Any] = _mounted  # what is waited for before volumes are there
        self._pods: dict[Key, _Pod] = {}
        self._pleg_phase = round(settings.pleg_period_ns * settings.stream.uniform(entity(f"pleg/{node}")))

    def adopt(self, pod: Resource) -> None:
        """Take over a pod that runs since before time 0."""
        known = _Pod()
        known.started = True
        self._pods[key_of(pod)] = known

    def pod_changed(self, before: Resource | None, after: Resource | None, link: Link) -> None:
        """Act on a change of one of the node's pods, as the watch delivered it."""
        if after is None:
            known = self._pods.pop(key_of(before or {}), None)
            if known is not None and known.task is not None:
                known.task.cancel()
            return
        key = key_of(after)
        known = self._pods.get(key)
        if is_terminating(after):
            if known is None:
                known = self._pods[key] = _Pod()
            if not known.stopping:
                self._stop(known, after, link)
        elif known is None and not has_ended(after):
            known = self._pods[key] = _Pod()
            known.task = Task(self._agenda, self._start(known, after, link))

    def _start(self, known: _Pod, pod: Resource, link: Link) -> Story:
        name = entity("/".join(key_of(pod)))
        life = self._behaviours.life(pod)
        settings = self._settings
        pulled = self.images.pull(pod, life.image_mb)
        if pulled:
            link = extend(link, Cause.IMAGE_PULL, self._agenda.now + pulled)
            yield pulled
        restarts = 0
        mount = self.mount(pod)
        if mount is not None:
            yield mount
            link = mount.link
        link = yield from self._set_up_volumes(pod, name, link)
        while True:
            now = self._agenda.now
            self._tell_of(pod, _PULLED)
            service = settings.container_start(settings.stream.uniform(name, restarts))
            began = self.starts.reserve(now, service)
            yield began + service - now
            known.started = True
            self._tell_of(pod, _CREATED)
            self._tell_of(pod, _STARTED)
            started = self._agenda.now
            link = extend(link, Cause.CONTAINER_START, started)
            crashed = life.crashes_after(name, restarts)
            if crashed is None:
                yield from self._live(pod, life, started, restarts, link)
                return
            yield crashed
            known.started = False
            if pod["spec"].get("restartPolicy") == "Never":
                yield from self._fail(pod, link)
                return
            link = extend(link, Cause.READINESS, self._agenda.now)  # it was awaited, and crashed instead
            backoff = crash_backoff_ns(restarts)
            if backoff:
                self._tell_of(pod, _BACK_OFF)
                link = extend(link, Cause.CRASH_BACKOFF, self._agenda.now + backoff)
                yield backoff
            restarts += 1

    def _set_up_volumes(self, pod: Resource, name: int, link: Link) -> Generator["int | Waitable", Any, Link]:
        """Mount the volumes, the token of the pod's service account among them: each pod gets its own."""
        setup = self._settings.volume_setup(self._settings.stream.uniform(name))
        mounted = self._agenda.now + setup
        if pod["spec"].get("automountServiceAccountToken", True):
            call = self._client.write(_nothing, self._key(_TOKEN, pod), link)
            yield call
            if self._agenda.now >= mounted:  # else the volumes were what took so long
                return call.link
        yield mounted - self._agenda.now
        return link

    def _tell_of(self, pod: Resource, what: int) -> None:
        """Record a cluster event about each of the pod's containers."""
        about = key_of(pod)
        key = entity("/".join(about)) + what  # that of `_key`
        for _ in pod["spec"]["containers"]:
            self.events.record(about, key)
            key += _KINDS

    def _live(
        self, pod: Resource, life: Life, started: int, restarts: int, link: Link
    ) -> Generator["int | Waitable", Any, None]:
        """From the container's start to the pod's readiness, or to the end of a job's pod."""
        seen = self._next_relist(started)
        yield seen - started
        ready = life.probe is None or life.run_ns is not None
        status = partial(running_status, now=self._timestamp(), ready=ready, restarts=restarts)
        running = extend(link, Cause.CONTAINER_START, seen)
        call = yield from self._write_status(pod, status, self._key(_RUNNING, pod), running)
        if life.run_ns is not None:
            yield from self._run_out(pod, life, started, call.link)
        elif life.probe is not None:
            probed = life.probe.first_success(started, life.startup_ns, seen)
            # What the probe waited for last: the write of the status, the relist, or the application itself.
            if probed <= self._agenda.now:
                probed, link = self._agenda.now, call.link
            elif seen > started + max(life.startup_ns, life.probe.initial_delay_ns):
                link = running
            link = extend(link, Cause.READINESS, probed)
            for failed in life.probe.failures(started, life.startup_ns, seen):
                if failed > self._agenda.now:
                    yield failed - self._agenda.now
                self.events.record(key_of(pod), self._client.repeated(f"unhealthy/{'/'.join(key_of(pod))}"))
            if probed > self._agenda.now:
                yield probed - self._agenda.now
            status = partial(running_status, now=self._timestamp(), ready=True, restarts=restarts)
            yield from self._write_status(pod, status, self._key(_READY, pod), link)

    def _run_out(
        self, pod: Resource, life: Life, started: int, link: Link
    ) -> Generator["int | Waitable", Any, None]:
        """Let a job's container do its work, and report its end at the next relist."""
        over = max(started + (life.run_ns or 0), self._agenda.now)
        seen = self._next_relist(over)
        link = extend(link, Cause.JOB_RUN, over)
        yield seen - self._agenda.now
        link = extend(link, Cause.CONTAINER_START, seen)
        phase = "Failed" if life.exit_code else "Succeeded"
        status = partial(
            ended_status, now=self._timestamp(), phase=phase, code=life.exit_code, message=life.message
        )
        yield from self._write_status(pod, status, self._key(_OVER, pod), link)

    def _fail(self, pod: Resource, link: Link) -> Generator["int | Waitable", Any, None]:
        """Report at the next relist that a pod whose containers are not restarted has crashed."""
        link = extend(link, Cause.JOB_RUN, self._agenda.now)
        seen = self._next_relist(self._agenda.now)
        link = extend(link, Cause.CONTAINER_START, seen)
        yield seen - self._agenda.now
        status = partial(ended_status, now=self._timestamp(), phase="Failed", code=1)
        yield from self._write_status(pod, status, self._key(_FAILED, pod), link)

    def tell(
        self, pod: Resource, status: Callable[[Resource], Mapping[str, Any]], what: str, link: Link
    ) -> None:
        """Write a pod's status at the next relist, as `status` makes it of the pod at that instant."""
        Task(self._agenda, self._tell(pod, status, what, link))

    def _tell(
        self, pod: Resource, status: Callable[[Resource], Mapping[str, Any]], what: str, link: Link
    ) -> Story:
        seen = self._next_relist(self._agenda.now)
        yield seen - self._agenda.now
        link = extend(link, Cause.CONTAINER_START, seen)
        key = self._client.repeated(f"{what}/{'/'.join(key_of(pod))}")
        yield from self._write_status(pod, status, key, link)

    def _stop(self, known: _Pod, pod: Resource, link: Link) -> None:
        known.stopping = True
        if known.task is not None:
            known.task.cancel()
        known.task = Task(self._agenda, self._terminate(known, pod, link))

    def _terminate(self, known: _Pod, pod: Resource, link: Link) -> Story:
        ref = Ref("Pod", pod["metadata"]["name"], pod["metadata"].get("namespace", ""))
        grace_ns = pod["metadata"].get("deletionGracePeriodSeconds", 30) * 1_000_000_000
        exit_ns = min(self._behaviours.exit_ns(pod), grace_ns) if known.started and not has_ended(pod) else 0
        if known.started and not has_ended(pod):
            self._tell_of(pod, _KILLING)
        if exit_ns:
            link = extend(link, Cause.TERMINATION_GRACE, self._agenda.now + exit_ns)
            yield exit_ns
        phase = "Succeeded" if life_is_over(pod) else "Failed"
        status = partial(ended_status, now=self._timestamp(), phase=phase)
        call = yield from self._write_status(pod, status, self._key(_STOPPED, pod), link)
        uid = pod["metadata"]["uid"]
        yield self._client.write(partial(self._remove, ref, uid), self._key(_REMOVE, pod), call.link)

    def _write_status(
        self, pod: Resource, status: Callable[[Resource], Mapping[str, Any]], key: int, link: Link
    ) -> Generator["int | Waitable", Any, Call]:
        """Get the pod, then patch its status (k/k pkg/kubelet/status/status_manager.go syncPod)."""
        got = self._client.read(_nothing, key + 1, link)
        yield got
        patched = self._client.write(partial(self._report, pod, status), key, got.link)
        yield patched
        return patched

    def _report(self, pod: Resource, status: Callable[[Resource], Mapping[str, Any]], link: Link) -> None:
        """Write the pod's status, unless the pod is gone or is another by now."""
        namespace, name = key_of(pod)
        found = self._store.objects["Pod"].get((namespace, name))
        if found is not None and found["metadata"]["uid"] == pod["metadata"]["uid"]:
            self._store.set_status(Ref("Pod", name, namespace), status(found), link)

    def _remove(self, ref: Ref, uid: str, link: Link) -> None:
        try:
            self._store.remove(ref, link, uid)
        except ApiError:
            return  # somebody removed it by force

    def _next_relist(self, at: int) -> int:
        """Return the first instant >= `at` at which PLEG relists."""
        period = self._settings.pleg_period_ns
        return at + (self._pleg_phase - at) % period

    @staticmethod
    def _key(what: int, pod: Resource) -> int:
        """Return the key of a request about a pod, and of its cluster events: neighbours draw apart."""
        return entity("/".join(key_of(pod))) + what


def _nothing(_link: Link) -> None:
    """Change nothing: a request that is made for its answer, or for what is not modelled."""


def _mounted(_pod: Resource) -> None:
    """Nothing is waited for: there are no claims in this cluster."""


def crash_backoff_ns(restarts: int) -> int:
    """Return how long a container that has been restarted `restarts` times waits after its next crash."""
    return min(CRASH_BACKOFF_NS << min(restarts - 1, 10), CRASH_BACKOFF_NS_MAX) if restarts else 0


def life_is_over(pod: Resource) -> bool:
    """Say whether the pod's containers had ended before it was asked to go."""
    return (pod.get("status") or {}).get("phase") == "Succeeded"
