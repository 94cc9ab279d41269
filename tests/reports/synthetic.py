"""A run directory made up by a small closed formula: consistent records without a world."""

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

SECOND = 1_000_000_000
# cause, mean seconds of a restart, in the order in which they pass
STAGES: tuple[tuple[str, float], ...] = (
    ("client throttle", 0.0),  # grows with the load
    ("API queue", 0.002),
    ("API service", 0.012),
    ("watch delay", 0.004),
    ("termination grace", 1.1),
    ("controller queue", 0.02),
    ("scheduling", 0.01),
    ("container start", 0.9),
    ("readiness", 2.6),
)
BURSTS = (1, 5, 10, 20, 50)
STEPS = (1, 5, 10, 20)


def target(id_: str, metric: str, **given: Any) -> Any:
    """A target as scenarios has it; limits as numbers."""
    blank: dict[str, Any] = {
        "stat": None,
        "attainment": None,
        "where": {},
        "severity": "error",
        "requirement": "",
    }
    return SimpleNamespace(id=id_, metric=metric, **{**blank, "min": None, "max": None, **given})


def scenario(
    points: Sequence[Mapping[str, Any]],
    targets: Iterable[SimpleNamespace] = (),
    comparisons: Iterable[SimpleNamespace] = (),
    *,
    minimum: int = 10,
    maximum: int = 80,
    name: str = "high-throughput-orchestration",
    requirement: str = "BR-WORKFLOW-032",
    description: str = "Bursts of restarts on the high-load production cluster.",
    **experiment: Any,
) -> Any:
    """What reports read of a scenario."""
    return SimpleNamespace(
        name=name,
        requirement=requirement,
        description=description,
        targets=tuple(targets),
        comparisons=tuple(comparisons),
        experiment=SimpleNamespace(
            **{"kind": "terminating", "warmup": None, "confidence": 0.95, "seed": 20260101} | experiment,
            replications=SimpleNamespace(min=minimum, max=maximum, precision=0.05),
        ),
        points=lambda: [
            SimpleNamespace(index=index, coordinates=coordinates) for index, coordinates in enumerate(points)
        ],
    )


def grid(bursts: Sequence[int] = BURSTS, steps: Sequence[int] = STEPS) -> list[dict[str, Any]]:
    return [{"load.burst": burst, "workflow.steps": count} for burst, count in product(bursts, steps)]


def write_run(
    directory: Path,
    points: Sequence[Mapping[str, Any]],
    replications: int | Mapping[int, int] = 10,
    *,
    detail_points: Iterable[int] = (),
    failures: Mapping[int, float] | None = None,
    scenario_name: str = "high-throughput-orchestration",
    slots: int = 10,
) -> Path:
    """Write the records of every point; `failures` is the share of failing executions at a point."""
    records = directory / "records"
    records.mkdir(parents=True, exist_ok=True)
    detailed = set(detail_points)
    for index, coordinates in enumerate(points):
        count = replications if isinstance(replications, int) else replications.get(index, 10)
        for replication in range(count):
            dice = random.Random(f"{replication}")
            rows = run_rows(
                index,
                coordinates,
                replication,
                dice,
                detail=index in detailed,
                failing=(failures or {}).get(index, 0.0),
                scenario_name=scenario_name,
                slots=slots,
            )
            write_rows(records / f"p{index:04d}-r{replication:05d}.jsonl", rows)
    return directory


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows), encoding="utf-8")


