"""What lies outside the modelled cluster: its monitoring system, other people's servers, the wall clock.

Each request is one visit to a station whose time is known at arrival. What was asked for is done when the
visit ends, whether or not the asker still waits for it.
"""

from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from engine.core.causes import Cause
from engine.core.effects import (
    CallWebhook,
    CreateSilence,
    Effect,
    ExpireSilence,
    ListAlerts,
    ListSilences,
    Notify,
    PostAlert,
    QueryMetrics,
    ReadLogs,
    WebhookAnswer,
)
from engine.core.errors import Invalid, ServerError, TargetMissing
from engine.core.outbound import OutboundPolicy
from scenarios.runspec import ClusterSpec
from simulator.agenda import Agenda
from simulator.cluster.bootstrap import settled_at
from simulator.cluster.store import Store
from simulator.monitoring import Monitoring
from simulator.stations import Seats
from simulator.streams import Streams, sampler

SECOND_NS: Final = 1_000_000_000
KEPT_MAX: Final = 1_000  # of what has been delivered, the latest
UNAVAILABLE: Final = 503
MONITORED: Final = (QueryMetrics, ListAlerts, PostAlert, ListSilences, CreateSilence, ExpireSilence)
OUTBOUND: Final = (Notify, CallWebhook)
_USES: Final = frozenset(
    ("metric", "acknowledge_alert", "create_alert", "escalate_alert", "silence_alert")
)  # actions and condition sources that ask the monitoring system


class Visit(NamedTuple):
    """A request under way: why time passes, when it ends, and what is done then."""

    cause: Cause
    ends_ns: int
    operation: Callable[[], Any]


class Delivery(NamedTuple):
    """What reached somebody else's server, for tests and curious people."""

    at_ns: int
    target: str
    key: str
    text: str


class Outside:
    """Performs the effects that do not go to the Kubernetes API."""

    def __init__(
        self,
        agenda: Agenda,
        store: Store,
        spec: ClusterSpec,
        streams: Streams,
        policy: OutboundPolicy | None = None,
    ) -> None:
        """Take parameters from `spec`. Without a `policy` all may be called: nothing leaves the model."""
        self._agenda = agenda
        self._store = store
        self._policy = policy
        parameters = spec.parameters
        epoch = _utc(settled_at(spec.objects))
        self._epoch_ns = (epoch - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1) * SECOND_NS
        self.monitoring = Monitoring(
            agenda,
            store,
            epoch,
            round(parameters["monitoring.scrape_interval"] * SECOND_NS),
            round(parameters["monitoring.alert_for"] * SECOND_NS),
        )
        self._monitored = Seats("monitoring", int(parameters["monitoring.seats"]))
        self._called = Seats("outbound", 0)
        self.stations = [self._monitored, self._called]
        self._monitoring_times = (
            streams.stream("monitoring.service"),
            sampler(parameters["monitoring.service"]),
        )
        self._outbound_times = streams.stream("outbound.service"), sampler(parameters["outbound.service"])
        self._failures = streams.stream("outbound.failure")
        self._failure_probability: float = parameters["outbound.failure_probability"]
        self.deliveries: deque[Delivery] = deque(maxlen=KEPT_MAX)

    def start(self, workflows: Any) -> None:
        """Start scraping now if one of the workflows (JSON) asks for it; else its first use will."""
        if asks_monitoring(workflows):
            self.monitoring.start()

    @property
    def unix_ns(self) -> int:
        """The wall clock: time 0 is when the cluster's snapshot was taken, 2026-01-01 at the earliest."""
        return self._epoch_ns + self._agenda.now

    def visit(self, effect: Effect[Any], key: int) -> Visit:
        """Begin a request; `key` is what its times are drawn by."""
        now = self._agenda.now
        if isinstance(effect, MONITORED):
            self.monitoring.start()
            stream, times = self._monitoring_times
            service_ns = times(stream.uniform(key))
            ends_ns = self._monitored.reserve(now, service_ns) + service_ns
            return Visit(Cause.MONITORING, ends_ns, lambda: self.monitoring.answer(effect))
        stream, times = self._outbound_times
        service_ns = times(stream.uniform(key))
        failed = self._failures.uniform(key) < self._failure_probability
        ends_ns = self._called.reserve(now, service_ns) + service_ns
        return Visit(Cause.OUTBOUND, ends_ns, lambda: self._deliver(effect, failed=failed))

    def _deliver(self, effect: Effect[Any], *, failed: bool) -> WebhookAnswer | None:
        if isinstance(effect, Notify):
            if self._policy is not None and effect.channel not in self._policy.channels:
                raise TargetMissing(
                    f"no notification channel {effect.channel!r}; configured: "
                    f"{', '.join(sorted(self._policy.channels)) or 'none'}"
                )
            if failed:
                raise ServerError(f"channel {effect.channel} answered {UNAVAILABLE}")
            self._keep(effect.channel, effect.key, effect.message)
            return None
        assert isinstance(effect, CallWebhook)
        if self._policy is not None:
            self._policy.admit(effect.url)
        if failed:
            return WebhookAnswer(UNAVAILABLE, "")
        self._keep(effect.url, effect.headers.get("Idempotency-Key", ""), effect.body)
        return WebhookAnswer(200, "")

    def _keep(self, target: str, key: str, text: str) -> None:
        self.deliveries.append(Delivery(self._agenda.now, target, key, text))

    def logs(self, effect: ReadLogs) -> str:
        """Return what the model knows that a container would have logged: its starts and its ends."""
        pod = self._store.get(effect.ref)
        containers = [container["name"] for container in pod["spec"]["containers"]]
        name = effect.container or containers[0]
        if name not in containers or (not effect.container and len(containers) > 1):
            raise Invalid(
                f"{effect.ref}: which container of {', '.join(containers)}? found {effect.container!r}"
            )
        known = {one["name"]: one for one in (pod.get("status") or {}).get("containerStatuses") or ()}
        if name not in known:
            raise Invalid(f"container {name} in {effect.ref} is waiting to start", reason="BadRequest")
        lines = _lines(known[name])[-effect.tail_lines :] if effect.tail_lines else []
        return "".join(f"{line}\n" for line in lines)[-effect.bytes_max :]


def _utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _lines(status: Mapping[str, Any]) -> list[str]:
    state = status.get("state") or {}
    restarts = status.get("restartCount", 0)
    lines = [f"start {number} of {status['name']} ended" for number in range(restarts)]
    if "running" in state:
        lines.append(f"{state['running']['startedAt']} started {status['name']}, start {restarts}")
        if status.get("ready"):
            lines.append("ready")
    if "terminated" in state:
        ended = state["terminated"]
        lines.append(f"{ended.get('finishedAt', '')} ended with exit code {ended['exitCode']}")
    return lines


def asks_monitoring(workflow: Any) -> bool:
    """Tell whether a workflow's JSON names an action or condition source that asks the monitoring."""
    if isinstance(workflow, Mapping):
        named = (workflow.get(name) for name in ("action", "fetch"))
        return any(isinstance(name, str) and name in _USES for name in named) or any(
            asks_monitoring(value) for value in workflow.values()
        )
    return isinstance(workflow, list | tuple) and any(asks_monitoring(item) for item in workflow)
