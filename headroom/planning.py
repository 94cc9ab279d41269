"""`headroom plan`: what a run would do and how long it would take, without doing it."""

import time
from typing import Any

import scenarios
from headroom import feasibility
from headroom.worker import WORLD, load_world
from scenarios import Point, Scenario

PROBES_MAX = 5
PROBE_BUDGET_S = 10.0  # no further probe begins after this


def plan(scenario: Scenario, workers: int, world: str = WORLD) -> dict[str, Any]:
    """Return the size of the experiment, an estimate of its time, and what stands against it."""
    points = scenario.points()
    replications = scenario.experiment.replications
    probes = probe(scenario, points, world)
    each = sum(it["wall_s"] for it in probes) / len(probes)
    return {
        "scenario": scenario.name,
        "requirement": scenario.requirement,
        "sweep": {path: values_of(path, points) for path in (points[0].coordinates if points else ())},
        "points": len(points),
        "replications": {"min": replications.min, "max": replications.max},
        "runs": {"min": len(points) * replications.min, "max": len(points) * replications.max},
        "workers": workers,
        "estimated_s": {
            "min": round(each * len(points) * replications.min / workers, 3),
            "max": round(each * len(points) * replications.max / workers, 3),
        },
        "probes": probes,
        "targets": [
            {"id": it.id, "metric": it.metric, "requirement": it.requirement} for it in scenario.targets
        ],
        "infeasible": feasibility.examine(scenario, points),
        "warnings": list(scenario.warnings),
    }


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
