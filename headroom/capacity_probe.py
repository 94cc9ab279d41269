"""One probe of a capacity search: the scenario at one value of its knob, judged by a sequential test."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import scenarios
from headroom import feasibility
from headroom.capacity_knob import Knob
from headroom.capacity_search import Met, Probe
from headroom.errors import HarnessError
from headroom.trials import Trials
from reports import exits
from reports.verdicts import Verdict, worst
from scenarios import RunSpec, Scenario

if TYPE_CHECKING:
    from reports.judge import Judgement
    from reports.summary import Summary

SAYS = {Met.HOLDS: "holds", Met.FAILS: "fails", Met.UNDECIDED: "is undecided"}


@dataclass(frozen=True)
class Settings:
    """How every value is probed."""

    targets: tuple[str, ...] | None  # by id; None: those of severity error
    error: float  # that each probe may err with
    replications: Mapping[str, int]  # min and max
    seed: int
    fixed: Mapping[str, Any] = field(default_factory=dict)  # further paths that are pinned

    def pin(self, scenario: Scenario, values: Mapping[str, Any]) -> Scenario:
        """Return the scenario at these values, to be decided with this error and this seed."""
        experiment = {
            "experiment.replications": {**self.replications, "precision": "100%"},
            "experiment.confidence": 1 - self.error,
            "experiment.seed": self.seed,
        }
        return scenarios.pinned(scenario, {**self.fixed, **values, **experiment}, self.targets)


@dataclass(frozen=True)
class Seen:
    """What was seen at one value of the knob."""

    value: Any  # as the scenario takes it: 20, or 2/s
    replications: int
    judgements: tuple["Judgement", ...] = ()
    summary: "Summary | None" = None  # None: proven without a run
    spec: RunSpec | None = None  # of replication 0
    reason: str = ""  # of a failure that no target tells: infeasible, or unstable

    @property
    def deciding(self) -> "Judgement | None":
        """The judgement that decides: of the worst verdict, the one with the smallest margin."""
        verdict = worst([item.verdict for item in self.judgements])
        found = [item for item in self.judgements if item.verdict is verdict]
        # "Every one" has no room to spare even where all is well: it tells nothing of how near a miss is.
        chosen = [item for item in found if item.stat not in ("min", "max")] or found
        return min(chosen, key=lambda item: math.inf if item.margin is None else item.margin, default=None)


def met_by(judgements: Iterable["Judgement"]) -> Met:
    """Return what verdicts say together: all pass, one fails, or neither is shown."""
    verdict = worst([item.verdict for item in judgements])
    return {Verdict.PASS: Met.HOLDS, Verdict.FAIL: Met.FAILS}.get(verdict, Met.UNDECIDED)


class Prober:
    """Probes a scenario along one knob."""

    def __init__(self, trials: Trials, scenario: Scenario, knob: Knob, settings: Settings) -> None:
        """Probe nothing yet."""
        self.trials, self.scenario, self.knob, self.settings = trials, scenario, knob, settings

    def __call__(self, steps: int) -> Probe:
        """Run the scenario at one value until its targets are decided, or there are replications enough."""
        value = self.knob.value(steps)
        seen, met = look(self.trials, self.settings.pin(self.scenario, {self.knob.path: value}), value)
        with_runs = f"{seen.replications} runs" if seen.replications else "without a run"
        self.trials.teller.say(f"{self.knob.path} = {value}: {SAYS[met]} ({with_runs}){_why(seen, met)}")
        return Probe(steps, met, seen)


def look(trials: Trials, pinned: Scenario, value: Any) -> tuple[Seen, Met]:
    """Decide one scenario of one point."""
    if not pinned.targets:
        raise HarnessError(
            f"{pinned.name} has no target that a capacity could be judged by",
            exits.NO_DATA,
            "give it a target of severity error, or name one of another severity with --target",
        )
    point = pinned.points()[0]
    spec = scenarios.compile(pinned, point, 0)  # what does not go together is said here, and not by a worker
    impossible = feasibility.examine(pinned, [point])
    if impossible:
        row = impossible[0]
        reason = f"{row['target']} is infeasible: {row['because']}; limit {row['limit_s']:g} s"
        return Seen(value, 0, spec=spec, reason=reason), Met.FAILS
    summary = trials.decide(pinned)
    _refuse_broken(summary)
    runs = summary.run.point(point.index)
    seen = Seen(value, 0 if runs is None else len(runs.replications), summary.judgements, summary, spec)
    if runs is not None and runs.settling is not None and runs.settling.status == "unstable":
        return replace(seen, reason=runs.settling.reason), Met.FAILS
    _refuse_no_data(seen.judgements)
    return seen, met_by(seen.judgements)


def _refuse_broken(summary: "Summary") -> None:
    broken = [check for check in summary.checks if not check.passed]
    if broken:
        raise HarnessError(
            f"self-check failed: {broken[0].name}, {broken[0].violations} times: {broken[0].example}",
            exits.MODEL_ERROR,
        )


def _refuse_no_data(judgements: Sequence["Judgement"]) -> None:
    for item in judgements:
        if item.verdict is Verdict.NO_DATA:
            raise HarnessError(
                f"target {item.target.id}: no data: {item.reason}",
                exits.NO_DATA,
                "name the targets that have data with --target",
            )


def _why(seen: Seen, met: Met) -> str:
    if seen.reason:
        return f": {seen.reason}"
    item = seen.deciding
    if met is Met.HOLDS or item is None:
        return ""
    return f": {item.target.id} {item.value_text}, asked {item.limit_text}"
