"""Infeasible by configuration: targets that no engine could meet, proven from the RunSpec before the run.

Each bound is a floor under the metric, whatever the dice say: calls that the client's bucket cannot have
let through yet, waits that the workflow declares, the time that a workload is certain to take to exit or
start. A step that a condition may skip counts nothing.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import scenarios
from engine.core.definition import SECOND_NS, Step, StepKind, Workflow
from engine.core.validation import targets_of
from engine.registry import actions
from scenarios import Point, RunSpec, Scenario
from scenarios.distributions import quantile

GRACE_S = 30  # terminationGracePeriodSeconds that a pod template does not state
# Actions that end only when the pods they removed are gone and their replacements are ready.
REPLACES_PODS = ("restart_pod", "rollback_deployment", "rollout_restart")


@dataclass(frozen=True)
class Bound:
    """A floor under a metric, in seconds, and the arithmetic in words."""

    seconds: float
    because: str


def examine(scenario: Scenario, points: Sequence[Point]) -> list[dict[str, Any]]:
    """Return a row for every target and point where the floor lies beyond the limit."""
    from reports.questions import matches

    limited = [it for it in scenario.targets if it.severity == "error" and it.metric in BOUNDS]
    rows = []
    for point in points:
        looking = [target for target in limited if matches(target.where, point.coordinates)]
        if not looking:
            continue
        floor = Floor(scenarios.compile(scenario, point, 0))
        for target in looking:
            bound = BOUNDS[target.metric](floor)
            if target.max is not None and bound.seconds > target.max:
                rows.append(
                    {
                        "target": target.id,
                        "requirement": target.requirement or scenario.requirement,
                        "metric": target.metric,
                        "point": point.index,
                        "coordinates": dict(point.coordinates),
                        "limit_s": float(target.max),
                        "bound_s": round(bound.seconds, 6),
                        "because": bound.because,
                    }
                )
    return rows


class Floor:
    """The floors under one run."""

    def __init__(self, spec: RunSpec) -> None:
        """Read the workflow out of the spec."""
        self.spec = spec
        self.workflow = Workflow.from_json(spec.workload.workflow)

    def execution(self) -> Bound:
        """Return the floor under every execution's duration."""
        return max(self.path, self._bucket(1), key=lambda bound: bound.seconds)

    def makespan(self) -> Bound:
        """Return the floor under the time from the first arrival to the last end."""
        load, engine = self.spec.workload.load, self.spec.engine
        bounds = [self.path]
        if load.kind == "burst":
            bounds.append(self._bucket(load.count))
            if engine.max_concurrency is not None and load.count > engine.max_concurrency:
                rounds = math.ceil(load.count / engine.max_concurrency)
                bounds.append(
                    Bound(
                        rounds * self.path.seconds,
                        f"{load.count} executions, {engine.max_concurrency} at a time:"
                        f" {rounds} rounds of {self.path.because}",
                    )
                )
        return max(bounds, key=lambda bound: bound.seconds)

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
        certain = certain_steps(self.workflow.steps)
        return [step for step in certain if step.kind is StepKind.ACTION and step.action not in shared]

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
            bound = min((self._replacement(name) for name in self._targets(step)), key=lambda it: it.seconds)
            return bound.seconds, [f"{step.id}: {bound.because}"] if bound.seconds else []
        return 0.0, []

    def _targets(self, step: Step) -> Sequence[str]:
        """Return the Deployments that the step may act on, as the behaviours name them."""
        name = f"{step.parameters.get('namespace', '')}/{step.parameters.get('deployment', '')}"
        if "${" not in name:
            return [name]
        targets = self.spec.workload.targets
        return targets.deployments if targets is not None else list(self._graces) or ["*"]

    @cached_property
    def _graces(self) -> dict[str, float]:
        return {
            f"{it['metadata'].get('namespace', 'default')}/{it['metadata']['name']}": float(
                it["spec"]["template"]["spec"].get("terminationGracePeriodSeconds", GRACE_S)
            )
            for it in self.spec.cluster.objects
            if it["kind"] == "Deployment"
        }

    def _replacement(self, deployment: str) -> Bound:
        """Return the floor under replacing a pod: the old one's exit, or the new one's start-up."""
        behaviours, parameters = self.spec.cluster.behaviours, self.spec.cluster.parameters
        behaviour = behaviours.get(deployment) or behaviours.get("*") or {}
        grace = self._graces.get(deployment, 0.0)
        startup = least(behaviour.get("startup"), parameters["assumptions.startup_scale"])
        leaving = least(behaviour.get("exit"), parameters["assumptions.exit_scale"])
        if behaviour.get("ignores_sigterm"):
            exit_bound = Bound(grace, f"{deployment} ignores SIGTERM: {grace:g} s of termination grace")
        else:
            exit_bound = Bound(
                min(leaving, grace), f"{deployment} takes at least {leaving:.3g} s from SIGTERM to exit"
            )
        startup_bound = Bound(startup, f"{deployment} takes at least {startup:.3g} s from start to ready")
        return max(exit_bound, startup_bound, key=lambda bound: bound.seconds)


BOUNDS: Mapping[str, Callable[[Floor], Bound]] = {
    "makespan": Floor.makespan,
    "execution_duration": Floor.execution,
}


def least(distribution: Mapping[str, Any] | None, scale: float) -> float:
    """Return the least value that a distribution times `scale` can take, in seconds."""
    return quantile(distribution, scale)(0.0) / SECOND_NS if distribution else 0.0


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
