from typing import Any

import pytest

import scenarios
from scenarios import CATALOGUE, Parameter, ParameterRow, parameters_markdown
from scenarios.engine_limits import ENGINE_NUMBERS
from scenarios.engine_presets import CLIENT_PRESETS, ENGINE_PRESETS
from scenarios.engine_schema import Engine
from scenarios.parameter import Earlier
from scenarios.parameters import defaults
from scenarios.units import UnitError
from scenarios.versions import minor_of


def test_every_parameter_says_where_it_comes_from() -> None:
    for name, parameter in CATALOGUE.items():
        assert parameter.name == name
        assert parameter.source, name
        assert parameter.summary, name
        assert "_ns" not in name
        assert parameter.kubernetes_version or "assumption" in parameter.source, name


def test_every_default_survives_a_file() -> None:
    for parameter in CATALOGUE.values():
        assert parameter.parse(parameter.format(parameter.value)) == parameter.value


def test_defaults_are_the_documented_ones() -> None:
    values = defaults()
    assert values["controller_manager.qps"] == 20
    assert values["controller_manager.burst"] == 30
    assert values["apiserver.seats.workload-low"] == 245
    assert values["watch.delay"] == {"dist": "constant", "value_s": 0.002}
    assert values["scheduler.backoff.max"] == 10.0
    assert values["image.cached"] is True


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scheduler.qps", "50"),
        ("scheduler.qps", -1),
        ("scheduler.burst", 0),
        ("scheduler.burst", 1.5),
        ("scheduler.burst", True),
        ("kubelet.pleg_period", 1),
        ("watch.delay", {"dist": "constant"}),
        ("image.cached", "yes"),
    ],
)
def test_values_of_another_kind_are_refused(name: str, value: object) -> None:
    with pytest.raises(UnitError):
        CATALOGUE[name].parse(value)


def test_the_table_has_a_row_for_each_and_for_what_it_was_before() -> None:
    text = parameters_markdown()
    for name in (*CATALOGUE, *(entry.name for entry in ENGINE_NUMBERS)):
        assert text.count(f"\n| `{name}` |") == 1
    assert text.count("| before 1.") == sum(len(entry.earlier) for entry in CATALOGUE.values())
    assert all(f"\n| `{name}` | `engine." in text for name in (*ENGINE_PRESETS, *CLIENT_PRESETS))


def test_a_default_follows_the_version() -> None:
    parameter = Parameter(
        "x",
        50,
        "s",
        "number",
        "new",
        "1.32+",
        "a grace",
        (Earlier("1.30", 30, "old"), Earlier("1.32", 40, "mid")),
    )
    found = [
        (parameter.at(version), parameter.source_at(version)) for version in ("1.29", "1.30", "1.31", "1.32")
    ]
    assert found == [(30, "old"), (40, "mid"), (40, "mid"), (50, "new")]
    assert [parameter.since(version) for version in ("1.29", "1.31", "1.36")] == [
        "before 1.30",
        "before 1.32",
        "1.32+",
    ]


def test_what_changed_with_a_version_is_told_in_its_order_with_a_source() -> None:
    for parameter in CATALOGUE.values():
        before = [minor_of(entry.before) for entry in parameter.earlier]
        assert before == sorted(before)
        assert all(entry.source for entry in parameter.earlier)
        assert all(
            parameter.parse(parameter.format(entry.value)) == entry.value for entry in parameter.earlier
        )


def rows_of(*overrides: str) -> dict[str, ParameterRow]:
    return {row.name: row for row in scenarios.parameter_rows(scenarios.load("smoke", overrides))}


def test_the_engine_s_numbers_are_those_of_an_engine_of_which_nothing_is_said() -> None:
    rows = scenarios.parameter_rows()
    assert all(row.value == row.default and not row.set_by for row in rows)
    values = Engine().model_dump(by_alias=True)
    for entry in ENGINE_NUMBERS:
        value: Any = values
        for key in entry.path.split("."):
            value = value[key]
        assert value == entry.value, entry.name


@pytest.mark.parametrize(
    ("overrides", "name", "value", "set_by"),
    [
        ([], "engine.max_concurrency", 2, "scenario"),
        (["cluster.parameters.scheduler.qps=9"], "scheduler.qps", 9, "--set"),
        (["cluster.kubernetes_version=1.26"], "kubelet.qps", 5, "Kubernetes 1.26"),
        (["cluster.kubernetes_version=1.32"], "feature.InPlacePodVerticalScaling", False, "Kubernetes 1.32"),
        (["cluster.kubernetes_version=1.33"], "feature.InPlacePodVerticalScaling", True, ""),
        (["engine.preset=tekton"], "engine.client.qps", 5, "preset tekton"),
        (["engine.preset=tekton"], "engine.max_concurrency", 2, "scenario"),
        (["engine.preset=tekton", "engine.client.qps=7"], "engine.client.qps", 7, "--set"),
        (["engine.preset=tekton", "engine.client.qps=7"], "engine.client.burst", 10, "preset tekton"),
        (["engine.client=kubelet"], "engine.client.burst", 100, "client preset kubelet"),
        (["engine.cost.store_commit=2ms"], "engine.cost.store_commit", "2ms", "--set"),
        (["sweep={engine.client.qps: [3, 4]}"], "engine.client.qps", 3, "sweep"),
        (["sweep={engine.preset: [tekton, unlimited]}"], "engine.client.qps", 5, "sweep"),
        (["sweep={cluster.parameters.scheduler.qps: [3, 4]}"], "scheduler.qps", 3, "sweep"),
    ],
)
def test_whoever_set_a_number_is_named(overrides: list[str], name: str, value: object, set_by: str) -> None:
    row = rows_of(*overrides)[name]
    assert (row.value, row.set_by) == (value, set_by)


def test_a_preset_s_value_has_the_preset_s_source() -> None:
    assert "knative" in rows_of("engine.preset=tekton")["engine.cost.workers"].source
