"""A stub cluster over any agenda: a station, a token bucket, keyed random service and keyed failures."""

import hashlib
from dataclasses import dataclass, field
from heapq import heapreplace
from typing import Any, ClassVar

from engine.core.attempt_runner import Attempt
from engine.core.causes import Cause
from engine.core.driver import Clockwork
from engine.core.effects import Effect, Sleep, WaitUntil
from engine.core.errors import ActionError, Conflict, NotFound, ServerError
from engine.core.host import Host

MILLISECOND_NS = 1_000_000


def uniform(*key: object) -> float:
    """A number in [0, 1) that depends on the key alone."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


@dataclass
class Station:
    """`seats` servers, first come first served; who arrives is told at once when it will be served."""

    seats: int
    free_ns: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.free_ns = [0] * self.seats

    def serve(self, arrival_ns: int, service_ns: int) -> tuple[int, int]:
        start_ns = max(arrival_ns, self.free_ns[0])
        heapreplace(self.free_ns, start_ns + service_ns)
        return start_ns, start_ns + service_ns


@dataclass
class Bucket:
    """A token every `interval_ns`, at most `burst` in store; waiters are granted in order of arrival."""

    interval_ns: int
    burst: int
    full_ns: int = 0  # when the store will be, or was, full

    def grant(self, now: int) -> int:
        self.full_ns = max(self.full_ns, now) + self.interval_ns
        return max(now, self.full_ns - self.burst * self.interval_ns)


class StubCluster:
    """A performer. Times are continuous, or drawn from {0, 1 ms, 2 ms} so that many fall together."""

    failures: ClassVar[tuple[type[ActionError], ...]] = (ServerError, Conflict, NotFound)

    def __init__(self, agenda: Clockwork, *, seed: int, tying: bool, failing: float, seats: int = 3) -> None:
        self.host: Host
        self._agenda = agenda
        self._seed = seed
        self._tying = tying
        self._failing = failing
        self._station = Station(seats)
        self._bucket = Bucket(MILLISECOND_NS, burst=4)

    def begin(self, attempt: Attempt) -> None:
        attempt.mark = 0  # effects so far

    def perform(self, attempt: Attempt, effect: Effect[Any]) -> None:
        attempt.mark += 1
        now = self._agenda.now
        plan = self._plan(attempt, effect, now)
        end_ns = plan[-1][2]
        error = self._error(attempt, effect)
        if end_ns == now:  # answered before we return
            self._answer(attempt, error)
            return
        attempt.pending = token = (effect, plan)

        def done(_entry: Any) -> None:
            if attempt.pending is token:  # else cancelled: an agenda entry cannot be taken back
                attempt.pending = None
                attempt.spans.extend(plan)
                self._answer(attempt, error)

        self._agenda.after(end_ns - now, done)

    def cancel(self, attempt: Attempt) -> None:
        now = self._agenda.now
        if attempt.pending is not None:
            plan = attempt.pending[1]
            attempt.spans.extend((cause, start, min(end, now)) for cause, start, end in plan if start <= now)
            attempt.pending = None

    def finish(self, attempt: Attempt) -> None:
        assert attempt.pending is None

    def _answer(self, attempt: Attempt, error: ActionError | None) -> None:
        if error is None:
            self.host.resume(attempt, {"kind": "Stub"})
        else:
            self.host.throw(attempt, error)

    def _plan(self, attempt: Attempt, effect: Effect[Any], now: int) -> list[tuple[Cause, int, int]]:
        if isinstance(effect, Sleep):
            return [(Cause.DECLARED_WORK, now, now + effect.duration_ns)]
        if isinstance(effect, WaitUntil):
            return [(Cause.READINESS, now, now + self._time("wait", attempt, 40 * MILLISECOND_NS))]
        granted_ns = self._bucket.grant(now)
        start_ns, end_ns = self._station.serve(granted_ns, self._time("serve", attempt, 4 * MILLISECOND_NS))
        return [
            (Cause.CLIENT_THROTTLE, now, granted_ns),
            (Cause.API_QUEUE, granted_ns, start_ns),
            (Cause.API_SERVICE, start_ns, end_ns),
        ]

    def _time(self, what: str, attempt: Attempt, mean_ns: int) -> int:
        drawn = uniform(self._seed, what, attempt.key, attempt.mark)
        return int(drawn * 3) * MILLISECOND_NS if self._tying else int(drawn * 2 * mean_ns)

    def _error(self, attempt: Attempt, effect: Effect[Any]) -> ActionError | None:
        drawn = uniform(self._seed, "fail", attempt.key, attempt.mark)
        if isinstance(effect, (Sleep, WaitUntil)) or drawn >= self._failing:
            return None
        kind = self.failures[int(drawn / self._failing * len(self.failures))]
        return kind("the stub refuses")
