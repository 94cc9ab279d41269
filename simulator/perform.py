"""Effects performed on the model: the twin of the live performer.

Every effect's time is charged as it passes. An API call is a chain of throttle, queue and service; a wait
is followed back along the chain of the delivery that ended it.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from engine.core.attempt_runner import Attempt
from engine.core.causes import Cause
from engine.core.effects import (
    Create,
    Delete,
    Effect,
    Evict,
    Get,
    List,
    Now,
    Patch,
    ReadLogs,
    Sleep,
    WaitUntil,
)
from engine.core.errors import ActionError, TooManyRequests
from engine.core.host import Host
from simulator.agenda import Agenda
from simulator.attribution import Link, extend, walk
from simulator.beginnings import Beginnings
from simulator.cached_reads import CachedReads
from simulator.cluster.apiserver import Call
from simulator.cluster.cluster import Cluster
from simulator.cluster.injection import What
from simulator.engine_stations import OPEN, EngineStations, Gate
from simulator.outside import MONITORED, OUTBOUND, Outside, Visit
from simulator.streams import entity
from simulator.waits import Wait, Waits

BACKOFF_DOUBLINGS_MAX = 6
_Perform = Callable[["ModelPerformer", Attempt, Any], None]


class _Mark:
    """Notes on an attempt: where its chain ends, and what its next request is drawn by."""

    __slots__ = ("gate", "key", "link", "refusals", "requests", "since_ns")

    def __init__(self, link: Link, key: int) -> None:
        self.link = link
        self.key = key
        self.gate = OPEN
        self.refusals = 0  # by flow control
        self.requests = 0
        self.since_ns = link[2]


class _Timer:
    """A `Sleep` under way."""

    __slots__ = ("cause",)

    def __init__(self, cause: Cause) -> None:
        self.cause = cause


class _Gate:
    """The engine's own work, which an attempt waits for."""

    __slots__ = ()


