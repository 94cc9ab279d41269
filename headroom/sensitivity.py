"""At which start-up or exit time would a verdict flip? For targets that rest on assumptions about workloads.

The assumed times are multiplied by a factor until the target's point estimate crosses its limit: by
doubling, then by bisection on the ratio. Runs with different factors draw the same random numbers, so few
replications suffice.
"""

import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import scenarios
from engine.core.definition import SECOND_NS
from headroom.executor import Executor
from headroom.feasibility import selects
from headroom.progress import Teller
from headroom.rundir import RunDirectory
from headroom.worker import Job, Task
from scenarios import RunSpec
from scenarios.distributions import quantile

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
        teller.say(
            f"looking for the {WHAT[wanted.parameter][0]} at which {', '.join(wanted.targets)} would flip"
        )
        for target in wanted.targets:
            row = probe.row(target, wanted.up_to)
            if executor.interrupt.seen:
                return rows
            rows.append(row)
    shutil.rmtree(scratch(directory), ignore_errors=True)
    return rows


@dataclass(frozen=True)
class Flip:
    """Between `held` and `flipped` the verdict changes; None: not within the range that was searched."""

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
        looking = [target for target in task.scenario.targets if target.id in targets]
        self.points = [
            point
            for point in task.scenario.points()
            if any(selects(target.where, point.coordinates) for target in looking)
        ]
        self.replications = min(REPLICATIONS, task.scenario.experiment.replications.max)
        self._margins: dict[float, dict[str, float]] = {}

    def row(self, target: str, up_to: float) -> dict[str, Any]:
        """Search one target."""
        flip = bracket(lambda factor: self.margins(factor).get(target, -1.0) >= 0, up_to)
        spec = scenarios.compile(self.task.scenario, self.points[0], 0)
        return {
            "target": target,
            "parameter": self.parameter,
            "what": WHAT[self.parameter][0],
            "baseline": spec.cluster.parameters[self.parameter],
            "baseline_values": self.values(spec, 1.0),
            "flips_at": flip.flipped,
            "flips_at_values": self.values(spec, flip.flipped) if flip.flipped else {},
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
        summary = reports.summarise(reports.read_run(place.path), task.scenario)
        margins: dict[str, float] = {}
        for judgement in summary.judgements:
            if judgement.margin is not None:
                name = judgement.target.id
                margins[name] = min(judgement.margin, margins.get(name, math.inf))
        return margins


def scratch(directory: RunDirectory) -> Path:
    """Return where the runs of a search live while it goes on."""
    return directory.path / ".sensitivity"
