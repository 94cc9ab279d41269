"""The size of an experiment: what may take more replications, what the sensitivity adds, honest digits."""

from pathlib import Path

import pytest

import scenarios
from headroom.planning import START_UP_S, plan, two_digits
from headroom.sensitivity import bracket, factors_max

SCENARIO = """\
apiVersion: headroom/v1
name: planned
cluster: high-load-production
workload:
  workflow: restart-pods
  targets: {deployments: all}
  load: {burst: 2}
sweep: {load.burst: [1, 2, 3, 4]}
experiment: {replications: {min: 10, max: 40}}
targets:
  - {id: quick, metric: makespan, stat: mean, max: 1h, where: {load.burst: 2}}
  - {id: known, metric: makespan, stat: mean, max: 1h, severity: info}
"""
SENSITIVITY = "sensitivity: [{parameter: assumptions.startup_scale, targets: [quick], up_to: 16}]\n"
COMPARISON = "comparisons: [{id: more, metric: makespan, between: {load.burst: [1, 2]}}]\n"


def planned(tmp_path: Path, more: str = "") -> dict[str, object]:
    file = tmp_path / "planned.yaml"
    file.write_text(SCENARIO + more)
    return plan(scenarios.load(file), workers=2, world="tests.headroom.fake_world:simulate")


def test_only_where_a_verdict_looks_there_may_be_more_replications(tmp_path: Path) -> None:
    assert planned(tmp_path)["runs"] == {"min": 40, "max": 40 + 30}
    assert planned(tmp_path, COMPARISON)["runs"] == {"min": 40, "max": 40 + 2 * 30}


def test_sensitivity_is_counted(tmp_path: Path) -> None:
    assert planned(tmp_path)["sensitivity_runs"] == {"min": 0, "max": 0}
    assert planned(tmp_path, SENSITIVITY)["sensitivity_runs"] == {"min": 40, "max": 40 * factors_max(16, 1)}


def test_the_time_has_the_start_up_in_it(tmp_path: Path) -> None:
    estimated = planned(tmp_path)["estimated_s"]
    assert isinstance(estimated, dict)
    assert START_UP_S <= estimated["min"] <= estimated["max"]


@pytest.mark.parametrize("up_to", [1.5, 3.0, 16.0])
@pytest.mark.parametrize("threshold", [1.0, 1.2, 2.9, 15.9, 20.0])
def test_no_search_takes_more_factors_than_planned(up_to: float, threshold: float) -> None:
    asked: set[float] = set()

    def holds(factor: float) -> bool:
        asked.add(factor)
        return factor <= threshold

    bracket(holds, up_to)
    assert len(asked) <= factors_max(up_to, 1)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.01234, "0.012"), (2.34, "2.3"), (23.4, "23"), (2345.6, "2,300"), (9.96, "10")]
)
def test_two_digits_are_shown(seconds: float, shown: str) -> None:
    assert f"{two_digits(seconds):,}" == shown
