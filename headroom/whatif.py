"""`headroom whatif`: every knob turned by its step at one point of a scenario, under common random numbers.

Each knob is tried with a few replications first. Where those are the same event for event, nothing of it is
needed there, and no more are run; all others have as many as the scenario as it is.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headroom import identity, rundir
from headroom.errors import HarnessError
from headroom.progress import Teller
from headroom.trials import Trials, open_trials
from headroom.whatif_turning import Bench, Setting
from headroom.worker import WORLD
from reports import exits
from scenarios import Scenario, Target
from scenarios.errors import did_you_mean, one_of
from scenarios.metrics import METRICS, STATS, find_metric
from scenarios.paths import is_path, same_value, short_form
from scenarios.pinned import pinned

if TYPE_CHECKING:
    from reports.columns import PointRuns
    from reports.whatif import Answer, Candidate, Question

ATTACHMENT = "whatif.json"
REPLICATIONS = 20
FIRST = 5  # replications after which a knob that changed nothing is left
_TIMES = ("s", "1/s", "1/min")


@dataclass(frozen=True)
class Wanted:
    """What is asked for."""

    at: Mapping[str, Any]
    target: str | None = None
    metric: str | None = None  # NAME or NAME:STAT
    knobs: tuple[str, ...] = ()  # PATH=STEP; none: the catalogue
    replications: int | None = None


@dataclass(frozen=True)
class Told:
    """The answer, and what else there is to say of it."""

    answer: "Answer"
    notes: tuple[str, ...]
    document: Mapping[str, Any]


def ask(
    scenario: Scenario, wanted: Wanted, out: Path, workers: int, teller: Teller, world: str = WORLD
) -> Told:
    """Try every knob and write the answer into the run directory `out`."""
    from reports.whatif import answer
    from reports.whatif_json import answer_json

    target = _target(scenario, wanted)
    question = _question(scenario, wanted, target)
    point, notes = _point(scenario, wanted, target)
    bench = Bench(point)
    knobs = [bench.own_knob(text) for text in wanted.knobs] or bench.knobs()
    settings = [bench.turn(knob) for knob in knobs]
    count = wanted.replications or max(REPLICATIONS, scenario.experiment.replications.min)
    out.mkdir(parents=True, exist_ok=True)
    with open_trials(out / ".whatif", workers, Teller(quiet=True), world) as trials:
        base, candidates = _measure(trials, bench, settings, count, teller)
    coordinates = point.points()[0].coordinates
    found = answer(question, base, candidates, coordinates)
    document = {
        **answer_json(found),
        "scenario": scenario.name,
        "scenario_digest": hashlib.sha256(scenario.resolved_yaml().encode()).hexdigest(),
        "code_digest": identity.code_digest(),
        "seed": scenario.experiment.seed,
        "notes": list(notes),
    }
    rundir.write_json(out / ATTACHMENT, document)
    return Told(found, notes, document)


def _measure(
    trials: Trials, bench: Bench, settings: Sequence[Setting], count: int, teller: Teller
) -> tuple["PointRuns", list["Candidate"]]:
    from reports.whatif import Candidate, same_runs

    first = min(FIRST, count)
    candidates = []
    with teller.count("knobs", len(settings) + 1) as counter:
        base = _counted(trials, bench.base, count)
        if base.settling is not None and not base.settling.has_numbers:
            hint = "ask at a lower load with --at, or say `kind: terminating` and drain it"
            raise HarnessError(base.settling.reason, exits.MODEL_ERROR, hint)
        counter.advance(1)
        for setting in settings:
            runs = None
            if setting.scenario is not None:
                runs = _counted(trials, setting.scenario, first)
                if not same_runs(base, runs):
                    runs = _counted(trials, setting.scenario, count)
            knob = setting.knob
            steps = {turn.path: turn.step for turn in knob.turns}
            candidates.append(Candidate(knob.name, setting.change, knob.cost, steps, runs, setting.reason))
            counter.advance(1)
    return base, candidates


def _counted(trials: Trials, scenario: Scenario, replications: int) -> "PointRuns":
    """Measure a setting; of a steady experiment only what counts, after its own warm-up."""
    from reports.questions import questions_of
    from reports.steady import steady_view

    return steady_view(trials.measure(scenario, replications), questions_of(scenario)).points[0]


def _target(scenario: Scenario, wanted: Wanted) -> Target | None:
    """Return the target that is asked for; else the first that can fail and limits a time or a rate."""
    if wanted.target is not None:
        named = {target.id: target for target in scenario.targets}
        if wanted.target not in named:
            expected = f"expected {one_of(named)}" if named else "the scenario has none"
            hint = did_you_mean(wanted.target, named)
            raise HarnessError(f"unknown target '{wanted.target}'; {expected}", exits.USAGE, hint)
        return named[wanted.target]
    ranked = sorted(
        (it for it in scenario.targets if (metric := find_metric(it.metric)) and metric.unit in _TIMES),
        key=lambda target: target.severity != "error",
    )
    return ranked[0] if ranked else None


def _question(scenario: Scenario, wanted: Wanted, target: Target | None) -> "Question":
    from reports.whatif import Question

    alpha = 1 - scenario.experiment.confidence
    if wanted.metric is not None:
        name, _, stat = wanted.metric.partition(":")
        if find_metric(name) is None:
            hint = did_you_mean(name, METRICS)
            raise HarnessError(f"unknown metric '{name}'; expected {one_of(METRICS)}", exits.USAGE, hint)
        if stat and stat not in STATS:
            hint = did_you_mean(stat, STATS)
            raise HarnessError(f"unknown statistic '{stat}'; expected {one_of(STATS)}", exits.USAGE, hint)
        return Question.of(name, stat or "mean", alpha)
    if target is None:
        return Question.of("makespan", "mean", alpha)
    upwards = target.max is None
    return Question.of(target.metric, _stat(target), alpha, target.id, upwards=upwards)


def _stat(target: Target) -> str:
    """Return the statistic that a target's attainment or stat comes nearest to, one value a replication."""
    if target.stat in STATS:
        return str(target.stat)
    metric = find_metric(target.metric)
    if target.attainment is None or metric is None or metric.per == "run":
        return "mean"
    return next((f"p{level}" for level in (99, 95, 90) if target.attainment * 100 >= level), "mean")


