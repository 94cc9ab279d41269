"""How the workloads behave: what the cluster file declares, drawn per pod.

Start-up and exit times are properties of the application, not of Kubernetes, so they are declared per
workload (and are assumptions until measured).
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from engine.core.effects import Resource
from scenarios.quantities import resource_amount
from simulator.cluster.objects import key_of
from simulator.cluster.probe import Failing
from simulator.cluster.usage import CpuDeclared, Curve
from simulator.streams import Sampler, Stream, Streams, entity, sampler

SECOND_NS = 1_000_000_000
NEVER_NS = 1 << 62
# What a job's pod declares of itself; a real cluster does not look at it.
RUN_S = "headroom.dev/run-s"
_AFTER = 1 << 32  # ordinals of when, beside those of whether, a start ends in a crash
# What makes a pod go the long way in its kubelet: keys of its container, and of its workload's behaviour.
_LONG_WAY: Final = frozenset(("startupProbe", "livenessProbe", "lifecycle"))
_DECLARED_LONG_WAY: Final = frozenset(("cpu", "memory", "crash_after", "pre_stop", "failing_probes"))
EXIT_CODE = "headroom.dev/exit-code"
EXIT_CODES = "headroom.dev/exit-codes"  # JSON: one of them is drawn
OUTPUTS = "headroom.dev/outputs"  # JSON: one of them is drawn, and left in the termination message


@dataclass(frozen=True, slots=True)
class Probe:
    """A readiness probe's timing."""

    initial_delay_ns: int
    period_ns: int
    successes: int

    def failures(self, started: int, startup_ns: int, seen: int) -> range:
        """Return when the pod is probed before the application is ready."""
        first = started + self.initial_delay_ns
        first += max(0, -(-(seen - first) // self.period_ns)) * self.period_ns
        return range(first, started + startup_ns, self.period_ns)

    def first_success(self, started: int, startup_ns: int, seen: int) -> int:
        """Return when the pod is found ready: the first probe at or after both the application and PLEG are.

        Probes run at the container's start plus the initial delay plus whole periods; the kubelet skips
        those before it knows that the container runs (`seen`).
        """
        first = started + self.initial_delay_ns
        needed = max(started + startup_ns, seen, first)
        probes = -(-(needed - first) // self.period_ns)
        return first + (probes + self.successes - 1) * self.period_ns


@dataclass(slots=True)  # not frozen: one is made per pod, and frozen ones cost several times as much
class Life:
    """What one pod will do."""

    startup_ns: int
    run_ns: int | None  # a job's work; None: runs until told to stop
    probe: Probe | None
    image_mb: float
    crash_probability: float
    crash_stream: Stream
    exit_code: int = 0  # of a job's work
    message: str = ""  # that its container leaves
    crash: Callable[[], int | None] | None = None  # a fault: after how long each start crashes
    crash_after: Sampler | None = None

    def crashes_after(self, name: int, restarts: int) -> int | None:
        """Return after how long the container crashes at its `restarts`-th start, or None if it does not."""
        if self.crash is not None and (after_ns := self.crash()) is not None:
            return after_ns
        if not self.crash_probability:
            return None
        if self.crash_stream.uniform(name, restarts) >= self.crash_probability:
            return None
        if self.crash_after is None:
            return self.startup_ns
        return self.crash_after(self.crash_stream.uniform(name, _AFTER + restarts))


@dataclass(frozen=True, slots=True)
class _Kind:
    """The declared behaviour of one workload, ready to be drawn from."""

    startup: Sampler
    exit: Sampler | None
    run_ns: int | None
    probe: Probe | None
    image_mb: float
    crash_probability: float
    exit_codes: tuple[int, ...]
    messages: tuple[str, ...]
    cpu: CpuDeclared | None = None
    memory: Curve | None = None
    crash_after: Sampler | None = None
    pre_stop: Sampler | None = None
    init: Sampler | None = None
    run: Sampler | None = None
    failing: Mapping[str, list[Failing]] = field(default_factory=dict)
    plain: bool = True  # as far as it is declared, not what the pod's spec says


class Behaviours:
    """Declared behaviours by ``namespace/workload``, with ``*`` for the rest."""

    def __init__(
        self,
        declared: Mapping[str, Mapping[str, Any]],
        streams: Streams,
        startup_scale: float,
        exit_scale: float,
    ) -> None:
        """Multiply all start-up and exit times by the scales (the sensitivity analysis turns them)."""
        self._declared = declared
        self._startup = streams.stream("pod.startup")
        self._exit = streams.stream("pod.exit")
        self._crash = streams.stream("pod.crash")
        self._outcome = streams.stream("job.outcome")
        self._run = streams.stream("job.run")
        self._hook = streams.stream("pod.hook")
        self.declares_cpu = any("cpu" in one for one in declared.values())
        self.declares_memory = any("memory" in one for one in declared.values())
        self._startup_scale = startup_scale
        self._exit_scale = exit_scale
        self._kinds: dict[str, _Kind] = {}
        self.trouble: Callable[[Resource, Life], Life] | None = None  # what a fault makes of a life
        self.begun: dict[str, int] = {}
        """When the containers of a pod began, by its uid: of those whose use over time is declared."""

    def life(self, pod: Resource) -> Life:
        """Draw what this pod does; the same pod always does the same."""
        kind = self._kind(pod)
        name = entity("/".join(key_of(pod)))
        life = Life(
            startup_ns=kind.startup(self._startup.uniform(name)),
            run_ns=kind.run_ns,
            probe=kind.probe,
            image_mb=kind.image_mb,
            crash_probability=kind.crash_probability,
            crash_stream=self._crash,
            exit_code=kind.exit_codes[0],
            crash_after=kind.crash_after,
        )
        if kind.run is not None and life.run_ns is None:
            life.run_ns = kind.run(self._run.uniform(name))
        if kind.messages or len(kind.exit_codes) > 1:
            self._draw_outcome(life, kind, name)
        return life if self.trouble is None else self.trouble(pod, life)

    def _draw_outcome(self, life: Life, kind: _Kind, name: int) -> None:
        codes, messages = kind.exit_codes, kind.messages
        life.exit_code = codes[int(self._outcome.uniform(name) * len(codes))]
        if messages:
            life.message = messages[int(self._outcome.uniform(name, 1) * len(messages))]

    def exit_ns(self, pod: Resource) -> int:
        """Return how long this pod's containers go on after SIGTERM, if nobody kills them."""
        kind = self._kind(pod)
        if kind.exit is None:
            return NEVER_NS
        return kind.exit(self._exit.uniform(entity("/".join(key_of(pod)))))

    def is_plain(self, pod: Resource) -> bool:
        """Say whether the pod is one container that only starts up, serves and stops."""
        spec = pod["spec"]
        containers = spec["containers"]
        return (
            len(containers) == 1
            and not spec.get("initContainers")
            and not _LONG_WAY.intersection(containers[0])
            and self._kind(pod).plain
        )

    def failing_probes(self, pod: Resource) -> Mapping[str, list[Failing]]:
        """Return when which probe of its first container fails, by name."""
        return self._kind(pod).failing

    def init_work(self, pod: Resource, name: int, restarts: int) -> tuple[int, int]:
        """Return for how long an init container works, and its exit code."""
        kind = self._kind(pod)
        return (kind.init or kind.startup)(self._hook.uniform(name, restarts)), 0

    def pre_stop_ns(self, pod: Resource) -> int:
        """Return how long a preStop hook takes that does not say so itself."""
        kind = self._kind(pod)
        return (
            0 if kind.pre_stop is None else kind.pre_stop(self._hook.uniform(entity("/".join(key_of(pod)))))
        )

    def out_of_memory_after(self, pod: Resource) -> int | None:
        """Return how long after its start the first container reaches its memory limit, if ever."""
        curve = self._kind(pod).memory
        limits = (pod["spec"]["containers"][0].get("resources") or {}).get("limits") or {}
        if curve is None or "memory" not in limits:
            return None
        return curve.reaches(resource_amount("memory", limits["memory"]))

    def cpu_declared(self, pod: Resource) -> CpuDeclared | None:
        """Return what CPU a pod's workload uses, if it is declared."""
        return self._kind(pod).cpu

    def cpu_use(self, pod: Resource, now: int, sharing: int = 1) -> int | None:
        """Return the millicores that a pod uses now, at most its limit; None if nothing is declared of it.

        `sharing` is the number of ready pods of its workload, over which a use of the workload is spread.
        """
        declared = self._kind(pod).cpu
        if declared is None:
            return None
        if declared.shared:
            use = declared.curve.step(now) // max(1, sharing)
        else:
            use = declared.curve.step(now - self.begun.get(pod["metadata"]["uid"], 0))
        limit = limit_of(pod, "cpu")
        return use if limit is None else min(use, limit)

    def memory_use(self, pod: Resource, now: int) -> int | None:
        """Return the bytes that a pod uses now; None if nothing is declared of it."""
        declared = self._kind(pod).memory
        if declared is None:
            return None
        return declared.line(now - self.begun.get(pod["metadata"]["uid"], 0))

    def _kind(self, pod: Resource) -> _Kind:
        owners = pod["metadata"].get("ownerReferences")
        uid = owners[0]["uid"] if owners else pod["metadata"]["uid"]
        kind = self._kinds.get(uid)
        if kind is None:
            kind = self._kinds[uid] = self._read(pod)
        return kind

    def _read(self, pod: Resource) -> _Kind:
        declared = {**self._declared["*"], **self._declared.get(workload_of(pod), {})}
        container = pod["spec"]["containers"][0]
        return _Kind(
            startup=sampler(declared["startup"], self._startup_scale),
            exit=None if declared.get("ignores_sigterm") else sampler(declared["exit"], self._exit_scale),
            run_ns=_declared_run(pod, container),
            probe=_probe(container),
            image_mb=declared.get("image_mb", 0.0),
            crash_probability=declared.get("crash_probability", 0.0),
            cpu=CpuDeclared(declared["cpu"]) if "cpu" in declared else None,
            memory=Curve(declared["memory"]["points"]) if "memory" in declared else None,
            crash_after=_sampler(declared, "crash_after"),
            pre_stop=_sampler(declared, "pre_stop", self._exit_scale),
            init=_sampler(declared, "init", self._startup_scale),
            run=_sampler(declared, "run"),
            failing=_failing(declared.get("failing_probes") or ()),
            plain=not _DECLARED_LONG_WAY.intersection(declared),
            **_declared_outcome(pod["metadata"].get("annotations") or {}),
        )


def _sampler(declared: Mapping[str, Any], name: str, scale: float = 1.0) -> Sampler | None:
    return sampler(declared[name], scale) if name in declared else None


def _failing(declared: Iterable[Mapping[str, Any]]) -> dict[str, list[Failing]]:
    failing: dict[str, list[Failing]] = {}
    for one in declared:
        begins, ends = round(one["begins_s"] * SECOND_NS), round(one["ends_s"] * SECOND_NS)
        failing.setdefault(one["probe"], []).append(Failing(begins, ends, one.get("starts")))
    return failing


def limit_of(pod: Resource, resource: str) -> int | None:
    """Return the sum of its containers' limits of a resource; None if one of them has none."""
    total = 0
    for container in pod["spec"]["containers"]:
        limit = ((container.get("resources") or {}).get("limits") or {}).get(resource)
        if limit is None:
            return None
        total += resource_amount(resource, limit)
    return total


def workload_of(pod: Resource) -> str:
    """Return ``namespace/name`` of what a pod belongs to, as scenarios name it: by its owners, or itself."""
    namespace, workload = key_of(pod)
    owners = pod["metadata"].get("ownerReferences")
    if owners:
        workload = owners[0]["name"]
        if owners[0]["kind"] == "ReplicaSet":  # named after its Deployment and the template's hash
            workload = workload.rpartition("-")[0] or workload
    return f"{namespace}/{workload}"


def _declared_outcome(annotations: Mapping[str, str]) -> dict[str, Any]:
    """Read how a job's container may end, and what it may leave."""
    codes = annotations.get(EXIT_CODES)
    outputs = json.loads(annotations.get(OUTPUTS, "[]"))
    return {
        "exit_codes": tuple(json.loads(codes)) if codes else (int(annotations.get(EXIT_CODE, 0)),),
        "messages": tuple(json.dumps(one, sort_keys=True) for one in outputs),
    }


def _declared_run(pod: Resource, container: Mapping[str, Any]) -> int | None:
    """Read how long a job's container works: as its pod declares, or as it sleeps (``sleep N``)."""
    declared = (pod["metadata"].get("annotations") or {}).get(RUN_S)
    if declared is not None:
        return round(float(declared) * SECOND_NS)
    command: Sequence[str] = container.get("command") or ()
    if (
        pod["spec"].get("restartPolicy") in ("Never", "OnFailure")
        and len(command) > 1
        and command[0] == "sleep"
    ):
        return round(float(command[1]) * SECOND_NS)
    return None


def _probe(container: Mapping[str, Any]) -> Probe | None:
    probe = container.get("readinessProbe")
    if probe is None:
        return None
    # Defaults: k/k pkg/apis/core/v1/defaults.go SetDefaults_Probe.
    return Probe(
        initial_delay_ns=probe.get("initialDelaySeconds", 0) * SECOND_NS,
        period_ns=probe.get("periodSeconds", 10) * SECOND_NS,
        successes=probe.get("successThreshold", 1),
    )
