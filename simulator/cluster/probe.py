"""A probe of a container: when it is carried out, and what its results amount to."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.cluster.usage import SECOND_NS


@dataclass(frozen=True, slots=True)
class ProbeSpec:
    """A probe's timing. Defaults: k/k pkg/apis/core/v1/defaults.go SetDefaults_Probe."""

    initial_delay_ns: int
    period_ns: int
    timeout_ns: int
    successes: int
    failures: int

    @classmethod
    def of(cls, container: Mapping[str, Any], name: str) -> "ProbeSpec | None":
        """Read a container's probe: `name` is startupProbe, readinessProbe or livenessProbe."""
        probe = container.get(name)
        if probe is None:
            return None
        return cls(
            initial_delay_ns=probe.get("initialDelaySeconds", 0) * SECOND_NS,
            period_ns=probe.get("periodSeconds", 10) * SECOND_NS,
            timeout_ns=probe.get("timeoutSeconds", 1) * SECOND_NS,
            successes=probe.get("successThreshold", 1),
            failures=probe.get("failureThreshold", 3),
        )


@dataclass(frozen=True, slots=True)
class Failing:
    """A time during which a probe fails, from a container's start; of its first `starts` starts, if any."""

    begins_ns: int
    ends_ns: int
    starts: int | None

    def concerns(self, restarts: int) -> bool:
        """Say whether a container that has been restarted so often is meant."""
        return self.starts is None or restarts < self.starts


class Probing:
    """One probe of one life of a container, carried out until nothing can change its verdict any more."""

    def __init__(
        self,
        spec: ProbeSpec,
        begun: int,
        failing: Sequence[Failing],
        is_up: Callable[[int], bool],
    ) -> None:
        """`begun` is the container's start; `is_up` says whether its application answers at an instant."""
        self._spec = spec
        self._begun = begun
        self._failing = failing
        self._is_up = is_up

    def story(
        self, now: Callable[[], int], told: Callable[[bool], bool], failed: Callable[[], None]
    ) -> Generator[int, Any, None]:
        """Probe; `told` hears of a verdict that changed and says whether to go on, `failed` of each failure.

        A probe that answers is answered at once; within a failing time it takes its whole timeout.
        """
        spec = self._spec
        verdict: bool | None = None
        good = bad = 0
        at = self._first(now())
        while True:
            yield at - now()
            broken = self._is_broken(at)
            if broken:
                yield spec.timeout_ns
            if broken or not self._is_up(at):
                good, bad = 0, bad + 1
                failed()
            else:
                good, bad = good + 1, 0
            reached = True if good >= spec.successes else False if bad >= spec.failures else None
            if reached is not None and reached != verdict:
                verdict = reached
                if not told(verdict):
                    return
            following = self._next(at, now(), steady=verdict is True and bad == 0)
            if following is None:
                return
            at = following

    def _first(self, seen: int) -> int:
        first = self._begun + self._spec.initial_delay_ns
        return first + max(0, -(-(seen - first) // self._spec.period_ns)) * self._spec.period_ns

    def _next(self, at: int, now: int, *, steady: bool) -> int | None:
        """Return the next probe that may change something; None if there is none."""
        period = self._spec.period_ns
        following = at + period * max(1, -(-(now - at) // period))
        if not steady:
            return following
        ahead = [
            self._begun + one.begins_ns for one in self._failing if self._begun + one.ends_ns > following
        ]
        if not ahead:
            return None
        return following + max(0, -(-(min(ahead) - following) // period)) * period

    def _is_broken(self, at: int) -> bool:
        return any(self._begun + one.begins_ns <= at < self._begun + one.ends_ns for one in self._failing)
