"""`headroom capacity`: the largest load, or the smallest cluster, that meets the targets, certified."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import scenarios
from headroom import capacity_search, certificate, rundir, verbs
from headroom.capacity_growth import Growth, lasting
from headroom.capacity_knob import Knob, knob_of
from headroom.capacity_probe import Prober, Settings
from headroom.capacity_search import Direction, Search
from headroom.errors import HarnessError
from headroom.progress import Teller
from headroom.rundir import RunDirectory
from headroom.trials import Trials, open_trials
from headroom.worker import WORLD
from reports import exits
from scenarios import Scenario

SCRATCH: Final = ".capacity"
REPLICATIONS: Final = 640  # of each value at most, where the scenario allows fewer


@dataclass(frozen=True)
class Question:
    """What is asked; nothing here is checked yet."""

    knobs: tuple[str, ...]
    targets: tuple[str, ...] | None = None
    ranges: tuple[str, ...] = ()
    step: str | None = None
    direction: Direction | None = None
    replications: int | None = None
    growth: Growth | None = None
    prices: tuple[str, ...] = ()


def answer(
    scenario: Scenario, question: Question, out: Path, workers: int, teller: Teller, world: str = WORLD
) -> dict[str, Any]:
    """Search, write `capacity.json` into `out`, and return what it says."""
    place = RunDirectory(out)
    place.check_usable()
    knobs = knobs_of(scenario, question)
    _check(scenario, question, knobs)
    with open_trials(out / SCRATCH, workers, teller, world) as trials:
        found = _answer(trials, scenario, question, knobs)
    rundir.write_json(out / certificate.NAME, found)
    return found


def _check(scenario: Scenario, question: Question, knobs: Sequence[Knob]) -> None:
    """Refuse what can have no answer before anything is run."""
    from headroom.capacity_cost import check_prices
    from headroom.capacity_growth import check_growth

    only = _pinned(scenario, question)
    check_prices(scenarios.compile(only, only.points()[0], 0), question.prices)
    if question.growth:
        check_growth(knobs[0])


def knobs_of(scenario: Scenario, question: Question) -> list[Knob]:
    """Return the knobs of a question, with their ranges."""
    if not 1 <= len(question.knobs) <= 2:
        raise HarnessError(f"{len(question.knobs)} knobs", exits.USAGE, "one, or two for a frontier")
    ranges = ranges_of(question)
    only = _pinned(scenario, question)
    return [
        knob_of(only, path, ranges.get(path), question.step if not index else None, question.direction)
        for index, path in enumerate(question.knobs)
    ]


def ranges_of(question: Question) -> dict[str, str]:
    """Return the ranges by knob: `A..B` is that of the first, `PATH=A..B` that of a knob by name."""
    found: dict[str, str] = {}
    for text in question.ranges:
        path, separator, given = text.rpartition("=")
        name = path if separator else question.knobs[0]
        if name not in question.knobs:
            raise HarnessError(f"--range {text}: {name} is no knob", exits.USAGE, f"--knob {name}")
        found[name] = given
    return found


def settings_of(scenario: Scenario, question: Question) -> Settings:
    """Return how every value is probed."""
    own = scenario.experiment.replications
    most = question.replications or max(own.max, REPLICATIONS)
    return Settings(
        question.targets,
        1 - scenario.experiment.confidence,
        {"min": min(own.min, most), "max": most},
        scenario.experiment.seed,
    )


def searched(trials: Trials, scenario: Scenario, knob: Knob, settings: Settings) -> Search:
    """Search one knob, its direction first if that is not plain."""
    prober = capacity_search.Prober(Prober(trials, scenario, knob, settings))
    direction = knob.direction or capacity_search.find_direction(prober, knob.low, knob.high)
    if direction is None:
        held = prober.holds(knob.low)
        what = "holds" if held else "is not shown to hold"
        raise HarnessError(
            f"{knob.path} {what} at both ends, {knob.text(knob.low)} and {knob.text(knob.high)}",
            exits.INCONCLUSIVE,
            f"a wider --range {knob.path}=A..B, or say --direction largest or smallest",
        )
    return capacity_search.search(prober, knob.start, knob.low, knob.high, direction)


def _answer(trials: Trials, scenario: Scenario, question: Question, knobs: Sequence[Knob]) -> dict[str, Any]:
    from headroom import capacity_cost, capacity_frontier

    settings = settings_of(scenario, question)
    targets = [target.id for target in _pinned(scenario, question).targets]
    search = searched(trials, scenario, knobs[0], settings)
    told = {
        "targets": targets,
        "seed": settings.seed,
        "confidence": 1 - settings.error,
        "replications_max": settings.replications["max"],
    }
    found = certificate.build(scenario, knobs[0], search, told)
    found["cost"] = capacity_cost.cost(search, scenario, question.prices)
    found["growth"] = lasting(question.growth, knobs[0], search) if question.growth else None
    found["frontier"] = None
    if len(knobs) > 1:
        found["frontier"] = capacity_frontier.frontier(
            trials, scenario, (knobs[0], knobs[1]), settings, search.direction, question.prices
        )
    return found


def _pinned(scenario: Scenario, question: Question) -> Scenario:
    """Return the scenario at one point: a swept knob at its first value, if no target says which."""
    swept = {path: values for path, values in _swept(scenario).items() if path in question.knobs}
    looked_at = [target.where for target in scenario.targets if target.severity == "error"]
    first = {
        path: values[0]
        for path, values in swept.items()
        if len({json.dumps(where[path]) for where in looked_at if path in where}) != 1
    }
    return scenarios.pinned(scenario, first, question.targets)


def _swept(scenario: Scenario) -> dict[str, list[Any]]:
    return {
        path: list(dict.fromkeys(point.coordinates[path] for point in scenario.points()))
        for path in scenario.sweep.paths
    }


def code_of(found: dict[str, Any]) -> int:
    """Return the exit code of an answer: none within the range is a failed target, or an undecided one."""
    if found["answer"] is not None:
        return exits.OK
    undecided = any(probe["finding"] == "undecided" for probe in found["probes"])
    return exits.INCONCLUSIVE if undecided else exits.TARGET_FAILED


def show(found: dict[str, Any], out: Path, *, as_json: bool) -> int:
    """Print an answer and return the exit code."""
    from reports.capacity import lines

    if as_json:
        verbs.print_json(found)
    else:
        verbs.console().print(
            "\n".join([*lines(found), f"certificate: {out / certificate.NAME}"]), markup=False
        )
    return code_of(found)
