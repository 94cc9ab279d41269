import pickle

import pytest

import scenarios
from scenarios import ScenarioError

NAME = "high-throughput-orchestration"


def test_a_pinned_scenario_has_one_point_where_the_targets_look() -> None:
    pinned = scenarios.pinned(scenarios.load(NAME))
    [point] = pinned.points()
    assert point.coordinates == {"load.burst": 5, "workflow.steps": 1}
    assert [target.id for target in pinned.targets] == [
        "orchestration",
        "each-workflow",
        "complete",
        "unique-ids",
    ]
    assert all(not target.where for target in pinned.targets)
    assert pinned.warnings == ()


def test_what_it_runs_is_what_the_scenario_runs_at_that_point() -> None:
    scenario = scenarios.load(NAME)
    pinned = scenarios.pinned(scenario, {"load.burst": 20, "workflow.steps": 10})
    [there] = [it for it in scenario.points() if it.coordinates == {"load.burst": 20, "workflow.steps": 10}]
    expected, found = scenarios.compile(scenario, there, 3), scenarios.compile(pinned, pinned.points()[0], 3)
    assert (found.engine, found.workload, found.cluster) == (
        expected.engine,
        expected.workload,
        expected.cluster,
    )
    assert (found.scenario, found.seed, found.replication) == (
        expected.scenario,
        expected.seed,
        expected.replication,
    )


def test_values_that_the_scenario_does_not_sweep_become_coordinates() -> None:
    values = {"workload.load.burst": 26, "engine.client.qps": 40, "experiment.seed": 7}
    pinned = scenarios.pinned(scenarios.load(NAME), values)
    [point] = pinned.points()
    spec = scenarios.compile(pinned, point, 0)
    assert point.coordinates == {"load.burst": 26, "engine.client.qps": 40, "workflow.steps": 1}
    assert (spec.workload.load.count, spec.engine.client_qps, spec.seed) == (26, 40, 7)


def test_the_scenario_itself_is_left_as_it_was() -> None:
    scenario = scenarios.load(NAME)
    before = scenario.resolved_yaml()
    scenarios.pinned(scenario, {"load.burst": 3})
    assert scenario.resolved_yaml() == before


def test_it_can_be_sent_to_another_process() -> None:
    pinned = scenarios.pinned(scenarios.load(NAME))
    again = pickle.loads(pickle.dumps(pinned))
    assert again.resolved_yaml() == pinned.resolved_yaml()


@pytest.mark.parametrize(
    ("values", "targets", "words"),
    [
        ({}, ["map"], "load.burst has 7 values where the targets look"),
        ({}, ["orchestratoin"], "unknown target 'orchestratoin'"),
        ({"no path!": 1}, None, "'no path!' is not a path"),
        ({"load.bust": 1}, None, "did you mean 'burst'"),
    ],
)
def test_what_cannot_be_pinned_is_said(values: dict[str, int], targets: list[str] | None, words: str) -> None:
    with pytest.raises(ScenarioError, match=words.replace(".", r"\.")):
        scenarios.pinned(scenarios.load(NAME), values, targets)
