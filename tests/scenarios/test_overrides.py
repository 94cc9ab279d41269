from collections.abc import Callable
from pathlib import Path

import pytest

import scenarios
from scenarios import Scenario, ScenarioError
from scenarios.document import read_file

Write = Callable[[str, str], str]


@pytest.fixture
def sound(write: Write, sound_text: str) -> Callable[..., Scenario]:
    file = write("scenario.yaml", sound_text)
    return lambda *overrides: scenarios.load(file, overrides)


def coordinates(scenario: Scenario) -> list[dict[str, object]]:
    return [dict(point.coordinates) for point in scenario.points()]


def test_a_swept_path_is_fixed_at_the_value(sound: Callable[..., Scenario]) -> None:
    assert coordinates(sound("load.burst=5")) == [
        {"load.burst": 5, "workflow.steps": 1},
        {"load.burst": 5, "workflow.steps": 2},
    ]


def test_a_list_replaces_the_swept_values(sound: Callable[..., Scenario]) -> None:
    changed = sound("workload.load.burst=[5, 7]", "workflow.steps=1")
    assert [row["load.burst"] for row in coordinates(changed)] == [5, 7]


def test_any_other_path_is_changed_in_its_place(sound: Callable[..., Scenario]) -> None:
    changed = sound(
        "engine.client=client-go", "engine.client.burst=11", "cluster.nodes=2",
        "cluster.parameters.watch.delay=5ms", "targets.0.max=10s", "experiment.replications=3",
        "experiment.seed=9",
    )  # fmt: skip
    spec = scenarios.compile(changed, changed.points()[0], 0)
    assert (spec.engine.client_qps, spec.engine.client_burst) == (5.0, 11)
    assert sum(item["kind"] == "Node" for item in spec.cluster.objects) == 2
    assert spec.cluster.parameters["watch.delay"] == {"dist": "constant", "value_s": 0.005}
    assert spec.cluster.overrides == {"watch.delay": "--set"}
    assert changed.targets[0].max == 10.0
    assert changed.experiment.replications.max == 3
    assert spec.seed == 9


MESSAGES = read_file(Path(__file__).parent / "override_messages.yaml").data


@pytest.mark.parametrize("row", MESSAGES, ids=lambda row: row["set"])
def test_mistakes_are_said_in_the_same_way(sound: Callable[..., Scenario], row: dict[str, str]) -> None:
    with pytest.raises(ScenarioError) as caught:
        sound(row["set"])
    assert str(caught.value.problems[0]) == row["message"]


@pytest.mark.parametrize(
    "override", ["", "=", "=3", "a..b=3", "a b=3", "x=[", "x={", "load.burst=*a", "x=!y z", "a.b=1"]
)
def test_whatever_is_given_only_scenario_errors_come_out(
    sound: Callable[..., Scenario], override: str
) -> None:
    with pytest.raises(ScenarioError):
        sound(override)


def test_a_sweep_row_by_row_cannot_be_overridden_in_part(write: Write, sound_text: str) -> None:
    rows = "sweep: [{load.burst: 1, workflow.steps: 1}, {load.burst: 5, workflow.steps: 1}]"
    file = write(
        "scenario.yaml", sound_text.replace("sweep: {load.burst: [1, 5], workflow.steps: [1, 2]}", rows)
    )
    with pytest.raises(ScenarioError, match=r"load\.burst is swept row by row"):
        scenarios.load(file, ["load.burst=5"])
