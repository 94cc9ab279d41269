"""Which point of a sweep stands in front, and which of its runs and executions stand for the others."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from reports.columns import SECOND_NS, PointRuns, Replication
from reports.judge import Judgement
from reports.verdicts import Verdict

_QUANTILES: Final = (("median", 0.5), ("p95", 0.95), ("worst", 1.0))


def focus_index(judgements: Iterable[Judgement], points: Collection[int]) -> int | None:
    """Return the requirement's point: where the first target that can fail looks; else the last point.

    `points` are the indices of those that have records, in order.
    """
    ranked = sorted(
        (item for item in judgements if item.point in points),
        key=lambda item: (
            item.target.severity != "error",
            not item.target.where,
            item.verdict is Verdict.NO_DATA,
        ),
    )
    return ranked[0].point if ranked else max(points, default=None)


@dataclass(frozen=True)
class Chosen:
    """An execution that stands for its place among all of its point."""

    word: str  # "median"
    replication: Replication
    index: int  # its place among the executions of the replication
    duration_s: float

    @property
    def execution(self) -> str:
        """The execution's id."""
        return self.replication.executions.identity[self.index]


def choose(point: PointRuns) -> list[Chosen]:
    """Return the median, the p95 and the slowest execution of a point; ties go to the earlier replication.

    Where few executions make two of them the same one, it stands once, under its first word.
    """
    everyone = ranked(point)
    chosen = [
        Chosen(word, *everyone[max(0, -(-int(level * 1000) * len(everyone) // 1000) - 1)])
        for word, level in _QUANTILES
        if everyone
    ]
    unique = {(item.replication.number, item.index): item for item in reversed(chosen)}
    return [item for item in chosen if unique[item.replication.number, item.index] is item]


def ranked(point: PointRuns) -> list[tuple[Replication, int, float]]:
    """Return every execution of a point, the fastest first: replication, place in it, seconds."""
    everyone = [
        (float(ended - submitted) / SECOND_NS, item.number, place)
        for item in point.replications
        for place, (ended, submitted) in enumerate(
            zip(item.executions.ended_ns, item.executions.submitted_ns, strict=True)
        )
        if ended >= 0
    ]
    by_number = {item.number: item for item in point.replications}
    return [(by_number[number], place, duration) for duration, number, place in sorted(everyone)]


def median_replication(point: PointRuns) -> Replication:
    """Return the replication whose makespan is the median of the point's (the lower one of two)."""
    by_makespan = sorted(point.replications, key=lambda item: (item.run["makespan_ns"], item.number))
    return by_makespan[(len(by_makespan) - 1) // 2]
