"""What verbs lay beside a run, made up: exhibits of its point in front, and answers to further questions."""

import json
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
