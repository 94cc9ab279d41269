"""Steady experiments: what counts of each run, and whether there is a steady state to speak of."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, cast

import numpy as np

from engine.core.records import RunRow
from reports.columns import SECOND_NS, Floats, Integers, PointRuns, Replication, RunData, Settling, Window
from reports.formats import percent, quantity
from reports.questions import Questions
from reports.stability import trend_of
from reports.warmup import ensemble, mser5

CUT_MAX: Final = 0.5  # of the run; a later cut means that it never settled
CUT_GOOD: Final = 0.1  # run length at least ten times the cut


def steady_view(run: RunData, questions: Questions) -> RunData:
    """Return a steady run with only what counts: rows, counts and causes of its windows.

    A terminating run, and a run that has been cut already, come back as they are.
    """
    if not questions.steady or any(point.settling for point in run.points):
        return run
    return replace(run, points=tuple(cut(point, questions.warmup_ns) for point in run.points))


def cut(point: PointRuns, warmup_ns: int | None) -> PointRuns:
    """Return a point with its windows; `warmup_ns` None means that the cut is to be found."""
    settling = settle(point, warmup_ns)
    windowed = [windowed_of(item, settling.cut_ns, settling.ended_ns) for item in point.replications]
    return replace(point, replications=tuple(windowed), settling=settling)


def settle(point: PointRuns, warmup_ns: int | None) -> Settling:
    """Find the cut, and judge whether the point settles."""
    runs = [_in_order(item) for item in point.replications]
    submitted = [submissions for submissions, _ in runs]
    ended_ns = max((int(times[-1]) for times in submitted if len(times)), default=0)
    series = ensemble([(ends - starts) / SECOND_NS for starts, ends in runs])
    arrivals = ensemble([times / SECOND_NS for times in submitted])
    if warmup_ns is None:
        index = mser5(series)
        cut_ns = round(float(arrivals[index]) * SECOND_NS) if 0 < index < len(arrivals) else 0
    else:
        cut_ns = warmup_ns
    trend = trend_of([run for run in runs if len(run[0])], ended_ns)
    found = Settling(
        status="steady",
        method="MSER-5" if warmup_ns is None else "given",
        cut_ns=cut_ns,
        ended_ns=ended_ns,
        cut_count=sum(int(np.sum(times < cut_ns)) for times in submitted),
        duration_s=series,
        submitted_s=arrivals,
        growth=trend.growth,
    )
    return _judged(found, grows=trend.grows)


def _judged(found: Settling, *, grows: bool) -> Settling:
    share, length = found.cut_share, quantity(found.ended_ns / SECOND_NS, "s")
    if grows:
        reason = (
            "UNSTABLE: the number of executions in the system went on growing, by "
            f"{percent(found.growth)} of its mean over the second half of {length}: more is offered than can "
            "be carried"
        )
        return replace(found, status="unstable", reason=reason)
    if not len(found.duration_s):
        return replace(found, status="unsettled", reason="a replication has no executions")
    if share > CUT_MAX:
        reason = (
            f"no steady state was seen: the cut would leave out {percent(share)} of {length}; let the load "
            "last several times as long"
        )
        return replace(found, status="unsettled", reason=reason)
    if share > CUT_GOOD:
        needed = quantity(found.cut_ns / SECOND_NS / CUT_GOOD, "s")
        reason = (
            f"the warm-up is {percent(share)} of {length}, asked is at most {percent(CUT_GOOD)}: let the "
            f"load last {needed}"
        )
        return replace(found, status="short", reason=reason)
    return found


def _in_order(item: Replication) -> tuple[Integers, Integers]:
    """Return when executions were submitted and when they ended (or the run did), in order of submission."""
    rows = item.executions
    order = np.argsort(rows.submitted_ns, kind="stable")
    ended = np.where(rows.ended_ns >= 0, rows.ended_ns, item.run["ended_ns"])
    return rows.submitted_ns[order], ended[order]


def windowed_of(item: Replication, began_ns: int, ended_ns: int) -> Replication:
    """Return a replication with only what was submitted in the window, its counts and causes with it."""
    rows = item.executions
    chosen = (rows.submitted_ns >= began_ns) & (rows.submitted_ns <= ended_ns)
    inside = (rows.ended_ns >= began_ns) & (rows.ended_ns <= ended_ns)
    steps = item.steps
    step_inside = (steps.ended_ns >= began_ns) & (steps.ended_ns <= ended_ns) & np.isfinite(steps.duration_s)
    kept_steps = np.append(chosen, False)[steps.owner]  # an owner that is not there (-1) is not chosen
    kept = rows.only(chosen)
    return replace(
        item,
        run=_counted(item.run, kept.completed, kept.unfinished, _causes(kept.causes)),
        executions=kept,
        steps=replace(
            steps,
            duration_s=steps.duration_s[kept_steps],
            ended_ns=steps.ended_ns[kept_steps],
            owner=(np.cumsum(chosen) - 1)[steps.owner[kept_steps]],
        ),
        window=Window(
            began_ns=began_ns,
            ended_ns=ended_ns,
            completed_count=int((inside & rows.completed).sum()),
            steps_completed_count=int(step_inside.sum()),
        ),
    )


def _counted(run: RunRow, completed: Any, unfinished: Any, causes: Mapping[str, int]) -> RunRow:
    counts = {
        "submitted_count": len(completed),
        "completed_count": int(completed.sum()),
        "unfinished_count": int(unfinished.sum()),
        "failed_count": int((~completed & ~unfinished).sum()),
    }
    return cast("RunRow", {**run, **counts, "causes": dict(causes)})


def _causes(rows: tuple[Mapping[str, int], ...]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for row in rows:
        for cause, spent in row.items():
            totals[cause] = totals.get(cause, 0) + spent
    return dict(sorted(totals.items()))


def welch_reach(series: Floats) -> int:
    """Return how many neighbours each way the Welch plot averages: a fiftieth of the series."""
    return max(1, len(series) // 50)
