"""What the engine's own work costs: it decides on every event, and commits it before it acts.

Two stations, both first come, first served, and both computed at arrival: ``engine.decisions``, where each
event is decided on by one of the engine's workers, and ``engine.store``, where all that has been decided
while a commit was under way goes into the next one. An attempt's first effect waits until the event that
started it is decided on and committed; an attempt's outcome waits for its decision before the engine has
it.
"""

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from engine.core.attempt_runner import Attempt
from engine.core.causes import Cause
from engine.core.commands import Command, StartAttempt
from engine.core.events import AttemptFailed, AttemptSucceeded, Event, Failure, Remembered
from engine.core.host import Host
from scenarios.runspec import EngineSpec
from simulator.stations import Seats
from simulator.streams import Sampler, Stream, Streams, entity, sampler

Gate = tuple[tuple[Cause, int], ...]
"""What an attempt waits for before it acts: causes, each with the instant at which it is over."""

OPEN: Final[Gate] = ()
_Key = tuple[str, str, int]


class GroupCommit:
    """A store that commits one group at a time: what comes while it is busy goes into the next group."""

    __slots__ = (
        "_at", "_batches", "_free_at", "_group_max", "_queue_ns", "_service", "_stream", "arrivals_count",
        "busy_ns", "commits_count", "name", "queue_length_max", "seats", "wait_ns",
    )  # fmt: skip

    def __init__(self, name: str, service: Sampler, stream: Stream, group_max: int) -> None:
        """Commit at most `group_max` events at once, each group for a time drawn by its number."""
        self.name = name
        self.seats = 1
        self._service = service
        self._stream = stream
        self._group_max = group_max
        self._batches: deque[list[int]] = deque()  # [start, end, events] of groups that have not ended
        self._free_at = 0
        self._at = 0
        self._queue_ns = 0  # the time integral of how many wait, up to then
        self.commits_count = 0
        self.arrivals_count = 0
        self.busy_ns = 0
        self.wait_ns = 0
        self.queue_length_max = 0

    def reserve(self, now: int) -> int:
        """Put an event into the first group that begins at `now` or later; return when that is committed."""
        batches = self._batches
        self._queue_ns, self._at = self.queue_until(now), now
        while batches and batches[0][1] <= now:
            batches.popleft()
        self.arrivals_count += 1
        batch = batches[-1] if batches else None
        if batch is None or batch[0] < now or batch[2] >= self._group_max:
            self.commits_count += 1
            start = max(now, self._free_at)
            service = self._service(self._stream.uniform(entity("commit"), self.commits_count))
            batch = [start, start + service, 0]
            batches.append(batch)
            self._free_at = batch[1]
            self.busy_ns += service
        batch[2] += 1
        if batch[0] > now:
            self.wait_ns += batch[0] - now
            waiting = sum(one[2] for one in batches if one[0] > now)
            self.queue_length_max = max(self.queue_length_max, waiting)
        return batch[1]

    def busy_until(self, at_ns: int) -> int:
        """Return the time spent on commits up to `at_ns`."""
        return self.busy_ns - sum(end - max(start, at_ns) for start, end, _ in self._batches if end > at_ns)

    def waited_until(self, at_ns: int) -> int:
        """Return the waiting done up to `at_ns`, over all events."""
        ahead = sum((start - at_ns) * count for start, _, count in self._batches if start > at_ns)
        return max(0, self.wait_ns - ahead)  # what is still being decided has not come

    def queue_until(self, at_ns: int) -> int:
        """Return the time integral of how many events wait up to `at_ns`, not before the last change."""
        integral, at = self._queue_ns, self._at
        waiting = sum(count for start, _, count in self._batches if start > at)
        for start, _, count in self._batches:
            if at < start <= at_ns:
                integral += waiting * (start - at)
                at, waiting = start, waiting - count
        return integral + waiting * (at_ns - at)


class EngineStations:
    """The stations of one engine, and what each attempt has to wait for there."""

    def __init__(self, spec: EngineSpec, streams: Streams) -> None:
        """Build the stations that the spec has a cost for."""
        self.decisions = Seats("engine.decisions", spec.workers)
        self._decision_ns = spec.decision_ns
        self.store: GroupCommit | None = None
        if spec.store_commit is not None:
            service, stream = sampler(spec.store_commit), streams.stream("engine.store")
            self.store = GroupCommit("engine.store", service, stream, spec.store_group)
        self._gates: dict[_Key, Gate] = {}

    @property
    def stations(self) -> list[Seats | GroupCommit]:
        """The stations, for whoever samples them."""
        return [self.decisions] if self.store is None else [self.decisions, self.store]

    def decide(self, now: int) -> int:
        """Book one decision; return when it is made."""
        if not self._decision_ns:
            return now
        return self.decisions.reserve(now, self._decision_ns) + self._decision_ns

    def note(self, now: int, event: Event, commands: tuple[Command, ...]) -> None:
        """Book the decision on an event and its commit, and close the gates of what it starts.

        The decision on an attempt's outcome has been made: that is what the outcome waited for.
        """
        is_outcome = isinstance(event, (AttemptSucceeded, AttemptFailed))
        decided = now if is_outcome else self.decide(now)
        committed = decided if self.store is None else self.store.reserve(decided)
        gate: Gate = ((Cause.ENGINE_DECISION, decided),) if decided > now else OPEN
        if committed > now:
            gate = (*gate, (Cause.STORE_COMMIT, committed))
        if isinstance(event, Remembered):  # what is remembered is durable before the next effect
            self._gates[event.execution_id, event.step_id, event.attempt] = gate
        for command in commands:
            if isinstance(command, StartAttempt):
                self._gates[command.execution_id, command.step_id, command.attempt] = gate

    def gate(self, key: _Key) -> Gate:
        """Return what an attempt has to wait for since this was last asked, and forget it."""
        return self._gates.pop(key, OPEN)


class StationedHost(Host):
    """A host whose engine takes time: outcomes of attempts wait for a decision before they are fed."""

    stations: EngineStations
    later: Callable[[Attempt, int, Callable[[], None]], None]
    """Calls a function at an instant, unless the attempt is stopped before."""

    def _succeed(self, attempt: Attempt, outputs: Mapping[str, Any] | None) -> None:
        self._decided(attempt, partial(super()._succeed, attempt, outputs))

    def _fail(self, attempt: Attempt, failure: Failure) -> None:
        self._decided(attempt, partial(super()._fail, attempt, failure))

    def _decided(self, attempt: Attempt, end: Callable[[], None]) -> None:
        now = self._clock()
        at_ns = self.stations.decide(now)
        if at_ns == now:
            end()
            return
        attempt.coroutine = None  # it has come to its end
        self.later(attempt, at_ns, partial(self._end_later, end))

    def _end_later(self, end: Callable[[], None]) -> None:
        end()
        if not self._is_busy:
            self._work()


def bind(host: Host, spec: EngineSpec, streams: Streams) -> EngineStations | None:
    """Let the engine of `host` cost what its spec says; None where it costs nothing."""
    if not isinstance(host, StationedHost):
        return None
    host.stations = EngineStations(spec, streams)
    host.on_handled.append(host.stations.note)
    return host.stations


def host_type(spec: EngineSpec) -> type[Host]:
    """Return the kind of host that an engine of this cost needs."""
    return StationedHost if spec.decision_ns or spec.store_commit is not None else Host
