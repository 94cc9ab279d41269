"""Where replications go: to what is judged and not known well enough, and to where a curve bends."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reports.precision import BEND_ROUNDS, bends, curves, error_of, imprecise, judged, reached
from reports.read import read_run
from reports.summary import Summary, summarise, undecided, wanting
from tests.reports.synthetic import scenario, target, write_run

POINTS = [{"load.burst": burst} for burst in (2, 4, 8, 16, 32)]


def summary_of(directory: Path, *targets: Any, replications: int = 10, precision: float = 0.05) -> Summary:
    write_run(directory, POINTS, replications)
    asked = scenario(POINTS, targets)
    asked.experiment.replications.precision = precision
    return summarise(read_run(directory), asked)


def estimates(mean: float, precision: float = 0.01) -> Any:
    return SimpleNamespace(value=mean, precision=precision)


def line(*means: float, n: int = 10) -> list[Any]:
    return [
        SimpleNamespace(
            index=index,
            n=n,
            coordinates={"load.burst": 2**index, "engine": "x"},
            estimates={"makespan": estimates(mean), "execution_duration_mean": estimates(mean)},
        )
        for index, mean in enumerate(means)
    ]


def test_a_judged_point_goes_on_until_its_mean_is_precise(tmp_path: Path) -> None:
    easy = target("t", "makespan", stat="mean", max=1e6, where={"load.burst": 2})
    rough = summary_of(tmp_path / "a", easy, precision=0.001)
    assert undecided(rough) == []
    assert 0 in wanting(rough)
    assert 0 not in wanting(summary_of(tmp_path / "b", easy, precision=0.9))


def test_at_the_cap_nothing_is_wanted(tmp_path: Path) -> None:
    easy = target("t", "makespan", stat="mean", max=1e6, where={"load.burst": 2})
    assert 0 not in wanting(summary_of(tmp_path, easy, replications=80, precision=0.001))


@pytest.mark.parametrize(
    ("metric", "severity", "watched"),
    [("makespan", "error", {0}), ("makespan", "info", set()), ("duplicate_ids_count", "error", set())],
)
def test_only_judged_times_and_rates_ask_for_precision(
    tmp_path: Path, metric: str, severity: str, watched: set[int]
) -> None:
    asked = target("t", metric, max=1e6, where={"load.burst": 2}, severity=severity)
    summary = summary_of(tmp_path, asked)
    assert judged(summary.questions, summary.judgements) == watched


def test_where_nothing_is_asked_everything_is_of_interest(tmp_path: Path) -> None:
    summary = summary_of(tmp_path)
    assert judged(summary.questions, summary.judgements) == set(range(len(POINTS)))


def test_a_straight_line_does_not_bend_and_a_knee_does() -> None:
    assert bends(line(1.0, 2.0, 4.0, 8.0, 16.0)) == []
    assert bends(line(1.0, 1.0, 1.0, 2.0, 4.0)) == [2]
    assert bends(line(1.0, 1.0, 2.0)) == []  # three points are no curve


def test_a_curve_runs_along_one_number_with_all_else_equal() -> None:
    points: list[Any] = [
        SimpleNamespace(index=0, coordinates={"a": a, "b": b, "on": True})
        for a in (1, 2, 3, 4)
        for b in (1, 2)
    ]
    found = [(path, [point.coordinates["a"] for point in curve]) for path, curve in curves(points)]
    assert found == [("a", [1, 2, 3, 4]), ("a", [1, 2, 3, 4])]


def test_a_bend_gets_two_doublings_and_no_more() -> None:
    for n, more in ((10, [2]), (20, [2]), (10 << BEND_ROUNDS, [])):
        points = line(1.0, 1.0, 1.0, 2.0, 4.0, n=n)
        for point in points:
            point.estimates["makespan"].precision = 0.2
        asked = target("t", "makespan", max=1, where={"load.burst": 999})
        questions = SimpleNamespace(targets=(asked,), precision=0.05, replications_min=10, points=())
        summary: Any = SimpleNamespace(questions=questions, judgements=(), points=points)
        assert imprecise(summary) == more


def test_the_error_is_spent_only_where_one_looks_again(tmp_path: Path) -> None:
    summary = summary_of(tmp_path, target("t", "makespan", max=1, where={"load.burst": 2}))
    first, second = summary.run.points[:2]
    assert summary.questions.looks == (10, 20, 40, 80)
    assert error_of(first, summary.questions, {0}) == pytest.approx(0.025 / 4)
    assert error_of(second, summary.questions, {0}) == pytest.approx(0.025)


def test_the_less_well_known_mean_counts() -> None:
    [point] = line(1.0)
    point.estimates["execution_duration_mean"] = estimates(1.0, 0.07)
    assert reached(point) == 0.07
