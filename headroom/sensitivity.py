"""The start-up or exit time at which a target's estimate crosses the limit: for assumptions about workloads.

The assumed times are multiplied by a factor until the target's point estimate crosses its limit: by
doubling, then by bisection on the ratio. Runs with different factors draw the same random numbers, so few
replications suffice. A mean holds only while nothing is left out of it: what failed has no value, and a
workload that is too slow to succeed would otherwise look fast.
"""

import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import scenarios
from engine.core.definition import SECOND_NS
from headroom.executor import Executor
from headroom.progress import Teller
from headroom.rundir import RunDirectory
from headroom.worker import Job, Task
from scenarios import Point, RunSpec, Scenario
from scenarios.distributions import quantile

if TYPE_CHECKING:
    from reports.columns import RunData
    from reports.judge import Judgement

REPLICATIONS = 60  # the fewest whose worst is beyond their 95 % quantile, at which most targets look
PRECISION = 1.05  # bisection ends when the factor is known within 5 %
WHAT: Mapping[str, tuple[str, str]] = {  # parameter -> what it scales, and the behaviour that holds it
    "assumptions.startup_scale": ("start-to-ready time", "startup"),
    "assumptions.exit_scale": ("SIGTERM-to-exit time", "exit"),
}


def search(executor: Executor, directory: RunDirectory, task: Task, teller: Teller) -> list[dict[str, Any]]:
    """Return the rows of `sensitivity.json`; stops early, with fewer rows, when interrupted."""
    rows: list[dict[str, Any]] = []
    for wanted in task.scenario.sensitivity:
        probe = Probe(executor, directory, task, wanted.parameter, wanted.targets)
        what, names = WHAT[wanted.parameter][0], ", ".join(wanted.targets)
        teller.say(f"looking for the {what} at which the estimate of {names} crosses the limit")
        for target in wanted.targets if probe.points else ():  # a narrower sweep leaves targets behind
            row = probe.row(target, wanted.up_to)
            if executor.interrupt.seen:
                return rows
            rows.append(row)
    shutil.rmtree(scratch(directory), ignore_errors=True)
    return rows


@dataclass(frozen=True)
class Flip:
    """Between `held` and `flipped` the estimate crosses the limit; None: not within the range searched."""

    held: float | None
    flipped: float | None


def bracket(holds: Callable[[float], bool], up_to: float) -> Flip:
    """Find the factor at which `holds` turns false, between 1 and `up_to`, within `PRECISION`."""
    if not holds(1.0):
        return Flip(None, 1.0)
    low, high = 1.0, min(2.0, up_to)
    while holds(high):
        if high == up_to:
            return Flip(high, None)
        low, high = high, min(2 * high, up_to)
    while high / low > PRECISION:
        middle = float(f"{math.sqrt(low * high):.4g}")
        if holds(middle):
            low = middle
        else:
            high = middle
    return Flip(low, high)


def factors_max(up_to: float, targets: int) -> int:
    """Return how many factors a search may run: 1, the doublings, and a bisection for each target."""
    bisections = math.ceil(math.log2(math.log(2) / math.log(PRECISION)))
    return 1 + math.ceil(math.log2(up_to)) + targets * bisections


def looked_at(scenario: Scenario, targets: Sequence[str]) -> list[Point]:
    """Return the points at which some targets look."""
    from reports.questions import matches

    wheres = [target.where for target in scenario.targets if target.id in targets]
    return [it for it in scenario.points() if any(matches(where, it.coordinates) for where in wheres)]


def replications_of(scenario: Scenario) -> int:
    """Return how many replications a factor is tried with."""
    return min(REPLICATIONS, scenario.experiment.replications.max)


class Probe:
    """Runs the points of some targets with one parameter scaled."""

    def __init__(
        self,
        executor: Executor,
        directory: RunDirectory,
        task: Task,
        parameter: str,
        targets: tuple[str, ...],
    ) -> None:
        """Choose the points: those at which the targets look."""
        self.executor = executor
        self.directory = directory
        self.task = task
        self.parameter = parameter
        self.points = looked_at(task.scenario, targets)
        self.replications = replications_of(task.scenario)
        self._margins: dict[float, dict[str, float]] = {}

    def row(self, target: str, up_to: float) -> dict[str, Any]:
        """Search one target; one that does not hold as assumed is missed already and has no factor."""
        flip = bracket(lambda factor: self.margins(factor).get(target, -1.0) >= 0, up_to)
        flips_at = None if flip.held is None else flip.flipped
        spec = scenarios.compile(self.task.scenario, self.points[0], 0)
        return {
            "target": target,
            "parameter": self.parameter,
            "what": WHAT[self.parameter][0],
            "baseline": spec.cluster.parameters[self.parameter],
            "baseline_values": self.values(spec, 1.0),
            "already_missed": flip.held is None,
            "flips_at": flips_at,
            "flips_at_values": self.values(spec, flips_at) if flips_at else {},
            "held_up_to": flip.held,
            "replications": self.replications,
        }

    def values(self, spec: RunSpec, factor: float) -> dict[str, float]:
        """Return each target workload's median time at a factor, in seconds."""
        targets = spec.workload.targets
        names = targets.deployments if targets is not None else tuple(spec.cluster.behaviours)
        found = {}
        for name in dict.fromkeys(names):
            behaviour = spec.cluster.behaviours.get(name) or spec.cluster.behaviours.get("*") or {}
            distribution = behaviour.get(WHAT[self.parameter][1])
            if distribution:
                scale = factor * spec.cluster.parameters[self.parameter]
                found[name] = round(quantile(distribution, scale)(0.5) / SECOND_NS, 3)
        return found

    def margins(self, factor: float) -> dict[str, float]:
        """Run all points at a factor and return each target's smallest margin; once per factor."""
        if factor not in self._margins:
            self._margins[factor] = self._measure(factor)
        return self._margins[factor]

    def _measure(self, factor: float) -> dict[str, float]:
        import reports

        place = RunDirectory(scratch(self.directory) / f"{self.parameter}-{factor:g}")
        shutil.rmtree(place.path, ignore_errors=True)
        place.records.mkdir(parents=True)
        jobs = [Job(it.index, number) for number in range(self.replications) for it in self.points]
        task = replace(self.task, directory=place.path, histories=False, scales={self.parameter: factor})
        self.executor.run(task, jobs, lambda _: None)
        run = reports.read_run(place.path)
        summary = reports.summarise(run, task.scenario)
        looked_at = {point.index for point in self.points}
        margins: dict[str, float] = {}
        for judgement in summary.judgements:
            if judgement.point in looked_at:
                name = judgement.target.id
                margins[name] = min(margin_of(judgement, run), margins.get(name, math.inf))
        return margins


def margin_of(judgement: "Judgement", run: "RunData") -> float:
    """Return how far a target is from its limit; negative where it is missed, or something has no value."""
    if judgement.margin is None or judgement.reached is None or not math.isfinite(judgement.reached):
        return -math.inf
    if judgement.stat == "mean" and left_out(judgement, run):
        return -math.inf
    return judgement.margin


def left_out(judgement: "Judgement", run: "RunData") -> bool:
    """Tell whether values are infinite, of what failed or did not finish: a mean is taken of the others."""
    from reports.estimates import samples
    from reports.metrics import find_metric

    metric = find_metric(judgement.target.metric)
    point = None if judgement.point is None else run.point(judgement.point)
    return metric is not None and any(bool((abs(it) == math.inf).any()) for it in samples(metric, point))


def scratch(directory: RunDirectory) -> Path:
    """Return where the runs of a search live while it goes on."""
    return directory.path / ".sensitivity"
