import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from reports.compare import Compared, compare_all
from reports.paired import Finding
from reports.questions import questions_of
from reports.read import read_run
from tests.reports.synthetic import scenario, write_run

POINTS: list[dict[str, Any]] = [
    {"engine.dispatch": way, "load.burst": burst} for burst in (1, 5) for way in ("fifo", "critical-path")
]


def comparison(first: Any, second: Any, **given: Any) -> SimpleNamespace:
    between = {given.pop("path", "engine.dispatch"): (first, second)}
    return SimpleNamespace(
        **{"id": "way", "metric": "makespan", "stat": "mean", "where": {}, "between": between, **given}
    )


def compared(
    directory: Path, *asked: SimpleNamespace, points: list[dict[str, Any]] = POINTS
) -> list[Compared]:
    run = read_run(write_run(directory, points))
    return list(compare_all(questions_of(scenario(points, [], asked)), run))


def test_the_change_is_the_ratio_of_geometric_means_with_a_paired_interval(tmp_path: Path) -> None:
    found = compared(tmp_path, comparison("fifo", "critical-path"))
    assert [item.points for item in found] == [(0, 1), (2, 3)]
    for item in found:
        assert item.points is not None
        run = read_run(tmp_path)
        spans = [
            np.array([one.run["makespan_ns"] for one in run.points[point].replications])
            for point in item.points
        ]
        logs = np.log(spans[1] / spans[0])
        low, high = stats.t.interval(0.95, len(logs) - 1, loc=logs.mean(), scale=stats.sem(logs))
        assert item.change == pytest.approx(math.expm1(logs.mean()))
        assert (item.low, item.high) == pytest.approx((math.expm1(low), math.expm1(high)))
        assert item.finding is Finding.LOWER
        assert item.n == 10


def test_the_other_way_round_is_higher(tmp_path: Path) -> None:
    assert {item.finding for item in compared(tmp_path, comparison("critical-path", "fifo"))} == {
        Finding.HIGHER
    }


def test_the_same_thing_is_equivalent(tmp_path: Path) -> None:
    points: list[dict[str, Any]] = [{"x": 1, "load.burst": 5}, {"x": 2, "load.burst": 5}]
    [item] = compared(tmp_path, comparison(1, 2, path="x"), points=points)
    assert item.finding is Finding.EQUIVALENT
    assert item.change == 0


def test_a_noisy_metric_is_inconclusive(tmp_path: Path) -> None:
    points: list[dict[str, Any]] = [{"load.burst": 40}, {"load.burst": 41}]
    [item] = compared(tmp_path, comparison(40, 41, path="load.burst"), points=points)
    assert item.finding is Finding.INCONCLUSIVE
    assert item.reason


@pytest.mark.parametrize(
    "asked",
    [
        comparison("fifo", "lifo"),
        comparison("fifo", "critical-path", path="engine.dispatcher"),
        comparison("fifo", "critical-path", metric="makespam"),
        comparison("fifo", "critical-path", where={"load.burst": 7}),
    ],
)
def test_what_cannot_be_compared_is_no_data(tmp_path: Path, asked: SimpleNamespace) -> None:
    [item] = compared(tmp_path, asked)
    assert item.finding is Finding.NO_DATA
    assert item.reason


def test_pairs_without_a_value_leave_the_comparison_open(tmp_path: Path) -> None:
    write_run(tmp_path, POINTS, failures={1: 0.3})
    found = compare_all(
        questions_of(scenario(POINTS, [], [comparison("fifo", "critical-path")])), read_run(tmp_path)
    )
    assert found[0].finding in (Finding.INCONCLUSIVE, Finding.NO_DATA)
    assert found[1].finding is Finding.LOWER


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("makespan", "pairs hold an execution that never completed"),
        ("executions_failed_count", "pairs hold a value of 0, which has no ratio"),
        ("checks.no such name", "10 of 10 pairs hold a value that is not known"),
    ],
)
def test_pairs_that_are_left_out_say_why(tmp_path: Path, metric: str, words: str) -> None:
    points: list[dict[str, Any]] = [{"x": 1, "load.burst": 5}, {"x": 2, "load.burst": 5}]
    write_run(tmp_path, points, failures={0: 0.15})
    asked = comparison(1, 2, path="x", metric=metric)
    [item] = compare_all(questions_of(scenario(points, [], [asked])), read_run(tmp_path))
    assert item.finding in (Finding.INCONCLUSIVE, Finding.NO_DATA)
    assert words in item.reason
    assert item.reason.count("of 10 pairs") == 1
