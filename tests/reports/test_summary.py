import json
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reports.exits import (
    INCONCLUSIVE,
    INFEASIBLE,
    INTERRUPTED,
    MODEL_ERROR,
    NO_DATA,
    OK,
    TARGET_FAILED,
    ExitCause,
)
from reports.phrases import held_checks
from reports.read import read_run
from reports.summary import Summary, summarise, undecided
from tests.reports.synthetic import run_rows, scenario, target, write_rows, write_run

POINTS: list[dict[str, Any]] = [{"load.burst": 5}, {"load.burst": 20}]


def summary_of(directory: Path, *targets: SimpleNamespace, replications: int = 10, **given: Any) -> Summary:
    if not (directory / "records").exists():
        write_run(directory, POINTS, replications)
    return summarise(read_run(directory), scenario(POINTS, targets), **given)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"stat": "mean", "max": 30}, OK),
        ({"stat": "mean", "max": 5}, TARGET_FAILED),
        ({"stat": "mean", "max": 5, "severity": "warn"}, OK),
        ({"stat": "mean", "max": 5, "severity": "info"}, OK),
        ({"attainment": 0.95, "max": 30}, INCONCLUSIVE),
        ({"attainment": 0.95, "max": 30, "severity": "info"}, OK),
        ({"max": 30, "where": {"load.burst": 6}}, NO_DATA),
        ({"max": 30, "where": {"load.burst": 6}, "severity": "info"}, NO_DATA),
    ],
)
def test_the_exit_code_of_a_target(tmp_path: Path, asked: dict[str, Any], code: int) -> None:
    assert summary_of(tmp_path, target("t", "makespan", **asked)).exit_code == code


def test_inconclusive_may_be_allowed(tmp_path: Path) -> None:
    asked = target("t", "makespan", attainment=0.95, max=30)
    assert summary_of(tmp_path, asked, allow_inconclusive=True).exit_code == OK


def test_all_causes_are_kept_and_the_first_counts(tmp_path: Path) -> None:
    failing = target("fails", "makespan", stat="mean", max=5)
    missing = target("missing", "makespan", max=5, where={"load.burst": 6})
    summary = summary_of(tmp_path, failing, missing, causes=[ExitCause(INTERRUPTED, "by the user")])
    assert [cause.code for cause in summary.causes] == [INTERRUPTED, NO_DATA, TARGET_FAILED, TARGET_FAILED]
    assert summary.exit_code == INTERRUPTED


def test_an_incomplete_manifest_is_an_interruption(tmp_path: Path) -> None:
    write_run(tmp_path, POINTS)
    (tmp_path / "manifest.json").write_text('{"complete": false}')
    assert summary_of(tmp_path).exit_code == INTERRUPTED


def test_missing_replications_are_no_data(tmp_path: Path) -> None:
    write_run(tmp_path, POINTS)
    for path in sorted((tmp_path / "records").glob("p0001-*"))[3:]:
        path.unlink()
    summary = summary_of(tmp_path)
    assert summary.exit_code == NO_DATA
    assert "load.burst=20 (3)" in summary.causes[0].message