def _point(scenario: Scenario, wanted: Wanted, target: Target | None) -> tuple[Scenario, tuple[str, ...]]:
    """Return the scenario at the point that is asked for, and which of its values nobody asked for.

    That point is where the target looks; a path on which it says nothing has the last of its values.
    """
    values = {short_form(path): value for path, value in wanted.at.items()}
    notes = []
    where = target.where if target is not None else {}
    for path in scenario.sweep.paths:
        taken = [point.coordinates[path] for point in scenario.points()]
        if path in values or path in where or all(same_value(one, taken[0]) for one in taken):
            continue
        values[path] = taken[-1]
        notes.append(f"{path}={taken[-1]} is the last of its values; --at {path}=VALUE asks at another")
    kept = [target.id] if target is not None else []
    looked_at = {path: where[path] for path in scenario.sweep.paths if path in where}
    return pinned(scenario, {**looked_at, **values}, kept), tuple(notes)


def values_at(texts: Sequence[str]) -> dict[str, Any]:
    """Return what ``--at PATH=VALUE`` says."""
    from scenarios.document import read_text

    found = {}
    for text in texts:
        path, separator, written = text.partition("=")
        if not separator or not is_path(path):
            raise HarnessError(f"--at {text}: expected PATH=VALUE, such as load.burst=5", exits.USAGE)
        found[path] = read_text(written, f"--at {text}").data if written.strip() else ""
    return found
