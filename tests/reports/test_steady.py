"""Steady experiments: what counts, what is refused, and what a report then says."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reports.columns import PointRuns, Replication, RunData
from reports.estimates import estimate
from reports.exits import MODEL_ERROR
from reports.judge import judge_targets
from reports.metrics import METRICS
from reports.questions import Questions, Target
from reports.stability import trend_of
from reports.steady import cut, steady_view
from reports.verdicts import Verdict
from tests.statistics.lanes import SECOND_NS, System, point, replication

QUICK = System(1, 0.5)
LIMITED = Target("time", "execution_duration", "mean", None, None, 4.0, {}, "error", "")


def questions(*targets: Target, warmup_ns: int | None = None) -> Questions:
    return Questions("s", "", "", 0.95, 10, 10, targets, (), ((0, {}),), steady=True, warmup_ns=warmup_ns)


def run_of(at: PointRuns) -> RunData:
    from pathlib import Path

    return RunData(Path(), (at,))


def flow(gap_s: float, took_s: float, count: int, replications: int = 10) -> PointRuns:
    """Executions at equal distances, each of which takes equally long."""
    came = np.linspace(0.0, (count - 1) * gap_s, count, dtype=np.float64)
    runs = (replication(number, came, np.full(count, took_s)) for number in range(replications))
    return PointRuns(0, {}, tuple(runs))


def test_what_came_before_the_cut_does_not_count() -> None:
    at = cut(flow(1.0, 2.5, 1000), 100 * SECOND_NS)
    item = at.replications[0]
    assert item.run["submitted_count"] == item.run["completed_count"] == 900
    assert item.executions.submitted_ns.min() == 100 * SECOND_NS
    assert item.window is not None
    # Those that ended from 100 s to 999 s were submitted from 97.5 s to 996.5 s: 98 to 996.
    assert item.window.completed_count == 899
    assert METRICS["executions_per_second"].take(item) == pytest.approx(1.0)
    assert at.settling is not None
    assert at.settling.cut_count == 1000


def test_a_steady_run_has_no_makespan_and_says_why() -> None:
    at = cut(flow(1.0, 2.5, 1000), 0)
    found = estimate(METRICS["makespan"], "mean", at, 0.025)
    assert found.value is None
    assert "no makespan" in found.note


def test_a_cut_that_is_found_leaves_out_the_transient() -> None:
    at = cut(point(System(1, 0.8), 10, 8000, [1]), None)
    assert at.settling is not None
    assert at.settling.status == "steady"
    assert 0 < at.settling.cut_share < 0.1
    found = estimate(METRICS["execution_duration"], "mean", at, 0.025)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 5.0 < found.high


def test_more_than_can_be_carried_is_unstable_and_has_no_number() -> None:
    at = cut(point(System(1, 1.2), 10, 3000, [1]), None)
    assert at.settling is not None
    assert at.settling.status == "unstable"
    assert at.settling.reason.startswith("UNSTABLE")
    for stat in ("mean", "p95", "max"):
        found = estimate(METRICS["execution_duration"], stat, at, 0.025)
        assert (found.value, found.low, found.high) == (None, None, None)
        assert found.note == at.settling.reason


@pytest.mark.parametrize("utilisation", [0.5, 0.8, 0.9])
def test_what_can_be_carried_is_not_called_unstable(utilisation: float) -> None:
    for seed in range(10):
        settling = cut(point(System(1, utilisation), 10, 8000, [seed]), None).settling
        assert settling is not None
        assert settling.status in ("steady", "short")


def test_a_target_on_a_time_fails_where_the_queue_grows_and_one_on_a_rate_has_no_data() -> None:
    rate = replace(LIMITED, id="rate", metric="executions_per_second", minimum=0.5, maximum=None)
    asked = questions(LIMITED, rate)
    run = steady_view(run_of(point(System(1, 1.2), 10, 3000, [1])), asked)
    verdicts = {result.target.id: result.verdict for result in judge_targets(asked, run)}
    assert verdicts == {"time": Verdict.FAIL, "rate": Verdict.NO_DATA}


def test_a_run_that_is_mostly_warm_up_has_no_verdict() -> None:
    slow = point(System(1, 0.5), 10, 1000, [1])  # a thousand seconds and more
    end_ns = max(int(item.executions.submitted_ns.max()) for item in slow.replications)
    for share, status in ((0.05, "steady"), (0.3, "short"), (0.7, "unsettled")):
        asked = questions(LIMITED, warmup_ns=int(share * end_ns))
        run = steady_view(run_of(slow), asked)
        settling = run.points[0].settling
        assert settling is not None
        assert settling.status == status
        [result] = judge_targets(asked, run)
        expected = Verdict.PASS if status == "steady" else Verdict.INCONCLUSIVE
        assert result.verdict is expected
        assert (result.worst.value is None) == (status == "unsettled")


def test_a_run_is_cut_once() -> None:
    asked = questions(warmup_ns=100 * SECOND_NS)
    once = steady_view(run_of(flow(1.0, 2.5, 1000)), asked)
    assert steady_view(once, asked) is once


def test_a_terminating_run_is_left_alone() -> None:
    run = run_of(flow(1.0, 2.5, 50))
    assert steady_view(run, replace(questions(), steady=False)) is run


def test_what_has_not_ended_is_counted_and_never_within() -> None:
    came = np.arange(200.0)
    item = replication(0, came, np.full(200, 3.0))
    rows = item.executions
    ended = rows.completed.copy()
    ended[150:] = False
    censored: Replication = replace(item, executions=replace(rows, completed=ended, unfinished=~ended))
    at = cut(PointRuns(0, {}, (censored,) * 3), 50 * SECOND_NS)
    run: Any = at.replications[0].run
    assert (run["submitted_count"], run["completed_count"], run["unfinished_count"]) == (150, 100, 50)
    assert estimate(METRICS["execution_duration"], "mean", at, 0.025).left_out == 150
    assert estimate(METRICS["execution_duration"], "p95", at, 0.025).value == np.inf


def test_the_trend_of_one_replication_is_none() -> None:
    submitted = np.arange(100, dtype=np.int64)
    assert trend_of([(submitted, submitted + 1000)], 100).growth is None
    assert not trend_of([], 0).grows


def test_unstable_where_steady_was_declared_is_a_model_error() -> None:
    from reports.summary import _unstable_causes

    run = steady_view(run_of(point(System(1, 1.2), 10, 3000, [1])), questions())
    [cause] = _unstable_causes(run)
    assert cause.code == MODEL_ERROR
    assert "UNSTABLE" in cause.message