class ModelPerformer:
    """Performs the effects of one engine's actions on a modelled cluster."""

    def __init__(
        self,
        agenda: Agenda,
        cluster: Cluster,
        host: Host,
        engine: EngineStations | None,
        on_acknowledged: Callable[[Attempt, Effect[Any]], None],
        outside: Outside | None = None,
        reads: CachedReads | None = None,
        backoff_ns: int = 0,
    ) -> None:
        """Let every attempt first wait for the engine's own work, if that takes time.

        `on_acknowledged` is told of each write that succeeded at the API. Effects that do not go to the
        Kubernetes API go to `outside`. With `reads`, objects are read there and not at the API server. With
        `backoff_ns`, a call that flow control refuses is made again after so long, then after twice that.
        """
        self._agenda = agenda
        self._cluster = cluster
        self._store = cluster.store
        self._client = cluster.engine_client
        self._host = host
        self._engine = engine
        self._waits = Waits(cluster.watch)
        self._beginnings = Beginnings(host.engine)
        self._on_acknowledged = on_acknowledged
        self._outside_or_none = outside
        self._reads = reads
        self._backoff_ns = backoff_ns
        host.on_execution_end.append(self._beginnings.forget)

    def begin(self, attempt: Attempt) -> None:
        """Find out what led to the attempt."""
        command = attempt.command
        link = self._beginnings.of(command.execution_id, command.step_id)
        mark = _Mark(link, entity(f"{command.execution_id}/{command.step_id}/{command.attempt}"))
        attempt.mark = mark

    def finish(self, attempt: Attempt) -> None:
        """Remember what led to the attempt's end."""
        command = attempt.command
        if self._engine is not None:
            self._engine.gate(attempt.key)  # an attempt that asked for nothing has waited for nothing
        self._beginnings.ended(command.execution_id, command.step_id, attempt.mark.link)

    def perform(self, attempt: Attempt, effect: Effect[Any]) -> None:
        """Begin an effect; the host is told when it is over."""
        mark: _Mark = attempt.mark
        now = self._agenda.now
        mark.since_ns = now
        if self._engine is not None and (gate := self._engine.gate(attempt.key)):
            self._close(attempt, gate, partial(self.perform, attempt, effect))
            return
        _EFFECTS[type(effect)](self, attempt, effect)

    def conclude(self, attempt: Attempt, at_ns: int, end: Callable[[], None]) -> None:
        """Let an attempt that has come to its end wait until the engine has decided on its outcome."""
        attempt.mark.since_ns = self._agenda.now
        self._close(attempt, ((Cause.ENGINE_DECISION, at_ns),), end)

    def _close(self, attempt: Attempt, gate: Gate, then: Callable[[], None]) -> None:
        mark: _Mark = attempt.mark
        mark.gate = gate
        attempt.pending = pending = _Gate()
        self._agenda.after(gate[-1][1] - mark.since_ns, partial(self._opened, attempt, pending, then))

    def _opened(self, attempt: Attempt, pending: _Gate, then: Callable[[], None], _event: Any) -> None:
        if attempt.pending is pending:
            attempt.pending = None
            self._pass_gate(attempt)
            then()

    def _pass_gate(self, attempt: Attempt) -> None:
        """Charge what has been waited for the engine until now."""
        mark: _Mark = attempt.mark
        now, at = self._agenda.now, mark.since_ns
        for cause, end in mark.gate:
            until = min(end, now)
            if until > at:
                attempt.spans.append((cause, at, until))
                mark.link = extend(mark.link, cause, until)
                at = until
        mark.gate = OPEN

    def cancel(self, attempt: Attempt) -> None:
        """Stop what the attempt waits for, and charge the time until now."""
        self._charge_until_now(attempt)
        self.finish(attempt)

    def _charge_until_now(self, attempt: Attempt) -> None:
        mark: _Mark = attempt.mark
        pending, attempt.pending = attempt.pending, None
        if isinstance(pending, _Gate):
            self._pass_gate(attempt)
            return
        now, since = self._agenda.now, mark.since_ns
        chains: list[Link] = []
        cause = Cause.API_SERVICE
        if isinstance(pending, Wait):
            self._waits.remove(pending)
            chains, cause = pending.links[::-1], pending.pending_cause()
        elif isinstance(pending, Call):
            chains = [pending.link]
        elif isinstance(pending, _Timer):
            cause = pending.cause
        spans = walk(chains, since, now, cause)
        attempt.spans.extend(spans)
        for cause, _, end in spans:
            mark.link = extend(mark.link, cause, end)

    def _get(self, attempt: Attempt, effect: Get) -> None:
        if self._reads is not None:
            self._answer(attempt, partial(self._reads.get, effect.ref))
            return
        self._read(attempt, lambda _link: self._store.get(effect.ref), 0, ("get", effect.ref.kind))

    def _list(self, attempt: Attempt, effect: List) -> None:
        if self._reads is not None:
            self._answer(attempt, partial(self._reads.select, effect.selection))
            return
        count = len(self._store.select(effect.selection))
        self._read(
            attempt,
            lambda _link: self._store.select(effect.selection),
            count,
            ("list", effect.selection.kind),
        )

    def _answer(self, attempt: Attempt, operation: Callable[[], Any]) -> None:
        """Answer at once, and without a call, from what the watch has delivered."""
        try:
            value = operation()
        except ActionError as error:
            self._host.throw(attempt, error)
        else:
            self._host.resume(attempt, value)

    def _read(self, attempt: Attempt, operation: Callable[[Link], Any], objects: int, what: What) -> None:
        mark: _Mark = attempt.mark
        mark.requests += 1
        call = self._client.read(operation, mark.key + mark.requests, mark.link, objects, what)
        attempt.pending = call
        call.done = partial(self._answered, attempt)

    def _create(self, attempt: Attempt, effect: Create) -> None:
        self._write(
            attempt, effect, partial(self._store.create, effect.resource), ("create", effect.resource["kind"])
        )

    def _patch(self, attempt: Attempt, effect: Patch) -> None:
        def operation(link: Link) -> Any:
            version, subresource = effect.resource_version, effect.subresource
            return self._cluster.patch(effect.ref, effect.changes, link, version, subresource)

        self._write(attempt, effect, operation, ("patch", effect.ref.kind))

    def _delete(self, attempt: Attempt, effect: Delete) -> None:
        def operation(link: Link) -> None:
            self._store.delete(effect.ref, link, effect.uid, effect.grace_s)

        self._write(attempt, effect, operation, ("delete", effect.ref.kind))

    def _evict(self, attempt: Attempt, effect: Evict) -> None:
        mark: _Mark = attempt.mark
        mark.requests += 1
        key = mark.key + mark.requests
        call = self._cluster.evictions.evict(self._client, effect.ref, effect.uid, key, mark.link)
        attempt.pending = call
        call.done = partial(self._written, attempt, effect)

    def _write(
        self, attempt: Attempt, effect: Effect[Any], operation: Callable[[Link], Any], what: What
    ) -> None:
        mark: _Mark = attempt.mark
        mark.requests += 1
        call = self._client.write(operation, mark.key + mark.requests, mark.link, what)
        attempt.pending = call
        call.done = partial(self._written, attempt, effect)

    def _written(self, attempt: Attempt, effect: Effect[Any], call: Call) -> None:
        if call.error is None:
            self._on_acknowledged(attempt, effect)
            if self._reads is not None:
                self._reads.note(call.value)
        self._answered(attempt, call)

    def _answered(self, attempt: Attempt, call: Call) -> None:
        if attempt.pending is not call:
            return  # cancelled meanwhile: the server did what it did
        attempt.pending = None
        mark: _Mark = attempt.mark
        spans = []
        link, base = call.link, mark.link
        while link is not base:
            parent = link[0]
            assert parent is not None
            if link[2] > parent[2]:
                spans.append((link[1], parent[2], link[2]))
            link = parent
        attempt.spans.extend(reversed(spans))
        mark.link = call.link
        if self._backoff_ns and isinstance(call.error, TooManyRequests) and not _is_eviction(attempt):
            self._back_off(attempt, mark)
        elif call.error is None:
            self._host.resume(attempt, call.value)
        else:
            self._host.throw(attempt, call.error)

    def _back_off(self, attempt: Attempt, mark: _Mark) -> None:
        """Make a call again that flow control refused, later each time."""
        effect = attempt.effect
        assert effect is not None
        mark.since_ns = self._agenda.now
        delay_ns = self._backoff_ns << min(mark.refusals, BACKOFF_DOUBLINGS_MAX)
        mark.refusals += 1
        attempt.pending = timer = _Timer(Cause.CLIENT_THROTTLE)
        self._agenda.after(delay_ns, partial(self._backed_off, attempt, timer, effect))

    def _backed_off(self, attempt: Attempt, timer: _Timer, effect: Effect[Any], _event: Any) -> None:
        if attempt.pending is timer:
            self._charge_until_now(attempt)
            self.perform(attempt, effect)

    def _wait(self, attempt: Attempt, effect: WaitUntil[Any]) -> None:
        value = self._waits.evaluate(effect)
        if value is not None:
            self._host.resume(attempt, value)
            return
        attempt.pending = self._waits.add(effect, partial(self._came_true, attempt))

    def _came_true(self, attempt: Attempt, value: Any, link: Link) -> None:
        wait, attempt.pending = attempt.pending, None
        mark: _Mark = attempt.mark
        attempt.spans.extend(walk(wait.links[::-1], mark.since_ns, self._agenda.now))
        mark.link = link
        self._host.resume(attempt, value)

    def _sleep(self, attempt: Attempt, effect: Sleep) -> None:
        timer = _Timer(Cause.EVICTION_RETRY if effect.retry else Cause.DECLARED_WORK)
        attempt.pending = timer
        self._agenda.after(effect.duration_ns, partial(self._slept, attempt, timer))

    def _slept(self, attempt: Attempt, timer: _Timer, _event: Any) -> None:
        if attempt.pending is not timer:
            return
        attempt.pending = None
        self._charge(attempt, timer.cause)
        self._host.resume(attempt, None)

    def _charge(self, attempt: Attempt, cause: Cause) -> None:
        """Charge the time since the effect began to one cause."""
        mark: _Mark = attempt.mark
        now = self._agenda.now
        if now > mark.since_ns:
            attempt.spans.append((cause, mark.since_ns, now))
        mark.link = extend(mark.link, cause, now)

    @property
    def _outside(self) -> Outside:
        assert self._outside_or_none is not None, "this world has no monitoring, servers or wall clock"
        return self._outside_or_none

    def _now(self, attempt: Attempt, _effect: Now) -> None:
        self._host.resume(attempt, self._outside.unix_ns)

    def _read_logs(self, attempt: Attempt, effect: ReadLogs) -> None:
        self._read(attempt, lambda _link: self._outside.logs(effect), 0, ("get", "Pod"))

    def _visit(self, attempt: Attempt, effect: Effect[Any]) -> None:
        mark: _Mark = attempt.mark
        mark.requests += 1
        visit = self._outside.visit(effect, mark.key + mark.requests)
        attempt.pending = timer = _Timer(visit.cause)
        self._agenda.after(visit.ends_ns - self._agenda.now, partial(self._visited, attempt, timer, visit))

    def _visited(self, attempt: Attempt, timer: _Timer, visit: Visit, _event: Any) -> None:
        value, failure = None, None
        try:
            value = visit.operation()
        except ActionError as error:
            failure = error
        if attempt.pending is not timer:
            return  # cancelled meanwhile: the other side did what it did
        attempt.pending = None
        self._charge(attempt, timer.cause)
        if failure is None:
            self._host.resume(attempt, value)
        else:
            self._host.throw(attempt, failure)


def _is_eviction(attempt: Attempt) -> bool:
    """Say whether it was a disruption budget that refused: the action knows what to do then."""
    return isinstance(attempt.effect, Evict)


_EFFECTS: Mapping[type, _Perform] = {
    Get: ModelPerformer._get,  # noqa: SLF001 - a table of the class's own methods
    List: ModelPerformer._list,  # noqa: SLF001
    Create: ModelPerformer._create,  # noqa: SLF001
    Patch: ModelPerformer._patch,  # noqa: SLF001
    Delete: ModelPerformer._delete,  # noqa: SLF001
    Evict: ModelPerformer._evict,  # noqa: SLF001
    WaitUntil: ModelPerformer._wait,  # noqa: SLF001
    Sleep: ModelPerformer._sleep,  # noqa: SLF001
    Now: ModelPerformer._now,  # noqa: SLF001
    ReadLogs: ModelPerformer._read_logs,  # noqa: SLF001
    **dict.fromkeys((*MONITORED, *OUTBOUND), ModelPerformer._visit),  # noqa: SLF001
}