def run_rows(
    point: int,
    coordinates: Mapping[str, Any],
    replication: int,
    dice: random.Random,
    *,
    detail: bool = False,
    failing: float = 0.0,
    scenario_name: str = "high-throughput-orchestration",
    slots: int = 10,
) -> list[dict[str, Any]]:
    """One run: executions in slots first come, each a chain of restarts."""
    burst, steps = int(coordinates.get("load.burst", 5)), int(coordinates.get("workflow.steps", 1))
    factor = 0.9 if coordinates.get("engine.dispatch") == "critical-path" else 1.0
    free = [0] * slots
    executions: list[dict[str, Any]] = []
    body: list[dict[str, Any]] = []
    throttle = max(0.0, min(burst, slots) * 0.35 - 1.2)
    for index in range(burst):
        slot = min(range(slots), key=lambda number: free[number])
        row, rows = _execution(f"x-{index}", index, free[slot], steps, throttle, factor, dice, detail=detail)
        if dice.random() < failing:
            row["state"], row["failure"] = "failed", "Timeout: too slow"
        free[slot] = row["ended_ns"]
        executions.append(row)
        body += [row, *rows]
    return [
        _run_row(point, coordinates, replication, scenario_name, executions, slots),
        *body,
        *_stations(executions, slots),
    ]


