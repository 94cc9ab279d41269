"""A run directory in columns: what the estimates are computed from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.records import FaultRow, PoolRow, RunRow, SampleRow

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
SECOND_NS = 1_000_000_000


@dataclass(frozen=True)
class Executions:
    """One entry per execution, in order of index. An instant that never came is -1."""

    identity: tuple[str, ...]
    completed: NDArray[np.bool_]
    unfinished: NDArray[np.bool_]
    submitted_ns: Integers
    admitted_ns: Integers
    started_ns: Integers
    ended_ns: Integers
    gap_ns: Integers
    steps_completed: Integers


@dataclass(frozen=True)
class Steps:
    """One entry per step that became ready, groups apart; `duration_s` is infinite unless it completed."""

    duration_s: Floats
    completed_count: int


@dataclass(frozen=True)
class Replication:
    """One records file."""

    path: Path
    run: RunRow
    executions: Executions
    steps: Steps
    stations: Mapping[str, SampleRow]  # the last sample of each
    faults: Mapping[str, int]  # what is wrong inside the rows: kind of contradiction -> how often
    incidents: tuple[FaultRow, ...] = ()  # the faults that the scenario let happen
    pools: tuple[PoolRow, ...] = ()  # what nodes cost

    @property
    def number(self) -> int:
        """The replication's number."""
        return self.run["replication"]

    @cached_property
    def execution_duration_s(self) -> Floats:
        """Submission to end; infinite for an execution that failed or was unfinished at the horizon."""
        rows = self.executions
        duration = (rows.ended_ns - rows.submitted_ns) / SECOND_NS
        return np.where(rows.completed & (rows.ended_ns >= 0), duration, np.inf)

    @cached_property
    def start_delay_s(self) -> Floats:
        """Submission to the first attempt; infinite where none began."""
        rows = self.executions
        return np.where(rows.started_ns >= 0, (rows.started_ns - rows.submitted_ns) / SECOND_NS, np.inf)

    @property
    def whole(self) -> bool:
        """Whether every execution completed."""
        return self.run["failed_count"] == 0 and self.run["unfinished_count"] == 0


@dataclass(frozen=True)
class PointRuns:
    """The replications of one sweep point, in order of number."""

    index: int
    coordinates: Mapping[str, Any]
    replications: tuple[Replication, ...]


@dataclass(frozen=True)
class RunData:
    """A run directory."""

    directory: Path
    points: tuple[PointRuns, ...]
    manifest: Mapping[str, Any] = field(default_factory=dict)
    sensitivity: tuple[Mapping[str, Any], ...] = ()
    infeasible: tuple[Mapping[str, Any], ...] = ()
    # What other verbs found out about the scenario, by the name of the file. Each holds `scenario_digest`.
    attachments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def point(self, index: int) -> PointRuns | None:
        """Return the point of that index, if anything of it was recorded."""
        return next((point for point in self.points if point.index == index), None)
