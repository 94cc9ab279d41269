import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import scenarios
from scenarios import ScenarioError
from scenarios.document import Document
from scenarios.paths import keys_of, same_value, short_form
from scenarios.sweep import read_sweep

Write = Callable[[str, str], str]
AXES = st.dictionaries(
    st.sampled_from(["load.burst", "workflow.steps", "engine.step_slots", "cluster.nodes"]),
    st.lists(st.integers(1, 1000), min_size=1, max_size=6, unique=True),
    min_size=1,
)


def sweep_of(data: Any, replications_max: int = 1) -> Any:
    return read_sweep(Document("f.yaml", {"sweep": data}), replications_max)


@given(AXES)
def test_a_grid_has_every_combination_once_in_the_order_of_the_file(axes: dict[str, list[int]]) -> None:
    sweep = sweep_of(axes)
    points = list(sweep.coordinates())
    assert len(points) == sweep.points_count == math.prod(map(len, axes.values()))
    assert len({tuple(point.values()) for point in points}) == len(points)
    assert all(list(point) == list(axes) for point in points)
    assert points[0] == {path: values[0] for path, values in axes.items()}
    last = list(axes)[-1]
    assert [point[last] for point in points[: len(axes[last])]] == axes[last]


@given(AXES)
def test_every_value_is_shown_by_some_single_change(axes: dict[str, list[int]]) -> None:
    seen = list(sweep_of(axes).single_changes())
    for path, values in axes.items():
        assert {row[path] for row in seen} == set(values)
    assert len(seen) == sum(map(len, axes.values()))


def test_without_a_sweep_there_is_one_point() -> None:
    sweep = read_sweep(Document("f.yaml", {}), 1)
    assert list(sweep.coordinates()) == [{}]
    assert sweep.points_count == 1


def test_rows_are_points() -> None:
    rows = [{"load.burst": 1, "workload.parameters.steps": 5}, {"workflow.steps": 1, "load.burst": 5}]
    assert list(sweep_of(rows).coordinates()) == [
        {"load.burst": 1, "workflow.steps": 5},
        {"load.burst": 5, "workflow.steps": 1},
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([{"load.burst": 1}, {"workflow.steps": 1}], "a point with other paths than the first"),
        ([{"load.burst": 1}, {"load.burst": 1}], "given twice"),
        ([{"load.burst": 1}, {}], "an empty point"),
        ({"load.burst": [1], "workload.load.burst": [2]}, "'workload.load.burst' is swept twice"),
        ({"load burst": [1]}, "'load burst' is not a path"),
        ({"targets.0.max": ["3s"]}, "cannot be swept"),
        ({"load.burst": 3}, "3 is not a list"),
        ({"engine.step_timeout": ["30s", "30000ms"]}, "'30000ms' is given twice"),
        ([], "the sweep is empty"),
        (None, "the sweep is empty"),
        ({"load.burst": list(range(10_001))}, "10,001 values"),
    ],
)
def test_what_is_no_sweep_is_refused(data: Any, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        sweep_of(data)


def test_counting_needs_no_expansion() -> None:
    axes = {f"engine.x{number}": list(range(1000)) for number in range(30)}
    with pytest.raises(ScenarioError, match="points; expected at most 10,000"):
        sweep_of(axes)


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("load.burst", ("workload", "load", "burst")),
        ("workflow.steps", ("workload", "parameters", "steps")),
        ("variables.a", ("workload", "variables", "a")),
        (
            "cluster.parameters.scheduler.backoff.initial",
            ("cluster", "parameters", "scheduler.backoff.initial"),
        ),
        ("targets.0.max", ("targets", 0, "max")),
        ("engine.client.qps", ("engine", "client", "qps")),
        ("cluster", ("cluster",)),
    ],
)
def test_paths_lead_into_the_file(path: str, keys: tuple[object, ...]) -> None:
    assert keys_of(path) == keys


def test_long_paths_have_one_short_form() -> None:
    assert short_form("workload.load.burst") == short_form("load.burst") == "load.burst"
    assert short_form("engine.client.qps") == "engine.client.qps"


def test_values_are_compared_by_what_they_mean() -> None:
    assert same_value("30s", "30000ms")
    assert same_value(5, 5.0)
    assert not same_value(1, bool(1))
    assert not same_value("5", 5)
    assert not same_value("a", "b")
    assert not same_value([1], 1)


def test_the_place_of_a_swept_value_is_in_the_message(write: Write, sound_text: str) -> None:
    rows = "sweep:\n  - {load.burst: 1}\n  - {load.burst: -5}"
    text = sound_text.replace("sweep: {load.burst: [1, 5], workflow.steps: [1, 2]}", rows)
    with pytest.raises(ScenarioError) as caught:
        scenarios.load(write("scenario.yaml", text))
    assert str(caught.value) == "scenario.yaml:12:18: workload.load.burst: found -5; expected at least 1"


def test_parameters_profiles_and_presets_can_be_swept(write: Write, sound_text: str) -> None:
    axes = (
        "sweep: {cluster: [basic-development, resource-constrained], engine.client: [client-go, kubelet], "
        "cluster.parameters.scheduler.qps: [50, 100], engine.dispatch: [fifo, critical-path]}"
    )
    text = sound_text.replace("sweep: {load.burst: [1, 5], workflow.steps: [1, 2]}", axes)
    scenario = scenarios.load(
        write("scenario.yaml", text.replace("where: {load.burst: 5, workflow.steps: 1}", "where: {}"))
    )
    specs = [scenarios.compile(scenario, point, 0) for point in scenario.points()]
    assert len({spec.digest for spec in specs}) == 16
    assert {spec.cluster.name for spec in specs} == {"basic-development", "resource-constrained"}
    assert {(spec.engine.client_qps, spec.engine.client_burst) for spec in specs} == {(5.0, 10), (50.0, 100)}
    assert {
        (spec.cluster.parameters["scheduler.qps"], spec.cluster.overrides.get("scheduler.qps"))
        for spec in specs
    } == {
        (50, None),
        (100, "sweep"),
    }
