"""Two knobs: how far the first one goes for each value of the second, and what the cheapest pair costs."""

from collections.abc import Sequence
from typing import Any, Final

from headroom import capacity_cost, capacity_search, certificate
from headroom.capacity_knob import Knob
from headroom.capacity_probe import Prober, Settings
from headroom.capacity_search import Direction
from headroom.trials import Trials
from scenarios import Scenario

VALUES: Final = 8  # of the second knob
NEAR: Final = 4  # how far around the scenario's own value the second knob goes, as a factor


def frontier(
    trials: Trials,
    scenario: Scenario,
    knobs: tuple[Knob, Knob],
    settings: Settings,
    direction: Direction,
    prices: Sequence[str],
) -> dict[str, Any]:
    """Search the first knob at each value of the second; each search begins at the answer before."""
    first, second = knobs
    rows: list[dict[str, Any]] = []
    start = first.start
    for steps in _values(second):
        fixed = {**settings.fixed, second.path: second.value(steps)}
        here = Settings(settings.targets, settings.error, settings.replications, settings.seed, fixed)
        trials.teller.say(f"with {second.path} = {second.value(steps)}")
        prober = capacity_search.Prober(Prober(trials, scenario, first, here))
        found = capacity_search.search(prober, start, first.low, first.high, direction)
        if found.answer is not None:
            start = found.answer.at
        rows.append(
            {
                "second": second.value(steps),
                "first": None if found.answer is None else first.value(found.answer.at),
                "next": certificate.told(first, found.missed),
                "at_the_end_of_the_range": found.at_the_end,
                "binding": certificate.binding(found),
                "cost": capacity_cost.cost(found, scenario, prices),
            }
        )
    return {"first": first.path, "second": second.path, "points": rows, "cheapest": _cheapest(rows)}


def _values(knob: Knob) -> list[int]:
    own = knob.own or knob.low
    low, high = max(knob.low, own // NEAR), min(knob.high, max(own * NEAR, VALUES))
    return capacity_search.grid_of(low, max(high, low), VALUES)


def _cheapest(rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the pair that meets the targets for the least an hour; of equals, the first."""
    priced = [row for row in rows if row["first"] is not None and row["cost"]]
    if not priced:
        return None
    least = min(priced, key=lambda row: float(row["cost"]["per_hour"]))
    return {"first": least["first"], "second": least["second"], "per_hour": least["cost"]["per_hour"]}