def test_an_empty_run_is_no_data(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    assert summary_of(tmp_path, target("t", "makespan", max=30)).exit_code == NO_DATA


def test_infeasible_is_said_before_failed(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    rows = [{"target": "t", "point": point, "because": "grace"} for point in (0, 1)]
    (tmp_path / "infeasible.json").write_text(json.dumps(rows))
    summary = summary_of(tmp_path, target("t", "makespan", max=30))
    assert summary.exit_code == INFEASIBLE
    assert {cause.code for cause in summary.causes} == {INFEASIBLE}


@pytest.mark.parametrize(
    ("kind", "change", "check"),
    [
        ("run", {"checks": {"quota": 2}}, "invariant quota"),
        ("run", {"completed_count": 4}, "conservation"),
        ("run", {"makespan_ns": 5}, "makespan"),
        ("execution", {"causes": {"readiness": 1}}, "time is charged once"),
        ("step", {"causes": {"readiness": 1}}, "time is charged once"),
        ("execution", {"admitted_ns": 10**15}, "no negative time"),
        ("execution", {"execution": "x-1"}, "unique ids"),
        ("sample", {"busy_ns": 10**15}, "utilisation"),
        ("sample", {"wait_ns": 10**15}, "admission waits agree"),
        ("sample", {"queue_ns": 10**15}, "Little's law"),
        ("sample", {"queue_ns": -1}, "Little's law"),
    ],
)
def test_a_record_that_contradicts_itself_is_a_model_error(
    tmp_path: Path, kind: str, change: dict[str, Any], check: str
) -> None:
    write_run(tmp_path, POINTS)
    rows = run_rows(0, POINTS[0], 0, random.Random("0"))
    next(row for row in rows if row["type"] == kind).update(change)
    write_rows(tmp_path / "records/p0000-r00000.jsonl", rows)
    summary = summary_of(tmp_path)
    assert summary.exit_code == MODEL_ERROR
    assert check in [item.name for item in summary.checks if not item.passed]


def test_checks_that_few_runs_allow_are_named_with_their_runs(tmp_path: Path) -> None:
    write_run(tmp_path, POINTS)
    every = held_checks(summary_of(tmp_path))
    assert every == ["10 checks hold in all 20 runs"]
    rows = run_rows(0, POINTS[0], 0, random.Random("0"))
    del rows[0]["checks"]["quota"]
    write_rows(tmp_path / "records/p0000-r00000.jsonl", rows)
    assert held_checks(summary_of(tmp_path)) == [
        "9 checks hold in all 20 runs",
        "these could be made in fewer runs: invariant quota (19)",
    ]


def test_open_targets_ask_for_more_replications_of_their_points_only(tmp_path: Path) -> None:
    asked = target("t", "makespan", attainment=0.95, max=30, where={"load.burst": 20})
    assert undecided(summary_of(tmp_path, asked)) == [1]


def test_info_targets_and_ended_plans_ask_for_nothing(tmp_path: Path) -> None:
    info = target("t", "makespan", attainment=0.95, max=30, severity="info")
    assert undecided(summary_of(tmp_path, info)) == []
    asked = target("t", "makespan", attainment=0.95, max=30)
    run = read_run(tmp_path)
    assert undecided(summarise(run, scenario(POINTS, [asked], minimum=10, maximum=10))) == []
    assert undecided(summarise(run, scenario(POINTS, [asked], minimum=10, maximum=20))) == [0, 1]


def test_decided_targets_ask_for_nothing(tmp_path: Path) -> None:
    assert undecided(summary_of(tmp_path, target("t", "makespan", stat="mean", max=30))) == []


def test_the_bottleneck_is_the_greatest_cause_with_its_station(tmp_path: Path) -> None:
    points: list[dict[str, Any]] = [{"load.burst": 1}, {"load.burst": 50}]
    summary = summarise(read_run(write_run(tmp_path, points)), scenario(points))
    alone, crowded = (point.bottleneck for point in summary.points)
    assert alone is not None
    assert crowded is not None
    assert (alone.cause, alone.station) == ("readiness", None)
    assert crowded.cause == "admission"
    assert crowded.station is not None
    assert crowded.station.name == "engine.executions"
    shares = [share.value for share in summary.points[1].shares.values()]
    assert sum(share or 0 for share in shares) == pytest.approx(1)
    assert summary.points[1].estimates["execution_duration_mean"].value == pytest.approx(
        sum(summary.points[1].seconds.values())
    )


def test_percentiles_follow_the_minimum_sample_rule(tmp_path: Path) -> None:
    points: list[dict[str, Any]] = [{"load.burst": 5}, {"load.burst": 60}, {"load.burst": 300}]
    summary = summarise(read_run(write_run(tmp_path, points)), scenario(points))
    methods = [
        [point.estimates[f"execution_duration_{stat}"].method for stat in ("p50", "p95", "p99")]
        for point in summary.points
    ]
    assert methods == [["t", "none", "none"], ["t", "t", "pooled"], ["t", "t", "t"]]
    assert "needs 59 observations, there are 50" in summary.points[0].estimates["execution_duration_p95"].note
