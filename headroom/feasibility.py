"""Infeasible by configuration: targets that no engine could meet, proven from the RunSpec before the run.

Each bound is a floor under the metric, whatever the dice say: calls that the client's bucket cannot have
let through yet, waits that the workflow declares, the time that a workload is certain to take to exit, to
start and to be found ready, and what many executions share: slots, locks, rates, the controllers' bucket. A
step that a condition may skip counts nothing.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import scenarios
from engine.core.definition import SECOND_NS, Step, StepKind, Workflow
from engine.core.validation import targets_of
from engine.registry import actions
from headroom import budgets
from headroom.budgets import REPLACES_PODS
from headroom.replacement import Bound, Replacement, greatest
from scenarios import Point, RunSpec, Scenario, Target


def examine(scenario: Scenario, points: Sequence[Point]) -> list[dict[str, Any]]:
    """Return a row for every target and point where the floor lies beyond the limit."""
    return [row for row in floors(scenario, points) if row["bound_s"] > row["limit_s"]]


def floors(scenario: Scenario, points: Sequence[Point]) -> list[dict[str, Any]]:
    """Return a row for every target on a time and every point that it judges: floor and limit."""
    from reports.questions import matches

    limited = [
        it for it in scenario.targets if it.severity == "error" and it.metric in BOUNDS and it.max is not None
    ]
    rows: list[dict[str, Any]] = []
    for point in points:
        looking = [target for target in limited if matches(target.where, point.coordinates)]
        if looking:
            floor = Floor(scenarios.compile(scenario, point, 0))
            rows += [_row(scenario, target, point, BOUNDS[target.metric](floor)) for target in looking]
    return rows


def highest(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return for each target the row whose floor leaves the least of its limit, in the order of targets."""
    found: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        known = found.get(row["target"])
        if known is None or row["bound_s"] > known["bound_s"]:
            found[row["target"]] = row
    return [dict(row) for row in found.values()]


def _row(scenario: Scenario, target: Target, point: Point, bound: Bound) -> dict[str, Any]:
    return {
        "target": target.id,
        "requirement": target.requirement or scenario.requirement,
        "metric": target.metric,
        "point": point.index,
        "coordinates": dict(point.coordinates),
        "limit_s": float(target.max or 0.0),
        "bound_s": round(bound.seconds, 6),
        "because": bound.because,
    }


