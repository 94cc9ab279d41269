"""The exhibits of a run: a few runs of the focus point, computed once more with detail, to be shown.

They are the replication whose makespan is the median one (its queues over time), and those that hold the
median, the p95 and the slowest execution (each attempt and call of these). All the others keep their short
records. That the same history comes out again is checked on the way.
"""

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from headroom import rundir
from headroom.excerpt import Shown
from headroom.executor import Executor
from headroom.replaying import first_row
from headroom.rundir import RunDirectory, record_name
from headroom.worker import Job, Outcome, Task

if TYPE_CHECKING:
    from reports.columns import PointRuns, RunData

SCHEMA: Final = 1
CHANGED = "computed again with detail, the run has another history: it is not deterministic"


def keep(executor: Executor, directory: RunDirectory, task: Task, run: "RunData | None") -> list[Outcome]:
    """Write the exhibits of what was recorded; return the runs that failed, or came out otherwise.

    `run` is what was recorded, if it has been read already.
    """
    import reports
    from reports.focus import focus_index
    from reports.judge import judge_targets
    from reports.questions import questions_of

    run = run or reports.read_run(directory.path)
    judged = judge_targets(questions_of(task.scenario), run)
    points = {point.index: point for point in run.points}
    index = focus_index((item for result in judged for item in result.judgements), points)
    return [] if index is None else _Room(directory, points[index]).fill(executor, task)


class _Room:
    """The folder of the exhibits of one point."""

    def __init__(self, directory: RunDirectory, point: "PointRuns") -> None:
        from reports.focus import choose, median_replication

        self.path = directory.path / rundir.EXHIBITS
        self.point = point
        self.median = median_replication(point)
        self.chosen = choose(point)
        self.recorded = {item.number: item for item in point.replications}

    def fill(self, executor: Executor, task: Task) -> list[Outcome]:
        """Compute the runs; the index is written last, so that a folder without it holds nothing."""
        shown = self._shown()
        shutil.rmtree(self.path, ignore_errors=True)
        self.path.mkdir()
        scratch = RunDirectory(self.path)
        scratch.records.mkdir()
        task = replace(task, directory=self.path.resolve(), histories=False, shown=shown)
        outcomes = executor.run(task, [Job(self.point.index, it) for it in sorted(shown)], lambda _: None)
        failures = [outcome for outcome in outcomes if outcome.error]
        if failures or len(outcomes) < len(shown):  # the rest was interrupted
            shutil.rmtree(self.path)
            return failures
        failures = [Outcome(it.job, it.seconds, error=CHANGED) for it in outcomes if self._differs(it.job)]
        rundir.write_json(self.path / "index.json", self._index())
        return failures

    def _shown(self) -> dict[int, Shown]:
        numbers = {self.median.number: None} | {item.replication.number: None for item in self.chosen}
        return {
            number: Shown(
                tuple(item.execution for item in self.chosen if item.replication.number == number),
                queues=number == self.median.number,
            )
            for number in numbers
        }

    def _differs(self, job: Job) -> bool:
        now = first_row(RunDirectory(self.path), job)
        return bool(now["history_digest"] != self.recorded[job.replication].run["history_digest"])

    def _index(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "point": self.point.index,
            "coordinates": dict(self.point.coordinates),
            "replications_count": len(self.point.replications),
            "queues": {
                "replication": self.median.number,
                "makespan_ns": self.median.run["makespan_ns"],
                "records": record_name(self.point.index, self.median.number),
            },
            "executions": [
                {
                    "word": item.word,
                    "replication": item.replication.number,
                    "execution": item.execution,
                    "records": record_name(self.point.index, item.replication.number),
                }
                for item in self.chosen
            ],
        }
