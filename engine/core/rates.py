"""Rate limits: how often an action may start, as token buckets in the engine's own clock.

A bucket is one integer, the theoretical instant of the next start (the generic cell rate algorithm, ITU-T
I.371): a start at `now` conforms if that instant lies no further ahead than the burst allows. So in any span
of w nanoseconds at most burst + w / interval starts happen, and the instant of the next one is known.

Whoever waited here and is let go has its token *reserved*: it may still have to wait for a step slot, and
takes the token when it starts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, isfinite
from typing import Final, Generic, TypeVar

from engine.core.admission import Queue, Rank
from engine.core.errors import DefinitionError

T = TypeVar("T")
_SECOND_NS: Final = 1_000_000_000
_PER_S_MAX: Final = 1_000_000.0


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `per_s` starts a second in the long run, and `burst` at once."""

    per_s: float
    burst: int = 1

    def __post_init__(self) -> None:
        """Refuse a rate at which nothing could start."""
        if not isfinite(self.per_s) or not 1e-6 <= self.per_s <= _PER_S_MAX:
            message = f"limits: a rate must be between 1e-06 and {_PER_S_MAX:g} per second, not {self.per_s}"
            raise DefinitionError(message)
        if self.burst < 1:
            message = f"limits: the burst of a rate must be at least 1, not {self.burst}"
            raise DefinitionError(message)

    @property
    def interval_ns(self) -> int:
        """How far apart starts are in the long run, rounded so that the rate is never exceeded."""
        return ceil(_SECOND_NS / self.per_s)


class Bucket(Generic[T]):
    """The tokens of one action, and who waits for them."""

    __slots__ = ("_burst_ns", "_interval_ns", "_next_ns", "_not_before_ns", "queue", "reserved_count")

    def __init__(self, rate: Rate, is_waiting: Callable[[T], bool]) -> None:
        """Start full."""
        self._interval_ns = rate.interval_ns
        self._burst_ns = (rate.burst - 1) * rate.interval_ns
        self._next_ns = 0  # the theoretical instant of the next start
        self._not_before_ns = 0  # when a token was last given back
        self.reserved_count = 0
        self.queue: Queue[T] = Queue(is_waiting)

    def free_ns(self) -> int | None:
        """Return the instant from which a token is there that nobody has reserved.

        None while so many are reserved that a burst of them would leave none: one has to be taken first.
        """
        reserved_ns = self.reserved_count * self._interval_ns
        if reserved_ns > self._burst_ns:
            return None
        return max(self._next_ns + reserved_ns - self._burst_ns, self._not_before_ns)

    def is_free(self, now: int) -> bool:
        """Tell whether somebody who has not waited may start: there is a token, and nobody waits for it."""
        return not self.queue.length and self._is_there(now)

    def take(self, now: int, *, is_reserved: bool) -> None:
        """Take a token for a start at `now`."""
        if is_reserved:
            self.reserved_count -= 1
        self._next_ns = max(self._next_ns, now) + self._interval_ns

    def give_back(self, now: int) -> None:
        """Give back a reserved token that will not be used: whoever waits may have it, from now on."""
        self.reserved_count -= 1
        self._not_before_ns = now

    def pop_due(self, now: int) -> T | None:
        """Let the next who waits go, its token reserved; None where nobody waits or no token is there."""
        if not self.queue.length or not self._is_there(now):
            return None
        owner = self.queue.pop()
        if owner is not None:
            self.reserved_count += 1
        return owner

    def _is_there(self, now: int) -> bool:
        free_ns = self.free_ns()
        return free_ns is not None and free_ns <= now


class Rates(Generic[T]):
    """The buckets of all actions that have a rate."""

    __slots__ = ("_buckets",)

    def __init__(self, rates: Mapping[str, Rate], is_waiting: Callable[[T], bool]) -> None:
        """Start with every bucket full."""
        self._buckets: dict[str, Bucket[T]] = {
            action: Bucket(rate, is_waiting) for action, rate in rates.items()
        }

    def bucket(self, action: str) -> Bucket[T] | None:
        """Return the bucket of an action, or None where it has no rate."""
        return self._buckets.get(action)

    def wait(self, action: str, rank: Rank, owner: T) -> None:
        """Let `owner` wait for a token of the action."""
        self._buckets[action].queue.push(rank, owner)

    def next_ns(self) -> int | None:
        """Return the earliest instant at which somebody who waits may go, or None."""
        due = (bucket.free_ns() for bucket in self._buckets.values() if bucket.queue.length)
        return min((at_ns for at_ns in due if at_ns is not None), default=None)

    def pop_due(self, now: int) -> T | None:
        """Let go the next who may, its token reserved; actions in order of their limits. None: nobody."""
        for bucket in self._buckets.values():
            owner = bucket.pop_due(now)
            if owner is not None:
                return owner
        return None
