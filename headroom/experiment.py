"""`headroom run`: rounds of replications until every verdict is decided, then sensitivity."""

import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import scenarios
from headroom import exhibits, feasibility, manifest, rundir, sensitivity
from headroom.errors import HarnessError
from headroom.executor import Executor
from headroom.interrupt import Interrupt
from headroom.progress import Teller
from headroom.rundir import RunDirectory
from headroom.worker import WORLD, Job, Outcome, Task
from reports import exits
from scenarios import Scenario

if TYPE_CHECKING:
    from reports.columns import RunData


@dataclass(frozen=True)
class Settings:
    """How a scenario is run; nothing here changes a number."""

    out: Path
    workers: int
    histories: bool = False
    force: bool = False  # run even what is infeasible by configuration, or asks for what is not there
    world: str = WORLD


class Experiment:
    """One run of the command."""

    def __init__(self, scenario: Scenario, settings: Settings, teller: Teller) -> None:
        """Name the parts; nothing is touched yet."""
        self.scenario = scenario
        self.settings = settings
        self.teller = teller
        self.directory = RunDirectory(settings.out)
        self.points = scenario.points()
        self.failures: list[Outcome] = []
        self.read: RunData | None = None  # what the last round was decided on
        self.done = 0  # runs with records: made now, or kept from an earlier start

    def prepare(self) -> None:
        """Find what is wrong before anything is written: `ScenarioError` names every point's problem."""
        self.directory.check_usable()
        for point in self.points:  # loading a scenario checks single values of a large sweep, and not all
            scenarios.compile(self.scenario, point, 0)

    def perform(self) -> None:
        """Fill the run directory with everything but the documents. Raises `HarnessError` on interrupt."""
        began = time.monotonic()
        impossible = feasibility.examine(self.scenario, self.points)
        first = scenarios.compile(self.scenario, self.points[0], 0)
        said = manifest.build(
            first,
            command=command(),
            world="simulated",
            workers=self.settings.workers,
            source=self.scenario.source,
        )
        self.directory.begin(said, self.scenario.resolved_yaml())
        if impossible:
            rundir.write_json(self.directory.path / rundir.INFEASIBLE, impossible)
        if not impossible or self.settings.force:
            self._simulate()
        self.directory.end(manifest.finished(said, time.monotonic() - began))

    def _simulate(self) -> None:
        task = Task(self.scenario, self.settings.out.resolve(), self.settings.histories, self.settings.world)
        with Interrupt() as interrupt, Executor(task.world, self.settings.workers, interrupt) as executor:
            for jobs in self._rounds():
                self._round(executor, task, jobs)
                if interrupt.seen:
                    raise self._interrupted()
            if not self.failures:
                rows = sensitivity.search(executor, self.directory, task, self.teller)
                if rows and not interrupt.seen:
                    rundir.write_json(self.directory.path / rundir.SENSITIVITY, rows)
                self.failures += exhibits.keep(executor, self.directory, task, self.read)
                if interrupt.seen:
                    raise self._interrupted()
            if self.failures:
                rundir.write_json(
                    self.directory.path / rundir.FAILURES, [failure_row(it) for it in self.failures]
                )

    def _round(self, executor: Executor, task: Task, jobs: Sequence[Job]) -> None:
        with self.teller.count("runs", len(jobs)) as counter:
            outcomes = executor.run(task, jobs, counter.advance)
        self.failures += [outcome for outcome in outcomes if outcome.error]
        self.done += sum(not outcome.error for outcome in outcomes)
        kept = sum(outcome.kept for outcome in outcomes)
        if kept:
            self.teller.say(f"kept {kept} runs of an earlier start")
        for outcome in outcomes:
            if outcome.error:
                self.teller.say(f"{outcome.job} failed: {outcome.error.strip().splitlines()[-1]}")

    def _rounds(self) -> Iterator[list[Job]]:
        """Yield the jobs of each round: the least number everywhere, then more where that is worth it."""
        import reports

        replications = self.scenario.experiment.replications
        counts = {point.index: replications.min for point in self.points}
        yield [Job(point, number) for number in range(replications.min) for point in counts]
        read = None
        while not self.failures:
            self.read = read = reports.read_run(self.directory.path, read)
            more = [
                index
                for index in reports.wanting(reports.summarise(read, self.scenario))
                if counts[index] < replications.max
            ]
            if not more:
                return
            jobs = []
            for index in more:
                wanted = min(2 * counts[index], replications.max)
                jobs += [Job(index, number) for number in range(counts[index], wanted)]
                counts[index] = wanted
            reason = "undecided, or not known precisely"
            self.teller.say(f"{len(more)} of {len(counts)} points are {reason}: {len(jobs)} runs more")
            yield sorted(jobs, key=lambda job: (job.replication, job.point))

    def _interrupted(self) -> HarnessError:
        return HarnessError(
            f"interrupted: {self.done} finished runs are kept in {self.settings.out}",
            exits.INTERRUPTED,
            f"the same command resumes: {command(self.settings.out)}",
        )


def failure_row(outcome: Outcome) -> Mapping[str, Any]:
    """Return a crashed run as `failures.json` holds it."""
    return {"point": outcome.job.point, "replication": outcome.job.replication, "error": outcome.error}


def command(out: Path | None = None) -> str:
    """Return the command line that this process was started with, its directory named if it was not."""
    words = ["headroom", *sys.argv[1:]]
    if out is not None and not any(word.startswith("--out") for word in words):
        words += ["--out", str(out)]
    return shlex.join(words)
