"""The knob of a capacity search: a path of the scenario, its unit, its steps, and which way is harder."""

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import scenarios
from headroom.capacity_search import Direction
from headroom.errors import HarnessError
from reports import exits
from scenarios import Scenario, ScenarioError
from scenarios.current import current_value
from scenarios.paths import short_form

# More of the first is harder; more of the second helps. Of anything else the search finds it out.
LOADS: Final = ("load.", "workflow.steps")
SUPPLIES: Final = ("cluster.nodes", "cluster.pools.", "engine.client.", "engine.workers")
_WRITTEN: Final = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)(\s?/?\s?[A-Za-zµμ%]*(?:/[a-z]+)?)")
_FINE: Final = 50  # what is no whole number is searched in steps of at most one part in so many
_TIMES_LOAD, _LEAST_LOAD = 64, 1024  # how far a search looks, if nobody says
_TIMES_SUPPLY, _LEAST_SUPPLY = 16, 64


@dataclass(frozen=True)
class Knob:
    """A path whose value is a whole number of steps. Numbers here are counts of steps; `value` writes one."""

    path: str
    step: Decimal
    suffix: str  # of the written value: "/s", "s", "" of a plain number
    own: int | None  # what the scenario has; None: it has no number there
    low: int
    high: int
    direction: Direction | None  # None: to be found out

    def value(self, steps: int) -> int | float | str:
        """Return what the scenario is given."""
        number = steps * self.step
        if self.suffix:
            return f"{number.normalize():f}{self.suffix}"
        return int(number) if number == int(number) else float(number)

    def text(self, steps: int) -> str:
        """Write the value for a person."""
        return str(self.value(steps))

    @property
    def start(self) -> int:
        """Where a search begins: at the scenario's own value, or at the easier end."""
        if self.own is not None:
            return min(max(self.own, self.low), self.high)
        return self.low if self.direction is not Direction.SMALLEST else min(self.low + 1, self.high)


def number_of(value: Any) -> tuple[Decimal, str] | None:
    """Return number and suffix of a value, such as 20, 2.5 or `2/s`; None if it is no such thing."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return (Decimal(str(value)), "") if math.isfinite(value) and value >= 0 else None
    matched = _WRITTEN.fullmatch(value.strip()) if isinstance(value, str) else None
    return (Decimal(matched[1]), matched[2].replace(" ", "")) if matched else None


def step_for(number: Decimal) -> Decimal:
    """Return 1 for whole numbers, else 1, 2 or 5 times a power of ten, at most a fiftieth of the number."""
    if number == int(number) or not number:
        return Decimal(1)
    exponent = Decimal(10) ** math.floor(math.log10(number / _FINE))
    return max(times * exponent for times in (1, 2, 5) if times * exponent <= number / _FINE)


def knob_of(
    scenario: Scenario, path: str, within: str | None, step: str | None, direction: Direction | None
) -> Knob:
    """Return the knob at a path of a scenario of one point.

    Raises:
        ScenarioError: there is no such path. HarnessError: no number is there, or the range is none.
    """
    path = short_form(path)
    written = current_value(scenario, path)
    found = number_of(written)
    ends = _range(within) if within else None
    if found is None and ends is None:
        raise HarnessError(
            f"{path} is {written!r} in {scenario.name}, which is no number",
            exits.USAGE,
            f"say where to search: --range {path}=1..100, or give it a number: --set {path}=20",
        )
    number, suffix = found or (None, ends[2] if ends else "")
    size = _step(step) if step else step_for(number) if number else Decimal(1)
    if suffix and not step and number is not None and number == int(number):
        size = step_for(number + Decimal("0.001"))  # a rate or a duration has values between whole ones
    direction = direction or direction_of(path)
    own = None if number is None else round(number / size)
    low, high = (_count(ends[0], size), _count(ends[1], size)) if ends else _ends(own or 1, direction)
    if not 1 <= low < high:
        raise HarnessError(
            f"no range to search for {path}: {within or f'{low}..{high}'} in steps of {size}",
            exits.USAGE,
            "two values, the second above the first, such as --range 1..200; the least is one step",
        )
    knob = Knob(path, size, suffix, own, low, high, direction)
    return knob if ends else narrowed(knob, scenario)


def direction_of(path: str) -> Direction | None:
    """Return what is looked for at a path, where that is plain from its name."""
    if path.startswith(LOADS):
        return Direction.SMALLEST if path == "load.closed.think" else Direction.LARGEST
    return Direction.SMALLEST if path.startswith(SUPPLIES) else None


def narrowed(knob: Knob, scenario: Scenario) -> Knob:
    """Return the knob with the part of its range that the scenario takes: no one asked for the rest."""
    low, high = knob.low, knob.high
    own = knob.own or low
    while high > max(own, low + 1) and _refused(scenario, knob, high):
        high = max(own, low + 1, high // 2)
    while low < min(own, high - 1) and _refused(scenario, knob, low):
        low = min(own, high - 1, 2 * low)
    return Knob(knob.path, knob.step, knob.suffix, knob.own, low, high, knob.direction)


def _refused(scenario: Scenario, knob: Knob, steps: int) -> bool:
    try:
        pinned = scenarios.pinned(scenario, {knob.path: knob.value(steps)})
        scenarios.compile(pinned, pinned.points()[0], 0)
    except ScenarioError:
        return True
    return False


def _ends(own: int, direction: Direction | None) -> tuple[int, int]:
    if direction is Direction.LARGEST:
        return 1, max(_TIMES_LOAD * own, _LEAST_LOAD)
    if direction is Direction.SMALLEST:
        return 1, max(_TIMES_SUPPLY * own, _LEAST_SUPPLY)
    return max(own // 8, 1), max(8 * own, 8)


def _range(text: str) -> tuple[Decimal, Decimal, str]:
    low, dots, high = text.partition("..")
    ends = number_of(low), number_of(high)
    if not dots or ends[0] is None or ends[1] is None or ends[0][1] not in ("", ends[1][1]):
        raise HarnessError(
            f"--range {text}: not A..B", exits.USAGE, "two numbers, such as 1..200 or 1/s..20/s"
        )
    return ends[0][0], ends[1][0], ends[1][1]


def _step(text: str) -> Decimal:
    found = number_of(text)
    if found is None or not found[0]:
        raise HarnessError(f"--step {text}: no step", exits.USAGE, "a number above 0, such as 1 or 0.5")
    return found[0]


def _count(number: Decimal, step: Decimal) -> int:
    return round(number / step)
