"""The two worlds that the contract is asked of: the model, and the live one against local servers."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Protocol

from engine.cel import CelConditions
from engine.core.action import ActionContext, ActionSpec, Parameter
from engine.core.causes import Cause
from engine.core.definition import Step, Workflow
from engine.core.driver import Driver
from engine.core.effects import Effect, Log, Remember
from engine.core.errors import ActionError
from engine.core.events import ExecutionSubmitted, WorkflowRegistered
from engine.core.facts import ExecutionFacts
from engine.core.host import Host
from engine.core.limits import Limits
from engine.core.machine import WorkflowEngine
from engine.core.outbound import OutboundPolicy
from engine.core.records import Row
from engine.live import LiveMonitoring, LiveOutbound, LiveOutside, MonitoringSettings
from simulator.agenda import Agenda
from simulator.cluster.cluster import Cluster
from simulator.outside import Outside
from simulator.perform import ModelPerformer
from simulator.streams import Streams
from tests.outside.servers import Alertmanager, Prometheus, Reply, Request, serving
from tests.simulator import worlds

SECOND_NS = 1_000_000_000


class World(Protocol):
    """What the contract needs of a world."""

    hook: str  # the URL of a webhook that the policy lists

    def ask(self, effect: Effect[Any]) -> Any:
        """Perform an effect; raises its error."""

    def advance(self, seconds: float) -> None:
        """Let time pass for alerts and silences."""

    def failing(self) -> None:
        """From now on the webhook's server answers 503."""

    def received(self) -> list[tuple[str, str]]:
        """Return (key, text) of what reached the webhook's server and the channel."""


class ModelWorld:
    """The model, asked through its performer, one attempt an effect."""

    hook = "https://hooks.example.com/x"

    def __init__(self, changes: Mapping[str, Any] | None = None, *objects: Mapping[str, Any]) -> None:
        self.agenda = Agenda()
        spec = worlds.cluster(objects or worlds.small_objects(), changes)
        streams = Streams(7, 0)
        self.cluster = Cluster(self.agenda, spec, worlds.engine(client_qps=None), streams)
        policy = OutboundPolicy(hosts=("hooks.example.com",), channels={"ops": self.hook})
        self.outside = Outside(self.agenda, self.cluster.store, spec, streams, policy)
        self.rows: list[Row] = []
        self._error: ActionError | None = None
        self._value: Any = None

    def ask(self, effect: Effect[Any]) -> Any:
        self._value = self._error = None

        async def asking(_context: ActionContext, _parameters: Mapping[str, Any]) -> Mapping[str, Any]:
            try:
                self._value = await effect
            except ActionError as error:
                self._error = error
            return {}

        action = ActionSpec("ask", asking, {"a": Parameter("any")}, 0, "")
        host = Host(
            WorkflowEngine(Limits()), {"ask": action}, CelConditions(), lambda: self.agenda.now,
            self.rows.append, detail=True,
        )  # fmt: skip
        host.performer = ModelPerformer(
            self.agenda, self.cluster, host, None, lambda _attempt, _effect: None, self.outside
        )
        Driver(host, self.agenda)
        over = self.agenda.event()

        def ended(_facts: ExecutionFacts) -> None:
            over.succeed()

        host.on_execution_end.append(ended)
        host.feed(WorkflowRegistered(Workflow("w", (Step("s", action="ask"),))))
        host.feed(ExecutionSubmitted("x", "w", {}))
        self.agenda.run(until=over)
        if self._error is not None:
            raise self._error
        return self._value

    def spent(self) -> dict[str, int]:
        """Return the causes of the latest attempt."""
        row: Any = [one for one in self.rows if one["type"] == "attempt"][-1]
        return {str(Cause(cause)): end - start for cause, start, end in row["spans"]}

    def advance(self, seconds: float) -> None:
        self.agenda.run(until=self.agenda.now + round(seconds * SECOND_NS))

    def failing(self) -> None:
        self.outside._failure_probability = 1.0  # noqa: SLF001 - a parameter, which a run cannot change

    def received(self) -> list[tuple[str, str]]:
        return [(one.key, one.text) for one in self.outside.deliveries]


class LiveWorld:
    """The live world against servers of this machine, which the policy must list as such."""

    def __init__(self, stack: ExitStack) -> None:
        self.prometheus, self.alertmanager = Prometheus(), Alertmanager()
        self.status = 200
        one = stack.enter_context(serving(self.prometheus.reply))
        other = stack.enter_context(serving(self.alertmanager.reply))
        self.receiver = stack.enter_context(serving(self._receive))
        self.hook = f"{self.receiver.url}/x"
        settings = MonitoringSettings(one.url, other.url)
        policy = OutboundPolicy(
            hosts=(f"127.0.0.1:{self.receiver.port}",),
            networks=("127.0.0.0/8",),
            channels={"ops": self.hook},
            allow_http=True,
        )
        self._live = LiveOutside(
            LiveMonitoring(settings, self._clock_ns), LiveOutbound(policy), self._clock_ns
        )

    def _clock_ns(self) -> int:
        return round(self.alertmanager.now() * SECOND_NS)

    def _receive(self, _request: Request) -> Reply:
        return Reply(self.status)

    def ask(self, effect: Effect[Any]) -> Any:
        return self._live.answer(effect)

    def advance(self, seconds: float) -> None:
        self.alertmanager.ahead_s += seconds

    def failing(self) -> None:
        self.status = 503

    def received(self) -> list[tuple[str, str]]:
        return [
            (request.headers.get("Idempotency-Key", ""), request.body.decode())
            for request in self.receiver.requests
        ]


def perform(
    world: World,
    spec: ActionSpec,
    memory: dict[str, Any],
    outputs: Mapping[str, Any] | None = None,
    /,
    **parameters: Any,
) -> Mapping[str, Any]:
    """Run an action to its end in a world, or its rollback if `outputs` are given."""
    context = ActionContext("run-1", "step-1", 1, memory, "headroom/run-1/step-1", outputs or {})
    run = spec.run if outputs is None else spec.rollback
    assert run is not None
    coroutine = run(context, spec.bind(parameters))
    answer: Any = None
    error: ActionError | None = None
    while True:
        try:
            effect = coroutine.throw(error) if error is not None else coroutine.send(answer)
        except StopIteration as stop:
            result: Mapping[str, Any] = stop.value
            return result
        answer = error = None
        if isinstance(effect, Remember):
            memory[effect.key] = effect.value
        elif not isinstance(effect, Log):
            try:
                answer = world.ask(effect)
            except ActionError as raised:
                error = raised