def _execution(
    identity: str,
    index: int,
    start: int,
    steps: int,
    throttle: float,
    factor: float,
    dice: random.Random,
    *,
    detail: bool,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    causes = {"admission": start} if start else {}
    now = gap = start
    for number in range(steps):
        spans = _spans(now, throttle, factor, dice)
        rows += _step_rows(identity, f"restart-{number}", spans, detail=detail)
        for cause, begin, end in spans:
            causes[cause] = causes.get(cause, 0) + end - begin
        gap, now = max(gap, spans[-1][2] - now), spans[-1][2]
    return {
        "type": "execution",
        "execution": identity,
        "index": index,
        "workflow": "restart-pods",
        "state": "completed",
        "failure": "",
        "submitted_ns": 0,
        "admitted_ns": start,
        "started_ns": start,
        "ended_ns": now,
        "steps_count": steps,
        "steps_completed_count": steps,
        "attempts_count": steps,
        "progress_gap_ns_max": gap,
        "causes": causes,
    }, rows


def _spans(start: int, throttle: float, factor: float, dice: random.Random) -> list[tuple[str, int, int]]:
    """One restart: its stages one after another from `start`."""
    spans = []
    for cause, mean in STAGES:
        typical = throttle if cause == "client throttle" else mean
        length = int(typical * dice.lognormvariate(0, 0.3) * factor * SECOND)
        if length:
            spans.append((cause, start, start + length))
            start += length
    return spans


def _step_rows(
    identity: str, step: str, spans: list[tuple[str, int, int]], *, detail: bool
) -> list[dict[str, Any]]:
    ready, ended = spans[0][1], spans[-1][2]
    row = {
        "type": "step",
        "execution": identity,
        "step": step,
        "kind": "action",
        "action": "restart_pod",
        "state": "completed",
        "failure": "",
        "ready_ns": ready,
        "started_ns": ready,
        "ended_ns": ended,
        "attempts_count": 1,
        "critical": True,
        "causes": {cause: end - begin for cause, begin, end in spans},
    }
    attempt = {
        "type": "attempt",
        "execution": identity,
        "step": step,
        "attempt": 1,
        "started_ns": ready,
        "ended_ns": ended,
        "outcome": "succeeded",
        "failure": "",
        "spans": spans,
    }
    return [row, attempt] if detail else [row]


def _run_row(
    point: int,
    coordinates: Mapping[str, Any],
    replication: int,
    scenario_name: str,
    executions: list[dict[str, Any]],
    slots: int,
) -> dict[str, Any]:
    ended = max(row["ended_ns"] for row in executions)
    states = [row["state"] for row in executions]
    causes: dict[str, int] = {}
    for row in executions:
        for cause, length in row["causes"].items():
            causes[cause] = causes.get(cause, 0) + length
    return {
        "type": "run",
        "schema": 1,
        "world": "simulated",
        "scenario": scenario_name,
        "requirement": "BR-WORKFLOW-032",
        "point": point,
        "coordinates": dict(coordinates),
        "replication": replication,
        "seed": 20260101,
        "digest": "0" * 64,
        "history_digest": "1" * 64,
        "submitted_count": len(executions),
        "completed_count": states.count("completed"),
        "failed_count": states.count("failed"),
        "unfinished_count": states.count("unfinished"),
        "first_arrival_ns": 0,
        "ended_ns": ended,
        "makespan_ns": ended,
        "executions_active_max": min(len(executions), slots),
        "api_requests_count": 4 * len(executions),
        "client_requests_count": 3 * len(executions),
        "events_count": 10 * len(executions),
        "checks": {"double ready": 0, "quota": 0},
        "causes": causes,
    }


def _stations(executions: list[dict[str, Any]], slots: int) -> list[dict[str, Any]]:
    ended = max(row["ended_ns"] for row in executions)
    busy = {"client.engine": "client throttle", "api.workload-low": "API service", "scheduler": "scheduling"}

    def sample(name: str, seats: int, busy_ns: int, wait_ns: int) -> dict[str, Any]:
        return {
            "type": "sample",
            "at_ns": ended,
            "station": name,
            "seats": seats,
            "arrivals_count": len(executions),
            "busy_ns": busy_ns,
            "wait_ns": wait_ns,
            "queue_length_max": max(0, len(executions) - slots),
            "queue_ns": wait_ns,
        }

    rows = [
        sample(
            "engine.executions",
            slots,
            sum(row["ended_ns"] - row["admitted_ns"] for row in executions),
            sum(row["admitted_ns"] - row["submitted_ns"] for row in executions),
        )
    ]
    for name, cause in busy.items():
        total = sum(row["causes"].get(cause, 0) for row in executions)
        rows.append(sample(name, 1, min(ended, total), total // 2))
    return rows


MANIFEST: dict[str, Any] = {
    "schema": 1,
    "created": "2026-11-24T08:00:00Z",
    "command": "headroom run high-throughput-orchestration --seed 20260101",
    "version": "0.1.0",
    "code_digest": "ab" * 32,
    "dependencies": {"numpy": "2.4.6", "simpy": "4.1.1"},
    "python": "3.11.7",
    "platform": "Linux x86-64",
    "world": "simulated",
    "wall_seconds": 41.2,
    "workers": 2,
    "parameters": [
        {
            "name": "scheduler.cycle",
            "value": {"dist": "constant", "value_s": 0.001},
            "unit": "s",
            "source": "scheduler benchmark",
            "kubernetes_version": "1.31",
            "overridden_by": "",
        },
        {
            "name": "kubelet.qps",
            "value": 50,
            "unit": "1/s",
            "source": "KubeletConfiguration",
            "kubernetes_version": "1.31",
            "overridden_by": "--set",
        },
    ],
    "complete": True,
}
SENSITIVITY: list[dict[str, Any]] = [
    {
        "target": "orchestration",
        "parameter": "assumptions.exit_scale",
        "what": "SIGTERM-to-exit time",
        "baseline": 1,
        "flips_at": 9.5,
        "flips_at_values": {"message-queue": 57.0},
        "held_up_to": 16,
        "replications": 80,
    },
    {
        "target": "orchestration",
        "parameter": "assumptions.startup_scale",
        "what": "start-up time",
        "baseline": 1,
        "flips_at": None,
        "flips_at_values": {},
        "held_up_to": 16,
        "replications": 80,
    },
]


def standard_targets() -> list[SimpleNamespace]:
    where = {"load.burst": 5, "workflow.steps": 1}
    return [
        target("orchestration", "makespan", attainment=0.95, max=30, where=where),
        target("each-workflow", "execution_duration", attainment=0.95, max=25, where=where),
        target("complete", "executions_completed_ratio", stat="mean", min=1, where=where),
        target("map", "makespan", stat="mean", max=30, severity="info"),
    ]


def standard_run(directory: Path, replications: int = 10) -> tuple[Path, Any]:
    """The sweep of the requirement: 20 points, 80 replications at the requirement's point."""
    points = grid()
    place = points.index({"load.burst": 5, "workflow.steps": 1})
    write_run(
        directory,
        points,
        {**dict.fromkeys(range(len(points)), replications), place: 80},
        detail_points=[place],
    )
    (directory / "manifest.json").write_text(json.dumps(MANIFEST), encoding="utf-8")
    (directory / "sensitivity.json").write_text(json.dumps(SENSITIVITY), encoding="utf-8")
    return directory, scenario(points, standard_targets())
