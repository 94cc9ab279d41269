"""`headroom plan`: what a run would do and how long it would take, without doing it."""

import math
import time
from typing import Any

import scenarios
from headroom import feasibility, sensitivity
from headroom.worker import WORLD, load_world
from scenarios import Point, Scenario

PROBES_MAX = 5
PROBE_BUDGET_S = 10.0  # no further probe begins after this
START_UP_S = 2.0  # processes that start and import the world, and the documents at the end


def plan(scenario: Scenario, workers: int, world: str = WORLD) -> dict[str, Any]:
    """Return the size of the experiment, an estimate of its time, and what stands against it."""
    points = scenario.points()
    replications = scenario.experiment.replications
    most = len(points) * replications.min + len(open_points(scenario)) * (replications.max - replications.min)
    runs = {"min": len(points) * replications.min, "max": most}
    searched = sensitivity_runs(scenario)
    probes = probe(scenario, points, world)
    floors = feasibility.floors(scenario, points)
    each = sum(it["wall_s"] for it in probes) / len(probes)
    return {
        "scenario": scenario.name,
        "requirement": scenario.requirement,
        "sweep": {path: values_of(path, points) for path in (points[0].coordinates if points else ())},
        "points": len(points),
        "replications": {"min": replications.min, "max": replications.max},
        "runs": runs,
        "sensitivity_runs": searched,
        "workers": workers,
        "estimated_s": {
            end: two_digits(START_UP_S + each * (runs[end] + searched[end]) / workers) for end in runs
        },
        "probes": probes,
        "targets": [
            {"id": it.id, "metric": it.metric, "requirement": it.requirement} for it in scenario.targets
        ],
        "floors": feasibility.highest(floors),
        "infeasible": [row for row in floors if row["bound_s"] > row["limit_s"]],
        "warnings": list(scenario.warnings),
    }


def open_points(scenario: Scenario) -> list[Point]:
    """Return the points that may take more than the least number of replications: a verdict looks there."""
    from reports.questions import matches

    wheres = [it.where for it in scenario.targets if it.severity != "info"]
    for compared in scenario.comparisons:
        [(path, sides)] = compared.between.items()
        wheres += [{**compared.where, path: side} for side in sides]
    return [it for it in scenario.points() if any(matches(where, it.coordinates) for where in wheres)]


def sensitivity_runs(scenario: Scenario) -> dict[str, int]:
    """Return how many runs the search for factors takes: one factor if all is missed as assumed, or all."""
    fewest = most = 0
    for wanted in scenario.sensitivity:
        points = sensitivity.looked_at(scenario, wanted.targets)
        each = len(points) * sensitivity.replications_of(scenario)
        fewest += each
        most += each * sensitivity.factors_max(wanted.up_to, len(wanted.targets))
    return {"min": fewest, "max": most}


def two_digits(seconds: float) -> float:
    """Round to two significant digits, which is more than an estimate from a few probes is good for."""
    rounded = round(seconds, 1 - math.floor(math.log10(seconds)))
    return int(rounded) if rounded >= 10 else rounded


def values_of(path: str, points: list[Point]) -> list[Any]:
    """Return the values that a path takes, in order of first appearance."""
    values = []
    for point in points:
        if point.coordinates[path] not in values:
            values.append(point.coordinates[path])
    return values


def probe(scenario: Scenario, points: list[Point], world: str) -> list[dict[str, Any]]:
    """Run one replication at a few points spread evenly over the sweep, first and last included."""
    simulate = load_world(world)
    count = min(PROBES_MAX, len(points))
    chosen = [points[round(number * (len(points) - 1) / max(1, count - 1))] for number in range(count)]
    probes, began = [], time.perf_counter()
    for point in chosen:
        start = time.perf_counter()
        result = simulate(scenarios.compile(scenario, point, 0))
        wall = time.perf_counter() - start
        virtual = result.rows[0]["makespan_ns"] / 1e9
        probes.append(
            {
                "point": point.index,
                "coordinates": dict(point.coordinates),
                "wall_s": round(wall, 4),
                "virtual_s": virtual,
            }
        )
        if time.perf_counter() - began > PROBE_BUDGET_S:
            break
    return probes
