"""Runs of many settings on one pool of processes: what searches, what-ifs and comparisons are made of.

Each setting is a scenario of its own (`scenarios.pinned`), with its records in a directory named by what it
is. What was finished before an interrupt is found there again; when the verb has its answer, all of it goes.
"""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from headroom import identity, rundir
from headroom.errors import HarnessError
from headroom.executor import Executor
from headroom.interrupt import Interrupt
from headroom.progress import Teller
from headroom.rundir import RunDirectory
from headroom.worker import WORLD, Job, Task
from reports import exits
from scenarios import Scenario

if TYPE_CHECKING:
    from reports.columns import RunData
    from reports.summary import Summary


class Trials:
    """Measures scenarios, each once; asking again for more replications runs only what is missing."""

    def __init__(self, root: Path, executor: Executor, teller: Teller, world: str = WORLD) -> None:
        """Work below `root`, on `executor`."""
        self.root = root
        self.executor = executor
        self.teller = teller
        self.world = world
        self.runs_count = 0  # made now, or kept from an earlier start
        self._read: dict[str, RunData] = {}
        self._counts: dict[tuple[str, int], int] = {}  # (setting, point) -> replications that are there

    def measure(self, scenario: Scenario, replications: int, points: list[int] | None = None) -> "RunData":
        """Return at least so many replications of `points` (all of them, if not said) of a setting.

        Raises:
            HarnessError: a run crashed, or Ctrl-C was pressed; what is done is kept.
        """
        import reports

        name = name_of(scenario)
        directory = self._directory(name, scenario)
        wanted = [point.index for point in scenario.points()] if points is None else points
        jobs = [
            Job(index, number)
            for index in wanted
            for number in range(self._counts.get((name, index), 0), replications)
        ]
        if jobs:
            jobs.sort(key=lambda job: (job.replication, job.point))
            self._run(Task(scenario, directory.path.resolve(), world=self.world), jobs)
            self._counts |= {(name, job.point): replications for job in jobs}
        if jobs or name not in self._read:
            self._read[name] = reports.read_run(directory.path, self._read.get(name))
        return self._read[name]

    def decide(self, scenario: Scenario) -> "Summary":
        """Add replications, as a run would, until every verdict is decided or the cap is met."""
        import reports

        replications = scenario.experiment.replications
        count, open_points = replications.min, None
        while True:
            run = self.measure(scenario, count, open_points)
            summary = reports.summarise(run, scenario)
            open_points = reports.undecided(summary) if count < replications.max else []
            if not open_points:
                return summary
            count = min(2 * count, replications.max)

    def _directory(self, name: str, scenario: Scenario) -> RunDirectory:
        directory = RunDirectory(self.root / name)
        if name not in self._read:  # what an earlier start left is adopted run by run, if it is sound
            directory.records.mkdir(parents=True, exist_ok=True)
            directory.earlier.mkdir(exist_ok=True)
            for record in sorted(directory.records.glob("*.jsonl")):
                record.replace(directory.earlier / record.name)
            rundir.write_text(directory.path / rundir.SCENARIO, [scenario.resolved_yaml()])
        return directory

    def _run(self, task: Task, jobs: list[Job]) -> None:
        with self.teller.count(str(task.scenario.name), len(jobs)) as counter:
            outcomes = self.executor.run(task, jobs, counter.advance)
        self.runs_count += sum(not outcome.error for outcome in outcomes)
        crashed = [outcome for outcome in outcomes if outcome.error]
        if crashed:
            last = crashed[0].error.strip().splitlines()[-1]
            raise HarnessError(
                f"{len(crashed)} of {len(jobs)} runs crashed; the first, {crashed[0].job}: {last}",
                exits.MODEL_ERROR,
                f"its scenario: headroom run {task.directory / rundir.SCENARIO}",
            )
        if self.executor.interrupt.seen:
            raise HarnessError(
                f"interrupted: {self.runs_count} finished runs are kept in {self.root}",
                exits.INTERRUPTED,
                "the same command resumes",
            )


@contextmanager
def open_trials(root: Path, workers: int, teller: Teller, world: str = WORLD) -> Iterator[Trials]:
    """Hold `root` alone and work in it; it is removed at the end, but not when something went wrong."""
    place = RunDirectory(root)
    with place.alone():
        _forget_others(root)
        with Interrupt() as interrupt, Executor(world, workers, interrupt) as executor:
            yield Trials(root, executor, teller, world)
    shutil.rmtree(root, ignore_errors=True)


def name_of(scenario: Scenario) -> str:
    """Return what a setting is called below the root: a digest of all that it is."""
    return hashlib.sha256(scenario.resolved_yaml().encode()).hexdigest()[:16]


def _forget_others(root: Path) -> None:
    """Remove what other code, or other versions below it, left there."""
    made_by = {
        "code_digest": identity.code_digest(),
        "dependencies": identity.dependencies(),
        **identity.machine(),
    }
    manifest = root / rundir.MANIFEST
    if manifest.is_file() and rundir.read_json(manifest) == made_by:
        return
    for stale in root.iterdir():
        if stale.is_dir():
            shutil.rmtree(stale)
    rundir.write_json(manifest, made_by)
