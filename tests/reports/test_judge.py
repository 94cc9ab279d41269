"""Each verdict is reached, and what was not shown is never passed."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from reports.columns import RunData
from reports.judge import Judgement, judge_targets
from reports.paired import Finding
from reports.questions import questions_of
from reports.read import read_run
from reports.verdicts import Verdict, decide, margin, worst
from tests.reports.synthetic import run_rows, scenario, target, write_rows, write_run

POINT = {"load.burst": 5, "workflow.steps": 1}


@pytest.mark.parametrize(
    ("low", "high", "minimum", "maximum", "verdict"),
    [
        (1, 2, None, 3, Verdict.PASS),
        (1, 3, None, 3, Verdict.PASS),
        (2, 4, None, 3, Verdict.INCONCLUSIVE),
        (3, 4, None, 3, Verdict.INCONCLUSIVE),
        (3.1, 4, None, 3, Verdict.FAIL),
        (4, 5, 3, None, Verdict.PASS),
        (2, 4, 3, None, Verdict.INCONCLUSIVE),
        (1, 2, 3, None, Verdict.FAIL),
        (2, 3, 1, 4, Verdict.PASS),
        (0, 3, 1, 4, Verdict.INCONCLUSIVE),
        (5, 6, 1, 4, Verdict.FAIL),
        (0, 0.5, 1, 4, Verdict.FAIL),
        (None, 2, None, 3, Verdict.INCONCLUSIVE),
        (1, None, None, 3, Verdict.INCONCLUSIVE),
        (1, 2, None, None, Verdict.INCONCLUSIVE),
    ],
)
def test_bounds_against_limits(
    low: float | None, high: float | None, minimum: float | None, maximum: float | None, verdict: Verdict
) -> None:
    assert decide(low, high, minimum, maximum) is verdict


def test_the_worst_of_several() -> None:
    assert worst([Verdict.PASS, Verdict.INCONCLUSIVE]) is Verdict.INCONCLUSIVE
    assert worst([Verdict.INCONCLUSIVE, Verdict.NO_DATA]) is Verdict.NO_DATA
    assert worst([Verdict.NO_DATA, Verdict.FAIL, Verdict.PASS]) is Verdict.FAIL
    assert worst([]) is Verdict.NO_DATA


def test_margins_by_hand() -> None:
    assert margin(24, None, 30) == pytest.approx(0.2)
    assert margin(33, None, 30) == pytest.approx(-0.1)
    assert margin(1.2, 1, None) == pytest.approx(0.2)
    assert margin(5, 4, 10) == pytest.approx(0.25)
    assert margin(2, None, 0) == -2
    assert margin(None, None, 30) is None


def _execution(index: int, end: int, state: str) -> dict[str, Any]:
    row = run_rows(0, POINT, 0, random.Random(0))[1]
    return row | {
        "execution": f"x-{index}", "index": index, "state": state, "admitted_ns": 0, "started_ns": 0,
        "ended_ns": end, "steps_count": 0, "steps_completed_count": 0, "progress_gap_ns_max": end,
        "causes": {"readiness": end},
    }  # fmt: skip


def make(directory: Path, makespans: list[float], *, failed: int = 0, executions: int = 1) -> RunData:
    """A run whose replications have these makespans; the first `failed` of them failed."""
    records = directory / "records"
    records.mkdir()
    for number, seconds in enumerate(makespans):
        end = round(seconds * 1e9)
        state = "failed" if number < failed else "completed"
        rows = [_execution(index, end, state) for index in range(executions)]
        head = run_rows(0, POINT, number, random.Random(0))[0]
        head |= {
            "submitted_count": executions, "completed_count": 0 if state == "failed" else executions,
            "failed_count": executions if state == "failed" else 0, "makespan_ns": end, "ended_ns": end,
            "causes": {"readiness": end * executions},
        }  # fmt: skip
        write_rows(records / f"p0000-r{number:05d}.jsonl", [head, *rows])
    return read_run(directory)


def judged(run: RunData, asked: Any, *, minimum: int = 10, maximum: int = 80) -> Judgement:
    questions = questions_of(scenario([POINT], [asked], minimum=minimum, maximum=maximum))
    [result] = judge_targets(questions, run)
    return result.worst


ATTAIN = {"attainment": 0.95, "max": 30}


@pytest.mark.parametrize(
    ("makespans", "asked", "verdict"),
    [
        ([10.0] * 80, ATTAIN, Verdict.PASS),
        ([10.0] * 79 + [31.0], ATTAIN, Verdict.INCONCLUSIVE),
        ([10.0] * 65 + [31.0] * 15, ATTAIN, Verdict.FAIL),
        ([10.0] * 10, ATTAIN, Verdict.INCONCLUSIVE),  # perfect, and too few to show it
        ([10.0] * 40, ATTAIN, Verdict.INCONCLUSIVE),
        ([31.0] * 10, ATTAIN, Verdict.FAIL),
        ([10.0, 11.0] * 5, {"stat": "mean", "max": 30}, Verdict.PASS),
        ([10.0, 50.0] * 5, {"stat": "mean", "max": 30}, Verdict.INCONCLUSIVE),
        ([40.0, 41.0] * 5, {"stat": "mean", "max": 30}, Verdict.FAIL),
        ([40.0, 41.0] * 5, {"stat": "mean", "min": 30}, Verdict.PASS),
        ([10.0], {"stat": "mean", "max": 30}, Verdict.INCONCLUSIVE),  # one replication has no interval
        ([10.0] * 10, {"stat": "p95", "max": 30}, Verdict.INCONCLUSIVE),  # 59 are needed
        ([10.0 + number / 100 for number in range(80)], {"stat": "p95", "max": 30}, Verdict.PASS),
        ([40.0 + number / 100 for number in range(80)], {"stat": "p95", "max": 30}, Verdict.FAIL),
        ([10.0] * 9 + [31.0], {"stat": "max", "max": 30}, Verdict.FAIL),
        ([10.0] * 10, {"stat": "max", "max": 30}, Verdict.PASS),
        ([10.0] * 5, {"stat": "max", "max": 30}, Verdict.INCONCLUSIVE),  # fewer than were asked for
    ],
)
def test_a_makespan(tmp_path: Path, makespans: list[float], asked: dict[str, Any], verdict: Verdict) -> None:
    found = judged(make(tmp_path, makespans), target("t", "makespan", **asked))
    assert found.verdict is verdict
    assert verdict is not Verdict.INCONCLUSIVE or found.reason


@pytest.mark.parametrize("asked", [{"stat": "max", "max": 30}, {"attainment": 1.0, "max": 30}])
def test_every_one_passes_with_what_it_shows_and_fails_on_one_miss(
    tmp_path: Path, asked: dict[str, Any]
) -> None:
    (tmp_path / "one").mkdir()
    run = make(tmp_path, [10.0] * 10, executions=4)
    found = judged(run, target("t", "execution_duration", **asked), maximum=10)
    assert found.verdict is Verdict.PASS
    assert found.reason == (
        "none of 40 values in 10 replications seen misses; that shows at least 74.11 % of replications "
        "without a miss, at 95 % confidence"
    )
    four_looks = judged(run, target("t", "makespan", **asked))
    assert "none of 10 replications seen misses; that shows at least 64.52 %" in four_looks.reason
    missed = make(tmp_path / "one", [10.0] * 9 + [31.0])
    assert judged(missed, target("t", "makespan", **asked)).verdict is Verdict.FAIL


def test_an_attainment_of_replications_is_exact_and_its_error_undivided(tmp_path: Path) -> None:
    found = judged(make(tmp_path, [10.0] * 80), target("t", "makespan", **ATTAIN))
    assert (found.value, found.n, found.method) == (1.0, 80, "exact")
    assert found.low == pytest.approx(0.05 ** (1 / 80))
    assert found.reached == 10
    assert found.margin == pytest.approx(2 / 3)


def test_too_few_replications_at_the_most_say_how_many_are_needed(tmp_path: Path) -> None:
    found = judged(make(tmp_path, [10.0] * 10), target("t", "makespan", **ATTAIN), maximum=10)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "at least 59 replications" in found.reason


def test_a_failed_batch_is_within_no_limit_however_fast(tmp_path: Path) -> None:
    run = make(tmp_path, [1.0] * 80, failed=20)
    assert judged(run, target("t", "makespan", **ATTAIN)).verdict is Verdict.FAIL
    assert judged(run, target("t", "execution_duration", **ATTAIN)).verdict is Verdict.FAIL
    longer = judged(run, target("t", "execution_duration", attainment=0.95, min=0.5))
    assert longer.verdict is Verdict.FAIL  # what never ended is not "at least half a second" either
    mean = judged(run, target("t", "makespan", stat="mean", max=30))
    assert mean.verdict is Verdict.INCONCLUSIVE
    assert "20 of 80" in mean.reason


def test_executions_within_are_counted_per_replication(tmp_path: Path) -> None:
    run = make(tmp_path, [10.0] * 72 + [31.0] * 8, executions=4)
    found = judged(run, target("t", "execution_duration", attainment=0.8, max=30))
    assert found.value == pytest.approx(0.9)
    assert found.method == "t"
    assert found.verdict is Verdict.PASS
    stat = judged(run, target("t", "execution_duration", stat="p50", attainment=0.8, max=30))
    assert stat.method == "exact"


@pytest.mark.parametrize(
    ("metric", "asked", "failed", "verdict"),
    [
        ("executions_completed_ratio", {"min": 1.0}, 0, Verdict.PASS),
        ("executions_completed_ratio", {"min": 1.0}, 1, Verdict.FAIL),
        ("executions_completed_ratio", {"min": 1.0, "stat": "mean"}, 1, Verdict.FAIL),
        ("executions_completed_ratio", {"min": 0.5, "stat": "mean"}, 1, Verdict.PASS),
        ("executions_unfinished_count", {"max": 0.0}, 0, Verdict.PASS),
        ("duplicate_ids_count", {"max": 0.0}, 0, Verdict.PASS),
        ("checks.quota", {"max": 0.0}, 0, Verdict.PASS),
        ("checks.of no such name", {"max": 0.0}, 0, Verdict.NO_DATA),
        ("cause.readiness", {"min": 0.9}, 0, Verdict.PASS),
        ("cause.client-throttle", {"max": 0.1}, 0, Verdict.PASS),
        ("cause.nothing", {"max": 0.1}, 0, Verdict.NO_DATA),
        ("step_duration", {"max": 10}, 0, Verdict.NO_DATA),  # these executions have no steps
        ("makespam", {"max": 10}, 0, Verdict.NO_DATA),
        ("executions_per_second", {"min": 0.05}, 0, Verdict.PASS),
    ],
)
def test_other_metrics(
    tmp_path: Path, metric: str, asked: dict[str, Any], failed: int, verdict: Verdict
) -> None:
    assert (
        judged(make(tmp_path, [10.0, 11.0] * 10, failed=failed), target("t", metric, **asked)).verdict
        is verdict
    )


def test_where_nothing_lies_there_is_no_data(tmp_path: Path) -> None:
    run = make(tmp_path, [10.0] * 10)
    for where in ({"load.burst": 6}, {"load.bursts": 5}):
        found = judged(run, target("t", "makespan", max=30, where=where))
        assert found.verdict is Verdict.NO_DATA
        assert found.point is None


def test_an_empty_run_has_no_data(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    found = judged(read_run(tmp_path), target("t", "makespan", max=30))
    assert found.verdict is Verdict.NO_DATA
    assert found.point == 0


def test_a_proof_of_infeasibility_is_a_failure_with_its_words(tmp_path: Path) -> None:
    make(tmp_path, [10.0] * 10)
    proof = [{"target": "t", "point": 0, "because": "30 s of grace"}]
    (tmp_path / "infeasible.json").write_text(json.dumps(proof))
    found = judged(read_run(tmp_path), target("t", "makespan", max=30))
    assert (found.verdict, found.infeasible, found.reason) == (Verdict.FAIL, True, "30 s of grace")


def test_looks_divide_the_error(tmp_path: Path) -> None:
    run = make(tmp_path, [10.0, 11.0] * 5)
    once = judged(run, target("t", "makespan", max=30), maximum=10)
    four = judged(run, target("t", "makespan", max=30), maximum=80)
    assert once.error == pytest.approx(0.05)
    assert four.error == pytest.approx(0.0125)
    assert once.high is not None
    assert four.high is not None
    assert four.high > once.high


def test_findings_and_verdicts_are_different_words() -> None:
    assert not {item.value for item in Finding} & {item.value for item in Verdict}


def test_the_worst_point_has_the_smallest_margin(tmp_path: Path) -> None:
    points = [{"load.burst": burst} for burst in (1, 20, 50)]
    run = read_run(write_run(tmp_path, points))
    [result] = judge_targets(questions_of(scenario(points, [target("t", "makespan", max=1)])), run)
    assert result.verdict is Verdict.FAIL
    assert result.worst.point == 2
