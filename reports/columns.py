"""A run directory in columns: what the estimates are computed from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

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
    causes: tuple[Mapping[str, int], ...]  # cause -> ns, along the critical path

    def only(self, chosen: NDArray[np.bool_]) -> "Executions":
        """Return those that are chosen."""
        columns = {
            name: column[chosen] for name, column in vars(self).items() if isinstance(column, np.ndarray)
        }
        return replace(
            self,
            identity=tuple(item for item, taken in zip(self.identity, chosen, strict=True) if taken),
            causes=tuple(item for item, taken in zip(self.causes, chosen, strict=True) if taken),
            **columns,
        )


@dataclass(frozen=True)
class Steps:
    """One entry per step that became ready, groups apart; `duration_s` is infinite unless it completed."""

    duration_s: Floats
    ended_ns: Integers
    owner: Integers  # the execution's place among the executions
    # By action, of the whole run: what steps on critical paths waited for, and from first start to end.
    critical: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    held: Mapping[str, int] = field(default_factory=dict)

    @property
    def completed_count(self) -> int:
        """How many completed."""
        return int(np.isfinite(self.duration_s).sum())


@dataclass(frozen=True)
class Window:
    """The part of a steady run that counts: what was submitted in it, and what ended in it."""

    began_ns: int
    ended_ns: int
    completed_count: int  # executions that completed in it, whenever they were submitted
    steps_completed_count: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.ended_ns - self.began_ns) / SECOND_NS


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
    window: Window | None = None  # of a steady run: rows and counts are those of the window

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
class Settling:
    """How the replications of a steady experiment settled, over all of them together."""

    status: Literal["steady", "short", "unsettled", "unstable"]
    method: str  # "MSER-5" | "given"
    cut_ns: int  # what was submitted earlier does not count
    ended_ns: int  # when the last execution was submitted
    cut_count: int  # executions left out, over all replications
    duration_s: Floats  # mean duration of the k-th execution over the replications
    submitted_s: Floats  # and when it was submitted, on average
    growth: float | None = None  # of the number in the system over the second half, a share of its mean
    reason: str = ""  # why there is no number, or none to be relied on

    @property
    def has_numbers(self) -> bool:
        """Whether there is a steady state to estimate anything of."""
        return self.status in ("steady", "short")

    @property
    def cut_share(self) -> float:
        """The part of the run that does not count."""
        return self.cut_ns / self.ended_ns if self.ended_ns else 0.0


@dataclass(frozen=True)
class PointRuns:
    """The replications of one sweep point, in order of number."""

    index: int
    coordinates: Mapping[str, Any]
    replications: tuple[Replication, ...]
    settling: "Settling | None" = None  # of a steady experiment


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
