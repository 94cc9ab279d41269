"""Presets of engines and clients: what they give, what beats them, and where they say it stands."""

from collections.abc import Callable
from typing import Any

import pytest

import scenarios
from scenarios import EngineSpec, ScenarioError
from scenarios.engine_presets import CLIENT_PRESETS, ENGINE_PRESETS

Write = Callable[[str, str], str]


def engine(*overrides: str) -> EngineSpec:
    scenario = scenarios.load("smoke", ["engine={step_timeout: 30s}", *overrides])
    return scenarios.compile(scenario, scenario.points()[0], 0).engine


def limits(spec: EngineSpec) -> tuple[Any, ...]:
    return spec.max_concurrency, spec.step_slots, spec.workers, spec.client_qps, spec.client_burst


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("argo-workflows", (None, None, 32, 20, 30)),
        ("tekton", (None, None, 2, 5, 10)),
        ("controller-runtime", (None, None, 1, 20, 30)),
        ("unlimited", (None, None, 1000, None, 1)),
    ],
)
def test_a_preset_gives_the_limits_of_an_engine_and_nothing_else(
    preset: str, expected: tuple[Any, ...]
) -> None:
    spec, plain = engine(f"engine.preset={preset}"), engine()
    assert limits(spec) == expected
    assert (spec.step_timeout_ns, spec.decision_ns) == (plain.step_timeout_ns, plain.decision_ns)


def test_what_the_scenario_says_beats_the_preset_field_by_field() -> None:
    argo = "engine.preset=argo-workflows"
    assert limits(engine(argo, "engine.client.qps=50")) == (None, None, 32, 50, 30)
    assert limits(engine(argo, "engine.cost.decision=1ms")) == (None, None, 32, 20, 30)
    assert limits(engine(argo, "engine.client=kubelet")) == (None, None, 32, 50, 100)
    assert limits(engine(argo, "engine.client={preset: client-go, burst: 3}")) == (None, None, 32, 5, 3)
    assert limits(engine(argo, "engine.max_concurrency=7")) == (7, None, 32, 20, 30)


def test_every_value_of_a_preset_says_where_it_stands() -> None:
    for rows in (*ENGINE_PRESETS.values(), *CLIENT_PRESETS.values()):
        assert all(row.source for row in rows)
        assert len({row.path for row in rows}) == len(rows)


def test_an_unknown_preset_gets_the_nearest_one() -> None:
    with pytest.raises(ScenarioError, match=r"engine\.preset: found 'tektn' .*did you mean 'tekton'"):
        engine("engine.preset=tektn")


def test_a_swept_preset_survives_the_resolved_form(write: Write, sound_text: str) -> None:
    swept = "sweep: {engine.preset: [tekton, argo-workflows], engine.client.preset: [client-go, kubelet], "
    text = sound_text.replace("sweep: {", swept).replace("max_concurrency: 10, ", "")
    scenario = scenarios.load(write("scenario.yaml", text))
    again = scenarios.load(write("again.yaml", scenario.resolved_yaml()))
    specs, later = ([scenarios.compile(it, point, 0) for point in it.points()] for it in (scenario, again))
    assert [it.digest for it in specs] == [it.digest for it in later]
    assert {(it.engine.workers, it.engine.client_qps) for it in specs} == {(2, 5), (2, 50), (32, 5), (32, 50)}
