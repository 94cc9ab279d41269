"""Runs of made-up throughput: what a scenario of one load axis would have left, from a closed formula."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reports.read import read_run
from reports.summary import Summary, summarise
from tests.reports.synthetic import scenario, write_rows

SECOND = 1_000_000_000
COUNT = 4  # executions of each run
Rate = Callable[[float], float]


def line_rows(
    point: int,
    where: Mapping[str, Any],
    replication: int,
    rate: float,
    stations: Mapping[str, tuple[int, float]],
) -> list[dict[str, Any]]:
    """One run at a throughput; `stations` give seats and the seconds that an execution asks of each."""
    ended = round(COUNT / rate * SECOND)
    run: dict[str, Any] = {
        "type": "run", "schema": 1, "world": "simulated", "scenario": "line", "requirement": "",
        "point": point, "coordinates": dict(where), "replication": replication, "seed": 1, "digest": "0" * 64,
        "history_digest": "1" * 64, "submitted_count": COUNT, "completed_count": COUNT, "failed_count": 0,
        "unfinished_count": 0, "first_arrival_ns": 0, "ended_ns": ended, "makespan_ns": ended,
        "executions_active_max": COUNT, "api_requests_count": 0, "client_requests_count": 0,
        "events_count": 9, "checks": {}, "causes": {"declared work": COUNT * ended},
    }  # fmt: skip
    executions = [
        {
            "type": "execution", "execution": f"x-{index}", "index": index, "workflow": "w",
            "state": "completed", "failure": "", "submitted_ns": 0, "admitted_ns": 0, "started_ns": 0,
            "ended_ns": ended,
            "steps_count": 0, "steps_completed_count": 0, "attempts_count": 0, "progress_gap_ns_max": ended,
            "causes": {"declared work": ended},
        }
        for index in range(COUNT)
    ]  # fmt: skip
    samples = [
        {
            "type": "sample", "at_ns": ended, "station": name, "seats": seats, "arrivals_count": COUNT,
            "busy_ns": round(COUNT * asked * SECOND), "wait_ns": 0, "queue_length_max": 0,
        }
        for name, (seats, asked) in stations.items()
    ]  # fmt: skip
    return [run, *executions, *samples]


def line_summary(
    directory: Path,
    sweep: tuple[str, Sequence[Any]],
    rate: Rate,
    *,
    noise: float = 0.05,
    replications: int = 10,
    stations: Mapping[str, tuple[int, float]] | None = None,
    held: Sequence[Mapping[str, Any]] = ({},),
    seed: int = 1,
) -> Summary:
    """Write and summarise runs at the loads; a replication's luck is half its own and half its point's."""
    dice, (axis, loads) = np.random.default_rng(seed), sweep
    records = directory / "records"
    records.mkdir(parents=True)
    points = [{axis: load, **where} for where in held for load in loads]
    common = dice.normal(0, noise, size=replications)
    for index, where in enumerate(points):
        load = where[axis]
        number = float(str(load).partition("/")[0])
        for replication in range(replications):
            luck = float(np.exp(common[replication] / 2 + dice.normal(0, noise) / 2))
            rows = line_rows(index, where, replication, rate(number) * luck, stations or {})
            write_rows(records / f"p{index:04d}-r{replication:05d}.jsonl", rows)
    return summarise(read_run(directory), scenario(points, name="line"))
