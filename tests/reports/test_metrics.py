"""What a scenario may name is what a report can take, with the same units and samples."""

from pathlib import Path

import pytest

from reports import metrics
from reports.read import read_run
from scenarios.metrics import FAMILIES, METRICS
from tests.reports.synthetic import write_run


def test_every_declared_metric_is_taken_and_no_other() -> None:
    assert set(metrics.METRICS) == set(METRICS)
    assert {name: metric.unit for name, metric in metrics.METRICS.items()} == {
        name: metric.unit for name, metric in METRICS.items()
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_every_declared_family_is_taken(family: str) -> None:
    found = metrics.find_metric(f"{family}readiness")
    assert found is not None
    assert found.unit == FAMILIES[family].unit


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_has_as_many_values_as_it_says(tmp_path: Path, name: str) -> None:
    run = read_run(write_run(tmp_path, [{"load.burst": 5, "workflow.steps": 3}], 1))
    [item] = run.points[0].replications
    counts = {"run": 1, "execution": 5, "step": 15}
    assert len(metrics.METRICS[name].take(item)) == counts[METRICS[name].per]
