import pytest

from scenarios import CATALOGUE, parameters_markdown
from scenarios.engine_costs import ENGINE_COSTS
from scenarios.parameters import defaults
from scenarios.units import UnitError


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


def test_the_table_has_a_row_for_each() -> None:
    assert parameters_markdown().count("\n| `") == len(CATALOGUE) + len(ENGINE_COSTS)
