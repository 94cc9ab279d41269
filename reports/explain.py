"""Why a target stands as it does: its worst point, the worst replication there, and the executions."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from reports.blame import Blame, blames_of
from reports.columns import SECOND_NS, PointRuns, Replication
from reports.errors import ReportError
from reports.estimates import value_of
from reports.focus import choose
from reports.judge import Judgement, TargetResult
from reports.metrics import find_metric
from reports.read import rows_of
from reports.summary import PointSummary, Summary
from scenarios.errors import did_you_mean

Order = Callable[[Replication, int], float]


def _longest(item: Replication, place: int) -> float:
    rows = item.executions
    end = rows.ended_ns[place] if rows.ended_ns[place] >= 0 else item.run["ended_ns"]
    return float(end - rows.submitted_ns[place])


def _incomplete(item: Replication, place: int) -> float:
    return _longest(item, place) + (0.0 if item.executions.completed[place] else 1e30)


# What makes an execution telling for a metric, and the words for the first of them.
_ORDERS: Final[Mapping[str, tuple[Order, str]]] = {
    "makespan": (lambda item, place: float(item.executions.ended_ns[place]), "ended last"),
    "execution_start_delay": (lambda item, place: float(item.start_delay_s[place]), "began latest"),
    "progress_gap": (lambda item, place: float(item.executions.gap_ns[place]), "stood still longest"),
    "executions_completed_ratio": (_incomplete, "did not complete, or slowest"),
    "executions_failed_count": (_incomplete, "did not complete, or slowest"),
    "executions_unfinished_count": (_incomplete, "did not complete, or slowest"),
}


@dataclass(frozen=True)
class Explanation:
    """What is known of a target from the records alone."""

    result: TargetResult
    judgement: Judgement  # at the point that is explained
    point: PointSummary | None  # None: nothing was recorded there
    replication: Replication | None  # the worst one
    value: float | None  # its value of the metric, in the metric's unit
    executions: tuple[str, ...]  # of the worst replication, the most telling first
    order: str  # what the first of them is: "slowest"
    median: Mapping[str, Any] | None  # the row of the point's median execution
    blames: tuple[Blame, ...] = ()  # causes at the point, by the time that they take

    def against_median(self, head: Mapping[str, Any]) -> list[tuple[str, float]]:
        """Return how much longer each cause was than in the median execution, in seconds, greatest first."""
        if self.median is None:
            return []
        mine, median = head["causes"], self.median["causes"]
        changes = {it: (mine.get(it, 0) - median.get(it, 0)) / SECOND_NS for it in {**median, **mine}}
        return sorted(
            ((it, by) for it, by in changes.items() if by), key=lambda item: (-abs(item[1]), item[0])
        )


def explain(summary: Summary, name: str, index: int | None, top: int) -> Explanation:
    """Explain a target at its worst point, or at the one of that index.

    Raises:
        ReportError: there is no such target, or it does not look at that point.
    """
    results = {result.target.id: result for result in summary.targets}
    if name not in results:
        hint = did_you_mean(name, results) or f"the targets are: {', '.join(results) or 'none'}"
        raise ReportError(f"there is no target {name!r}; {hint}", summary.run.directory)
    result = results[name]
    judgement = result.worst if index is None else _at(result, index, summary)
    runs = None if judgement.point is None else summary.run.point(judgement.point)
    point = next((it for it in summary.points if it.index == judgement.point), None)
    if runs is None:
        return Explanation(result, judgement, None, None, None, (), "", None)
    blames = blames_of(runs, summary.questions.alpha / 2)
    order, words = _ORDERS.get(judgement.target.metric, (_longest, "slowest"))
    worst, value = worst_replication(judgement, runs)
    places = sorted(range(len(worst.executions.identity)), key=lambda place: (-order(worst, place), place))
    executions = tuple(worst.executions.identity[place] for place in places[:top])
    return Explanation(result, judgement, point, worst, value, executions, words, _median_row(runs), blames)


def _at(result: TargetResult, index: int, summary: Summary) -> Judgement:
    found = next((it for it in result.judgements if it.point == index), None)
    if found is None:
        known = ", ".join(str(it.point) for it in result.judgements if it.point is not None) or "none"
        message = f"target {result.target.id!r} does not look at point {index}; the points are: {known}"
        raise ReportError(message, summary.run.directory)
    return found


def worst_replication(judgement: Judgement, point: PointRuns) -> tuple[Replication, float | None]:
    """Return the replication in which the metric is farthest on the wrong side, and its value there.

    Of a metric with many values in a replication that is the stat which was judged, or the worst value.
    """
    metric = find_metric(judgement.target.metric)
    if metric is None:
        return point.replications[0], None
    upwards = judgement.target.maximum is not None or judgement.target.minimum is None
    stat = judgement.stat if judgement.stat not in ("", "attainment") else "max" if upwards else "min"
    values = []
    for item in point.replications:
        taken = metric.take(item)
        taken = taken[~np.isnan(taken)]
        values.append(value_of(stat, taken) if len(taken) else -math.inf if upwards else math.inf)
    place = int(np.argmax(values) if upwards else np.argmin(values))
    return point.replications[place], values[place]


def _median_row(point: PointRuns) -> Mapping[str, Any] | None:
    chosen = choose(point)
    if not chosen:
        return None
    rows = rows_of(chosen[0].replication.path)
    name = chosen[0].execution
    return next(row for row in rows if row["type"] == "execution" and row["execution"] == name)
