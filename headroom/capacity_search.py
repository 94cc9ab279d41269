"""The search for a capacity: the largest load, or the smallest supply, that is shown to meet the targets.

Nothing here knows what is probed: `probe(value)` says whether the targets are met at one value of an
integer knob. It is a sequential test, so there are three answers, and one that is not decided counts on the
safe side: as not met. From the start the search doubles (or halves) until the finding changes, then bisects.

Every probe has the whole error of the answer, although there are many. With common random numbers that is
enough: a replication that misses its target at one value misses it at every harder one, so whatever makes a
value beyond the capacity look good makes the first value beyond it look good too. The answer is wrong only if
that one test is.

A bisection believes that what is harder is never met where something easier is missed. That is checked: at
the values that lie farthest from any probe, on both sides of the answer. Where it is not so, a bisection
means nothing, and every value of a grid is probed instead.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final

GRID: Final = 16  # values of the grid where a knob is not monotone
CHECKS: Final = 2  # further probes on each side of the answer
CLOSE: Final = 1.5  # no check between neighbours that lie closer together than this, as a ratio


class Met(StrEnum):
    """What a probe shows about the targets at one value."""

    HOLDS = "holds"
    FAILS = "fails"
    UNDECIDED = "undecided"  # with as many replications as there may be


class Direction(StrEnum):
    """What is looked for."""

    LARGEST = "largest"  # of a load: less is easier
    SMALLEST = "smallest"  # of what serves it: more is easier


@dataclass(frozen=True)
class Probe:
    """One value and what was found there; `detail` is whatever the prober wants to keep."""

    at: int
    met: Met
    detail: Any = field(default=None, compare=False)


@dataclass(frozen=True)
class Search:
    """What a search found. Without an answer no value of the range is shown to hold."""

    direction: Direction
    low: int
    high: int
    answer: Probe | None
    missed: Probe | None  # the next harder value: fails, or is undecided; None: the range ends at the answer
    fails: Probe | None  # the least hard value beyond the answer that is shown to fail
    probes: tuple[Probe, ...]  # in the order in which they were made
    monotone: bool

    @property
    def at_the_end(self) -> bool:
        """Whether the answer is the hardest value of the range, so that there may be more."""
        return self.answer is not None and self.missed is None


class Prober:
    """Asks for each value once, and keeps what was found."""

    def __init__(self, probe: Callable[[int], Probe]) -> None:
        """Nothing is asked yet."""
        self._probe = probe
        self.found: dict[int, Probe] = {}

    def __call__(self, value: int) -> Probe:
        """Return what is found at a value."""
        if value not in self.found:
            self.found[value] = self._probe(value)
        return self.found[value]

    def holds(self, value: int) -> bool:
        """Tell whether the targets are shown to be met; undecided is on the safe side."""
        return self(value).met is Met.HOLDS


def probes_max(low: int, high: int) -> int:
    """Return how many probes a search of a range makes at most: doublings, bisections, checks."""
    doublings = math.ceil(math.log2(high / low)) + 2
    bisections = math.ceil(math.log2(max(high - low, 2)))
    return doublings + bisections + 2 * CHECKS


def search(prober: Prober, start: int, low: int, high: int, direction: Direction) -> Search:
    """Find the hardest value between `low` and `high` that is shown to hold, from `start` on.

    Raises:
        ValueError: the range is empty, or begins below 1.
    """
    if not 1 <= low <= high:
        raise ValueError(f"no range of values from 1: {low}..{high}")
    held, missed = _bracket(prober, min(max(start, low), high), low, high, direction)
    while held is not None and missed is not None and abs(held - missed) > 1:
        middle = (held + missed) // 2
        if prober.holds(middle):
            held = middle
        else:
            missed = middle
    _check(prober, held, low, high, direction)
    if contradicts(prober.found, direction):
        return _over_grid(prober, low, high, direction)
    return _found(prober, low, high, direction, held, monotone=True)


def find_direction(prober: Prober, low: int, high: int) -> Direction | None:
    """Tell from the ends of a range which way is harder; None if both ends are alike."""
    ends = prober.holds(low), prober.holds(high)
    if ends[0] == ends[1]:
        return None
    return Direction.LARGEST if ends[0] else Direction.SMALLEST


def contradicts(found: Mapping[int, Probe], direction: Direction) -> bool:
    """Tell whether a value is shown to hold although an easier one is shown to fail."""
    eased = sorted(found, reverse=direction is Direction.SMALLEST)
    failed = False
    for value in eased:
        if failed and found[value].met is Met.HOLDS:
            return True
        failed |= found[value].met is Met.FAILS
    return False


def _bracket(
    prober: Prober, start: int, low: int, high: int, direction: Direction
) -> tuple[int | None, int | None]:
    """Return a value that holds and a harder one that does not; None where the range has none."""
    hardest, easiest = (high, low) if direction is Direction.LARGEST else (low, high)
    at = start
    if prober.holds(at):
        while at != hardest:
            harder = _step(at, hardest)
            if not prober.holds(harder):
                return at, harder
            at = harder
        return at, None
    while at != easiest:
        easier = _step(at, easiest)
        if prober.holds(easier):
            return easier, at
        at = easier
    return None, at


def _step(at: int, end: int) -> int:
    """Return twice or half of a value, whichever leads to `end`, but not beyond."""
    return min(2 * at, end) if end > at else max(at // 2, end)


def _check(prober: Prober, held: int | None, low: int, high: int, direction: Direction) -> None:
    """Probe where a bisection did not look: in the widest gaps on both sides of the answer."""
    seen = range(min(prober.found), max(prober.found) + 1)
    if held is None:
        sides = [seen]
    else:
        below = range(max(low, min(held // 2, seen[0])), held + 1)
        above = range(held, min(high, max(2 * held, seen[-1])) + 1)
        sides = [range(low, held + 1), above] if direction is Direction.LARGEST else [above, below]
    for side in sides:
        for _ in range(CHECKS):
            value = _widest(prober.found, side)
            if value is not None:
                prober(value)


def _widest(found: Mapping[int, Probe], side: range) -> int | None:
    """Return the middle of the widest gap between probes of one side, as a ratio; None if all are narrow."""
    marks = sorted({side[0], side[-1], *(value for value in found if value in side)})
    gaps = [(high / low, low, high) for low, high in pairwise(marks) if high - low > 1]
    ratio, low, high = max(gaps, key=lambda gap: (gap[0], gap[1]), default=(1.0, 0, 0))
    return min(max(round(math.sqrt(low * high)), low + 1), high - 1) if ratio > CLOSE else None


def grid_of(low: int, high: int, count: int = GRID) -> list[int]:
    """Return values from `low` to `high` in equal ratios; all of them if they are no more than `count`."""
    if high - low < count:
        return list(range(low, high + 1))
    ratio = (high / low) ** (1 / (count - 1))
    return sorted({low, high, *(round(low * ratio**index) for index in range(1, count - 1))})


def _over_grid(prober: Prober, low: int, high: int, direction: Direction) -> Search:
    """Probe a grid over what was looked at; the answer has nothing before it that is not shown to hold."""
    seen = sorted(prober.found)
    for value in grid_of(max(low, seen[0]), min(high, seen[-1])):
        prober(value)
    held = None
    for value in sorted(prober.found, reverse=direction is Direction.SMALLEST):
        if not prober.holds(value):
            break
        held = value
    return _found(prober, low, high, direction, held, monotone=False)


def _found(
    prober: Prober, low: int, high: int, direction: Direction, held: int | None, *, monotone: bool
) -> Search:
    eased = sorted(prober.found, reverse=direction is Direction.SMALLEST)
    beyond = eased if held is None else eased[eased.index(held) + 1 :]
    fails = next((prober.found[value] for value in beyond if prober.found[value].met is Met.FAILS), None)
    return Search(
        direction,
        low,
        high,
        answer=None if held is None else prober.found[held],
        missed=prober.found[beyond[0]] if beyond else None,
        fails=fails,
        probes=tuple(prober.found.values()),
        monotone=monotone,
    )
