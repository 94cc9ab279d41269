"""The exhibits of a run directory: its focus point's queues over time, and three executions whole.

exhibits = read_exhibits(run.directory)  # None where the run has none
for queue in exhibits.queues: queue.station, queue.until_s, queue.waiting, queue.busy
for shown in exhibits.executions: shown.word, shown.duration_s, shown.rows
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from engine.core.records import ExecutionRow, RunRow, SampleRow
from reports.columns import SECOND_NS, Floats
from reports.errors import ReportError
from reports.read import json_of, rows_of

FOLDER: Final = "exhibits"
INDEX: Final = "index.json"
SCHEMA: Final = 1


@dataclass(frozen=True)
class Queue:
    """One station over the time of the median replication. Entry i is about the time since entry i - 1."""

    station: str
    seats: int  # 0: unlimited or not a server
    until_s: Floats  # end of each interval, in seconds since the run began; the first begins at 0
    waiting: Floats  # how many waited, on average over the interval
    busy: Floats | None  # share of the seats that were busy; None: not a server

    @property
    def wait_s(self) -> float:
        """All waits together."""
        return float(np.sum(self.waiting * np.diff(self.until_s, prepend=0.0)))


@dataclass(frozen=True)
class ShownExecution:
    """One execution with its steps, attempts and effects."""

    word: str  # "median" | "p95" | "worst": its place among all executions of the point
    replication: int
    rows: tuple[Mapping[str, Any], ...]  # as in a records file: the execution first

    @property
    def head(self) -> ExecutionRow:
        """The row of the execution itself."""
        return self.rows[0]  # type: ignore[return-value]

    @property
    def execution(self) -> str:
        """Its id."""
        return self.head["execution"]

    @property
    def duration_s(self) -> float:
        """Submission to end, or to the horizon."""
        return (self.head["ended_ns"] - self.head["submitted_ns"]) / SECOND_NS


@dataclass(frozen=True)
class Exhibits:
    """What is shown of the focus point."""

    point: int
    coordinates: Mapping[str, Any]
    n: int  # replications of the point, of which these runs are some
    replication: int  # whose makespan is the median; `queues` are its
    makespan_s: float
    queues: tuple[Queue, ...]  # longest total wait first
    executions: tuple[ShownExecution, ...]  # median, p95, worst; one that is two of them stands once


def read_exhibits(directory: Path) -> Exhibits | None:
    """Return the exhibits of a run directory; None where it has none.

    Raises:
        ReportError: a file of them is missing, cut or of another schema.
    """
    folder = directory / FOLDER
    index = json_of(folder / INDEX, dict)
    if index is None:
        return None
    if index.get("schema") != SCHEMA:
        raise ReportError(f"found schema {index.get('schema')!r}, expected {SCHEMA}", folder / INDEX)
    try:
        return _exhibits(folder / "records", index)
    except (KeyError, TypeError, IndexError) as error:
        raise ReportError(f"it does not fit its records: {error!r}", folder / INDEX) from error


def _exhibits(records: Path, index: Mapping[str, Any]) -> Exhibits:
    rows: dict[str, list[dict[str, Any]]] = {}
    for name in [index["queues"]["records"], *(item["records"] for item in index["executions"])]:
        if name not in rows:
            rows[name] = rows_of(records / Path(name).name)
    median = rows[index["queues"]["records"]]
    run: RunRow = median[0]  # type: ignore[assignment]
    return Exhibits(
        point=index["point"],
        coordinates=index["coordinates"],
        n=index["replications_count"],
        replication=run["replication"],
        makespan_s=run["makespan_ns"] / SECOND_NS,
        queues=queues_of([row for row in median if row["type"] == "sample"]),  # type: ignore[misc]
        executions=tuple(
            ShownExecution(
                item["word"],
                item["replication"],
                tuple(row for row in rows[item["records"]] if row.get("execution") == item["execution"]),
            )
            for item in index["executions"]
        ),
    )


def queues_of(samples: list[SampleRow]) -> tuple[Queue, ...]:
    """Turn totals up to each instant into averages between the instants, longest total wait first.

    A station has samples from its first arrival on: before it, all its totals are nought.
    """
    by_station: dict[str, dict[int, SampleRow]] = {}
    for row in samples:
        by_station.setdefault(row["station"], {})[row["at_ns"]] = row
    instants = sorted({row["at_ns"] for row in samples if row["at_ns"] > 0})
    queues = [_queue(name, rows, instants) for name, rows in by_station.items()]
    return tuple(sorted(queues, key=lambda queue: (-queue.wait_s, queue.station)))


def _queue(name: str, rows: Mapping[int, SampleRow], instants: list[int]) -> Queue:
    waited, served, seats = [0], [0], 0
    for at_ns in instants:
        row = rows.get(at_ns)
        waited.append(_waited_ns(row) if row else waited[-1])
        served.append(row["busy_ns"] if row else served[-1])
        seats = max(seats, row["seats"] if row else 0)
    length = np.diff(np.array([0, *instants], dtype=np.float64))
    return Queue(
        station=name,
        seats=seats,
        until_s=np.array(instants, dtype=np.float64) / SECOND_NS,
        waiting=np.diff(np.array(waited, dtype=np.float64)) / length,
        busy=np.diff(np.array(served, dtype=np.float64)) / (length * seats) if seats else None,
    )


def _waited_ns(row: SampleRow) -> int:
    """Return the queue's length over time where it was counted, else the waits of those that were through."""
    return row.get("queue_ns", row["wait_ns"])
