"""A world in a few lines, for tests of the executor: makespan from the digest, and accidents on demand.

The variable `accident` of the scenario says what happens at point 1, replication 2: `raise`, `die` or
`sleep`.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scenarios import RunSpec


@dataclass
class FakeHistory:
    """As much of a history as a run directory takes."""

    lines: list[str]

    def to_lines(self) -> list[str]:
        return self.lines


@dataclass
class FakeResult:
    """What a world hands back."""

    rows: list[Mapping[str, Any]]
    history: FakeHistory


def simulate(spec: RunSpec) -> FakeResult:
    """Make up a run."""
    accident = spec.workload.variables.get("accident")
    if (spec.point, spec.replication) == (1, 2):
        if accident == "raise":
            raise ZeroDivisionError("by the mole")
        if accident == "die":
            os._exit(7)
    if accident == "sleep":
        time.sleep(0.15)
    makespan_ns = 10**9 + int(spec.digest[:8], 16)
    return FakeResult(rows(spec, makespan_ns), FakeHistory([f'{{"makespan_ns":{makespan_ns}}}']))


def rows(spec: RunSpec, makespan_ns: int) -> list[Mapping[str, Any]]:
    run = {
        "type": "run",
        "schema": 1,
        "world": "simulated",
        "scenario": spec.scenario,
        "requirement": spec.requirement,
        "point": spec.point,
        "coordinates": dict(spec.coordinates),
        "replication": spec.replication,
        "seed": spec.seed,
        "digest": spec.digest,
        "history_digest": spec.digest[::-1],
        "submitted_count": 1,
        "completed_count": 1,
        "failed_count": 0,
        "unfinished_count": 0,
        "first_arrival_ns": 0,
        "ended_ns": makespan_ns,
        "makespan_ns": makespan_ns,
        "executions_active_max": 1,
        "api_requests_count": 3,
        "client_requests_count": 3,
        "events_count": 4,
        "checks": {},
        "causes": {"API service": makespan_ns},
    }
    execution = {
        "type": "execution",
        "execution": f"e-{spec.point}-{spec.replication}",
        "index": 0,
        "workflow": "w",
        "state": "completed",
        "failure": "",
        "submitted_ns": 0,
        "admitted_ns": 0,
        "started_ns": 0,
        "ended_ns": makespan_ns,
        "steps_count": 0,
        "steps_completed_count": 0,
        "attempts_count": 1,
        "progress_gap_ns_max": 0,
        "causes": {"API service": makespan_ns},
    }
    return [run, execution]