class Floor:
    """The floors under one run."""

    def __init__(self, spec: RunSpec) -> None:
        """Read the workflow out of the spec."""
        self.spec = spec
        self.workflow = Workflow.from_json(spec.workload.workflow)
        self._replacement = Replacement(spec)

    def execution(self) -> Bound:
        """Return the floor under every execution's duration."""
        return greatest(self.path, self._bucket(1), *self._shared(1))

    def makespan(self) -> Bound:
        """Return the floor under the time from the first arrival to the last end."""
        arrivals, engine = self._arrivals, self.spec.engine
        executions, last_s = arrivals
        bounds = [self.path, self._bucket(executions), *self._shared(executions), self._made]
        if last_s:
            until = f"the last execution arrives {last_s:g} s after the first"
            bounds.append(Bound(last_s + self.path.seconds, f"{until}; {self.path.because}"))
        if engine.max_concurrency is not None and executions > engine.max_concurrency:
            rounds = math.ceil(executions / engine.max_concurrency)
            words = f"{executions} executions, {engine.max_concurrency} at a time: {rounds} rounds of"
            bounds.append(Bound(rounds * self.path.seconds, f"{words} {self.path.because}"))
        return greatest(*bounds)

    @cached_property
    def _arrivals(self) -> tuple[int, float]:
        """How many executions are sure to arrive, and how long after the first the last of them does."""
        load = self.spec.workload.load
        if load.kind == "trace":
            gaps = [int(gap) for gap in load.gaps.split()]
            return len(gaps), sum(gaps[1:]) / SECOND_NS
        return {"burst": load.count, "closed": load.users}.get(load.kind, 1), 0.0

    def _shared(self, executions: int) -> tuple[Bound, ...]:
        """Return the floors under what so many executions do with what they share."""
        spec, steps = self.spec, self._certain
        return (
            budgets.slots(spec, steps, self._seconds, executions),
            budgets.locks(spec, steps, self._seconds, executions),
            budgets.rates(spec, steps, executions),
        )

    @property
    def _made(self) -> Bound:
        return budgets.controllers(self.spec, self._certain, self._replacement, self._targets)

    @cached_property
    def _certain(self) -> list[Step]:
        return list(certain_steps(self.workflow.steps))

    def _seconds(self, step: Step) -> float:
        return self._own(step)[0]

    @cached_property
    def path(self) -> Bound:
        """The longest chain of waits that no engine can shorten."""
        seconds, reasons = self._longest(self.workflow.steps, certain=True)
        return Bound(seconds, " + ".join(reasons) or "nothing")

    def _bucket(self, executions: int) -> Bound:
        qps, burst = self.spec.engine.client_qps, self.spec.engine.client_burst
        if self.spec.engine.reads == "cache":  # nobody knows how many of an action's calls are reads
            return Bound(0.0, "nothing")
        known = actions()
        calls = executions * sum(known[step.action].calls_min for step in self._certain_actions())
        if qps is None or calls <= burst:
            return Bound(0.0, "nothing")
        return Bound(
            (calls - burst) / qps,
            f"at least {calls} API calls through a client bucket of burst {burst} and {qps:g}/s:"
            f" ({calls} - {burst}) / {qps:g} = {(calls - burst) / qps:g} s",
        )

    def _certain_actions(self) -> list[Step]:
        shared = self.spec.engine.coalesce  # one call may do for several steps
        return [step for step in self._certain if step.kind is StepKind.ACTION and step.action not in shared]

    def _longest(self, level: Sequence[Step], *, certain: bool) -> tuple[float, list[str]]:
        """Return the longest chain through one level of steps: seconds, and what they are made of."""
        sure = {step.id for step in sure_of(level)} if certain else set[str]()
        ends: dict[str, tuple[float, list[str]]] = {}
        for step in in_order(level):
            start = max((ends[need] for need in step.needs), key=lambda end: end[0], default=(0.0, []))
            own, reason = self._own(step) if step.id in sure else (0.0, [])
            ends[step.id] = (start[0] + own, start[1] + reason)
        return max(ends.values(), key=lambda end: end[0], default=(0.0, []))

    def _own(self, step: Step) -> tuple[float, list[str]]:
        if step.kind is StepKind.SEQUENTIAL:
            parts = [self._longest([child], certain=True) for child in step.steps]
            return sum(part[0] for part in parts), [reason for part in parts for reason in part[1]]
        if step.kind is StepKind.PARALLEL:
            return self._longest(step.steps, certain=True)
        if step.kind is StepKind.WAIT and step.wait_ns:
            seconds = step.wait_ns / SECOND_NS
            return seconds, [f"{step.id} waits {seconds:g} s as declared"]
        if step.action in REPLACES_PODS:
            names = self._targets(step)
            bound = min((self._replacement.bound(name) for name in names), key=lambda it: it.seconds)
            return bound.seconds, [f"{step.id}: {bound.because}"] if bound.seconds else []
        return 0.0, []

    def _targets(self, step: Step) -> Sequence[str]:
        """Return the Deployments that the step may act on, as the behaviours name them."""
        name = f"{step.parameters.get('namespace', '')}/{step.parameters.get('deployment', '')}"
        if "${" not in name:
            return [name]
        targets = self.spec.workload.targets
        return targets.deployments if targets is not None else self._replacement.names or ["*"]


BOUNDS: Mapping[str, Callable[[Floor], Bound]] = {
    "makespan": Floor.makespan,
    "execution_duration": Floor.execution,
}


def sure_of(level: Sequence[Step]) -> list[Step]:
    """Return the steps of one level that no condition, no branch and no failure can skip."""
    branched = {name for step in level for name in targets_of(step)}
    sure: dict[str, Step] = {}
    for step in in_order(level):
        needs_sure = all(need in sure and sure[need].kind is not StepKind.CONDITION for need in step.needs)
        if not step.when and step.id not in branched and needs_sure:
            sure[step.id] = step
    return list(sure.values())


def certain_steps(level: Sequence[Step]) -> Iterable[Step]:
    """Yield all steps, children of groups included, that will run in every execution that completes."""
    for step in sure_of(level):
        yield step
        if step.kind is not StepKind.LOOP:  # which may have nothing to go through
            yield from certain_steps(step.steps)


def in_order(level: Sequence[Step]) -> list[Step]:
    """Return the steps of one level so that each comes after what it needs."""
    placed: dict[str, Step] = {}
    waiting = list(level)
    while waiting:
        rest = []
        for step in waiting:
            if all(need in placed for need in step.needs):
                placed[step.id] = step
            else:
                rest.append(step)
        waiting = rest
    return list(placed.values())
