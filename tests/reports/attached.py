"""What verbs lay beside a run, made up: exhibits of its point in front, and answers to further questions."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reports.focus import choose, median_replication
from reports.read import read_run, rows_of
from tests.reports.synthetic import SECOND


def write_exhibits(directory: Path, index: int, *, waiting: bool = True) -> None:
    """Keep the executions of one point in detail, and three stations over 300 seconds."""
    point = read_run(directory).point(index)
    assert point is not None
    folder = directory / "exhibits" / "records"
    folder.mkdir(parents=True)
    median = median_replication(point)
    chosen = choose(point)
    for number in {median.number, *(item.replication.number for item in chosen)}:
        rows = rows_of(directory / "records" / f"p{index:04d}-r{number:05d}.jsonl")
        kept = [row for row in rows if row["type"] != "sample"]
        kept += _samples(waiting=waiting) if number == median.number else []
        text = "".join(json.dumps(row) + "\n" for row in kept)
        (folder / f"p{index:04d}-r{number:05d}.jsonl").write_text(text)
    told = {
        "schema": 1,
        "point": index,
        "coordinates": dict(point.coordinates),
        "replications_count": len(point.replications),
        "queues": {
            "replication": median.number,
            "makespan_ns": median.run["makespan_ns"],
            "records": f"p{index:04d}-r{median.number:05d}.jsonl",
        },
        "executions": [
            {
                "word": item.word,
                "replication": item.replication.number,
                "execution": item.execution,
                "records": f"p{index:04d}-r{item.replication.number:05d}.jsonl",
            }
            for item in chosen
        ],
    }
    (directory / "exhibits" / "index.json").write_text(json.dumps(told))


def _samples(*, waiting: bool) -> list[dict[str, Any]]:
    return [
        {
            "type": "sample",
            "at_ns": at * SECOND,
            "station": station,
            "seats": seats,
            "arrivals_count": at,
            "busy_ns": min(at, 40 * (place + 1)) * max(seats, 1) * SECOND,
            "wait_ns": int((300 * at - at * at / 2) * SECOND / (place + 1)) if waiting else 0,
            "queue_length_max": 300,
        }
        for place, (station, seats) in enumerate((("engine.executions", 10), ("scheduler", 1), ("lock", 0)))
        for at in range(1, 301)
    ]


def digest(directory: Path) -> str:
    """Write a resolved scenario, and return what answers about it carry."""
    text = b"name: standard\n"
    (directory / "scenario.resolved.yaml").write_bytes(text)
    return hashlib.sha256(text).hexdigest()


def write_answers(directory: Path, names: Sequence[str], **changes: Any) -> None:
    """Lay answers of further verbs beside a run."""
    about = digest(directory)
    for name in names:
        told = {"schema": 1, "scenario_digest": about, **ANSWERS[name], **changes}
        (directory / f"{name}.json").write_text(json.dumps(told))


ESTIMATE: dict[str, Any] = {
    "value": 12.5, "low": 12.1, "high": 12.9, "unit": "s", "n": 40, "method": "t", "half_width": 0.4,
}  # fmt: skip
ANSWERS: dict[str, dict[str, Any]] = {
    "capacity": {
        "statement": "load.burst can be 18 before makespan is missed, at 95 % confidence",
        "knob": "load.burst",
        "answer": 18,
        "bracket": [18, 19],
        "binding": {"cause": "admission", "share": ESTIMATE},
        "probes": [
            {"at": 18, "verdict": "PASS", "n": 40, "makespan": ESTIMATE},
            {"at": 19, "verdict": "FAIL", "n": 20, "makespan": {**ESTIMATE, "value": 31.25}},
        ],
    },
    "regressions": {
        "scenario": "high-throughput-orchestration",
        "exit_code": 11,
        "causes": [{"code": 11, "message": "makespan-mean got worse"}],
        "baseline": {"file": "baselines/x.json", "reason": "reviewed"},
        "configuration": {
            "differences": [{"path": "engine.client.qps", "before": "20", "after": "10"}],
            "more": 0,
        },
        "rows": [
            {
                "rule": rule, "metric": "makespan", "stat": "mean", "verdict": verdict, "n": 10,
                "coordinates": {"load.burst": 5}, "change": f"{change} %", "finding": "worse",
                "change_percent": change, "low_percent": change - 1, "high_percent": change + 1,
                "before": {"text": "12 s n=10"}, "after": {"text": "14 s n=10"},
                "allowed": {"low_percent": -30, "high_percent": 3, "text": "-30 % to +3 %"},
            }
            for rule, verdict, change in (("still", "PASS", 0.5), ("makespan-mean", "FAIL", 9.25))
        ],
    },
}  # fmt: skip
