"""What a worker process does: compile a run, simulate it, write its records."""

import importlib
import json
import pickle
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

import scenarios
from headroom.excerpt import Shown, excerpt
from headroom.rundir import RunDirectory, record_name, write_text
from scenarios import RunSpec, Scenario

WORLD = "simulator:simulate"


class History(Protocol):
    """What a world hands back as the engine's history."""

    def to_lines(self) -> Iterable[str]:
        """Return the history as JSON lines."""


class RunResult(Protocol):
    """What a world hands back of one run."""

    @property
    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Return the records, the run row first."""

    @property
    def history(self) -> History:
        """Return the engine's history."""


World = Callable[[RunSpec], RunResult]


class Job(NamedTuple):
    """One run: a point and a replication."""

    point: int
    replication: int

    def __str__(self) -> str:
        """Name the run as a person would."""
        return f"point {self.point}, replication {self.replication}"


class Outcome(NamedTuple):
    """What became of a job."""

    job: Job
    seconds: float  # wall time
    kept: bool = False  # an earlier result was used
    error: str = ""  # a programmer error, with its traceback


@dataclass(frozen=True)
class Task:
    """What all jobs of an experiment share."""

    scenario: Scenario
    directory: Path
    histories: bool = False
    world: str = WORLD
    scales: Mapping[str, float] = field(default_factory=dict)  # factors on parameters of the cluster model
    shown: Mapping[int, Shown] = field(
        default_factory=dict
    )  # by replication: compute with detail, and keep this


class Worker:
    """Runs jobs of one task, one after another."""

    def __init__(self, task: Task) -> None:
        """Import the world and expand the sweep once."""
        self.task = task
        self.directory = RunDirectory(task.directory)
        self.points = {point.index: point for point in task.scenario.points()}
        self.simulate = load_world(task.world)

    def compile(self, job: Job) -> RunSpec:
        """Return the spec of one run."""
        spec = scenarios.compile(self.task.scenario, self.points[job.point], job.replication)
        for name, factor in self.task.scales.items():
            spec = scenarios.with_parameter(spec, name, spec.cluster.parameters[name] * factor, "sensitivity")
        return replace(spec, detail=True) if self.task.shown else spec

    def perform(self, job: Job) -> Outcome:
        """Do one job: adopt its earlier result if the digest agrees, else simulate and write."""
        began = time.perf_counter()
        try:
            spec = self.compile(job)
            kept = not self.task.histories and self._adopt(job, spec)
            if not kept:
                self._write(job, self.simulate(spec))
        except OSError:  # the disk's doing and not the run's: the next one would meet it too
            raise
        except Exception:  # noqa: BLE001 - whatever is wrong with one run, the others are kept and this one is named
            return Outcome(job, time.perf_counter() - began, error=traceback.format_exc())
        return Outcome(job, time.perf_counter() - began, kept=kept)

    def _adopt(self, job: Job, spec: RunSpec) -> bool:
        earlier = self.directory.earlier / record_name(*job)
        if not earlier.is_file() or digest_of(earlier) != spec.digest:
            return False
        earlier.replace(self.directory.record(*job))
        return True

    def _write(self, job: Job, result: RunResult) -> None:
        if self.task.histories:
            self.directory.histories.mkdir(exist_ok=True)
            write_text(self.directory.history(*job), (line + "\n" for line in result.history.to_lines()))
        rows = excerpt(result.rows, self.task.shown[job.replication]) if self.task.shown else result.rows
        write_text(self.directory.record(*job), (line_of(row) for row in rows))


def line_of(row: Mapping[str, Any]) -> str:
    """Return a row as one JSON line."""
    return json.dumps(row, separators=(",", ":")) + "\n"


def digest_of(record: Path) -> str:
    """Return the RunSpec digest that a records file was made from; empty if the file is not sound.

    Sound is a file that ends with its line and has as many executions as its first row says, with all the
    steps of each: a crash of the machine can cut a file that was written whole.
    """
    counts = Counter[str]()
    try:
        with record.open(encoding="utf-8") as file:
            run = json.loads(next(file))
            for line in file:
                row = json.loads(line)
                counts[row["type"]] += 1
                if row["type"] == "execution" and row["admitted_ns"] >= 0:  # before that it has no steps yet
                    counts["steps promised"] += row["steps_count"]
                counts["cut"] += not line.endswith("\n")
        whole = (counts["execution"], counts["step"]) == (run["submitted_count"], counts["steps promised"])
        return str(run["digest"]) if whole and not counts["cut"] else ""
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        return ""


def load_world(name: str) -> World:
    """Import `module:function`."""
    module, _, function = name.partition(":")
    return cast("World", getattr(importlib.import_module(module), function))


# A process pool calls module-level functions; the worker that a process keeps between calls lives here.
_workers: dict[Path, Worker] = {}


def start() -> None:
    """Make this process a worker. Ctrl-C is the parent's business: it takes the task away."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def perform(task: Path, jobs: Sequence[Job]) -> list[Outcome]:
    """Do some jobs of the task in a file, for as long as the file is there."""
    outcomes = []
    for job in jobs:
        worker = _worker_of(task)
        if worker is None:
            break
        outcomes.append(worker.perform(job))
    return outcomes


def _worker_of(task: Path) -> Worker | None:
    if not task.exists():
        return None
    if task not in _workers:
        try:
            pickled = task.read_bytes()
        except FileNotFoundError:  # taken away a moment ago
            return None
        _workers.clear()
        _workers[task] = Worker(pickle.loads(pickled))  # noqa: S301 - our own parent wrote it
    return _workers[task]
