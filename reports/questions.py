"""What a scenario asks of its runs, in the units of the records: seconds and ratios."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import scenarios
from reports.looks import planned_looks


@dataclass(frozen=True)
class Target:
    """One target. `attainment` is the share that must lie within the limits; without it the stat must."""

    id: str
    metric: str
    stat: str | None
    attainment: float | None
    minimum: float | None
    maximum: float | None
    where: Mapping[str, Any]
    severity: str  # "error" | "warn" | "info"
    requirement: str


@dataclass(frozen=True)
class Comparison:
    """One paired comparison: `path` takes the values `first` and `second`, everything else is equal."""

    id: str
    metric: str
    stat: str | None
    path: str
    first: Any
    second: Any
    where: Mapping[str, Any]


@dataclass(frozen=True)
class Questions:
    """All that a report needs to know of a scenario."""

    name: str
    requirement: str
    description: str
    confidence: float
    replications_min: int
    replications_max: int
    targets: tuple[Target, ...]
    comparisons: tuple[Comparison, ...]
    points: tuple[tuple[int, Mapping[str, Any]], ...]  # index and coordinates of every point of the sweep
    precision: float = 0.05  # relative half-width at which a mean is known well enough
    steady: bool = False
    warmup_ns: int | None = None  # of a steady experiment; None: to be found

    @property
    def looks(self) -> tuple[int, ...]:
        """The numbers of replications at which the experiment is looked at."""
        return planned_looks(self.replications_min, self.replications_max)

    @property
    def alpha(self) -> float:
        """The error probability of a verdict, over all looks."""
        return 1 - self.confidence


def matches(where: Mapping[str, Any], coordinates: Mapping[str, Any]) -> bool:
    """Return whether a point lies where a target or a comparison asks; a path that it lacks lies nowhere."""
    return all(path in coordinates and _same(coordinates[path], value) for path, value in where.items())


def _same(found: Any, asked: Any) -> bool:
    return bool(found == asked) or str(found) == str(asked)


def questions_of(scenario: scenarios.Scenario) -> Questions:
    """Take the questions out of a scenario."""
    experiment = scenario.experiment
    return Questions(
        name=scenario.name,
        requirement=scenario.requirement,
        description=scenario.description,
        confidence=experiment.confidence,
        replications_min=experiment.replications.min,
        replications_max=experiment.replications.max,
        targets=tuple(_target(target, scenario.requirement) for target in scenario.targets),
        comparisons=tuple(_comparison(comparison) for comparison in scenario.comparisons),
        points=tuple((point.index, point.coordinates) for point in scenario.points()),
        precision=experiment.replications.precision,
        steady=experiment.kind == "steady",
        warmup_ns=experiment.warmup,
    )


def _target(target: scenarios.Target, requirement: str) -> Target:
    return Target(
        id=target.id,
        metric=target.metric,
        stat=target.stat,
        attainment=target.attainment,
        minimum=None if target.min is None else float(target.min),
        maximum=None if target.max is None else float(target.max),
        where=target.where,
        severity=target.severity,
        requirement=target.requirement or requirement,
    )


def _comparison(comparison: scenarios.Comparison) -> Comparison:
    [(path, (first, second))] = comparison.between.items()
    return Comparison(
        id=comparison.id,
        metric=comparison.metric,
        stat=comparison.stat,
        path=path,
        first=first,
        second=second,
        where=comparison.where,
    )
